//! The `preferences` stage: a judge over HTTP with faults and one in the process, killed and stopped runs,
//! what a reward model makes of the pairs, what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling, workspace_file};

use crate::kills::{Asking, assert_killed_enough};
use crate::runs::{
    Written, assert_same_written, count, json_lines, line_count, number, read_json, resume, start,
    steps_of, written,
};
use crate::teachers::{Fault, Proxy, Teacher};

const PROMPTS: usize = 60;
const SAMPLES: usize = 4;
const TIMES: usize = 4;

/// Answers of the grown world's base become pairs by a judge, and a reward model learns these.
fn recipe(dir: &Path, judge: &str, more: &str) -> PathBuf {
    let base = workspace_file("recipes/mini-r1-base");
    let text = format!(
        r#"name = "judged"
seed = 6

[model]
path = {base:?}
{more}
[[stage]]
name = "pairs"
kind = "preferences"
model.path = {base:?}
samples = {SAMPLES}
problems = {PROMPTS}
max_completion_tokens = 64
max_length_ratio = 1.2
judge_max_tokens = 24
judge = {judge}
data = {{ kind = "grown-world" }}

[[stage]]
name = "helpful"
kind = "reward-model"
objective = "pairwise"
template = "r1-zero"
lr = 1e-3
steps = 6
batch = 4
checkpoint_every = 2
data = {{ kind = "stage", name = "pairs" }}
eval = {{ share = 0.3 }}
"#
    );
    let path = dir.join("judged.toml");
    fs::write(&path, text).expect("written recipe");
    path
}

/// The keys of a judge at this address.
fn server(url: &str, more: &str) -> String {
    format!(
        "{{ kind = \"http\", url = \"{url}\", model = \"sums\", backoff_seconds = 0.01, \
         max_backoff_seconds = 0.05{more} }}"
    )
}

/// Judges the response with the larger sum of digits better. Every eleventh seed gives no verdict, and
/// every fifth goes by the place.
fn judge(request: &str, seed: u64) -> Value {
    let part = |name: &str| {
        let (_, rest) = request.split_once(&format!("<{name}>\n")).expect("an opening tag");
        rest.split_once(&format!("\n</{name}>")).expect("a closing tag").0
    };
    assert!(!part("request").is_empty());
    let [a, b] = ["response A", "response B"].map(|name| digits(part(name)));
    let verdict = match seed {
        seed if seed.is_multiple_of(11) => "Both are fine.",
        seed if seed.is_multiple_of(5) => "A stands first. [[A>>B]]",
        _ if a > b + 1 => "So [[A>>B]]",
        _ if a > b => "So [[A>B]]",
        _ if a == b => "So [[A=B]]",
        _ if a + 1 < b => "So [[B>>A]]",
        _ => "So [[B>A]]",
    };
    let message = json!({"role": "assistant", "content": verdict, "reasoning_content": "[[A=B]]?"});
    json!({
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5},
    })
}

fn digits(text: &str) -> u32 {
    text.chars().filter_map(|c| c.to_digit(10)).sum()
}

/// What a reward model reads of a response.
fn summary(response: &str) -> &str {
    response.rsplit_once("</think>").map_or(response, |(_, summary)| summary).trim()
}

fn judgements(run: &Path) -> usize {
    line_count(&run.join("pairs.judgements.jsonl"))
}

/// What a run asked, made and learnt.
fn results(run: &Path) -> Written {
    written(run, |name| {
        let made = ["pairs", "stages/helpful", "evaluation-", "examples-"];
        made.iter().any(|start| name.starts_with(start))
    })
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {value}"))
}

/// The run whose judge has no faults, and its counts.
fn plain(dir: &Path) -> (PathBuf, Value) {
    let teacher = Teacher::answering(judge);
    let out = dir.join("plain");
    let recipe = recipe(dir, &server(&teacher.url(), ""), "");
    let run = thinkling(start(&recipe, &out)).ends_with(exit::DONE);
    let counts = read_json(&out.join("pairs-counts.json"));
    let n = |key: &str| count(&counts, key);
    assert_eq!(teacher.requests(), TIMES * n("/pairs"), "each asking is a request");
    assert_eq!(teacher.different(), TIMES * n("/pairs"), "of its own seed");
    for (key, words) in [
        ("/answers", "answers to 60 prompts"),
        ("/duplicates", "left out: there already"),
        ("/unreadable", "unreadable"),
        ("/dropped/below_margin", "dropped: not above the margin"),
        ("/kept", "kept"),
    ] {
        let said = format!("{} {words}", n(key));
        assert!(n(key) > 0 && run.stderr.contains(&said), "no `{said}` in {run:#?}");
    }
    (out, counts)
}

