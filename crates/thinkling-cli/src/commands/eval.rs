//! `thinkling eval`.

use crate::args::{AnswerArg, EvalArgs, Executor as ExecutorArg};
use crate::bars::{Bars, clock};
use crate::commands::{as_it_was, open_model, program, stop_on_ctrl_c};
use crate::device::{self, OpenedNames};
use crate::failure::Failure;
use crate::sandbox::Runner;
use crate::table;
use serde_json::{Value, json};
use thinkling_reward::code::RunCode;
use thinkling_reward::{Template as AnswerTemplate, Tools};
use thinkling_sampling::SamplingParams;
use thinkling_train::TrainError;
use thinkling_train::eval::{
    Conditions, Folder, MAX_TOKENS, MINI_WORLD, Report, Settings, evaluate, generated_questions,
};
use thinkling_train::model_io::StoredModel;
use thinkling_train::recipe::{Template, counted_answer, counted_format};

pub(crate) fn run(mut args: EvalArgs) -> Result<(), Failure> {
    let sampling = SamplingParams {
        temperature: args.temperature,
        top_p: args.top_p,
        ..SamplingParams::default()
    };
    sampling.validate().map_err(|e| Failure::usage(e.to_string()))?;
    let named = args.data.to_str().and_then(generated_questions).is_some();
    if !named && !args.data.exists() {
        return Err(Failure::usage(format!(
            "no data file at {} (`{MINI_WORLD}` names the mini world's problems)",
            args.data.display()
        )));
    }
    let folder = match (&args.out, args.resume) {
        (Some(path), true) => Folder::Resume(path),
        (out, _) => Folder::New(out.as_deref()),
    };
    if let Folder::Resume(path) = folder {
        if !path.exists() {
            return Err(Failure::usage(format!("no evaluation at {}", path.display())));
        }
        if let Ok(was) = Settings::load(path) {
            let threads = was.threads.filter(|_| was.device == "cpu");
            args.device = as_it_was(args.device.clone(), &was.device, threads);
        }
    }
    let model = open_model(&args.model)?;
    let (executor, OpenedNames { name, threads }) =
        device::open_executor(args.executor, &args.device)?;
    let settings = settings(&args, &model, &name, threads)?;
    if settings.template == Template::None && model.chat.is_some() {
        eprintln!("note: the model has a chat template; --template chat uses it");
    }
    let sandbox = Runner::open()?;
    let interrupt = stop_on_ctrl_c("stopping; what has ended is kept; Ctrl-C again stops at once")?;
    let mut conditions = Conditions::new(&executor, &interrupt);
    conditions.tools = Tools { runner: sandbox.get().map(|runner| runner as &dyn RunCode) };
    conditions.max_rows = args.max_rows.map(|rows| rows as usize);
    let mut bars = Bars::new();
    let outcome = evaluate(&model, &settings, &conditions, folder, &mut bars);
    bars.evaluated();
    let outcome = match outcome {
        // The data asks for programs: say how to get what runs them.
        Err(TrainError::NoSandbox { .. }) => {
            return Err(sandbox
                .required()
                .err()
                .unwrap_or_else(|| Failure::running("the sandbox is there and was not used")));
        }
        outcome => outcome?,
    };
    let Some(report) = outcome.report else {
        eprintln!(
            "stopped. Go on by the same call of `{} eval` with\n  --out {} --resume",
            program(),
            outcome.path.display()
        );
        return Ok(());
    };
    if args.json {
        println!("{}", as_json(&report, &outcome.path.display().to_string())?);
        return Ok(());
    }
    println!("{}", table::evaluation(&report));
    println!("\n{}", speed(&report));
    println!(
        "All completions with their verdicts: {}",
        outcome.path.join("completions.jsonl").display()
    );
    Ok(())
}

fn settings(
    args: &EvalArgs,
    model: &StoredModel,
    device: &str,
    threads: usize,
) -> Result<Settings, Failure> {
    let template = args.template.template();
    let answer = match args.answer {
        None => counted_answer(template),
        Some(AnswerArg::R1Zero) => AnswerTemplate::R1Zero,
        Some(AnswerArg::Boxed) => AnswerTemplate::Boxed,
        Some(AnswerArg::Anywhere) => AnswerTemplate::None,
    };
    let context = model.checkpoint.config().max_position_embeddings;
    let on_cpu = device.starts_with("cpu");
    Ok(Settings {
        model: args.model.display().to_string(),
        model_sha256: Settings::checksum(&args.model)?,
        data: args.data.display().to_string(),
        data_sha256: Settings::checksum(&args.data)?,
        skip_bad: args.skip_bad,
        limit: args.limit.map(|limit| limit as usize),
        samples: args.samples as usize,
        temperature: args.temperature,
        top_p: args.top_p,
        max_tokens: args.max_tokens.map_or(MAX_TOKENS.min(context), |tokens| tokens as usize),
        seed: args.seed,
        template,
        system: args.system.clone(),
        answer,
        format: counted_format(answer),
        executor: match args.executor {
            ExecutorArg::Burn => "burn",
            ExecutorArg::Engine => "engine",
        }
        .to_owned(),
        device: if on_cpu { "cpu" } else { device }.to_owned(),
        threads: on_cpu.then_some(threads),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn as_json(report: &Report, path: &str) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(report)
        .map_err(|e| Failure::running(format!("the report has no JSON form: {e}")))?;
    value["run"] = json!(path);
    Ok(value)
}

fn speed(report: &Report) -> String {
    let completions = report.all.problems * report.samples;
    let tokens = report.all.mean_tokens.value * completions as f64;
    let done = format!("{completions} completions, {tokens:.0} tokens");
    match report.tokens_per_s {
        Some(speed) => format!("{done}; {} for it here, {speed:.0} tokens/s", clock(report.wall_s)),
        None => format!("{done}; all were there already"),
    }
}
