//! Completions: the engine's own numbers, whatever else runs.

use crate::client::token_ids;
use crate::served::{Options, Served, generated, ids, questions};
use serde_json::{Value, json};
use std::thread;
use thinkling_sampling::generate::GenerateRequest;
use thinkling_sampling::{Finish, SamplingParams};

#[test]
fn sixteen_at_once_are_greedily_what_generate_gives() {
    let served = Served::new(Options::default());
    let prompts: Vec<Vec<u32>> = questions().iter().map(|text| ids(text)).collect();
    let request = GenerateRequest {
        sampling: SamplingParams::greedy(),
        ..GenerateRequest::new(&prompts, 40)
    };
    let expected = generated(&request);
    assert!(expected.iter().any(|completion| completion.finish == Finish::Stop));
    thread::scope(|scope| {
        let ask = |text: String| served.complete(json!({"prompt": text})).ok();
        let asked = questions().into_iter().map(|text| scope.spawn(move || ask(text)));
        let asked: Vec<_> = asked.collect();
        for ((asked, expected), prompt) in asked.into_iter().zip(&expected).zip(&prompts) {
            let answer = asked.join().expect("an answer");
            let choice = &answer["choices"][0];
            assert_eq!(token_ids(choice), expected.ids);
            assert_eq!(choice["prompt_token_ids"], json!(prompt));
            let finish = if expected.finish == Finish::Stop { "stop" } else { "length" };
            assert_eq!(choice["finish_reason"], finish);
            assert_eq!(answer["usage"]["prompt_tokens"], prompt.len());
            assert_eq!(answer["usage"]["completion_tokens"], expected.ids.len());
            assert_eq!(answer["usage"]["total_tokens"], prompt.len() + expected.ids.len());
        }
    });
}

#[test]
fn lists_of_prompts_and_of_ids_give_choices_in_their_order() {
    let served = Served::new(Options::default());
    let texts = &questions()[..3];
    let prompts: Vec<Vec<u32>> = texts.iter().map(|text| ids(text)).collect();
    let by_text = served.complete(json!({"prompt": texts})).ok();
    let by_ids = served.complete(json!({"prompt": prompts})).ok();
    assert_eq!(by_text["choices"], by_ids["choices"]);
    assert_eq!(by_text["usage"], by_ids["usage"]);
    for (i, prompt) in prompts.iter().enumerate() {
        let choice = &by_ids["choices"][i];
        assert_eq!(choice["index"], i);
        assert_eq!(choice["prompt_token_ids"], json!(prompt));
        let alone = served.complete(json!({"prompt": prompt})).ok();
        assert_eq!(alone["choices"][0]["token_ids"], choice["token_ids"]);
    }
}

#[test]
fn a_seed_gives_the_same_completions_alone_and_in_a_crowd() {
    let served = Served::new(Options::default());
    let prompts = [ids(&questions()[0])];
    let request = GenerateRequest { group_size: 3, seed: 7, ..GenerateRequest::new(&prompts, 40) };
    let expected: Vec<Vec<u32>> = generated(&request).into_iter().map(|c| c.ids).collect();
    assert!(expected[0] != expected[1]);
    let asked = json!({"prompt": prompts[0], "n": 3, "seed": 7, "temperature": 1});
    let ask = || {
        let answer = served.complete(asked.clone()).ok();
        let choices = answer["choices"].as_array().expect("choices");
        choices.iter().map(token_ids).collect::<Vec<_>>()
    };
    assert_eq!(ask(), expected);
    thread::scope(|scope| {
        for (i, prompt) in questions().into_iter().enumerate().take(6) {
            let noise =
                json!({"prompt": prompt, "temperature": 1.5, "seed": i, "n": 2, "top_p": 0.9});
            let served = &served;
            scope.spawn(move || (0..4).for_each(|_| drop(served.complete(noise.clone()).ok())));
        }
        (0..4).for_each(|_| assert_eq!(ask(), expected));
    });
    // Without one each request has its own.
    let asked = json!({"prompt": prompts[0], "n": 8, "temperature": 2});
    let draw = || served.complete(asked.clone()).ok()["choices"].clone();
    assert!(draw() != draw());
}

/// Characters of a text, and a piece of it that lies across two tokens, with where it begins first.
fn across_tokens(text: &str) -> (String, usize) {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let middle = places.len() / 2;
    let piece = &text[places[middle]..places[middle + 4]];
    (piece.to_owned(), text.find(piece).expect("a piece of it"))
}

#[test]
fn a_stop_string_ends_the_text_before_it_also_across_tokens() {
    let served = Served::new(Options::default());
    let prompt = &questions()[1];
    let whole = served.complete(json!({"prompt": prompt})).ok()["choices"][0].clone();
    let text = whole["text"].as_str().expect("text");
    let (stop, at) = across_tokens(text);
    let piece = stop.len();
    for stop in [json!(stop), json!(["never said", stop])] {
        let asked = json!({"prompt": prompt, "stop": stop});
        let choice = served.complete(asked).ok()["choices"][0].clone();
        assert_eq!(choice["text"], text[..at], "{stop}");
        assert_eq!(choice["finish_reason"], "stop");
        assert_eq!(choice["stop_reason"], text[at..at + piece]);
        let (all, some) = (token_ids(&whole), token_ids(&choice));
        assert!(some.len() < all.len() && all.starts_with(&some));
    }
    let id = token_ids(&whole)[6];
    let asked = json!({"prompt": prompt, "stop_token_ids": [id]});
    let choice = served.complete(asked).ok()["choices"][0].clone();
    assert_eq!((&choice["finish_reason"], &choice["stop_reason"]), (&json!("stop"), &json!(id)));
    served.wait_for("thinkling_rows_running", |rows| rows == 0.0);
    served.wait_for("thinkling_cache_tokens_taken", |tokens| tokens == 0.0);
}

