//! Keys of an `rl` stage that change what is asked, how long answers may be, what the policy is held
//! to and when the stage ends: what they do, and that a run which goes back ends the same.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{Run, exit, thinkling};

use crate::runs::{Tiny, goes_back_and_ends_the_same, json_lines, resume, start, steps_of};

fn tiny(rl: &str) -> Tiny {
    Tiny { steps: 8, problems: 2, rl: rl.to_owned(), ..Tiny::default() }
}

fn count(line: &Value, key: &str) -> u64 {
    line[key].as_u64().unwrap_or_else(|| panic!("no count `{key}` in {line}"))
}

/// The metrics of the stage in a run that goes back and on again.
fn metrics_of(tiny: &Tiny) -> Vec<Value> {
    let dir = tempdir().expect("temporary folder");
    goes_back_and_ends_the_same(dir.path(), tiny).0
}

/// Without the reward of cut completions an untrained model gets nothing right: every group lacks
/// variance, so that all that may be asked is asked, and what is there is used.
#[test]
fn groups_without_variance_give_way_to_further_questions_up_to_the_bound() {
    // 4 questions a rollout; 1.5 times as many further ones.
    let keys = "dynamic_sampling = { max_extra = 1.5 }\n";
    let metrics = metrics_of(&tiny(keys));
    assert_eq!(metrics.len(), 4);
    let mut further = 0;
    for line in &metrics {
        let (asked, varied) = (count(line, "groups_asked"), count(line, "groups_with_variance"));
        assert!((4..=10).contains(&asked) && varied <= 4, "{line}");
        // It ends early only once it has what it wanted.
        assert!(asked == 10 || varied == 4, "{line}");
        let flat = line["zero_variance_share"].as_f64().expect("a share");
        let seen = (1.0 - flat) * asked as f64;
        assert!(seen + 1e-9 >= varied as f64, "{line}");
        further += asked - 4;
    }
    assert!(further > 0, "nothing was asked again: {metrics:?}");

    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("flat");
    // All completions have one reward.
    let keys = "dynamic_sampling = { max_extra = 1.5 }\nrewards = { format = { weight = 0 } }\n";
    let toml = tiny(keys).toml().replace("truncated_reward = -1.0", "truncated_reward = 0.0");
    let toml = toml.replace("kl_coef = 0.01\n", "kl_coef = 0\n");
    let recipe = dir.path().join("flat.toml");
    fs::write(&recipe, toml).expect("written recipe");
    let _ = thinkling(start(&recipe, &out)).ends_with(exit::DONE);
    for line in steps_of(&out, "reason") {
        assert_eq!((count(&line, "groups_asked"), count(&line, "groups_with_variance")), (10, 0));
        assert_eq!(line["loss"], 0.0, "{line}");
    }
    let rows = json_lines(&out.join("completions.jsonl"));
    assert_eq!(rows.len(), 4 * 4 * 4, "4 rollouts of 4 questions x 4 completions are learnt from");
}

#[test]
fn without_further_questions_dynamic_sampling_changes_nothing() {
    let dir = tempdir().expect("temporary folder");
    let of = |name: &str, keys: &str| {
        let out = dir.path().join(name);
        tiny(keys).run(dir.path(), &out);
        fs::read(out.join("stages/reason/model.safetensors")).expect("a model")
    };
    assert!(of("plain", "") == of("bounded", "dynamic_sampling = { max_extra = 0 }\n"));
    assert!(of("plain2", "") != of("further", "dynamic_sampling = { max_extra = 2 }\n"));
}