/// What has to hold of every set.
fn check(run: &Path, counts: &Value, margin: f64) {
    let n = |key: &str| count(counts, key);
    assert_eq!((n("/prompts"), n("/answers")), (PROMPTS, PROMPTS * SAMPLES));
    let dropped = ["unreadable", "below_margin", "length"].map(|k| n(&format!("/dropped/{k}")));
    assert_eq!(dropped.iter().sum::<usize>() + n("/kept"), n("/pairs"), "{counts}");
    assert_eq!(n("/pairs") + n("/prompts_without_pair") + n("/duplicate_pairs"), PROMPTS);
    let places = ["first", "second", "equal"].map(|k| n(&format!("/places/{k}")));
    assert_eq!(places.iter().sum::<usize>() + n("/unreadable"), n("/judgements"), "{counts}");
    let share = places[0] as f64 / (places[0] + places[1]) as f64;
    assert!((number(counts, "/places/first_share") - share).abs() < 1e-12);
    // Files of what was asked lie in order, all of it.
    let said = json_lines(&run.join("pairs.judgements.jsonl"));
    let place = |line: &Value| ["conversation", "sample"].map(|key| line[key].as_u64());
    assert!(said.iter().map(place).is_sorted());
    assert_eq!((said.len(), n("/judgements")), (TIMES * n("/pairs"), TIMES * n("/pairs")));
    // Each pair's mean follows from its verdicts, half of them in either order.
    let answers = json_lines(&run.join("pairs.answers.jsonl"));
    let pairs = json_lines(&run.join("pairs.pairs.jsonl"));
    assert_eq!((answers.len(), pairs.len()), (PROMPTS * SAMPLES, n("/pairs")));
    let mut kept = json_lines(&run.join("pairs.jsonl")).into_iter();
    for pair in &pairs {
        let orders = pair["verdicts"].as_array().expect("two orders");
        let read = |order: &Value| {
            let all = order.as_array().expect("verdicts");
            assert_eq!(all.len(), TIMES / 2);
            all.iter().filter_map(Value::as_f64).collect::<Vec<f64>>()
        };
        let [first, second] = [read(&orders[0]), read(&orders[1])];
        if first.len() + second.len() < 3 {
            assert_eq!(
                (&pair["outcome"], &pair["difference"]),
                (&json!("unreadable"), &Value::Null)
            );
            continue;
        }
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
        let difference = (mean(&first) - mean(&second)) / 2.0;
        assert!((number(pair, "/difference") - difference).abs() < 1e-12, "{pair}");
        match text(pair, "outcome") {
            "below-margin" => assert!(difference.abs() <= margin, "{pair}"),
            "length" => assert!(difference.abs() > margin, "{pair}"),
            outcome => {
                assert!(outcome == "kept" && difference.abs() > margin, "{pair}");
                let line = kept.next().expect("a line for each");
                let answer = |at: usize| {
                    let sample = count(&pair["samples"], &format!("/{at}"));
                    let line = &answers[count(pair, "/prompt") * SAMPLES + sample];
                    text(line, "text").trim_start().to_owned()
                };
                let (better, worse) = if difference > 0.0 { (0, 1) } else { (1, 0) };
                assert_eq!(text(&line, "chosen").trim_start(), answer(better), "{pair}");
                assert_eq!(text(&line, "rejected").trim_start(), answer(worse), "{pair}");
                assert_eq!(line["id"], pair["id"]);
            }
        }
    }
    assert!(kept.next().is_none());
    let set = json_lines(&run.join("pairs.jsonl"));
    let length = |key: &str| {
        let of = |line: &Value| summary(text(line, key)).chars().count();
        set.iter().map(of).sum::<usize>() as f64
    };
    let ratio = length("chosen") / length("rejected");
    assert!(ratio < 1.2001 && 1.0 / ratio < 1.2001, "lengths differ: {ratio}");
}

