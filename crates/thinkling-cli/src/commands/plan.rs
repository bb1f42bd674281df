//! `thinkling plan`: what a recipe would take on GPUs that are not here.

use super::train::with_shapes;
use crate::args::PlanArgs;
use crate::failure::Failure;
use crate::sandbox::Runner;
use serde_json::json;
use thinkling_reward::Tools;
use thinkling_reward::code::RunCode;
use thinkling_train::cost::{
    Assumed, Cluster, ClusterPlan, GPUS, Gpu, StagePlan, on_cluster, plan_stage,
};
use thinkling_train::recipe::Recipe;

pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let cluster = cluster(args)?;
    let recipe = &with_shapes(Recipe::load_with_ids(&args.recipe, &args.set)?)?;
    let sandbox = Runner::open()?;
    let tools = Tools { runner: sandbox.get().map(|runner| runner as &dyn RunCode) };
    let mut plans = Vec::new();
    for index in 0..recipe.stages.len() {
        let plan = plan_stage(recipe, index, false, tools)?;
        plans.push((on_cluster(&plan.sizes, &cluster), plan));
    }
    let total: f64 = plans.iter().map(|(on, _)| on.gpu_hours.total()).sum();
    let hours: f64 = plans.iter().map(|(on, _)| on.hours).sum();
    if args.json {
        let stages: Vec<_> = plans
            .iter()
            .map(|(on, plan)| json!({"stage": plan.stage, "kind": plan.kind, "plan": on}))
            .collect();
        let whole = json!({
            "cluster": cluster, "stages": stages, "gpu_hours": total, "hours": hours
        });
        println!("{whole}");
        return Ok(());
    }
    let Gpu { name, tflops, gb_per_s, gb } = &cluster.gpu;
    println!("{} x {name}: {tflops} TFLOP/s, {gb_per_s} GB/s, {gb} GB each", cluster.gpus);
    let Assumed { mean_share, update_use, decode_use } = cluster.assumed;
    println!(
        "assumed: completions of {:.0} % of their limit, {:.0} % of the operations in learning, \
         {:.0} % of bandwidth and operations in decoding",
        100.0 * mean_share,
        100.0 * update_use,
        100.0 * decode_use
    );
    for (on, plan) in &plans {
        println!("{}", words(on, plan));
    }
    println!("all stages: {} GPU hours, {} h", number(total), number(hours));
    Ok(())
}

fn cluster(args: &PlanArgs) -> Result<Cluster, Failure> {
    let mut gpu = Gpu::named(&args.gpu).ok_or_else(|| {
        let known: Vec<&str> = GPUS.iter().map(|(name, ..)| *name).collect();
        Failure::usage(format!(
            "unknown GPU, expected: {} (or another name's numbers by --tflops, --bandwidth and \
             --memory beside one of these), got: {}",
            known.join(", "),
            args.gpu
        ))
    })?;
    let own = [
        (args.tflops, &mut gpu.tflops),
        (args.bandwidth, &mut gpu.gb_per_s),
        (args.memory, &mut gpu.gb),
    ];
    let mut changed = false;
    for (given, value) in own {
        if let Some(given) = given {
            (*value, changed) = (given, true);
        }
    }
    if changed {
        gpu.name = "GPU".to_owned();
    }
    let assumed = Assumed {
        mean_share: args.mean_share,
        update_use: args.update_use,
        decode_use: args.decode_use,
    };
    let shares = [
        ("--mean-share", assumed.mean_share),
        ("--update-use", assumed.update_use),
        ("--decode-use", assumed.decode_use),
    ];
    for (name, share) in shares {
        if !(share > 0.0 && share <= 1.0) {
            return Err(Failure::usage(format!(
                "{name}, expected: above 0, at most 1, got: {share}"
            )));
        }
    }
    let numbers = [
        ("--tflops", Some(gpu.tflops)),
        ("--bandwidth", Some(gpu.gb_per_s)),
        ("--memory", Some(gpu.gb)),
        ("--params", args.params),
        ("--active-params", args.active_params),
        ("--kv-bytes", args.kv_bytes),
    ];
    for (name, number) in numbers {
        if number.is_some_and(|number| !(number > 0.0 && number.is_finite())) {
            return Err(Failure::usage(format!("{name}, expected: a number above 0")));
        }
    }
    Ok(Cluster {
        gpu,
        gpus: args.gpus as usize,
        parameters: args.params,
        active_parameters: args.active_params,
        kv_bytes: args.kv_bytes,
        assumed,
    })
}

fn words(on: &ClusterPlan, plan: &StagePlan) -> String {
    let mut text = format!("stage `{}` ({})", plan.stage, plan.kind);
    let mut line = |title: &str, words: String| text += &format!("\n  {title:<8} {words}");
    let (operations, hours) = (&on.operations, &on.gpu_hours);
    line(
        "tokens",
        format!("{} drawn, {} learnt from", number(on.sampled_tokens), number(on.learnt_tokens)),
    );
    line(
        "FLOP",
        format!(
            "{:.1e} sampling, {:.1e} reference, {:.1e} learning",
            operations.rollout, operations.reference, operations.update
        ),
    );
    if on.replica_gpus > 0 {
        let longest = if on.waits_for_longest { ", as its longest completion does" } else { "" };
        line(
            "sampling",
            format!(
                "copies over {} GPU(s), {} completions at once, {} tokens/s; a rollout takes {} s{longest}",
                on.replica_gpus,
                on.replica_rows,
                number(on.replica_tokens_per_s),
                number(on.rollout_s)
            ),
        );
    }
    if on.checkpoint_bytes > 0.0 {
        line(
            "learning",
            format!(
                "needs {} GPU(s) at least; a checkpoint has {} GB, new weights for sampling come to {} GB",
                on.learner_gpus,
                number(on.checkpoint_bytes / 1e9),
                number(on.pushed_bytes / 1e9)
            ),
        );
    }
    line(
        "time",
        format!(
            "{} GPU hours ({} sampling, {} reference, {} learning), {} h",
            number(hours.total()),
            number(hours.rollout),
            number(hours.reference),
            number(hours.update),
            number(on.hours)
        ),
    );
    for assumed in &plan.assumed {
        line("assumed", assumed.clone());
    }
    text
}

/// Three digits, the larger ones grouped.
fn number(value: f64) -> String {
    if value >= 1e7 {
        return format!("{value:.2e}");
    }
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let whole = format!("{value:.0}");
    let mut out = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [(0.5, "0.50"), (1234.4, "1,234"), (1e6, "1,000,000"), (4.26e10, "4.26e10")];
        for (value, words) in cases {
            assert_eq!(number(value), words);
        }
    }
}
