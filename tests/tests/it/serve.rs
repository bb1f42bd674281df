//! `serve`: the binary answers as `generate` does, says where it listens, and ends when it is told to.

use crate::serving::{Serving, model};
use serde_json::{Value, json};
use std::thread;
use tempfile::tempdir;
use thinkling_e2e::{copy_files, exit, thinkling, workspace_file};

/// The server's sums are those of four rows, `generate`'s of one: they differ by rounding.
const LOGPROB_TOLERANCE: f64 = 1e-4;

#[test]
fn sixteen_requests_at_once_are_greedily_what_generate_says() {
    let serving = Serving::new(&[]);
    let model = model();
    let prompts: Vec<String> = (0..16).map(|i| format!("Compute {}+{}", 17 + i, 3 * i)).collect();
    let answers: Vec<Value> = thread::scope(|scope| {
        let ask = |prompt: &String| {
            let asked = json!({"prompt": prompt, "max_tokens": 30, "temperature": 0, "logprobs": 0,
                "return_token_ids": true});
            let (status, answer) = serving.post("/v1/completions", &asked);
            assert_eq!(status, 200, "{answer}");
            answer["choices"][0].clone()
        };
        let asked: Vec<_> = prompts.iter().map(|prompt| scope.spawn(move || ask(prompt))).collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    for (prompt, choice) in prompts.iter().zip(&answers) {
        let call =
            ["generate", "--model", &model, "--prompt", prompt, "--greedy", "--max-tokens", "30"];
        let more = ["--executor", "engine", "--device", "cpu", "--json"];
        let alone = thinkling(call.iter().chain(&more)).ends_with(exit::DONE).json();
        assert_eq!(choice["token_ids"], alone["ids"], "{prompt}");
        let numbers =
            |list: &Value| -> Vec<f64> { serde_json::from_value(list.clone()).expect("numbers") };
        let served = numbers(&choice["logprobs"]["token_logprobs"]);
        for (served, alone) in served.iter().zip(numbers(&alone["logprobs"])) {
            assert!((served - alone).abs() < LOGPROB_TOLERANCE, "{prompt}: {served} for {alone}");
        }
        assert_eq!(choice["text"], alone["text"], "{prompt}");
        assert_eq!(choice["finish_reason"], alone["finish"], "{prompt}");
    }
}

#[test]
#[cfg(unix)]
fn it_says_what_it_lacks_and_ends_well() {
    let serving = Serving::new(&[]);
    let messages = json!({"messages": [{"role": "user", "content": "1+1"}]});
    let (status, answer) = serving.post("/v1/chat/completions", &messages);
    assert_eq!(status, 400);
    let message = answer["error"]["message"].as_str().expect("a message");
    assert!(message.contains("no chat template"), "{message}");
    let (code, said) = serving.interrupt();
    assert_eq!(code, Some(exit::DONE), "{said}");
    for words in ["no chat template", "without a key", "`mini-world-base`", "ending", "ended"] {
        assert!(said.contains(words), "no `{words}`: {said}");
    }
    let zero = Serving::new(&["--template", "r1-zero", "--api-key", "s3cret"]);
    assert!(zero.began.contains("with a key") && !zero.began.contains("s3cret"), "{}", zero.began);
    assert_eq!(zero.post("/v1/chat/completions", &messages).0, 401);
    let taken = zero.address.rsplit(':').next().expect("a port").to_owned();
    thinkling(["serve", "--model", &model(), "--port", &taken, "--device", "cpu"])
        .ends_with(exit::FAILED)
        .complains_about(&["--port", &taken]);
}

#[test]
fn wrong_calls_are_named() {
    let serve = |more: &[&str]| {
        let model = model();
        let call = ["serve", "--model", &model, "--device", "cpu", "--port", "0"];
        thinkling(call.iter().chain(more)).ends_with(exit::WRONG_CALL)
    };
    serve(&["--api-key", ""]).complains_about(&["THINKLING_API_KEY", "empty"]);
    serve(&["--context", "1000"]).complains_about(&["--context", "256", "1000"]);
    serve(&["--cache-tokens", "100"]).complains_about(&["256", "100"]);
    serve(&["--host", "nowhere"]).complains_about(&["--host", "nowhere"]);
    // A model whose tokenizer was left behind.
    let dir = tempdir().expect("temporary folder");
    copy_files(&workspace_file("recipes/mini-world-base"), dir.path());
    std::fs::remove_file(dir.path().join("tokenizer.json")).expect("removed");
    let bare = dir.path().to_str().expect("UTF-8 path");
    thinkling(["serve", "--model", bare, "--device", "cpu", "--port", "0"])
        .ends_with(exit::BAD_INPUT)
        .complains_about(&["tokenizer.json"]);
}
