//! The `distill` stage: students of other families and tokenizers, teachers over HTTP with faults,
//! killed and stopped runs, what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{binary, exit, thinkling, workspace_file};

use crate::kills::{Asking, assert_killed_enough};
use crate::runs::{
    Written, assert_same_written, count, json_lines, line_count, read_json, resume, start, written,
};
use crate::teachers::{Fault, Proxy, Teacher};

const QUESTIONS: usize = 40;
const SAMPLES: usize = 3;
const ANSWERS: usize = QUESTIONS * SAMPLES;

/// A student of `shape` that learns sums from the server at `url`.
fn from_server(dir: &Path, url: &str, shape: &str, teacher: &str) -> PathBuf {
    let questions: String = (0..QUESTIONS)
        .map(|i| format!("{{\"question\":\"{i} + {}?\",\"answer\":\"{}\"}}\n", 2 * i, 3 * i))
        .collect();
    fs::write(dir.join("sums.jsonl"), questions).expect("written questions");
    let text = format!(
        r#"name = "distill"
seed = 4

[model]
{shape}

[[stage]]
name = "small"
kind = "distill"
teacher = {{ kind = "http", url = "{url}", model = "sums", backoff_seconds = 0.01, max_backoff_seconds = 0.05{teacher} }}
data = {{ kind = "jsonl", path = "sums.jsonl" }}
accuracy = {{ template = "r1-zero" }}
samples = {SAMPLES}
max_completion_tokens = 64
keep_per_prompt = 2
filters = {{ format = "strict" }}
template = "r1-zero"
lr = 1e-3
steps = 6
batch = 4
max_tokens = 192
checkpoint_every = 2
"#
    );
    let path = dir.join("distill.toml");
    fs::write(&path, text).expect("written recipe");
    path
}

const QWEN2: &str = "architecture = \"qwen2\"\ntokenizer = \"bytes\"\nhidden_size = 32\n\
                     num_hidden_layers = 1\nnum_attention_heads = 4\nnum_key_value_heads = 2\n\
                     intermediate_size = 64";

fn answers(run: &Path) -> usize {
    line_count(&run.join("small-set.answers.jsonl"))
}

/// What a run wrote and learnt.
fn results(run: &Path) -> Written {
    written(run, |name| name.starts_with("small") || name.starts_with("stages"))
}

/// The run without faults.
fn plain(dir: &Path) -> Written {
    let teacher = Teacher::start();
    let out = dir.join("plain");
    let recipe = from_server(dir, &teacher.url(), QWEN2, "");
    let _ = thinkling(start(&recipe, &out)).ends_with(exit::DONE);
    assert_eq!((teacher.requests(), teacher.different()), (ANSWERS, ANSWERS));
    let counts = read_json(&out.join("small-set-counts.json"));
    for key in ["/kept", "/dropped/truncated", "/dropped/incorrect", "/duplicates"] {
        assert!(count(&counts, key) > 0, "{key} of {counts}");
    }
    let examples = json_lines(&out.join("small-set.jsonl"));
    let parted = |e: &&Value| {
        let text = e["messages"][1]["content"].as_str().expect("a text");
        text.starts_with("<think>\n") && text.contains("\n</think>\n\n<answer>")
    };
    assert!(examples.iter().any(|e| parted(&e)), "thoughts that came apart are put back");
    let answers = json_lines(&out.join("small-set.answers.jsonl"));
    assert!(answers.iter().all(|a| a["tokens"].as_u64().is_some_and(|tokens| tokens > 0)));
    results(&out)
}

/// The run's loss of its first and last steps.
fn losses(run: &Path) -> (f64, f64) {
    let metrics = json_lines(&run.join("metrics.jsonl"));
    let loss = |line: &Value| line["loss"].as_f64().expect("a loss");
    (loss(&metrics[0]), loss(metrics.last().expect("steps")))
}

