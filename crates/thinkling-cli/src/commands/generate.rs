//! `thinkling generate`.

use crate::args::{Executor, GenerateArgs, TemplateArg};
use crate::commands::open_model;
use crate::device;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::io::Write;
use std::ops::ControlFlow;
use thinkling_model::generate::{Completion, GenerateRequest, Generated, generate};
use thinkling_sampling::{Finish, SamplingParams, StopRules};
use thinkling_text::{Message, Tokenizer, r1_zero_prompt};
use thinkling_train::model_io::LoadedModel;

pub(crate) fn run(args: Box<GenerateArgs>) -> Result<(), Failure> {
    if args.executor == Executor::Engine {
        return Err(Failure::usage(
            "--executor engine: the decode engine is not there yet; use --executor burn",
        ));
    }
    let sampling = SamplingParams {
        temperature: if args.greedy { 0.0 } else { args.temperature },
        top_k: args.top_k,
        top_p: args.top_p,
        min_p: args.min_p,
    };
    sampling.validate().map_err(|e| Failure::usage(e.to_string()))?;
    let opened = device::open(&args.device)?;
    let model = open_model(&args.model, &opened.device)?;
    let prompt = prompt_ids(&args, &model)?;
    let stop_ids = match args.ignore_eos {
        true => Vec::new(),
        false => model.decoder.config().eos_token_ids.clone(),
    };
    let prompts = [prompt];
    let request = GenerateRequest {
        group_size: args.n as usize,
        sampling,
        stop: StopRules { stop_ids, max_tokens: args.max_tokens },
        seed: args.seed,
        prompt_logprobs: args.prompt_logprobs,
        top_logprobs: args.top_logprobs,
        ..GenerateRequest::new(&prompts, args.max_tokens)
    };
    let live = !args.json && args.n == 1;
    let mut stream = model.tokenizer.as_ref().filter(|_| live).map(|t| t.stream(true));
    let mut out = std::io::stdout();
    let generated = pollster::block_on(generate(&model.decoder, &request, |event| {
        if let Some(stream) = &mut stream
            && (out.write_all(stream.push(event.id).as_bytes()).is_err() || out.flush().is_err())
        {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }))?;
    if let Some(mut stream) = stream {
        print!("{}", stream.finish());
        println!();
    } else if args.json {
        println!("{}", as_json(&args, &prompts[0], &generated, model.tokenizer.as_ref()));
    } else {
        print_all(&generated.completions, model.tokenizer.as_ref());
    }
    Ok(())
}

fn prompt_ids(args: &GenerateArgs, model: &LoadedModel) -> Result<Vec<u32>, Failure> {
    if let Some(ids) = &args.prompt_ids {
        return Ok(ids.clone());
    }
    let tokenizer = model.tokenizer()?;
    let prompt = args.prompt.clone().unwrap_or_default();
    let text = match args.template {
        TemplateArg::None => prompt,
        TemplateArg::R1Zero => r1_zero_prompt(&prompt),
        TemplateArg::Chat => model
            .chat
            .as_ref()
            .ok_or_else(|| {
                Failure::usage("the model has no chat template; use --template none or r1-zero")
            })?
            .render(&[Message::new("user", prompt)], true)
            .map_err(|e| Failure::running(e.to_string()))?,
    };
    tokenizer.encode(&text).map_err(|e| Failure::running(e.to_string()))
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