#[test]
fn a_judge_over_http_prefers_by_content_and_a_reward_model_learns_the_pairs() {
    let dir = tempdir().expect("temporary folder");
    let (out, counts) = plain(dir.path());
    check(&out, &counts, 1.0);
    // The judge goes by digits, so that the chosen ones have more, though it also goes by place.
    let set = json_lines(&out.join("pairs.jsonl"));
    for line in &set {
        let [chosen, rejected] = ["chosen", "rejected"].map(|key| digits(summary(text(line, key))));
        assert!(chosen > rejected, "{line}");
    }
    assert!(number(&counts, "/places/first_share") > 0.5, "every fifth asking: {counts}");
    let examples = read_json(&out.join("examples-helpful.json"));
    let learnt = count(&examples, "/examples") + count(&examples, "/held_out");
    assert_eq!(learnt, set.len(), "{examples}");
    assert_eq!(steps_of(&out, "helpful").len(), 6);
    assert!(out.join("stages/helpful/reward_model.json").exists());
    assert!(!out.join("stages/pairs").exists(), "the stage makes no model");
    let page = dir.path().join("report.html");
    let call = [Path::new("report"), &out, Path::new("--out"), &page];
    let _ = thinkling(call).ends_with(exit::DONE);
    let page = fs::read_to_string(&page).expect("a page");
    for words in
        ["Stage pairs", "pairs-counts.json", "dropped: below margin", "places: first share"]
    {
        assert!(page.contains(words), "no `{words}` in the report");
    }
}

#[test]
fn faults_of_the_judge_and_kills_change_nothing() {
    let dir = tempdir().expect("temporary folder");
    let since = Instant::now();
    let (whole, counts) = plain(dir.path());
    let (took, all) = (since.elapsed(), TIMES * count(&counts, "/pairs"));
    let expected = results(&whole);
    let teacher = Teacher::answering(judge);
    let proxy = Proxy::start(&teacher.url(), |number| match number % 14 {
        1 => Fault::Closed,
        3 => Fault::Cut,
        5 => Fault::Garbage,
        7 => Fault::Status(429),
        9 => Fault::NoChoices,
        11 => Fault::Status(500),
        _ => Fault::Slow(15),
    });
    let recipe = recipe(dir.path(), &server(&proxy.url(), ", retries = 12"), "");
    let asking = Asking {
        recipe: &recipe,
        answers: &judgements,
        told: &|there| format!("{there} of {all} judgements are there already"),
        took,
        share: &|moment| 0.3 + 0.7 * moment,
    };
    let mut kills = [0, 0];
    for seed in [1, 2] {
        let out = dir.path().join(format!("killed-{seed}"));
        let (run, [killed, went_on]) = asking.killed_five_times(&out, seed, 15 * seed as usize);
        let last = usize::from(run.stderr.contains("judgements are there already"));
        kills = [kills[0] + killed, kills[1] + went_on + last];
        assert_same_written(&results(&out), &expected, &format!("seed {seed}"));
    }
    assert_killed_enough(kills);
    assert_eq!(teacher.different(), all, "what is asked again has the seed of the first time");
}

#[test]
fn a_judge_that_dies_leaves_what_it_said_and_the_run_goes_on() {
    let dir = tempdir().expect("temporary folder");
    let (whole, counts) = plain(dir.path());
    let all = TIMES * count(&counts, "/pairs");
    let teacher = Teacher::answering(judge);
    let alive = Arc::new(AtomicUsize::new(40));
    let until = alive.clone();
    let proxy =
        Proxy::start(&teacher.url(), move |number| match number < until.load(Ordering::SeqCst) {
            true => Fault::None,
            false => Fault::Status(503),
        });
    let recipe = recipe(dir.path(), &server(&proxy.url(), ", retries = 2"), "");
    let out = dir.path().join("dies");
    let run = thinkling(start(&recipe, &out)).ends_with(exit::FAILED);
    let missing = format!("{} are missing", all - 40);
    run.complains_about(&["HTTP status 503", "tried 3 times", "40 answers came", &missing]);
    run.complains_about(&["--resume"]);
    assert_eq!((judgements(&out), line_count(&out.join("pairs.answers.jsonl"))), (40, 240));
    assert!(!out.join("pairs.jsonl").exists() && !out.join("pairs-counts.json").exists());
    alive.store(usize::MAX, Ordering::SeqCst);
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    let there = format!("40 of {all} judgements are there already");
    assert!(run.stderr.contains(&there), "{run:#?}");
    assert_same_written(&results(&out), &results(&whole), "the run whose judge died");
    assert_eq!(teacher.requests(), all, "nothing was judged twice");
}

