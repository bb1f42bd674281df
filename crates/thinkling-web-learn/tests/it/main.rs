//! The page's learning on the host: its golden, and that it is the trainer's.
#![cfg(not(target_family = "wasm"))]

#[path = "../support/case.rs"]
mod case;
#[path = "../support/learning.rs"]
mod learning;

use burn::tensor::Device;
use case::{Outcome, outcome};
use pollster::block_on;
use std::path::PathBuf;
use std::rc::Rc;
use thinkling_reward::{RewardSpec, Tools};
use thinkling_train::interrupt::Interrupt;
use thinkling_train::progress::Silent;
use thinkling_train::recipe::{Evaluation, QuestionSource, Recipe, RlStage, StageKind};
use thinkling_train::runner::{self, Start};
use thinkling_web_learn::{Material, Session, mix, numbers};

/// One machine's vectors against another's.
const SAME_ON_HOSTS: f64 = 1e-4;
/// Set to write the golden again.
const WRITE: &str = "WRITE_GOLDENS";

#[test]
fn the_golden_of_the_browser_tests_is_what_the_host_computes() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/step.json"));
    let computed = block_on(outcome(&Device::flex()));
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, serde_json::to_string(&computed).unwrap() + "\n").unwrap();
    }
    let golden: Outcome = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(computed.difference(&golden) <= SAME_ON_HOSTS);
}

fn recipe(sets: &[&str]) -> Recipe {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/nano.toml"));
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Recipe::load(&path, &sets).unwrap()
}

fn rl(recipe: &Recipe) -> &RlStage {
    match &recipe.stages[0].kind {
        StageKind::Rl(stage) => stage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_numbers_of_the_page_are_those_of_the_recipe() {
    let recipe = recipe(&[]);
    let (stage, page) = (rl(&recipe), numbers());
    let objective = thinkling_grpo::ObjectiveConfig {
        max_completion_length: page.objective.max_completion_length,
        ..stage.objective()
    };
    assert_eq!(objective, page.objective);
    assert_eq!(stage.training.schedule().lr(3), page.schedule().lr(3));
    assert_eq!(stage.training.schedule().lr(50), page.schedule().lr(50));
    assert_eq!(stage.training.adamw(), thinkling_learn::AdamWConfig::default());
    assert_eq!(stage.rewards.spec(), RewardSpec::default());
    assert_eq!(stage.data.len(), 1);
    assert_eq!(stage.data[0].source, QuestionSource::MiniWorld(mix()));
    assert_eq!(
        [stage.training.steps, stage.group_size, stage.questions_per_step, stage.minibatches],
        [page.steps, page.group_size, page.questions_per_step, page.minibatches]
    );
    assert_eq!(
        [stage.inner_epochs, stage.max_completion_tokens, stage.ref_replace_every],
        [page.inner_epochs, page.max_completion_tokens, page.ref_replace_every]
    );
    assert_eq!((stage.temperature, stage.scale_rewards), (page.temperature, page.scale_rewards));
    assert!(!stage.mask_truncated && stage.truncated_reward.is_none());
    let Some(Evaluation { samples: 1, temperature: 1.0, top_p: 1.0, .. }) = stage.eval else {
        panic!("{:?}", stage.eval);
    };
}

/// Bit for bit: the page runs the trainer's code with the trainer's random numbers.
#[test]
fn a_page_learns_what_the_trainer_learns() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let start = Start::New {
        recipe: Box::new(recipe(&[
            "stage.rl.steps=5",
            "stage.rl.checkpoint_every=0",
            "stage.rl.eval.problems=40",
        ])),
        out: Some(&out),
        root: dir.path(),
        device_name: "test",
        threads: 1,
    };
    let (device, interrupt) = (Device::flex(), Interrupt::new());
    let trained =
        runner::run(start, (&device).into(), &mut Silent, &interrupt, Tools::default()).unwrap();
    let metrics = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();

    let mut session = learning::session(&device, 1);
    let before = block_on(session.evaluate(true, 40, async || ())).unwrap();
    let stage = &trained.stages[0];
    assert_eq!(before.accuracy, stage.before.as_ref().unwrap().all.accuracy());
    for line in metrics.lines() {
        let report = block_on(session.step()).unwrap();
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        for (name, got) in [
            ("reward", report.reward),
            ("accuracy", report.accuracy),
            ("format", report.format),
            ("length_tokens", report.length),
            ("zero_variance_share", report.zero_variance),
            ("loss", report.loss),
            ("grad_norm", report.grad_norm),
            ("entropy", report.entropy),
        ] {
            assert_eq!(row[name].as_f64(), Some(got), "{name} of step {}", report.step);
        }
    }
    assert_eq!(metrics.lines().count(), 5);
    let after = block_on(session.evaluate(false, 40, async || ())).unwrap();
    assert_eq!(after.accuracy, stage.after.as_ref().unwrap().all.accuracy());
}

#[test]
fn steps_are_reported_and_a_reset_begins_again() {
    let reports = block_on(learning::check(learning::session(&Device::flex(), 2), 2));
    let again = block_on(learning::check(learning::session(&Device::flex(), 2), 2));
    assert_eq!(reports, again);
}

#[test]
fn what_is_exported_is_the_model_as_it_is_now() {
    let device = Device::flex();
    let mut session = learning::session(&device, 1);
    block_on(session.step()).unwrap();
    let weights = block_on(session.export()).unwrap();
    assert_ne!(block_on(learning::session(&device, 1).export()).unwrap(), weights);
    let material =
        Material::new(learning::CONFIG, learning::TOKENIZER, weights.clone(), 1).unwrap();
    let exported = Session::new(Rc::new(material), &device, || 0.0).unwrap();
    assert_eq!(block_on(exported.export()).unwrap(), weights);
    let now = block_on(session.evaluate(false, 24, async || ())).unwrap();
    assert_eq!(block_on(exported.evaluate(true, 24, async || ())).unwrap(), now);
}

#[test]
fn files_that_are_no_model_are_refused() {
    let message = |config: &str, tokenizer: &[u8], weights: &[u8]| {
        Material::new(config, tokenizer, weights.to_vec(), 1).unwrap_err().to_string()
    };
    let (config, weights) = (learning::CONFIG, learning::WEIGHTS);
    assert!(message("{", b"{}", weights).starts_with("the model's files: "));
    assert!(message(config, b"{}", &weights[..16]).starts_with("the model's files: "));
    assert!(message(config, b"{}", weights).starts_with("the model's tokenizer: "));
    let short =
        config.replace("\"max_position_embeddings\": 256", "\"max_position_embeddings\": 70");
    let got = message(&short, learning::TOKENIZER, weights);
    assert!(got.starts_with("the model's context is too short, expected: at least "), "{got}");
}
