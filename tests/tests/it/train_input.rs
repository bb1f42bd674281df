//! `train` with input that is wrong, and a disk that is full: one message, nothing lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::tempdir;
use thinkling_e2e::{Run, exit, thinkling};

use crate::runs::{Results, Running, Tiny, checkpoint_steps, json_lines, resume, snapshot, start};
use crate::small_disk::SmallDisk;

/// Problems that the mini world's tokenizer can write.
const GOOD: &str = "{\"question\":\"3+4=?\",\"answer\":\"7\"}\n{\"question\":\"9-5=?\",\"answer\":\"4\"}\n\
                    {\"question\":\"8+1=?\",\"answer\":\"9\"}\n";

/// A recipe whose problems stand in the file `name` of `dir`.
fn with_file(name: &str) -> Tiny {
    Tiny {
        data: format!("{{ kind = \"jsonl\", path = \"{name}\" }}"),
        eval_data: ", data = { kind = \"mini-world\" }".to_owned(),
        ..Tiny::default()
    }
}

/// Runs the text of a recipe into `dir/run`.
fn run_text(dir: &Path, text: &str) -> Run {
    let path = dir.join("recipe.toml");
    fs::write(&path, text).expect("written recipe");
    thinkling(start(&path, &dir.join("run")))
}

/// Asserts one error line, and no run folder made.
fn assert_refused(dir: &Path, run: Run, code: i32, words: &[&str]) {
    let run = run.ends_with(code);
    let errors = run.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "one message, not {errors}, in {run:#?}");
    assert!(!dir.join("run").exists(), "a folder for a run that cannot be: {run:#?}");
    run.complains_about(words);
}

#[test]
fn a_misspelt_key_is_named_with_file_line_and_nearest_key() {
    let dir = tempdir().expect("temporary folder");
    let text = Tiny::default().toml().replace("kl_coef", "kl_coeff");
    let line = text.lines().position(|l| l.starts_with("kl_coeff")).expect("the line") + 1;
    let place = format!("recipe.toml:{line}");
    let run = run_text(dir.path(), &text);
    assert_refused(
        dir.path(),
        run,
        exit::WRONG_CALL,
        &["`stage.reason.kl_coeff`", "`kl_coef`", &place],
    );
}

#[test]
fn a_recipe_cut_anywhere_is_refused_or_whole() {
    let text = Tiny::default().toml();
    // Every cut that ends inside a line, and so inside a key, a value or a table.
    for cut in (10..text.len() - 20).step_by(67) {
        let dir = tempdir().expect("temporary folder");
        let path = dir.path().join("recipe.toml");
        fs::write(&path, &text[..cut]).expect("written recipe");
        let path = path.to_str().expect("UTF-8 path");
        let run = thinkling(["train", path, "--dry-run"])
            .ends_with_one_of(&[exit::DONE, exit::WRONG_CALL]);
        if run.code == Some(exit::WRONG_CALL) {
            run.complains_about(&["recipe.toml"]);
        } else {
            assert!(run.stdout.contains("[[stage]]"), "sound without a stage? cut {cut} {run:#?}");
        }
    }
    let half = &text[..text.find("[[stage]]").expect("a stage") + 4];
    let place = format!("recipe.toml:{}", half.lines().count());
    let dir = tempdir().expect("temporary folder");
    let run = run_text(dir.path(), half);
    assert_refused(dir.path(), run, exit::WRONG_CALL, &[&place, "toml"]);
}

#[test]
fn a_bad_data_line_is_named_before_anything_runs() {
    let good_first = |bad: &str| format!("{GOOD}{bad}\n{GOOD}");
    for (bad, reason) in [
        ("{\"question\":\"2+2=?\",\"answ", "json"),
        ("{\"question\":\"2+2=?\"}", "`answer`"),
        ("{\"question\":\"2+2=?\",\"answer\":\"blue\"}", "blue"),
        ("{\"question\":\"2+2=?\",\"answer\":\" \"}", "empty"),
    ] {
        let dir = tempdir().expect("temporary folder");
        fs::write(dir.path().join("sums.jsonl"), good_first(bad)).expect("written data");
        let mut tiny = with_file("sums.jsonl");
        // To mathematics a word is an answer too.
        tiny.data = tiny.data.replace(" }", ", task = \"number\" }");
        let run = run_text(dir.path(), &tiny.toml());
        assert_refused(dir.path(), run, exit::BAD_INPUT, &["sums.jsonl:4", reason]);
    }
}

