//! The `cold-start` stage: its two ways of asking, killed runs, and the review that it waits for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

use crate::kills::{Asking, assert_killed_enough};
use crate::runs::{
    Running, Written, assert_same_written, count, json_lines, line_count, read_json, resume,
    snapshot, start, written,
};
use crate::teachers::Teacher;

const PROBLEMS: usize = 120;
/// Of both ways.
const ANSWERS: usize = 6 * PROBLEMS;

/// Trajectories of the mini world's base model become the examples that a second stage learns.
fn recipe(dir: &Path, keys: &str) -> PathBuf {
    let base = workspace_file("recipes/mini-world-base");
    let text = format!(
        r#"name = "cold-start"
seed = 5

[model]
path = {base:?}

[[stage]]
name = "cold"
kind = "cold-start"
samples = 6
problems = {PROBLEMS}
max_completion_tokens = 64
keep_per_prompt = 2
few_shot = {{ share = 0.5, separator = "<eos>", examples = {{ kind = "mini-world" }} }}
data = {{ kind = "mini-world" }}
{keys}

[[stage]]
name = "learn"
kind = "sft"
template = "r1-zero"
lr = 1e-4
steps = 4
batch = 2
max_tokens = 128
checkpoint_every = 2
data = {{ kind = "stage", name = "cold" }}
"#
    );
    let path = dir.join("cold-start.toml");
    fs::write(&path, text).expect("written recipe");
    path
}

/// What a run wrote and learnt.
fn results(run: &Path) -> Written {
    written(run, |name| {
        name.starts_with("cold") || name.starts_with("stages") || name.starts_with("examples")
    })
}

fn counts(run: &Path) -> Value {
    read_json(&run.join("cold-counts.json"))
}

/// Answers of both ways that are there.
fn answers(run: &Path) -> usize {
    let lines = |name: &str| line_count(&run.join(name));
    lines("cold.answers.jsonl") + lines("cold.few-shot.answers.jsonl")
}

/// The conversation of each example as question and reply.
fn examples(run: &Path) -> Vec<[String; 2]> {
    let text = |value: &Value| value["content"].as_str().expect("a text").to_owned();
    let turns = |line: &Value| [text(&line["messages"][0]), text(&line["messages"][1])];
    json_lines(&run.join("cold.jsonl")).iter().map(turns).collect()
}

#[test]
fn a_stage_killed_at_random_moments_ends_as_the_uninterrupted_one() {
    let dir = tempdir().expect("temporary folder");
    let recipe = recipe(dir.path(), "accept_all = true");
    let whole = dir.path().join("whole");
    let since = Instant::now();
    let run = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);
    let took = since.elapsed();
    let c = counts(&whole);
    let n = |key: &str| count(&c, key);
    assert_eq!((n("/asked"), n("/samples"), n("/problems")), (ANSWERS, 6, PROBLEMS));
    let dropped = c["dropped"].as_object().expect("filters");
    let dropped: usize = dropped.values().map(|v| v.as_u64().expect("a count") as usize).sum();
    let rest = ["/decontaminated", "/duplicates", "/surplus", "/kept"].map(n);
    assert_eq!(dropped + rest.iter().sum::<usize>(), ANSWERS, "{c}");
    for way in ["plain", "few_shot"] {
        let of = |key: &str| n(&format!("/{way}/{key}"));
        assert_eq!(of("asked"), ANSWERS / 2);
        assert!(of("correct") >= of("kept") && of("kept") > 0, "{way} of {c}");
    }
    assert_eq!(n("/plain/kept") + n("/few_shot/kept"), n("/kept"));
    assert_eq!(n("/kept"), n("/without_thinking") + n("/queued"));
    let accepted = ["/review/by_accept_all", "/review/accepted", "/written"].map(n);
    assert_eq!(accepted, [n("/queued"); 3], "{c}");
    assert_eq!((n("/review/by_person"), n("/review/open")), (0, 0));
    assert!(run.stderr.contains("accepted unread"), "{run:#?}");
    let decisions = json_lines(&whole.join("cold.review.jsonl.decisions.jsonl"));
    assert!(decisions.iter().all(|d| d["by"] == "accept-all") && decisions.len() == n("/queued"));
    let queue = json_lines(&whole.join("cold.review.jsonl"));
    for (item, [question, reply]) in queue.iter().zip(examples(&whole)) {
        assert_eq!((&item["question"], &item["verdict"]), (&json!(question), &json!("correct")));
        let text = |key: &str| item[key].as_str().expect("a text");
        assert_eq!(reply, format!("<think>{}</think>{}", text("thinking"), text("summary")));
        assert!(text("summary").contains(text("answer")), "{item}");
    }
    assert!(!whole.join("stages/cold").exists(), "the stage makes no model");

    let asking = Asking {
        recipe: &recipe,
        answers: &answers,
        told: &|_| "are there already".to_owned(),
        took,
        share: &|moment| 0.1 + 0.3 * moment,
    };
    let mut all = [0, 0];
    // Once surely among the answers of the first way, once among those of the second.
    for (seed, least) in [(1, 30), (2, ANSWERS / 2 + 30)] {
        let out = dir.path().join(format!("killed-{seed}"));
        let (_, [killed, went_on]) = asking.killed_five_times(&out, seed, least);
        all = [all[0] + killed, all[1] + went_on];
        assert_same_written(&results(&out), &results(&whole), &format!("seed {seed}"));
        assert!(!snapshot(&out).keys().any(|p| p.to_string_lossy().contains(".tmp-")));
    }
    assert_killed_enough(all);
}