#[test]
fn completions_may_be_longer_from_a_step_on() {
    let engine = "rollout = { kind = \"engine\" }\n";
    for more in ["", engine] {
        let keys = format!(
            "length_schedule = [{{ step = 3, max_completion_tokens = 32 }}, \
             {{ step = 6, max_completion_tokens = 48 }}]\n{more}"
        );
        let metrics = metrics_of(&tiny(&keys));
        // Two steps a rollout: that which begins after 4 is the first from 3 on.
        let limits: Vec<u64> =
            metrics.iter().map(|line| count(line, "max_completion_tokens")).collect();
        assert_eq!(limits, [24, 24, 32, 48]);
        for (line, limit) in metrics.iter().zip(&limits) {
            let length = line["length_tokens"].as_f64().expect("a length");
            assert!(length <= *limit as f64, "{line}");
        }
        // An untrained model hardly ever ends by itself.
        let last = metrics[3]["length_tokens"].as_f64().expect("a length");
        assert!(last > 24.0, "{}", metrics[3]);
    }
}

#[test]
fn an_averaged_reference_follows_the_policy_and_is_kept_in_checkpoints() {
    let average = |keep: f64, more: &str| {
        let keys = format!("ref_ema = {keep}\n{more}");
        let metrics = metrics_of(&tiny(&keys));
        metrics.last().and_then(|line| line["kl"].as_f64()).expect("a divergence")
    };
    // A reference that follows fast is nearer to the policy.
    for more in ["", "lora = { rank = 2 }\n"] {
        let (slow, fast) = (average(0.999, more), average(0.2, more));
        assert!(0.0 < fast && fast < slow, "{more}: {fast} and {slow}");
    }
}

#[test]
fn masked_cut_completions_leave_the_loss_and_stay_in_their_group() {
    let dir = tempdir().expect("temporary folder");
    let of = |name: &str, keys: &str| {
        let out = dir.path().join(name);
        tiny(keys).run(dir.path(), &out);
        steps_of(&out, "reason")
    };
    let (whole, masked) = (of("whole", ""), of("masked", "mask_truncated = true\n"));
    let number = |line: &Value, key: &str| line[key].as_f64().expect("a number");
    // The same first rollout: rewards and groups are counted as before, the loss is not.
    for key in ["reward", "zero_variance_share", "truncated_share", "length_tokens"] {
        assert_eq!(whole[0][key], masked[0][key], "{key}");
    }
    assert!(number(&whole[0], "truncated_share") > 0.0, "{}", whole[0]);
    assert!(whole[0]["loss"] != masked[0]["loss"], "{}", whole[0]);
}

#[test]
fn the_soft_overlong_punishment_is_a_component_and_rises_with_the_limit() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let keys = "length_schedule = [{ step = 2, max_completion_tokens = 200 }]\n\
                rewards = { overlong = { cache_tokens = 12 } }\n";
    tiny(keys).run(dir.path(), &out);
    let overlong: Vec<f64> = steps_of(&out, "reason")
        .iter()
        .map(|line| line["reward/overlong"].as_f64().expect("a component"))
        .collect();
    assert!(overlong.iter().all(|mean| (-1.0..=0.0).contains(mean)), "{overlong:?}");
    assert!(overlong[0] < -0.5, "most of 24 tokens are cut: {overlong:?}");
    // Of completions of more than 24 tokens and fewer than 200 nothing is taken.
    assert!(overlong[1] > overlong[0], "{overlong:?}");
}

fn rings(keys: &str, words: &[&str]) -> Run {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let run = thinkling(start(&tiny(keys).write(dir.path()), &out)).ends_with(exit::FAILED);
    run.complains_about(words);
    assert!(!out.join("stages/reason").exists(), "{run:#?}");
    run
}

