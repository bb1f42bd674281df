//! `thinkling bench`.

mod profile;
mod score;

use crate::args::{BenchArgs, BenchKind};
use crate::commands::fetched;
use crate::device;
use crate::failure::Failure;
use serde_json::{Value, to_value};
use std::path::Path;
use thinkling_engine::Usage;
use thinkling_train::bench::{
    BenchConfig, BenchModel, BenchResult, DecodeResult, bench_decode, bench_engine, bench_grpo,
    bench_sft,
};
use thinkling_train::devices::Devices;

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    match (args.kind, args.config.as_deref(), args.input.as_deref()) {
        (BenchKind::Score, _, Some(lines)) => score::run(lines, args.json),
        (BenchKind::Score, _, None) => Err(Failure::usage("bench score needs --in FILE")),
        (_, Some(config), _) => timed(args, config),
        (_, None, _) => Err(Failure::usage("this bench needs --config FILE")),
    }
}

fn timed(args: &BenchArgs, config: &Path) -> Result<(), Failure> {
    let mut config = BenchConfig::read(config)?;
    if let Some(path) = &args.model {
        config.model = BenchModel::Path { path: fetched(path)? };
    }
    config.seed = args.seed.unwrap_or(config.seed);
    let each = |step: usize, seconds: f64| eprintln!("step {step}: {seconds:.3} s");
    if args.kind == BenchKind::Engine {
        let opened = device::open_engine(&args.device)?;
        let result = bench_engine(&config, opened.adapter.as_ref(), args.profile, each)?;
        let (runs, seconds) = (config.decode.runs, result.decode.generate_s);
        let device = (&*opened.name, opened.threads);
        return show(args, device, to_value(&result), runs, seconds, || {
            let times = result.times.as_ref().map_or_else(String::new, profile::passes);
            decode_text(&result.decode) + &usage_text(result.usage.as_ref()) + &times
        });
    }
    let opened = device::open(&args.device)?;
    let device = (&*opened.name, opened.threads);
    if args.profile {
        profile::start();
    }
    match args.kind {
        BenchKind::Decode => {
            let result = bench_decode(&config, &opened.device, each)?;
            let runs = config.decode.runs;
            show(args, device, to_value(&result), runs, result.generate_s, || decode_text(&result))
        }
        BenchKind::Sft => {
            let result = bench_sft(&config, &opened.device, each)?;
            let steps = config.sft.steps;
            show(args, device, to_value(&result), steps, result.step_s, || {
                steps_text(&result, false)
            })
        }
        BenchKind::Grpo | BenchKind::Score | BenchKind::Engine => {
            let open = |wanted| opened.engine_adapter(wanted);
            let devices = Devices::from(&opened.device).with_adapters(&open);
            let result = bench_grpo(&config, devices, each)?;
            let steps = config.grpo.steps;
            show(args, device, to_value(&result), steps, result.step_s, || {
                steps_text(&result, true)
            })
        }
    }
}

/// Prints a result, of `steps` steps of `step_s` seconds each.
fn show(
    args: &BenchArgs,
    (device, threads): (&str, usize),
    result: serde_json::Result<Value>,
    steps: usize,
    step_s: f64,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if args.json {
        let mut json = result.map_err(|e| Failure::running(e.to_string()))?;
        json["device"] = device.into();
        json["threads"] = threads.into();
        if args.profile && args.kind != BenchKind::Engine {
            json["profile"] = profile::json(steps);
        }
        println!("{json}");
        return Ok(());
    }
    println!("{device}\n{}", text());
    if args.profile && args.kind != BenchKind::Engine {
        println!("{}", profile::table(steps, step_s));
    }
    Ok(())
}

fn steps_text(result: &BenchResult, rollouts: bool) -> String {
    let BenchResult { name, parameters, step_s, tokens_per_s, .. } = result;
    let mut text = format!("{name}, {parameters} parameters\nstep {step_s:.3} s (medians)\n");
    if rollouts {
        text += &format!("  generate  {:.3} s\n", result.generate_s);
        if let Some(seconds) = result.weights_s {
            text += &format!("    weights {seconds:.3} s\n");
        }
        text += &format!("  reference {:.3} s\n", result.logprob_s);
        text += &format!("  learn     {:.3} s\n", result.loss_s);
    }
    text += &format!("{tokens_per_s:.0} tokens/s");
    text + &memory(result.peak_rss_mb)
}

fn decode_text(result: &DecodeResult) -> String {
    let DecodeResult { name, parameters, batch, prefill_s, step_s, .. } = result;
    let (prefill, decode) = (result.prefill_tokens_per_s, result.tokens_per_s);
    format!(
        "{name}, {parameters} parameters, {batch} at once (medians)\n\
         first token after {prefill_s:.3} s, {prefill:.0} prompt tokens/s\n\
         then {step_s:.4} s a step, {decode:.1} tokens/s"
    ) + &memory(result.peak_rss_mb)
}

fn usage_text(usage: Option<&Usage>) -> String {
    usage.map_or_else(String::new, |usage| {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        format!(
            "\n{} dispatches a token, {} a layer; {:.1} MB of weights read of {:.1} MB; {:.1} MB on \
             the GPU",
            usage.dispatches,
            usage.dispatches_a_layer,
            mb(usage.weight_bytes_a_token),
            mb(usage.weight_bytes),
            mb(usage.gpu_bytes)
        )
    })
}

fn memory(peak_rss_mb: Option<f64>) -> String {
    peak_rss_mb.map_or_else(String::new, |mb| format!("\npeak memory {mb:.0} MB"))
}