#[test]
fn a_run_waits_for_its_review_and_goes_on_behind_the_decisions() {
    let dir = tempdir().expect("temporary folder");
    let recipe = recipe(dir.path(), "layout = \"special-token\"");
    let out = dir.path().join("run");
    let run = thinkling(start(&recipe, &out)).ends_with(exit::WAITS);
    let file = out.join("cold.review.jsonl");
    let queue = json_lines(&file);
    let path = file.to_str().expect("UTF-8").to_owned();
    let words = format!("{0} of {0} items have no decision", queue.len());
    for words in [&*words, &format!("review {path}"), "--resume", "stage `cold` waits"] {
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
    }
    assert!(!run.stderr.contains("error:") && !out.join("cold.jsonl").exists(), "{run:#?}");
    // Without a terminal it says what to do.
    thinkling(["review", &path]).ends_with(exit::WRONG_CALL).complains_about(&["--accept-all"]);
    let run = thinkling(["review", &path, "--summary", "--json"]).ends_with(exit::WAITS);
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((&told["open"], &told["accepted"]), (&json!(queue.len()), &json!(0)));

    // Decisions as a person's review writes them, of which the last line was cut.
    let _ = thinkling(["review", &path, "--accept-all"]).ends_with(exit::DONE);
    let decided = out.join("cold.review.jsonl.decisions.jsonl");
    let unread = fs::read_to_string(&decided).expect("decisions");
    let mut lines: Vec<Value> = json_lines(&decided);
    lines.iter_mut().for_each(|line| line["by"] = json!("person"));
    lines[0]["decision"] = json!("reject");
    lines[1]["decision"] = json!("edit");
    lines[1]["thinking"] = json!("I take my time.");
    lines[1]["summary"] = queue[1]["summary"].clone();
    lines[2]["decision"] = json!("edit");
    lines[2]["thinking"] = json!("I slip.");
    lines[2]["summary"] = json!("<answer>1234</answer>");
    let text: String = lines[..4].iter().map(|line| format!("{line}\n")).collect();
    fs::write(&decided, format!("{text}{}", &unread[..20])).expect("written");
    let again = thinkling(resume(&out)).ends_with(exit::WAITS);
    assert!(
        again.stderr.contains(&format!("{} of {}", queue.len() - 4, queue.len())),
        "{again:#?}"
    );
    assert!(again.stderr.contains("answers are there already"), "{again:#?}");
    assert_eq!(fs::read_to_string(&decided).expect("decisions"), text, "the cut line is gone");
    let run = thinkling(["review", &path, "--accept-all"]).ends_with(exit::DONE);
    assert!(run.stdout.contains("1 accepted, 2 edited, 1 rejected") || queue.len() > 4, "{run:#?}");
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("1 edited ones dropped: not right any more"), "{run:#?}");
    let c = counts(&out);
    let n = |key: &str| count(&c, key);
    assert_eq!((n("/review/by_person"), n("/review/by_accept_all")), (4, queue.len() - 4));
    assert_eq!((n("/review/rejected"), n("/review/edited"), n("/edited_wrong")), (1, 2, 1));
    assert_eq!(n("/written"), queue.len() - 2);
    let examples = examples(&out);
    assert_eq!(examples.len(), n("/written"));
    let edited = format!(
        "|special_token|I take my time.|special_token|{}",
        queue[1]["answer"].as_str().expect("an answer")
    );
    assert_eq!(examples[0], [queue[1]["question"].as_str().expect("a text").to_owned(), edited]);
    assert!(examples.iter().all(|[_, reply]| reply.matches("|special_token|").count() == 2));
}

/// Rewrites by the rules of the request; of every five one is wrong in its own way.
fn rewrite(request: &str, seed: u64) -> Value {
    let original = request.rsplit("Reasoning:\n").next().expect("a trajectory");
    let inside = |tag: &str| {
        let (_, rest) = original.split_once(&format!("<{tag}>")).expect("an opening tag");
        rest.split_once(&format!("</{tag}>")).expect("a closing tag").0.trim().to_owned()
    };
    let (thinking, answer) = (inside("think"), inside("answer"));
    let content = match seed % 10 {
        0 => "I cannot do that.".to_owned(),
        1 => format!("<think>{thinking}</think> That is it."),
        2 => format!("<think>{thinking}</think> <answer>1234{answer}</answer>"),
        _ => format!("<think>\n{thinking}\n</think>\nThe result: <answer>{answer}</answer>"),
    };
    json!({
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": content},
        }],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    })
}