#[test]
fn missing_inputs_are_named_before_anything_runs() {
    let dir = tempdir().expect("temporary folder");
    let run = run_text(dir.path(), &with_file("absent.jsonl").toml());
    assert_refused(dir.path(), run, exit::WRONG_CALL, &["absent.jsonl", "not found"]);

    let run = run_text(dir.path(), &with_file(".").toml());
    assert_refused(dir.path(), run, exit::WRONG_CALL, &["data file", "the folder"]);
    let folder = dir.path().to_str().expect("UTF-8 path");
    thinkling(["train", folder]).ends_with(exit::WRONG_CALL).complains_about(&[folder, "a file"]);

    let text = Tiny::default().toml();
    let (head, tail) = text.split_once("[model]").expect("a model");
    let (_, stages) = tail.split_once("[[stage]]").expect("a stage");
    let text = format!("{head}[model]\npath = \"absent-model\"\n[[stage]]{stages}");
    let run = run_text(dir.path(), &text);
    assert_refused(dir.path(), run, exit::WRONG_CALL, &["absent-model", "not found"]);
}

#[test]
fn a_prompt_longer_than_the_context_names_its_line_and_both_lengths() {
    let dir = tempdir().expect("temporary folder");
    let long = format!("{{\"question\":\"1{}=?\",\"answer\":\"300\"}}", "+1".repeat(299));
    fs::write(dir.path().join("sums.jsonl"), format!("{GOOD}{long}\n")).expect("written data");
    let tiny = with_file("sums.jsonl");
    let out = dir.path().join("run");
    thinkling(start(&tiny.write(dir.path()), &out)).ends_with(exit::BAD_INPUT).complains_about(&[
        "sums.jsonl:4",
        "context of 256",
        "tokens",
    ]);
    // What the first stage had learnt is there, and serves once the data is right.
    assert!(out.join("stages/base/model.safetensors").is_file());
}

#[test]
fn a_context_too_short_for_the_stage_names_stage_and_key() {
    let dir = tempdir().expect("temporary folder");
    // The stage `base` has sequences of 32 tokens.
    let tiny = Tiny { context: 31, ..Tiny::default() };
    thinkling(start(&tiny.write(dir.path()), &dir.path().join("run")))
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["`base`", "`sequence_length`", "31", "32"]);
    // Texts of the mini world are longer than 8 tokens, and so are its prompts.
    let tiny = Tiny { context: 8, sequence: 8, ..Tiny::default() };
    thinkling(start(&tiny.write(dir.path()), &dir.path().join("world")))
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["`base`", "document", "context of 8"]);
    fs::write(dir.path().join("corpus.txt"), "3+4=7 and ".repeat(50)).expect("written text");
    let corpus = "{ kind = \"text\", path = \"corpus.txt\" }".to_owned();
    let tiny = Tiny { corpus, ..tiny };
    thinkling(start(&tiny.write(dir.path()), &dir.path().join("short")))
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["`reason`", "prompt", "context of 8"]);
}

#[test]
fn a_memory_that_cannot_be_kept_is_refused_and_one_that_can_is_kept() {
    let dir = tempdir().expect("temporary folder");
    let recipe = Tiny::default().write(dir.path());
    let out = dir.path().join("run");
    let run = |value: &str, out: &Path| {
        let setting = ["--set".to_owned(), format!("stage.base.memory=\"{value}\"")];
        thinkling(start(&recipe, out).into_iter().chain(setting))
    };
    let refused = run("2 apples", &out).ends_with(exit::WRONG_CALL);
    refused.complains_about(&["stage.base.memory", "\"2GB\""]);
    let too_little = run("2MB", &out).ends_with(exit::WRONG_CALL);
    too_little.complains_about(&["`base`", "at least", "MB"]);
    let _ = run("400MB", &dir.path().join("fits")).ends_with(exit::DONE);
}

