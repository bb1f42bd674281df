//! `thinkling bench`.

mod score;

use crate::args::{BenchArgs, BenchKind};
use crate::device;
use crate::failure::Failure;
use std::path::Path;
use thinkling_train::bench::{BenchConfig, BenchModel, BenchResult, bench_grpo, bench_sft};

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    match (args.kind, args.config.as_deref(), args.input.as_deref()) {
        (BenchKind::Score, _, Some(lines)) => score::run(lines, args.json),
        (BenchKind::Score, _, None) => Err(Failure::usage("bench score needs --in FILE")),
        (BenchKind::Grpo | BenchKind::Sft, Some(config), _) => steps(args, config),
        (BenchKind::Grpo | BenchKind::Sft, None, _) => {
            Err(Failure::usage("this bench needs --config FILE"))
        }
    }
}

fn steps(args: &BenchArgs, config: &Path) -> Result<(), Failure> {
    let mut config = BenchConfig::read(config)?;
    if let Some(path) = &args.model {
        config.model = BenchModel::Path { path: path.clone() };
    }
    config.seed = args.seed.unwrap_or(config.seed);
    let opened = device::open(&args.device)?;
    let each = |step: usize, seconds: f64| eprintln!("step {step}: {seconds:.3} s");
    let result: BenchResult = match args.kind {
        BenchKind::Sft => bench_sft(&config, &opened.device, each)?,
        _ => bench_grpo(&config, &opened.device, each)?,
    };
    if args.json {
        let mut json =
            serde_json::to_value(&result).map_err(|e| Failure::running(e.to_string()))?;
        json["device"] = opened.name.into();
        json["threads"] = opened.threads.into();
        println!("{json}");
        return Ok(());
    }
    println!("{}, {} parameters, {}", result.name, result.parameters, opened.name);
    println!("step {:.3} s (medians)", result.step_s);
    if args.kind == BenchKind::Grpo {
        println!("  generate  {:.3} s", result.generate_s);
        println!("  reference {:.3} s", result.logprob_s);
        println!("  learn     {:.3} s", result.loss_s);
    }
    println!("{:.0} tokens/s", result.tokens_per_s);
    if let Some(mb) = result.peak_rss_mb {
        println!("peak memory {mb:.0} MB");
    }
    Ok(())
}
