//! What servers are asked for and answer: one question's group, with ids and log-probabilities.
//!
//! Thinkling's and vLLM's completions are OpenAI's with `return_token_ids`
//! (docs.vllm.ai, OpenAI-compatible server); SGLang's are those of its own `/generate`
//! (docs.sglang.io, "SGLang for RL systems" and "Sampling parameters").

use crate::recipe::ServerKind;
use serde::Deserialize;
use serde_json::{Value, json};
use thinkling_learn::RolloutConfig;
use thinkling_sampling::Finish;

/// What a question's group is asked for by.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) prompt: Vec<u32>,
    /// Tokens of a completion at most, as far as the context goes.
    pub(super) max_tokens: usize,
    pub(super) seed: u64,
}

/// What the groups of a rollout have in common.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) server: ServerKind,
    pub(super) config: RolloutConfig,
    pub(super) vocab_size: usize,
}

/// A completion as its server tells it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drawn {
    pub(super) ids: Vec<u32>,
    pub(super) logprobs: Vec<f32>,
    pub(super) finish: Finish,
    /// Runs of tokens by what the server calls the version of its weights; empty where it does not say.
    pub(super) versions: Vec<(u64, usize)>,
}

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The server broke it off itself.
    Aborted,
    /// It is not what was asked for.
    Wrong(String),
}

impl From<String> for Unusable {
    fn from(reason: String) -> Self {
        Self::Wrong(reason)
    }
}

impl Asking {
    /// Path and body of a request; `model` is the name that requests go by, where they need one.
    pub(super) fn request(&self, group: &Group, model: Option<&str>) -> (&'static str, Value) {
        let (config, sampling) = (&self.config, &self.config.sampling);
        if self.server == ServerKind::Sglang {
            let mut body = json!({
                "input_ids": group.prompt,
                "sampling_params": {
                    "n": config.group_size,
                    "max_new_tokens": group.max_tokens,
                    "temperature": sampling.temperature,
                    "top_k": all_or(sampling.top_k),
                    "top_p": sampling.top_p,
                    "min_p": sampling.min_p,
                    "stop_token_ids": config.stop_ids,
                    "ignore_eos": true,
                    "skip_special_tokens": false,
                    "no_stop_trim": true,
                },
                "return_logprob": true,
            });
            if let Some(name) = model {
                body["lora_path"] = json!(name);
            }
            return ("/generate", body);
        }
        let mut body = json!({
            "prompt": group.prompt,
            "n": config.group_size,
            "max_tokens": group.max_tokens,
            "temperature": sampling.temperature,
            "top_k": all_or(sampling.top_k),
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "seed": group.seed,
            "stop_token_ids": config.stop_ids,
            "ignore_eos": true,
            "logprobs": 0,
            "return_token_ids": true,
        });
        if let Some(name) = model {
            body["model"] = json!(name);
        }
        ("/v1/completions", body)
    }

    /// Reads the completions of a group.
    pub(super) fn read(&self, group: &Group, body: &[u8]) -> Result<Vec<Drawn>, Unusable> {
        let drawn = match self.server {
            ServerKind::Thinkling | ServerKind::Vllm => of_openai(body)?,
            ServerKind::Sglang => of_sglang(body)?,
        };
        let expected = self.config.group_size;
        if drawn.len() != expected {
            return Err(format!("expected: {expected} completions, got: {}", drawn.len()).into());
        }
        for (i, drawn) in drawn.iter().enumerate() {
            self.check(group, drawn).map_err(|reason| format!("completion {}: {reason}", i + 1))?;
        }
        Ok(drawn)
    }

    fn check(&self, group: &Group, drawn: &Drawn) -> Result<(), String> {
        let (ids, logprobs) = (&drawn.ids, &drawn.logprobs);
        let differ = |what: &str, expected: String, got: String| {
            Err(format!("{what}, expected: {expected}, got: {got}"))
        };
        if ids.is_empty() || ids.len() > group.max_tokens {
            let expected = format!("1 to {} token ids", group.max_tokens);
            return differ("length", expected, ids.len().to_string());
        }
        if logprobs.len() != ids.len() {
            let expected = format!("{} log-probabilities", ids.len());
            return differ("length", expected, logprobs.len().to_string());
        }
        if let Some(id) = ids.iter().find(|&&id| id as usize >= self.vocab_size) {
            return differ("a token id", format!("below {}", self.vocab_size), id.to_string());
        }
        if let Some(value) = logprobs.iter().find(|value| !(value.is_finite() && **value <= 1e-3)) {
            return differ("a log-probability", "a number up to 0".into(), value.to_string());
        }
        let stops = ids.last().is_some_and(|id| self.config.stop_ids.contains(id));
        if drawn.finish == Finish::Stop && !stops {
            let last = ids.last().map_or_else(String::new, ToString::to_string);
            return differ("the last token id", "one that ends a completion".into(), last);
        }
        let told: usize = drawn.versions.iter().map(|(_, tokens)| tokens).sum();
        if !drawn.versions.is_empty() && told != ids.len() {
            let expected = format!("those of {} tokens", ids.len());
            return differ("versions of the weights", expected, told.to_string());
        }
        Ok(())
    }
}

