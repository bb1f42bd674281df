//! `thinkling generate`.

use crate::args::GenerateArgs;
use crate::commands::open_model;
use crate::device;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::io::Write;
use std::ops::ControlFlow;
use thinkling_engine::Capacity;
use thinkling_sampling::generate::{Completion, GenerateRequest, Generated, TokenEvent};
use thinkling_sampling::{Finish, StopRules};
use thinkling_text::Tokenizer;
use thinkling_train::model_io::StoredModel;
use thinkling_train::prompts::Prompts;

pub(crate) fn run(args: Box<GenerateArgs>) -> Result<(), Failure> {
    let sampling = args.sampling.params()?;
    let (executor, _) = device::open_executor(args.executor, &args.device)?;
    let model = open_model(&args.model)?;
    let prompt = prompt_ids(&args, &model)?;
    let stop_ids = match args.ignore_eos {
        true => Vec::new(),
        false => model.checkpoint.config().eos_token_ids.clone(),
    };
    let prompts = [prompt];
    let request = GenerateRequest {
        group_size: args.n as usize,
        sampling,
        stop: StopRules { stop_ids, max_tokens: args.max_tokens },
        seed: args.sampling.seed,
        prompt_logprobs: args.prompt_logprobs,
        top_logprobs: args.top_logprobs,
        ..GenerateRequest::new(&prompts, args.max_tokens)
    };
    let live = !args.json && args.n == 1;
    let tokenizer = model.tokenizer.as_ref();
    let mut stream = tokenizer.filter(|_| live).map(|t| t.stream(true));
    let mut out = std::io::stdout();
    let on_token = |event: TokenEvent<'_>| {
        if let Some(stream) = &mut stream
            && (out.write_all(stream.push(event.id).as_bytes()).is_err() || out.flush().is_err())
        {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let context = model.checkpoint.config().max_position_embeddings;
    let mut generator = executor.load(&model, Capacity::of(&request, context))?;
    let generated = generator.generate(&request, on_token)?;
    if let Some(mut stream) = stream {
        print!("{}", stream.finish());
        println!();
    } else if args.json {
        println!("{}", as_json(&args, &prompts[0], &generated, tokenizer));
    } else {
        print_all(&generated.completions, tokenizer);
    }
    Ok(())
}

fn prompt_ids(args: &GenerateArgs, model: &StoredModel) -> Result<Vec<u32>, Failure> {
    if let Some(ids) = &args.prompt_ids {
        return Ok(ids.clone());
    }
    let prompts = Prompts::of_stored(model, args.template.template())?;
    Ok(prompts.ids(args.prompt.as_deref().unwrap_or_default())?)
}

/// Text of a completion without its end-of-sequence token.
fn text_of(completion: &Completion, tokenizer: Option<&Tokenizer>) -> String {
    let stopped = usize::from(completion.finish == Finish::Stop);
    let ids = &completion.ids[..completion.ids.len() - stopped.min(completion.ids.len())];
    tokenizer.map_or_else(String::new, |t| t.decode(ids, false))
}

fn print_all(completions: &[Completion], tokenizer: Option<&Tokenizer>) {
    for (i, completion) in completions.iter().enumerate() {
        if completions.len() > 1 {
            println!("--- completion {} of {}", i + 1, completions.len());
        }
        match tokenizer {
            Some(_) => println!("{}", text_of(completion, tokenizer)),
            None => println!("{:?}", completion.ids),
        }
    }
}

fn as_json(
    args: &GenerateArgs,
    prompt: &[u32],
    generated: &Generated,
    tokenizer: Option<&Tokenizer>,
) -> Value {
    let one = |c: &Completion| {
        let mut object = json!({
            "ids": c.ids,
            "logprobs": c.logprobs,
            "text": text_of(c, tokenizer),
            "finish": c.finish,
        });
        if args.top_logprobs > 0 {
            object["top_logprobs"] = json!(c.top_logprobs);
        }
        object
    };
    let mut object = json!({"prompt_ids": prompt});
    if let Some(Value::Object(first)) = generated.completions.first().map(one) {
        for (key, value) in first {
            object[key] = value;
        }
    }
    if args.prompt_logprobs {
        object["prompt_logprobs"] = json!(generated.prompt_logprobs.first());
    }
    if args.n > 1 {
        object["completions"] = generated.completions.iter().map(one).collect();
    }
    object
}