#[test]
fn a_context_that_cuts_completions_short_is_said() {
    let dir = tempdir().expect("temporary folder");
    fs::write(dir.path().join("sums.jsonl"), GOOD).expect("written data");
    fs::write(dir.path().join("corpus.txt"), "3+4=7 and ".repeat(50)).expect("written text");
    let corpus = "{ kind = \"text\", path = \"corpus.txt\" }".to_owned();
    let whole = Tiny { corpus, ..with_file("sums.jsonl") };
    let run = whole.run(dir.path(), &dir.path().join("whole"));
    assert!(!run.stderr.contains("max_completion_tokens"), "{run:#?}");
    // The prompts take 7 tokens or more and leave less than the 24 of a completion.
    let run = Tiny { context: 28, sequence: 28, ..whole }.run(dir.path(), &dir.path().join("cut"));
    assert!(run.stderr.contains("cuts completions of"), "{run:#?}");
}

#[test]
fn a_folder_with_content_is_not_written_into() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    fs::create_dir(&out).expect("folder");
    fs::write(out.join("thesis.txt"), "years of work").expect("written file");
    let before = snapshot(&out);
    thinkling(start(&Tiny::default().write(dir.path()), &out))
        .ends_with(exit::WRONG_CALL)
        .complains_about(&[out.to_str().expect("UTF-8 path"), "exists", "--out"]);
    assert!(snapshot(&out) == before, "the folder has changed");

    let run = dir.path().join("finished");
    let tiny = Tiny::default();
    tiny.run(dir.path(), &run);
    let before = snapshot(&run);
    thinkling(start(&tiny.write(dir.path()), &run))
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["exists", "--resume"]);
    assert!(snapshot(&run) == before, "the folder has changed");
}

#[test]
fn a_folder_that_is_no_run_cannot_be_resumed() {
    let dir = tempdir().expect("temporary folder");
    fs::write(dir.path().join("notes.txt"), "x").expect("written file");
    thinkling(resume(dir.path())).ends_with(exit::WRONG_CALL).complains_about(&["run.json"]);
    assert_eq!(snapshot(dir.path()).len(), 1, "something was written");
    let absent = dir.path().join("absent");
    thinkling(resume(&absent)).ends_with(exit::WRONG_CALL).complains_about(&["absent"]);
    assert!(!absent.exists());
}

#[test]
fn a_half_written_run_json_or_recipe_is_named() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    Tiny::default().run(dir.path(), &out);
    for (name, code) in [("run.json", exit::BAD_INPUT), ("recipe.toml", exit::WRONG_CALL)] {
        let path = out.join(name);
        let bytes = fs::read(&path).expect("a file of the run");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("written file");
        let before = snapshot(&out);
        thinkling(resume(&out)).ends_with(code).complains_about(&[name]);
        assert!(snapshot(&out) == before, "the folder has changed");
        fs::write(&path, bytes).expect("written file");
    }
}

/// Stops a run of `tiny` with a kill as soon as it has a checkpoint of its stage `stage`.
fn killed_in(stage: &str, tiny: &Tiny, dir: &Path, out: &Path) {
    let mark = format!("\"stage\":\"{stage}\"");
    let first = if stage == "base" { 1 } else { tiny.steps as u64 + 1 };
    let mut running = Running::spawn(start(&tiny.write(dir), out));
    running.wait_until("a checkpoint", || {
        checkpoint_steps(out).pop() >= Some(first)
            && fs::read_to_string(out.join("metrics.jsonl")).is_ok_and(|t| t.contains(&mark))
    });
    let run = running.kill();
    assert_eq!(run.code, None, "{run:#?}");
}

/// What a run folder holds but for half-written files of a killed process, which may be cleared.
fn kept(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = snapshot(run);
    files.retain(|path, _| !path.to_string_lossy().contains(".tmp-"));
    files
}