/// As vLLM and SGLang have it: -1 leaves all tokens.
fn all_or(top_k: usize) -> i64 {
    if top_k == 0 { -1 } else { i64::try_from(top_k).unwrap_or(-1) }
}

fn finish(word: &str) -> Result<Finish, Unusable> {
    match word {
        "stop" => Ok(Finish::Stop),
        "length" => Ok(Finish::Length),
        "abort" => Err(Unusable::Aborted),
        other => {
            Err(format!("the reason of an end, expected: stop or length, got: {other}").into())
        }
    }
}

#[derive(Deserialize)]
struct OpenAi {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    index: usize,
    finish_reason: String,
    token_ids: Vec<u32>,
    logprobs: Logprobs,
    weights_version: Option<u64>,
    weights_versions: Option<Vec<(u64, usize)>>,
}

#[derive(Deserialize)]
struct Logprobs {
    token_logprobs: Vec<f32>,
}

fn of_openai(body: &[u8]) -> Result<Vec<Drawn>, Unusable> {
    let mut answer: OpenAi = parsed(body)?;
    answer.choices.sort_by_key(|choice| choice.index);
    let drawn = |choice: Choice| {
        let versions = match (choice.weights_versions, choice.weights_version) {
            (Some(runs), _) => runs,
            (None, Some(version)) => vec![(version, choice.token_ids.len())],
            (None, None) => Vec::new(),
        };
        Ok(Drawn {
            finish: finish(&choice.finish_reason)?,
            logprobs: choice.logprobs.token_logprobs,
            ids: choice.token_ids,
            versions,
        })
    };
    answer.choices.into_iter().map(drawn).collect()
}

/// Several completions are a list, one is not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sglang {
    Several(Vec<Generated>),
    One(Box<Generated>),
}

#[derive(Deserialize)]
struct Generated {
    meta_info: MetaInfo,
}

#[derive(Deserialize)]
struct MetaInfo {
    finish_reason: FinishReason,
    /// `[logprob, id, text]`.
    output_token_logprobs: Vec<(f32, u32, Value)>,
    /// What the last update was called; `default` before.
    weight_version: Option<String>,
}

#[derive(Deserialize)]
struct FinishReason {
    #[serde(rename = "type")]
    kind: String,
}

fn of_sglang(body: &[u8]) -> Result<Vec<Drawn>, Unusable> {
    let generated = match parsed(body)? {
        Sglang::Several(list) => list,
        Sglang::One(one) => vec![*one],
    };
    let drawn = |Generated { meta_info: meta }: Generated| {
        let tokens = &meta.output_token_logprobs;
        // Versions are named by numbers; another name is of weights that are not the trainer's.
        let version = meta.weight_version.map(|name| name.parse().unwrap_or(u64::MAX));
        Ok(Drawn {
            ids: tokens.iter().map(|token| token.1).collect(),
            logprobs: tokens.iter().map(|token| token.0).collect(),
            finish: finish(&meta.finish_reason.kind)?,
            versions: version.map(|version| (version, tokens.len())).into_iter().collect(),
        })
    };
    generated.into_iter().map(drawn).collect()
}