#[test]
fn ignoring_the_end_goes_on_to_the_most_tokens() {
    let served = Served::new(Options::default());
    let prompt = &questions()[0];
    let asked = json!({"prompt": prompt, "ignore_eos": true, "max_tokens": 60});
    let choice = served.complete(asked).ok()["choices"][0].clone();
    assert_eq!((token_ids(&choice).len(), &choice["finish_reason"]), (60, &json!("length")));
    let one = served.complete(json!({"prompt": prompt, "max_tokens": 1})).ok();
    assert_eq!(token_ids(&one["choices"][0]).len(), 1);
}

#[test]
fn log_probabilities_are_those_of_the_sampler() {
    let served = Served::new(Options::default());
    let prompts = [ids(&questions()[2])];
    let expected = generated(&GenerateRequest {
        sampling: SamplingParams { temperature: 0.8, top_p: 0.9, ..SamplingParams::default() },
        seed: 3,
        top_logprobs: 2,
        ..GenerateRequest::new(&prompts, 12)
    });
    let asked = json!({"prompt": prompts[0], "temperature": 0.8, "top_p": 0.9, "seed": 3,
        "max_tokens": 12, "logprobs": 2});
    let choice = served.complete(asked).ok()["choices"][0].clone();
    assert_eq!(token_ids(&choice), expected[0].ids);
    let logprobs = &choice["logprobs"];
    let given: Vec<f32> =
        serde_json::from_value(logprobs["token_logprobs"].clone()).expect("numbers");
    assert_eq!(given, expected[0].logprobs);
    let (tokens, tops) = (&logprobs["tokens"], &logprobs["top_logprobs"]);
    assert_eq!(tokens.as_array().map(Vec::len), Some(given.len()));
    for (top, expected) in tops.as_array().expect("tops").iter().zip(&expected[0].top_logprobs) {
        let top = top.as_object().expect("a map");
        let values: Vec<f64> = top.values().filter_map(Value::as_f64).collect();
        assert_eq!(values, expected.iter().map(|&(_, logprob)| logprob).collect::<Vec<_>>());
    }
    assert_eq!(logprobs["text_offset"][0], 0);
}

/// A whole answer out of the chunks of a stream, by choice.
fn put_together(chunks: &[Value], choice: usize) -> Value {
    let mut whole = json!({"text": "", "token_ids": [], "token_logprobs": []});
    for chunk in chunks.iter().flat_map(|chunk| chunk["choices"].as_array().expect("choices")) {
        if chunk["index"] != choice {
            continue;
        }
        assert!(whole["finish_reason"].is_null(), "nothing comes after the end");
        whole["text"] = json!(
            whole["text"].as_str().unwrap_or_default().to_owned()
                + chunk["text"].as_str().expect("text")
        );
        for (list, from) in [
            ("token_ids", &chunk["token_ids"]),
            ("token_logprobs", &chunk["logprobs"]["token_logprobs"]),
        ] {
            let more = from.as_array().expect("a list").clone();
            whole[list].as_array_mut().expect("a list").extend(more);
        }
        whole["finish_reason"] = chunk["finish_reason"].clone();
        whole["stop_reason"] = chunk["stop_reason"].clone();
    }
    whole
}

#[test]
fn a_stream_says_what_a_whole_answer_says() {
    let served = Served::new(Options::default());
    let prompt = &questions()[3];
    let text = served.complete(json!({"prompt": prompt})).ok()["choices"][0]["text"].clone();
    let (stop, _) = across_tokens(text.as_str().expect("text"));
    for temperature in [0.0, 1.0] {
        let mut asked = json!({"prompt": [prompt, questions()[4]], "n": 2, "seed": 5, "logprobs": 1,
            "temperature": temperature, "stop": stop});
        let whole = served.complete(asked.clone()).ok();
        asked["stream"] = json!(true);
        asked["stream_options"] = json!({"include_usage": true});
        let mut chunks = served.complete(asked.clone()).events();
        let usage = chunks.pop().expect("usage");
        assert_eq!((&usage["choices"], &usage["usage"]), (&json!([]), &whole["usage"]));
        assert!(chunks.iter().all(|chunk| chunk["usage"].is_null() && chunk["id"] == usage["id"]));
        for choice in 0..4 {
            let (streamed, whole) = (put_together(&chunks, choice), &whole["choices"][choice]);
            for field in ["text", "token_ids", "finish_reason", "stop_reason"] {
                assert_eq!(streamed[field], whole[field], "{field} of choice {choice}");
            }
            assert_eq!(streamed["token_logprobs"], whole["logprobs"]["token_logprobs"]);
        }
        asked["stream_options"] = Value::Null;
        let chunks = served.complete(asked).events();
        assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    }
}