#[test]
fn students_of_other_families_and_tokenizers_learn_what_a_local_teacher_kept() {
    let dir = tempdir().expect("temporary folder");
    let base = workspace_file("recipes/mini-world-base");
    let recipe = |name: &str, shape: &str, more: &str| {
        let text = format!(
            "name = \"{name}\"\nseed = 2\n[model]\nhidden_size = 48\nnum_hidden_layers = 1\n\
             num_attention_heads = 4\nintermediate_size = 96\n{shape}\n\
             [[stage]]\nname = \"small\"\nkind = \"distill\"\ntemplate = \"r1-zero\"\nlr = 3e-3\n\
             epochs = 2\nbatch = 2\nmax_tokens = 192\n{more}\n"
        );
        let path = dir.path().join(format!("{name}.toml"));
        fs::write(&path, text).expect("written recipe");
        path
    };
    let asking = format!(
        "data = {{ kind = \"mini-world\" }}\nproblems = 150\nsamples = 8\nkeep_per_prompt = 2\n\
         max_completion_tokens = 64\n\
         teacher = {{ kind = \"local\", model = {{ path = {base:?} }}, template = \"r1-zero\" }}"
    );
    let path = recipe("qwen2", "architecture = \"qwen2\"\ntokenizer = \"bytes\"", &asking);
    let out = dir.path().join("qwen2-run");
    let run = thinkling(start(&path, &out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("stage `small-set`: 1200 answers to 150 prompts"), "{run:#?}");
    let student = out.join("stages/small");
    let config = read_json(&student.join("config.json"));
    assert_eq!(config["model_type"], "qwen2");
    assert_ne!(config["vocab_size"], read_json(&base.join("config.json"))["vocab_size"]);
    let (first, last) = losses(&out);
    assert!(last < 0.7 * first, "the loss went from {first} to {last}");
    assert!(!out.join("stages/small-set").exists(), "the teacher is not copied");

    // The other one: another family, and bytes with merges, from the set that is there.
    let mut tokenizer = read_json(&student.join("tokenizer.json"));
    let known = tokenizer["model"]["vocab"].as_object_mut().expect("a vocabulary");
    for merged in ["th", "an", "er", "1+"] {
        let id = known.len();
        known.insert(merged.to_owned(), id.into());
    }
    tokenizer["model"]["merges"] = serde_json::json!(["t h", "a n", "e r", "1 +"]);
    fs::write(dir.path().join("merged.json"), tokenizer.to_string()).expect("written");
    let set = out.join("small-set.jsonl");
    let path = recipe(
        "llama",
        "architecture = \"llama\"\ntokenizer = \"merged.json\"",
        &format!("data = {{ kind = \"jsonl\", path = {set:?} }}"),
    );
    let other = dir.path().join("llama-run");
    let run = thinkling(start(&path, &other)).ends_with(exit::DONE);
    assert!(run.stderr.contains("stage 1 of 1: small (sft"), "{run:#?}");
    let config = read_json(&other.join("stages/small/config.json"));
    assert_eq!((&config["model_type"], &config["vocab_size"]), (&"llama".into(), &268.into()));
    let (first, last) = losses(&other);
    assert!(last < 0.7 * first, "the loss went from {first} to {last}");
    let counts = |run: &Path| read_json(&run.join("examples-small.json"));
    let (bytes, merged) = (counts(&out), counts(&other));
    assert_eq!(bytes["examples"], merged["examples"], "the same conversations");
    assert!(merged["tokens"].as_u64() < bytes["tokens"].as_u64(), "in fewer tokens of its own");
}

#[test]
fn faults_of_a_server_that_pass_change_nothing() {
    let dir = tempdir().expect("temporary folder");
    let expected = plain(dir.path());
    let teacher = Teacher::start();
    // Every kind of fault, each between two requests that go through.
    let proxy = Proxy::start(&teacher.url(), |number| match number % 18 {
        1 => Fault::Slow(300),
        3 => Fault::Closed,
        5 => Fault::Cut,
        7 => Fault::Garbage,
        9 => Fault::WrongJson,
        11 => Fault::NoChoices,
        13 => Fault::Status(500),
        15 => Fault::Status(408),
        17 if number == 17 => Fault::RetryAfter(1),
        // Longer than the client waits.
        16 if number == 16 => Fault::Slow(3_000),
        _ => Fault::None,
    });
    let keys = ", timeout_seconds = 1, concurrency = 3, retries = 8";
    let recipe = from_server(dir.path(), &proxy.url(), QWEN2, keys);
    let out = dir.path().join("faults");
    let run = thinkling(start(&recipe, &out)).ends_with(exit::DONE);
    assert!(
        run.stderr.contains("teacher: answer ") && run.stderr.contains("; again in "),
        "{run:#?}"
    );
    assert_same_written(&results(&out), &expected, "the run with faults");
    assert!(proxy.requests() > ANSWERS + 20, "{} requests", proxy.requests());
    assert_eq!(teacher.different(), ANSWERS, "a retry has the seed of the first try");
}

#[test]
fn a_server_is_not_asked_again_before_the_time_it_says() {
    let dir = tempdir().expect("temporary folder");
    let teacher = Teacher::start();
    let proxy = Proxy::start(&teacher.url(), |number| match number {
        0 => Fault::RetryAfter(2),
        _ => Fault::None,
    });
    let recipe = from_server(dir.path(), &proxy.url(), QWEN2, ", concurrency = 1");
    let since = Instant::now();
    let mut call = start(&recipe, &dir.path().join("run"));
    for set in ["samples=1", "filters.correct=false", "filters.truncated=false", "steps=1"] {
        call.extend(["--set".to_owned(), format!("stage.small.{set}")]);
    }
    let run = thinkling(call).ends_with(exit::DONE);
    assert!(run.stderr.contains("again in 2.0 s"), "{run:#?}");
    assert!(since.elapsed() >= Duration::from_secs(2));
    assert_eq!(proxy.requests(), QUESTIONS + 1);
}

#[test]
fn a_server_that_dies_leaves_what_it_answered_and_the_run_goes_on_with_another() {
    let dir = tempdir().expect("temporary folder");
    let expected = plain(dir.path());
    let teacher = Teacher::start();
    let alive = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(50));
    let until = alive.clone();
    let proxy = Proxy::start(&teacher.url(), move |number| {
        match number < until.load(std::sync::atomic::Ordering::SeqCst) {
            true => Fault::None,
            false => Fault::Status(503),
        }
    });
    let recipe = from_server(dir.path(), &proxy.url(), QWEN2, ", retries = 2");
    let out = dir.path().join("dies");
    let run = thinkling(start(&recipe, &out)).ends_with(exit::FAILED);
    let there = answers(&out);
    assert_eq!(there, 50, "each that came is kept: {run:#?}");
    run.complains_about(&[
        "HTTP status 503",
        "no sums today",
        "tried 3 times",
        "50 answers came and are kept",
        "70 are missing",
        "--resume",
    ]);
    assert!(!out.join("small-set.jsonl").exists(), "no set of a part of the answers");
    // It is still dead, and nothing is lost by trying.
    thinkling(resume(&out)).ends_with(exit::FAILED).complains_about(&["503"]);
    assert_eq!(answers(&out), there);
    alive.store(usize::MAX, std::sync::atomic::Ordering::SeqCst);
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("50 of 120 answers are there already"), "{run:#?}");
    assert_same_written(&results(&out), &expected, "the run whose server died");
    assert_eq!(teacher.requests(), ANSWERS, "nothing was answered twice");
}

