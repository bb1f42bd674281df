//! Rollouts by the decode engine: a recipe that asks for them trains, and its metrics tell of the gap.

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling};

use crate::runs::{Tiny, json_lines, start};

/// Lines of `metrics.jsonl` of the `rl` stage of a run with these further keys.
fn metrics(rl: &str) -> Vec<Value> {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let tiny = Tiny { steps: 4, problems: 2, rl: rl.to_owned(), ..Tiny::default() };
    let _ = thinkling(start(&tiny.write(dir.path()), &out)).ends_with(exit::DONE);
    let lines = json_lines(&out.join("metrics.jsonl"));
    let lines: Vec<Value> = lines.into_iter().filter(|line| line["stage"] == "reason").collect();
    assert!(!lines.is_empty(), "{rl}: no step of the stage");
    lines
}

fn number(line: &Value, key: &str) -> f64 {
    line[key].as_f64().unwrap_or_else(|| panic!("no number `{key}` in {line}"))
}

#[test]
fn rounded_rollouts_train_with_every_correction_and_tell_the_gap() {
    for weights in ["f32", "bf16", "q8_0"] {
        for kind in ["none", "truncate", "mask"] {
            let rl = format!(
                "rollout = {{ kind = \"engine\", weights = \"{weights}\", max_rows = 8 }}\n\
                 importance_correction = {{ kind = \"{kind}\", cap = 1.5 }}\n"
            );
            for line in metrics(&rl) {
                let (mean, max) =
                    (number(&line, "logprob_gap_mean"), number(&line, "logprob_gap_max"));
                assert!(mean <= max, "{line}");
                // Rounding shows, and the same weights by other code hardly do.
                let rounded = weights != "f32";
                assert!(if rounded { max > 1e-5 } else { max < 1e-3 }, "{weights}: {line}");
                assert!((number(&line, "logprob_ratio_mean") - 1.0).abs() < 0.1, "{line}");
                assert!(number(&line["timing"], "weights_s") > 0.0, "{line}");
                if kind == "none" {
                    assert!(line.get("importance_weight").is_none(), "{line}");
                    continue;
                }
                assert!((number(&line, "importance_weight") - 1.0).abs() < 0.1, "{line}");
                assert!((0.0..0.1).contains(&number(&line, "importance_capped")), "{line}");
            }
        }
    }
}

#[test]
fn exact_rollouts_of_the_engine_learn_what_the_models_own_do() {
    /// Of numbers of the first step, before a draw at a boundary may lead elsewhere.
    const SAME: f64 = 1e-3;
    let engine = metrics("rollout = { kind = \"engine\" }\n");
    let burn = metrics("");
    for key in ["reward", "length_tokens", "entropy", "grad_norm", "loss", "kl"] {
        let (ours, theirs) = (number(&engine[0], key), number(&burn[0], key));
        let near = (ours - theirs).abs() <= SAME * theirs.abs().max(1.0);
        assert!(near, "{key}: {ours} and {theirs}");
    }
    assert!(burn[0]["timing"].get("weights_s").is_none(), "{}", burn[0]);
}

#[test]
fn several_updates_of_a_rollout_weigh_by_the_trainers_own_log_probabilities() {
    let keys = |kind: &str| {
        format!(
            "inner_epochs = 2\nrollout = {{ kind = \"engine\", weights = \"q8_0\" }}\n\
             importance_correction = {{ kind = \"{kind}\" }}\n"
        )
    };
    let (none, truncate) = (metrics(&keys("none")), metrics(&keys("truncate")));
    let (none, truncate) = (&none[0], &truncate[0]);
    // The same rollout, and ratios to the policy's own old log-probabilities are free of the gap.
    assert_eq!(number(none, "reward"), number(truncate, "reward"));
    assert!(number(truncate, "logprob_gap_max") >= number(none, "logprob_gap_max"));
    assert!((number(truncate, "importance_weight") - 1.0).abs() < 0.1);
    assert!(number(none, "loss") != number(truncate, "loss"));
}
