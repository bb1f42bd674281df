//! A wrong call ends with exit code 2 and says which word was wrong.

use tempfile::tempdir;
use thinkling_e2e::{exit, golden, thinkling};

/// `generate` on a tiny model with further arguments.
fn generate(more: &[&str]) -> thinkling_e2e::Run {
    let model = golden("llama_tied");
    let model = model.to_str().expect("UTF-8 path");
    thinkling(["generate", "--model", model, "--device", "cpu"].iter().chain(more))
}

#[test]
fn help_lists_the_commands() {
    let run = thinkling(["--help"]).ends_with(exit::DONE);
    for command in ["train", "eval", "report", "generate", "serve", "doctor", "world", "bench"] {
        assert!(run.stdout.contains(command), "no `{command}` in {run:#?}");
    }
}

#[test]
fn every_command_explains_itself() {
    for (command, option) in [
        ("train", "--resume"),
        ("eval", "--samples"),
        ("generate", "--prompt-ids"),
        ("serve", "--allow-updates"),
        ("doctor", "--device"),
        ("world", "--held-out"),
        ("bench", "--config"),
    ] {
        let run = thinkling([command, "--help"]).ends_with(exit::DONE);
        assert!(run.stdout.contains(option), "no `{option}` in {run:#?}");
    }
}

#[test]
fn an_unknown_command_is_named() {
    thinkling(["trian"]).ends_with(exit::WRONG_CALL).complains_about(&["trian"]);
}

#[test]
fn an_unknown_option_is_named() {
    generate(&["--prompt-ids", "5", "--no-such-option"])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["--no-such-option"]);
}

#[test]
fn an_unknown_device_is_named() {
    let model = golden("llama_tied");
    let model = model.to_str().expect("UTF-8 path");
    thinkling(["generate", "--model", model, "--prompt-ids", "5", "--device", "tpu"])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["tpu"]);
}

#[test]
fn generate_needs_exactly_one_prompt() {
    generate(&["--greedy"]).ends_with(exit::WRONG_CALL).complains_about(&["--prompt"]);
    generate(&["--prompt", "two", "--prompt-ids", "5"])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["--prompt"]);
}

#[test]
fn a_prompt_id_that_is_no_number_is_named() {
    generate(&["--prompt-ids", "5,six"]).ends_with(exit::WRONG_CALL).complains_about(&["six"]);
}

#[test]
fn a_prompt_id_outside_the_vocabulary_is_named_with_its_limit() {
    // The tiny models have 64 tokens.
    generate(&["--prompt-ids", "5,64"]).ends_with(exit::WRONG_CALL).complains_about(&["64"]);
}

#[test]
fn a_prompt_longer_than_the_context_is_refused_with_both_lengths() {
    // The tiny models have a context of 256.
    let ids = vec!["7"; 300].join(",");
    generate(&["--prompt-ids", &ids]).ends_with(exit::WRONG_CALL).complains_about(&["300", "256"]);
}

#[test]
fn a_missing_recipe_is_named() {
    let dir = tempdir().expect("temporary folder");
    let path = dir.path().join("no-such-recipe.toml");
    thinkling(["train", path.to_str().expect("UTF-8 path")])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["no-such-recipe.toml"]);
}

#[test]
fn an_unknown_recipe_key_is_named() {
    let dir = tempdir().expect("temporary folder");
    let path = dir.path().join("recipe.toml");
    std::fs::write(&path, "no_such_key = 1\n").expect("written recipe");
    let out = dir.path().join("run");
    let [path, out] = [&path, &out].map(|p| p.to_str().expect("UTF-8 path"));
    thinkling(["train", path, "--out", out])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["no_such_key"]);
}

#[test]
fn a_recipe_that_is_no_toml_is_refused_with_its_line() {
    let dir = tempdir().expect("temporary folder");
    let path = dir.path().join("recipe.toml");
    std::fs::write(&path, "seed = 1\n[[stage\n").expect("written recipe");
    thinkling(["train", path.to_str().expect("UTF-8 path")])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["recipe.toml", "2"]);
}