#[test]
fn data_that_changed_since_the_run_began_is_refused_and_nothing_lost() {
    // A text for the first stage, and problems for the second: once of the same number, once more.
    let other = GOOD.replace("3+4=?", "2+5=?");
    let more = format!("{GOOD}{GOOD}");
    let text = "3+4=7 and 9-5=4 so 8+1=9\n".repeat(200);
    let dir = tempdir().expect("temporary folder");
    fs::write(dir.path().join("sums.jsonl"), GOOD).expect("written data");
    fs::write(dir.path().join("corpus.txt"), &text).expect("written data");
    let tiny = Tiny {
        steps: 100,
        corpus: "{ kind = \"text\", path = \"corpus.txt\" }".to_owned(),
        ..with_file("sums.jsonl")
    };
    let short = &text[..text.len() / 4];
    for (stage, file, contents) in [
        ("base", "corpus.txt", [short, &text.replace('9', "8")]),
        ("reason", "sums.jsonl", [other.as_str(), more.as_str()]),
    ] {
        let out = dir.path().join(stage);
        killed_in(stage, &tiny, dir.path(), &out);
        let path = dir.path().join(file);
        let old = fs::read(&path).expect("data");
        let before = kept(&out);
        for content in contents {
            fs::write(&path, content).expect("written data");
            thinkling(resume(&out)).ends_with(exit::BAD_INPUT).complains_about(&[file, "changed"]);
            assert!(kept(&out) == before, "the folder has changed");
        }
        fs::remove_file(&path).expect("removed data");
        thinkling(resume(&out)).ends_with(exit::WRONG_CALL).complains_about(&[file, "not found"]);
        assert!(kept(&out) == before, "the folder has changed");
        fs::write(&path, old).expect("written data");
        let _ = thinkling(resume(&out)).ends_with(exit::DONE);
    }
}

#[test]
fn data_of_a_finished_stage_may_change() {
    let dir = tempdir().expect("temporary folder");
    fs::write(dir.path().join("sums.jsonl"), GOOD).expect("written data");
    let out = dir.path().join("run");
    with_file("sums.jsonl").run(dir.path(), &out);
    fs::remove_file(dir.path().join("sums.jsonl")).expect("removed data");
    let _ = thinkling(resume(&out)).ends_with(exit::DONE);
}

#[test]
fn a_run_that_diverges_says_so_and_saves_nothing_of_it() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let mut call = start(&Tiny::default().write(dir.path()), &out);
    call.extend(["--set", "stage.base.lr=1e38"].map(str::to_owned));
    thinkling(call).ends_with(exit::FAILED).complains_about(&[
        "diverged",
        "`base`",
        "stage.base.lr",
    ]);
    let last = json_lines(&out.join("metrics.jsonl")).pop().expect("a step");
    assert!(last["loss"].is_null() || last["grad_norm"].is_null(), "{last}");
    assert!(checkpoint_steps(&out).pop() < last["step"].as_u64(), "a checkpoint without numbers");
    assert!(!out.join("stages/base").exists());
}

#[test]
fn a_full_disk_ends_the_run_with_a_message_and_a_whole_checkpoint() {
    let dir = tempdir().expect("temporary folder");
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).expect("folder");
    // One checkpoint of the first stage takes 180 kB, two do not fit.
    let Some(mounted) = SmallDisk::mount(&disk, "size=300k") else {
        println!("skipped: no small file system can be mounted here (it takes root on Linux)");
        return;
    };
    let tiny = Tiny::default();
    let out = disk.join("run");
    let run = thinkling(start(&tiny.write(dir.path()), &out)).ends_with(exit::FAILED);
    let errors = run.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{run:#?}");
    run.complains_about(&["no space left", out.to_str().expect("UTF-8 path"), "--resume"]);
    assert_eq!(checkpoint_steps(&out), [2]);
    assert!(json_lines(&out.join("metrics.jsonl")).len() >= 2);

    mounted.resize("8m");
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("going on from step 2"), "{run:#?}");
    let whole = dir.path().join("whole");
    tiny.run(dir.path(), &whole);
    Results::of(&out).assert_same(&Results::of(&whole), "the run that had a full disk");
}