#[test]
fn alarms_end_the_stage_and_name_key_and_checkpoint() {
    // At once: the last checkpoint is that of the stage before.
    let words = ["alarms.max_grad_norm", "its step 2", "last good checkpoint", "step-000008"];
    let _ = rings("alarms = { max_grad_norm = 1e-9 }\n", &words);
    let _ = rings("alarms = { max_kl = 1e-12 }\n", &["alarms.max_kl", "last good checkpoint"]);
    let keys = "alarms = { max_truncated_share = 0.05, truncated_rollouts = 3 }\n";
    let words = ["alarms.max_truncated_share", "its step 6", "in 3 rollouts", "step-000012"];
    let _ = rings(keys, &words);
    // An untrained model is never right; of one reward alone, and with no format, it has collapsed.
    let keys = "alarms = { collapse = true }\nrewards = { format = { weight = 0 } }\n";
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let toml = Tiny { steps: 12, ..tiny(keys) }.toml();
    let toml = toml.replace("truncated_reward = -1.0", "truncated_reward = 0.0");
    let recipe = dir.path().join("collapse.toml");
    fs::write(&recipe, toml).expect("written recipe");
    let run = thinkling(start(&recipe, &out)).ends_with(exit::FAILED);
    run.complains_about(&["alarms.collapse", "its step 10", "last good checkpoint"]);
    // The same alarm where it is taken up again.
    thinkling(resume(&out))
        .ends_with(exit::FAILED)
        .complains_about(&["alarms.collapse", "step 10"]);
}

#[test]
fn keys_that_do_not_fit_say_what_does_before_anything_runs() {
    let dir = tempdir().expect("temporary folder");
    for (keys, words) in [
        ("dynamic_sampling = { max_extra = -1 }", "a number of at least 0"),
        ("dynamic_sampling = { max_extr = 1 }", "nearest known key: `max_extra`"),
        ("length_schedule = 3", "an array of tables"),
        (
            "length_schedule = [{ step = 3 }]",
            "missing key `stage.reason.length_schedule.0.max_comp",
        ),
        ("length_schedule = [{ step = 8, max_completion_tokens = 99 }]", "below `steps` = 8"),
        ("length_schedule = [{ step = 3, max_completion_tokens = 24 }]", "more than the 24 tokens"),
        (
            "length_schedule = [{ step = 3, max_completion_tokens = 30 }, \
             { step = 3, max_completion_tokens = 40 }]",
            "a step above 3",
        ),
        ("ref_ema = 1", "a number"),
        ("ref_ema = 0.5\nref_replace_every = 4", "`ref_replace_every` = 0 beside it"),
        ("alarms = { max_kl = 0 }", "a number above 0"),
        ("alarms = { max_truncated_share = 1 }", "a number from 0"),
        ("alarms = { truncated_rollouts = 0 }", "an integer of at least 1"),
        ("alarms = { colapse = true }", "nearest known key: `collapse`"),
    ] {
        let recipe = tiny(keys).write(dir.path());
        let recipe = recipe.to_str().expect("UTF-8 path");
        let run = thinkling(["train", recipe, "--dry-run"]).ends_with(exit::WRONG_CALL);
        run.complains_about(&[words]);
    }
    // What is resolved reads as the same again.
    let keys = "dynamic_sampling = {}\nlength_schedule = [{ step = 3, max_completion_tokens = 30 }]\n\
                alarms = { collapse = true, max_kl = 1 }\n";
    let recipe = tiny(keys).write(dir.path());
    let resolved = thinkling(["train", recipe.to_str().expect("UTF-8 path"), "--dry-run"])
        .ends_with(exit::DONE)
        .stdout;
    for words in ["max_extra = 3.0", "truncated_rollouts = 5", "max_completion_tokens = 30"] {
        assert!(resolved.contains(words), "no `{words}` in {resolved}");
    }
    let again = dir.path().join("resolved.toml");
    fs::write(&again, &resolved).expect("written recipe");
    let again = thinkling(["train", again.to_str().expect("UTF-8 path"), "--dry-run"]);
    assert_eq!(again.ends_with(exit::DONE).stdout, resolved);
}

#[test]
fn half_precision_is_for_gpus() {
    let dir = tempdir().expect("temporary folder");
    let recipe = tiny("compute_dtype = \"f16\"").write(dir.path());
    let out = dir.path().join("run");
    thinkling(start(&recipe, &out)).ends_with(exit::WRONG_CALL).complains_about(&[
        "`reason`",
        "`compute_dtype` is for GPUs",
        "`f32`",
    ]);
    assert!(!out.exists(), "nothing is begun");
}