#[test]
fn a_server_rewrites_what_is_kept_and_is_asked_once_for_each() {
    let dir = tempdir().expect("temporary folder");
    let server = Teacher::answering(rewrite);
    let example = json!({
        "question": "What is 1 + 1?", "original": "<think>1 1 2</think><answer>2</answer>",
        "thinking": "I add one and one.", "summary": "It is two: <answer>2</answer>",
    });
    fs::write(dir.path().join("rewritten.jsonl"), format!("{example}\n")).expect("written");
    let keys = format!(
        "accept_all = true\nrewrite = {{ max_tokens = 64, examples = \"rewritten.jsonl\", shots = 1, \
         teacher = {{ kind = \"http\", model = \"sums\", url = {:?} }} }}",
        server.url()
    );
    let recipe = recipe(dir.path(), &keys);
    let out = dir.path().join("run");
    let mut running = Running::spawn(start(&recipe, &out));
    let rewrites = out.join("cold.rewrites.jsonl");
    let there = || fs::read_to_string(&rewrites).unwrap_or_default().lines().count();
    running.wait_until("some rewritings", || there() > 5);
    let _ = running.kill();
    let _ = thinkling(resume(&out)).ends_with(exit::DONE);
    let c = counts(&out);
    let n = |key: &str| count(&c, key);
    assert_eq!(n("/rewriting/asked"), n("/kept") - n("/without_thinking"));
    assert_eq!(server.different(), n("/rewriting/asked"));
    // The four that were under way when the run was killed and one that was being written are asked
    // again, no more.
    assert!(server.requests() <= n("/rewriting/asked") + 5, "{} of {c}", server.requests());
    for key in ["unreadable", "unstated", "dropped/incorrect", "kept"] {
        assert!(n(&format!("/rewriting/{key}")) > 0, "{key} of {c}");
    }
    let dropped = c["rewriting"]["dropped"].as_object().expect("filters");
    let dropped: usize = dropped.values().map(|v| v.as_u64().expect("a count") as usize).sum();
    let rest = ["unreadable", "unstated", "kept"].map(|key| n(&format!("/rewriting/{key}")));
    assert_eq!(dropped + rest.iter().sum::<usize>(), n("/rewriting/asked"), "{c}");
    assert_eq!((n("/queued"), n("/written")), (n("/rewriting/kept"), n("/rewriting/kept")));
    for item in json_lines(&out.join("cold.review.jsonl")) {
        let text = |key: &str| item[key].as_str().expect("a text");
        assert!(text("summary").contains("The result: "), "{item}");
        let thinking = text("thinking").trim();
        assert!(text("original").contains(thinking) && item["verdict"] == "correct", "{item}");
    }
}

#[test]
fn other_decisions_and_wrong_keys_are_named() {
    let dir = tempdir().expect("temporary folder");
    let path = recipe(dir.path(), "");
    let out = dir.path().join("run");
    let refused = |set: &str, words: &[&str]| {
        let mut call = start(&path, &out);
        call.extend(["--set".to_owned(), set.to_owned()]);
        thinkling(call).ends_with(exit::WRONG_CALL).complains_about(words);
    };
    refused("stage.cold.few_shot.share=0.01", &["stage.cold.few_shot.share", "at least one"]);
    refused("stage.cold.layout=\"xml\"", &["special-token"]);
    let missing = "stage.cold.few_shot.examples={kind=\"jsonl\", path=\"none.jsonl\"}";
    refused(missing, &["not found", "none.jsonl"]);
    assert!(!out.exists(), "nothing has begun");
    refused("stage.cold.few_shot.shots=9", &["9 examples", "64", "context of 256"]);
    let call = ["train", path.to_str().expect("UTF-8 path"), "--dry-run"];
    let run = thinkling(call).ends_with(exit::DONE);
    let words = format!("stage `cold`: {PROBLEMS} prompts, 6 answers each: {ANSWERS} answers");
    assert!(run.stderr.contains(&words) && run.stdout.contains("layout = \"tags\""), "{run:#?}");
    let queue = dir.path().join("other.jsonl");
    fs::write(&queue, "{\"messages\":[]}\n").expect("written");
    let call = ["review", queue.to_str().expect("UTF-8 path"), "--summary"];
    thinkling(call).ends_with(exit::BAD_INPUT).complains_about(&["other.jsonl:1"]);
    fs::remove_file(&queue).expect("removed");
    thinkling(call).ends_with(exit::WRONG_CALL).complains_about(&["not found", "other.jsonl"]);
}