fn parsed<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Unusable> {
    serde_json::from_slice(body).map_err(|e| format!("an answer of another shape: {e}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinkling_model::Precision;
    use thinkling_sampling::SamplingParams;

    fn asking(server: ServerKind) -> Asking {
        let config = RolloutConfig {
            group_size: 2,
            sampling: SamplingParams { top_k: 0, ..SamplingParams::default() },
            max_tokens: 4,
            stop_ids: vec![2],
            banned: Vec::new(),
            max_rows: 8,
            seed: 1,
            precision: Precision::F32,
        };
        Asking { server, config, vocab_size: 100 }
    }

    fn group() -> Group {
        Group { prompt: vec![5, 6], max_tokens: 4, seed: 7 }
    }

    fn read(server: ServerKind, answer: &Value) -> Result<Vec<Drawn>, Unusable> {
        asking(server).read(&group(), answer.to_string().as_bytes())
    }

    fn choice(index: usize, ids: &[u32], finish: &str) -> Value {
        let logprobs: Vec<f32> = ids.iter().map(|_| -0.5).collect();
        json!({"index": index, "finish_reason": finish, "token_ids": ids, "text": "x",
            "stop_reason": null, "logprobs": {"token_logprobs": logprobs, "tokens": ["a"],
            "top_logprobs": [{}], "text_offset": [0]}})
    }

    #[test]
    fn requests_are_those_of_the_documentation() {
        let (path, body) = asking(ServerKind::Vllm).request(&group(), Some("step-3"));
        assert_eq!(path, "/v1/completions");
        assert_eq!(body["prompt"], json!([5, 6]));
        assert_eq!((&body["model"], &body["top_k"]), (&json!("step-3"), &json!(-1)));
        assert_eq!((&body["n"], &body["logprobs"]), (&json!(2), &json!(0)));
        assert_eq!((&body["return_token_ids"], &body["seed"]), (&json!(true), &json!(7)));
        assert!(asking(ServerKind::Thinkling).request(&group(), None).1.get("model").is_none());
        let (path, body) = asking(ServerKind::Sglang).request(&group(), None);
        assert_eq!(path, "/generate");
        assert_eq!((&body["input_ids"], &body["return_logprob"]), (&json!([5, 6]), &json!(true)));
        assert_eq!(body["sampling_params"]["max_new_tokens"], json!(4));
        assert_eq!(body["sampling_params"]["stop_token_ids"], json!([2]));
    }

    #[test]
    fn completions_of_openai_come_in_their_order_with_their_versions() {
        let mut mixed = choice(0, &[7, 8, 9, 10], "length");
        mixed["weights_version"] = json!(4);
        mixed["weights_versions"] = json!([[3, 1], [4, 3]]);
        let mut plain = choice(1, &[7, 2], "stop");
        plain["weights_version"] = json!(4);
        let drawn = read(ServerKind::Thinkling, &json!({"choices": [plain, mixed]})).unwrap();
        assert_eq!((drawn[0].ids.len(), drawn[0].finish), (4, Finish::Length));
        assert_eq!(drawn[0].versions, [(3, 1), (4, 3)]);
        assert_eq!((drawn[1].finish, drawn[1].versions.as_slice()), (Finish::Stop, &[(4, 2)][..]));
        let silent = [choice(0, &[1], "length"), choice(1, &[2], "stop")];
        let drawn = read(ServerKind::Vllm, &json!({"choices": silent})).unwrap();
        assert!(drawn.iter().all(|drawn| drawn.versions.is_empty()));
    }

    #[test]
    fn completions_of_sglang_are_read_with_their_version() {
        let one = |ids: &[(f32, u32)], kind: &str, version: Value| {
            let tokens: Vec<Value> = ids.iter().map(|t| json!([t.0, t.1, null])).collect();
            json!({"text": "x", "output_ids": [], "meta_info": {"id": "a", "prompt_tokens": 2,
                "finish_reason": {"type": kind, "matched": 2}, "weight_version": version,
                "output_token_logprobs": tokens}})
        };
        let answer = json!([
            one(&[(-0.5, 7), (-0.25, 2)], "stop", json!("12")),
            one(&[(-1.5, 9)], "length", json!("default")),
        ]);
        let drawn = read(ServerKind::Sglang, &answer).unwrap();
        assert_eq!((drawn[0].ids.as_slice(), drawn[0].logprobs[1]), (&[7, 2][..], -0.25));
        assert_eq!(drawn[0].versions, [(12, 2)]);
        assert_eq!(drawn[1].versions, [(u64::MAX, 1)], "weights of the server's own");
        let aborted = json!([one(&[(-0.5, 7)], "abort", json!("1")), answer[1]]);
        assert_eq!(read(ServerKind::Sglang, &aborted), Err(Unusable::Aborted));
    }

    #[test]
    fn what_is_not_what_was_asked_for_is_told() {
        let good = choice(0, &[7, 2], "stop");
        let second = |change: &dyn Fn(&mut Value)| {
            let mut second = choice(1, &[7, 2], "stop");
            change(&mut second);
            json!({"choices": [good, second]})
        };
        for (answer, words) in [
            (json!({"choices": [good]}), "expected: 2 completions, got: 1"),
            (json!({"error": "x"}), "another shape"),
            (second(&|c| c["token_ids"] = json!([])), "1 to 4 token ids"),
            (second(&|c| c["token_ids"] = json!([7, 7, 7, 7, 2])), "1 to 4 token ids, got: 5"),
            (second(&|c| c["token_ids"] = json!([7, 7, 2])), "3 log-probabilities, got: 2"),
            (second(&|c| c["token_ids"] = json!([100, 2])), "below 100, got: 100"),
            (second(&|c| c["token_ids"] = json!([7, 8])), "one that ends a completion, got: 8"),
            (second(&|c| c["logprobs"]["token_logprobs"] = json!([0.5, -1])), "got: 0.5"),
            (second(&|c| c["finish_reason"] = json!("tool_calls")), "stop or length"),
            (second(&|c| c["weights_versions"] = json!([[1, 1]])), "those of 2 tokens, got: 1"),
        ] {
            match read(ServerKind::Thinkling, &answer) {
                Err(Unusable::Wrong(reason)) => {
                    assert!(reason.contains(words), "{reason}, not {words}");
                }
                other => panic!("{words}: {other:?}"),
            }
        }
    }
}
