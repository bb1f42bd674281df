//! A GPU without enough memory: the error tells what would fit, and the run goes on with it.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{Run, binary, exit, finish};

use crate::runs::{json_lines, start_on};

/// Much less than the activations of a step in one micro-batch, much more than those of a few texts.
const ROOM: u64 = 260 << 20;

/// One step over so many texts at once.
fn recipe(dir: &Path, batch: usize) -> PathBuf {
    let text = format!(
        r#"name = "wide"
seed = 1
[model]
hidden_size = 32
num_hidden_layers = 12
num_attention_heads = 2
intermediate_size = 64
max_position_embeddings = 256
[[stage]]
name = "base"
kind = "pretrain"
steps = 1
batch = {batch}
sequence_length = 256
micro_batch = {batch}
data = {{ kind = "mini-world" }}
"#
    );
    let path = dir.join(format!("wide-{batch}.toml"));
    fs::write(&path, text).expect("written recipe");
    path
}

fn train(recipe: &Path, out: &Path) -> Vec<String> {
    start_on(&["--device", "gpu", "--skip-self-test"], recipe, out)
}

/// Bytes of addresses that a run of this recipe comes to at most.
fn peak(recipe: &Path, out: &Path) -> u64 {
    let mut command = Command::new(binary());
    command
        .args(train(recipe, out))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0);
    while child.try_wait().expect("a state").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmPeak:"));
        let kilobytes =
            line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        peak = kilobytes.map_or(peak, |kb| kb << 10);
        thread::sleep(Duration::from_millis(20));
    }
    assert!(peak > 0, "no peak of {command:?}");
    peak
}

fn within(bytes: u64, args: Vec<String>) -> Run {
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={bytes}")).arg(binary()).args(args).stdin(Stdio::null());
    finish(&mut command)
}

#[test]
fn a_run_that_does_not_fit_goes_on_with_smaller_micro_batches() {
    if std::env::var_os("REQUIRE_GPU").is_none() {
        println!("left out: REQUIRE_GPU is not set");
        return;
    }
    let dir = tempdir().expect("temporary folder");
    let least = peak(&recipe(dir.path(), 1), &dir.path().join("one"));
    let limit = least + ROOM;
    let out = dir.path().join("run");
    let run = within(limit, train(&recipe(dir.path(), 64), &out)).ends_with(exit::DONE);
    for words in ["no memory left", "stage `base`", "MB", "--set stage.base.micro_batch=32"] {
        assert!(run.stderr.contains(words), "no {words:?} in {}", run.stderr);
    }
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    let info: Value =
        serde_json::from_str(&fs::read_to_string(out.join("run.json")).expect("a file"))
            .expect("JSON");
    assert_eq!(info["changed"][0], "stage.base.micro_batch=32", "{info}");
    let steps = json_lines(&out.join("metrics.jsonl"));
    assert_eq!(steps.len(), 1);
    assert!(steps[0]["grad_norm"].as_f64().is_some_and(|norm| norm > 0.0), "{}", steps[0]);
}