#[test]
fn a_server_that_is_not_there_and_one_that_refuses_are_named() {
    let dir = tempdir().expect("temporary folder");
    let gone = Teacher::start().url();
    let recipe = from_server(dir.path(), &gone, QWEN2, ", retries = 1");
    let run = thinkling(start(&recipe, &dir.path().join("gone"))).ends_with(exit::FAILED);
    run.complains_about(&[&gone, "tried 2 times", "0 answers came", "--resume"]);
    let teacher = Teacher::start();
    for status in [400, 401, 404] {
        let proxy = Proxy::start(&teacher.url(), move |_| Fault::Status(status));
        let recipe = from_server(dir.path(), &proxy.url(), QWEN2, ", concurrency = 1");
        let out = dir.path().join(format!("refused-{status}"));
        let run = thinkling(start(&recipe, &out)).ends_with(exit::FAILED);
        run.complains_about(&[&format!("HTTP status {status}"), "no sums today"]);
        assert_eq!(proxy.requests(), 1, "a refusal is not asked again");
    }
}

#[test]
fn a_stage_killed_at_random_moments_ends_as_the_uninterrupted_one() {
    let dir = tempdir().expect("temporary folder");
    let since = Instant::now();
    let expected = plain(dir.path());
    let took = since.elapsed();
    let teacher = Teacher::start();
    let proxy = Proxy::start(&teacher.url(), |number| match number % 7 {
        3 => Fault::Status(500),
        5 => Fault::Cut,
        _ => Fault::Slow(20),
    });
    let recipe = from_server(dir.path(), &proxy.url(), QWEN2, ", retries = 12");
    let asking = Asking {
        recipe: &recipe,
        answers: &answers,
        told: &|there| format!("{there} of {ANSWERS} answers are there already"),
        took,
        share: &|moment| 0.2 + 0.5 * moment,
    };
    let mut all = [0, 0];
    for seed in [1, 2] {
        let out = dir.path().join(format!("killed-{seed}"));
        let (run, [killed, went_on]) = asking.killed_five_times(&out, seed, 10 * seed as usize);
        let last = usize::from(run.stderr.contains("answers are there already"));
        all = [all[0] + killed, all[1] + went_on + last];
        assert_same_written(&results(&out), &expected, &format!("seed {seed}"));
    }
    assert_killed_enough(all);
}