/// A judge that says by chance that the first place is better, or that both are alike.
fn local_judge(dir: &Path) -> String {
    let tail = "\n</response B>\n\nCompare the two responses in a few sentences. Then end with the one \
                verdict that fits, in double square brackets as it stands here:\n[[A>>B]] response A is \
                much better\n[[A>B]] response A is a little better\n[[A=B]] both are about equally good\n\
                [[B>A]] response B is a little better\n[[B>>A]] response B is much better\n";
    let verdicts = ["[[A>>B]]", "[[A=B]]", "[[A>>B]]", "[[A=B]]", "[[A>>B]]", "?"];
    let line = |i: usize| {
        let prompt = format!("Which?\n\n<response B>\n{i}{tail}");
        json!({"prompt": prompt, "completion": verdicts[i % verdicts.len()]}).to_string() + "\n"
    };
    let examples: String = (0..60).map(line).collect();
    fs::write(dir.join("verdicts.jsonl"), examples).expect("written");
    "\n[[stage]]\nname = \"judge\"\nkind = \"sft\"\ntemplate = \"none\"\nlr = 1e-2\nsteps = 250\n\
     batch = 4\nmax_tokens = 1024\npacking = false\n\
     model = { tokenizer = \"bytes\", hidden_size = 32, num_hidden_layers = 1, \
     num_attention_heads = 2, intermediate_size = 64, max_position_embeddings = 2048 }\n\
     data = { kind = \"jsonl\", path = \"verdicts.jsonl\" }\n"
        .to_owned()
}

#[test]
fn a_judge_in_the_process_is_resumed_bit_for_bit() {
    let dir = tempdir().expect("temporary folder");
    let more = local_judge(dir.path());
    let judge = "{ kind = \"local\", model = { path = \"stage:judge\" }, template = \"none\", \
                 rollout = { max_rows = 8 } }\n\
                 instructions = \"Which?\"\njudge_temperature = 1\nmargin = 0.4";
    let recipe = recipe(dir.path(), judge, &more);
    let whole = dir.path().join("whole");
    let since = Instant::now();
    let _ = thinkling(start(&recipe, &whole)).ends_with(exit::DONE);
    let took = since.elapsed();
    let counts = read_json(&whole.join("pairs-counts.json"));
    check(&whole, &counts, 0.4);
    for key in ["/kept", "/unreadable", "/dropped/below_margin", "/places/first"] {
        assert!(count(&counts, key) > 0, "{key} of {counts}");
    }
    let all = TIMES * count(&counts, "/pairs");
    let asking = Asking {
        recipe: &recipe,
        answers: &judgements,
        told: &|there| format!("{there} of {all} judgements are there already"),
        took,
        share: &|moment| 0.2 + 0.6 * moment,
    };
    let out = dir.path().join("killed");
    let (_, kills) = asking.killed_five_times(&out, 3, 10);
    println!("{kills:?} kills, attempts that went on");
    assert!(kills[0] >= 1, "the kills came too late");
    assert_same_written(&results(&out), &results(&whole), "the run that was killed");
}

#[test]
fn a_dry_run_tells_what_is_asked_and_wrong_keys_and_files_are_named() {
    let dir = tempdir().expect("temporary folder");
    let path = recipe(dir.path(), &server("http://127.0.0.1:9/v1", ""), "");
    let text = path.to_str().expect("UTF-8 path");
    let run = thinkling(["train", text, "--dry-run"]).ends_with(exit::DONE);
    for words in [
        "stage `pairs`: 60 prompts, 4 answers each: 240 answers of at most 64 tokens; 60 pairs at most, \
         each judged 4 times: 240 judgements of at most 24 tokens",
        "a server judges, whose time is not in it",
        "stage `helpful`: an earlier stage makes its examples",
        "while it samples",
    ] {
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
    }
    assert!(run.stdout.contains("min_readable = 3"), "{run:#?}");
    let out = dir.path().join("run");
    let all_refused = |sets: &[&str], code: i32, words: &[&str]| {
        let mut call = start(&path, &out);
        call.extend(sets.iter().flat_map(|set| ["--set".to_owned(), format!("stage.pairs.{set}")]));
        thinkling(call).ends_with(code).complains_about(words);
        assert!(!out.exists(), "nothing has begun");
    };
    let wrong = exit::WRONG_CALL;
    let refused = |set: &str, words: &[&str]| all_refused(&[set], wrong, words);
    refused("time=2", &["nearest known key: `times`"]);
    refused("times=3", &["stage.pairs.times", "an even number"]);
    refused("judge.url=\"ftp://a\"", &["begins with `http://`"]);
    refused("name=\"good\"", &["earlier stage", "good"]);
    refused("judge.api_key_env=\"NO_SUCH_KEY\"", &["NO_SUCH_KEY", "is not set"]);
    let prompts = dir.path().join("prompts.jsonl");
    let path = format!("data.path={prompts:?}");
    let file = ["data.kind=\"jsonl\"", path.as_str()];
    all_refused(&file, wrong, &["not found", "prompts.jsonl"]);
    fs::write(&prompts, "{\"prompt\":\"a\"}\n{\"question\":\"b\"}\n").expect("written");
    all_refused(&file, exit::BAD_INPUT, &["prompts.jsonl:2", "`prompt`"]);
}
