//! Chats: thinking apart from the answer.

use crate::client::token_ids;
use crate::served::{NAME, OPEN, Options, PLAIN, Served, ids};
use serde_json::{Value, json};
use thinkling_text::r1_zero_prompt;

const CHAT: &str = "/v1/chat/completions";

/// What the templates of these tests make the prompt of R1-Zero of.
fn question() -> String {
    let prompt = r1_zero_prompt("Compute 17+25");
    prompt.strip_suffix(". Assistant:").expect("its end").to_owned()
}

fn asked(content: &str) -> Value {
    json!({"model": NAME, "messages": [{"role": "user", "content": content}], "temperature": 0,
        "return_token_ids": true, "max_completion_tokens": 60})
}

fn served(template: &'static str) -> Served {
    Served::new(Options { template: Some(template), ..Options::default() })
}

/// Thinking and answer of a stream.
fn streamed(served: &Served, mut asked: Value) -> (String, String, Vec<u32>) {
    asked["stream"] = json!(true);
    let chunks = served.post(CHAT, &asked).events();
    let mut all = (String::new(), String::new(), Vec::new());
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks[0]["object"], "chat.completion.chunk");
    for chunk in &chunks {
        let choice = &chunk["choices"][0];
        let text = |name: &str| choice["delta"][name].as_str().unwrap_or_default();
        all.0.push_str(text("reasoning_content"));
        all.1.push_str(text("content"));
        all.2.extend(token_ids(choice));
    }
    assert!(chunks.last().expect("chunks")["choices"][0]["finish_reason"].is_string());
    all
}

#[test]
fn thinking_is_apart_from_the_answer_whoever_opened_it() {
    let mut contents = Vec::new();
    for (template, ending) in [(PLAIN, ""), (OPEN, "<think>")] {
        let served = served(template);
        let asked = asked(&question());
        let answer = served.post(CHAT, &asked).ok();
        let choice = &answer["choices"][0];
        let message = &choice["message"];
        let reasoning = message["reasoning_content"].as_str().expect("thinking");
        let content = message["content"].as_str().expect("an answer");
        assert!(!reasoning.is_empty() && !content.is_empty(), "{message}");
        assert!(!content.contains("think") && !reasoning.contains("think"), "{message}");
        let prompt = question() + ". Assistant:" + ending;
        assert_eq!(answer["prompt_token_ids"], json!(ids(&prompt)));
        assert_eq!(answer["usage"]["completion_tokens"], token_ids(choice).len());
        let (thought, said, drawn) = streamed(&served, asked);
        assert_eq!(
            (thought.as_str(), said.as_str(), drawn),
            (reasoning, content, token_ids(choice))
        );
        contents.push(content.to_owned());
    }
    assert!(contents.iter().all(|content| content.contains(|c: char| c.is_ascii_digit())));
}

#[test]
fn the_prompt_is_the_templates_and_its_variables_reach_it() {
    let served = served("{% if short %}{{ messages[0].content }}{% else %}1{% endif %}+");
    let mut asked = asked("2");
    asked["messages"][0]["content"] = json!([{"type": "text", "text": "2"}]);
    let prompt = |asked: &Value| served.post(CHAT, asked).ok()["prompt_token_ids"].clone();
    assert_eq!(prompt(&asked), json!(ids("1+")));
    asked["chat_template_kwargs"] = json!({"short": true});
    assert_eq!(prompt(&asked), json!(ids("2+")));
}

#[test]
fn log_probabilities_of_a_chat_are_objects_with_bytes() {
    let served = served(PLAIN);
    let mut asked = asked(&question());
    asked["logprobs"] = json!(true);
    asked["top_logprobs"] = json!(3);
    let choice = served.post(CHAT, &asked).ok()["choices"][0].clone();
    let content = choice["logprobs"]["content"].as_array().expect("a list").clone();
    assert_eq!(content.len(), token_ids(&choice).len());
    for token in &content {
        let text = token["token"].as_str().expect("text");
        assert_eq!(token["bytes"], json!(text.as_bytes()));
        let top = token["top_logprobs"].as_array().expect("a list");
        // Greedy: the best is the one that was taken.
        assert_eq!((top.len(), &top[0]["token"]), (3, &token["token"]));
        let of = |token: &Value| token["logprob"].as_f64().expect("a number");
        assert!((of(&top[0]) - of(token)).abs() < 1e-6 && of(&top[0]) >= of(&top[1]));
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let plain = served(PLAIN);
    let refused = |field: &str, value: Value| {
        let mut asked = asked("1");
        asked[field] = value;
        let answer = plain.post(CHAT, &asked);
        let message = answer.error(400);
        assert!(message.contains(field), "{field}: {message}");
        assert_eq!(answer.json()["error"]["param"], field);
    };
    refused("tools", json!([{"type": "function"}]));
    refused("response_format", json!({"type": "json_object"}));
    refused("top_logprobs", json!(2));
    refused("presence_penalty", json!(0.5));
    refused("logit_bias", json!({"1": 5}));
    refused("temperature", json!(-1));
    refused("n", json!(0));
    refused("stop", json!([""]));
    refused("max_completion_tokens", json!(0));
    let parts = json!([{"role": "user", "content": [{"type": "image_url"}]}]);
    let answer = plain.post(CHAT, &json!({"messages": parts}));
    assert!(answer.error(400).contains("image_url"));
    let picky = served("{{ raise_exception('roles must alternate') }}");
    assert!(picky.post(CHAT, &asked("1")).error(400).contains("roles must alternate"));
    let none = served("");
    assert!(none.post(CHAT, &asked("1")).error(400).contains("/v1/completions"));
    let zero = Served::new(Options::default());
    let turns = json!([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]);
    assert!(zero.post(CHAT, &json!({"messages": turns})).error(400).contains("one message"));
    assert!(zero.post(CHAT, &asked("Compute 1+1")).ok()["choices"][0]["message"].is_object());
}