#[test]
fn the_key_comes_from_the_environment_and_is_written_nowhere() {
    let dir = tempdir().expect("temporary folder");
    let teacher = Teacher::start();
    let recipe = from_server(dir.path(), &teacher.url(), QWEN2, ", api_key_env = 'SUMS_KEY'");
    let out = dir.path().join("run");
    thinkling(start(&recipe, &out))
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["SUMS_KEY", "is not set"]);
    assert!(!out.exists(), "nothing has begun");
    let mut call = Command::new(binary());
    let call = call.args(start(&recipe, &out)).env("SUMS_KEY", "sk-quite-secret");
    let done = call.stdin(Stdio::null()).output().expect("the binary starts");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !said.contains("quite-secret"), "{said}");
    let sent = "authorization: bearer sk-quite-secret\r\n";
    let heads = teacher.heads();
    assert!(heads.iter().all(|head| head.to_ascii_lowercase().contains(sent)), "{heads:?}");
    for (path, bytes) in crate::runs::snapshot(&out) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("quite-secret"), "the key stands in {}", path.display());
    }
}

#[test]
fn a_dry_run_tells_both_halves_and_wrong_keys_are_named() {
    let dir = tempdir().expect("temporary folder");
    let recipe = from_server(dir.path(), "http://127.0.0.1:9/v1", QWEN2, "");
    let path = recipe.to_str().expect("UTF-8 path");
    let run = thinkling(["train", path, "--dry-run"]).ends_with(exit::DONE);
    for words in
        ["stage `small-set`: 40 prompts, 3 answers each", "stage `small`: an earlier stage"]
    {
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
    }
    assert!(run.stdout.contains("timeout_seconds = 120.0"), "{run:#?}");
    for (set, words) in [
        ("teacher.retry=3", "nearest known key: `retries`"),
        ("teacher.url=\"ftp://a\"", "begins with `http://`"),
        ("teacher.kind=\"grpc\"", "one of \"local\", \"http\""),
        ("sample=4", "nearest known key: `samples`"),
    ] {
        let set = format!("stage.small.{set}");
        let call = ["train", path, "--set", &set];
        thinkling(call).ends_with(exit::WRONG_CALL).complains_about(&[words]);
    }
}
