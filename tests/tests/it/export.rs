//! Models written in other formats open again and give the same numbers.

use serde_json::Value;
use std::path::Path;
use tempfile::tempdir;
use thinkling_e2e::{Run, exit, thinkling, workspace_file};

fn base() -> String {
    text(&workspace_file("recipes/mini-world-base"))
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8 path").to_owned()
}

fn export(model: &str, out: &Path, more: &[&str]) -> Run {
    let out = text(out);
    thinkling(["export", "--model", model, "--out", &out].iter().chain(more))
}

/// Ids and log-probabilities of a greedy completion.
fn greedy(model: &str, executor: &str) -> (Value, Vec<f64>) {
    let prompt = "Compute 12+34.";
    let call = ["generate", "--model", model, "--prompt", prompt, "--template", "r1-zero"];
    let how =
        ["--greedy", "--max-tokens", "40", "--device", "cpu", "--executor", executor, "--json"];
    let out = thinkling(call.iter().chain(&how)).ends_with(exit::DONE).json();
    let logprobs = out["logprobs"].as_array().expect("numbers").iter();
    (out["ids"].clone(), logprobs.map(|x| x.as_f64().expect("a number")).collect())
}

#[test]
fn a_gguf_gives_the_tokens_of_the_model_it_was_made_of() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("base.gguf");
    let (ids, logprobs) = greedy(&base(), "burn");
    assert!(ids.as_array().is_some_and(|ids| ids.len() > 10), "{ids}");
    for (quant, tolerance) in [("f32", 1e-4), ("f16", 0.02), ("q8_0", 0.2)] {
        let run = export(&base(), &file, &["--format", "gguf", "--quant", quant]);
        let run = run.ends_with(exit::DONE);
        assert!(run.stderr.contains("llama.cpp"), "its tokenizer is not llama.cpp's: {run:#?}");
        for executor in ["burn", "engine"] {
            let (got_ids, got) = greedy(&text(&file), executor);
            if quant == "f32" {
                assert_eq!(got_ids, ids, "{executor}");
            }
            // Up to where rounding draws another token.
            let same = |i: &usize| got_ids[i] == ids[i];
            let steps = (0..got.len().min(logprobs.len())).take_while(same).count();
            assert!(steps > 5, "{quant}, {executor}: {got_ids} for {ids}");
            for (i, (got, want)) in got.iter().zip(&logprobs).take(steps).enumerate() {
                assert!(
                    (got - want).abs() <= tolerance,
                    "{quant}, {executor}, {i}: {got} for {want}"
                );
            }
        }
    }
}

#[test]
fn wrong_calls_are_named_and_write_nothing() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("base.gguf");
    for (more, word) in [
        (&["--format", "gguf", "--template", "r1-zero"][..], "--template"),
        (&["--format", "gguf", "--adapter", "a"], "--adapter"),
        (&["--format", "safetensors", "--name", "a"], "--name"),
        (&["--quant", "q8_0"], "--format web or gguf"),
    ] {
        export(&base(), &file, more).ends_with(exit::WRONG_CALL).complains_about(&[word]);
    }
    let other = folder.path().join("base");
    let run = export(&base(), &other, &["--format", "gguf"]);
    run.ends_with(exit::WRONG_CALL).complains_about(&["--out model.gguf"]);
    let missing = text(&folder.path().join("missing"));
    let run = export(&missing, &file, &["--format", "gguf"]);
    run.ends_with(exit::WRONG_CALL).complains_about(&["missing"]);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn the_doctor_writes_what_a_report_needs() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("report.md");
    let run = thinkling(["doctor", "--device", "cpu", "--report", &text(&file)]);
    let _ = run.ends_with(exit::DONE);
    let report = std::fs::read_to_string(&file).expect("written");
    for word in ["processor", "memory", "self-test cpu: passed", "vector instructions"] {
        assert!(report.contains(word), "no {word}: {report}");
    }
    let nowhere = text(&folder.path().join("missing/report.md"));
    let run = thinkling(["doctor", "--device", "cpu", "--report", &nowhere]);
    let run = run.ends_with(exit::FAILED);
    assert!(run.stderr.contains("missing/report.md"), "{run:#?}");
}
