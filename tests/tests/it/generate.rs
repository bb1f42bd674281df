//! `generate --json` against what transformers computes from the same tiny models.

use serde_json::Value;
use thinkling_e2e::{Run, exit, golden, golden_numbers, thinkling};

/// Two f32 implementations of the same sums differ by rounding; whole nats would be an error.
const LOGPROB_TOLERANCE: f64 = 1e-4;

const MODELS: [&str; 5] = ["llama3_rope", "llama_tied", "qwen2", "qwen3", "llama_bf16_sharded"];

/// Each model with each executor.
fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODELS.into_iter().flat_map(|model| ["burn", "engine"].map(|executor| (model, executor)))
}

fn generate(model: &str, prompt_ids: &[u64], more: &[&str]) -> Run {
    let path = golden(model);
    let ids = prompt_ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let head = ["generate", "--model", path.to_str().expect("UTF-8 path"), "--prompt-ids", &ids];
    thinkling(head.iter().chain(&["--device", "cpu", "--json"]).chain(more))
}

fn ids(value: &Value) -> Vec<u64> {
    let list = value.as_array().unwrap_or_else(|| panic!("expected ids, got {value}"));
    list.iter().map(|id| id.as_u64().expect("an id")).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap_or_else(|| panic!("expected numbers, got {value}"));
    list.iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn assert_close(got: &[f64], expected: &[f64], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((g - e).abs() <= LOGPROB_TOLERANCE, "{what}[{i}], expected: {e}, got: {g}");
    }
}

/// `log softmax` of one row of the golden's logits.
fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|x| (x - max).exp()).sum();
    logits.iter().map(|x| x - max - sum.ln()).collect()
}

#[test]
fn greedy_ids_and_logprobs_are_those_of_transformers() {
    for (model, executor) in all() {
        let greedy = &golden_numbers(model)["greedy"];
        let (prompt, expected) = (ids(&greedy["prompt_ids"]), ids(&greedy["ids"]));
        let count = expected.len().to_string();
        let more = ["--greedy", "--ignore-eos", "--max-tokens", &count, "--executor", executor];
        let out = generate(model, &prompt, &more).ends_with(exit::DONE).json();

        assert_eq!(ids(&out["prompt_ids"]), prompt, "{model}");
        assert_eq!(ids(&out["ids"]), expected, "{model}");
        assert_close(&numbers(&out["logprobs"]), &numbers(&greedy["logprobs"]), model);
        assert_eq!(out["finish"], "length", "{model}");
        assert!(out["text"].is_string(), "{model}: {out}");
    }
}

#[test]
fn prompt_logprobs_are_those_of_transformers_beyond_the_original_context_too() {
    for (model, executor) in all() {
        let golden = golden_numbers(model);
        for case in golden["cases"].as_array().expect("cases") {
            let prompt = ids(&case["ids"]);
            let logits: Vec<Vec<f64>> =
                case["logits"].as_array().expect("logits").iter().map(numbers).collect();
            let more =
                ["--greedy", "--max-tokens", "1", "--prompt-logprobs", "--executor", executor];
            let out = generate(model, &prompt, &more).ends_with(exit::DONE).json();

            let next = prompt[1..].iter().zip(&logits);
            let expected: Vec<f64> = next
                .map(|(id, row)| log_softmax(row)[usize::try_from(*id).expect("small id")])
                .collect();
            let what = format!("{model}, {} ids", prompt.len());
            assert_close(&numbers(&out["prompt_logprobs"]), &expected, &what);
        }
    }
}

#[test]
fn top_logprobs_are_the_likeliest_tokens_in_order() {
    for model in MODELS {
        let case = &golden_numbers(model)["cases"][0];
        let more = ["--greedy", "--ignore-eos", "--max-tokens", "2", "--top-logprobs", "4"];
        let out = generate(model, &ids(&case["ids"]), &more).ends_with(exit::DONE).json();

        let last = case["logits"].as_array().and_then(|rows| rows.last()).expect("rows");
        let mut expected: Vec<f64> = log_softmax(&numbers(last));
        expected.sort_by(|a, b| b.total_cmp(a));
        let steps = out["top_logprobs"].as_array().expect("top_logprobs");
        assert_eq!(steps.len(), 2, "{model}: {out}");
        let first: Vec<f64> = steps[0]
            .as_array()
            .expect("a step")
            .iter()
            .map(|pair| pair[1].as_f64().expect("[id, logprob]"))
            .collect();
        assert_close(&first, &expected[..4], model);
        assert_eq!(steps[0][0][0], out["ids"][0], "greedy takes the likeliest, {model}");
    }
}

#[test]
fn the_same_seed_gives_the_same_completions_and_another_seed_others() {
    let prompt = [20, 30, 40];
    let sample = |seed: &str| {
        let more = ["--n", "3", "--temperature", "1", "--max-tokens", "12", "--seed", seed];
        generate("qwen3", &prompt, &more).ends_with(exit::DONE).json()
    };
    let (a, again, b) = (sample("7"), sample("7"), sample("8"));
    assert_eq!(a["completions"], again["completions"]);
    assert_ne!(a["completions"], b["completions"]);

    let completions = a["completions"].as_array().expect("completions");
    assert_eq!(completions.len(), 3, "{a}");
    let first = ids(&completions[0]["ids"]);
    assert!(completions.iter().any(|c| ids(&c["ids"]) != first), "one stream a completion: {a}");
    for completion in completions {
        let count = ids(&completion["ids"]).len();
        let logprobs = numbers(&completion["logprobs"]);
        assert_eq!(logprobs.len(), count, "{completion}");
        assert!(logprobs.iter().all(|l| *l <= 0.0), "{completion}");
        let stopped = completion["finish"] == "stop";
        assert!(stopped || completion["finish"] == "length" && count == 12, "{completion}");
    }
}

#[test]
fn both_executors_draw_the_same_completions() {
    let prompt = [20, 30, 40];
    let sample = |executor: &str| {
        let more = ["--n", "5", "--top-p", "0.9", "--max-tokens", "12", "--executor", executor];
        generate("qwen2", &prompt, &more).ends_with(exit::DONE).json()
    };
    let (burn, engine) = (sample("burn"), sample("engine"));
    let completions = |out: &Value| out["completions"].as_array().expect("completions").clone();
    for (burn, engine) in completions(&burn).iter().zip(completions(&engine)) {
        // No draw of this seed lies as near to a border as rounding.
        assert_eq!(ids(&burn["ids"]), ids(&engine["ids"]));
        assert_close(&numbers(&engine["logprobs"]), &numbers(&burn["logprobs"]), "draws");
    }
}

#[test]
fn a_text_prompt_is_tokenised_and_answered_on_standard_output() {
    let path = golden("llama_tied");
    let model = path.to_str().expect("UTF-8 path");
    let call = ["generate", "--model", model, "--prompt", "what is two", "--device", "cpu"];
    let more = ["--greedy", "--ignore-eos", "--max-tokens", "8"];
    let plain = thinkling(call.iter().chain(&more)).ends_with(exit::DONE);
    let json = thinkling(call.iter().chain(&more).chain(&["--json"])).ends_with(exit::DONE).json();

    assert!(ids(&json["prompt_ids"]).len() >= 3, "{json}");
    assert_eq!(ids(&json["ids"]).len(), 8, "{json}");
    let text = json["text"].as_str().expect("text");
    assert!(!text.is_empty() && plain.stdout.contains(text), "{text:?} in {plain:#?}");
}
