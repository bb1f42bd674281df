//! The part of OpenAI's chat completions that is used: request and answer as JSON.

use crate::http::Response;
use crate::retry::Fault;
use crate::sampling::{Drawing, Reply};
use serde::{Deserialize, Serialize};
use thinkling_sampling::Finish;
use thinkling_text::Message;

/// The body of a request for one answer.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    pub(super) messages: Vec<Message>,
    temperature: f64,
    top_p: f64,
    max_tokens: usize,
    /// Servers that do not know it draw as they like.
    seed: u32,
    stream: bool,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        model: &'a str,
        system: Option<&'a str>,
        messages: &[Message],
        drawing: &Drawing,
        seed: u32,
    ) -> Self {
        let system = system.map(|content| Message::new("system", content));
        Self {
            model,
            messages: system.into_iter().chain(messages.iter().cloned()).collect(),
            temperature: drawing.sampling.temperature,
            top_p: drawing.sampling.top_p,
            max_tokens: drawing.max_tokens,
            seed,
            stream: false,
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Written,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    content: Option<String>,
    /// What was thought, of servers that take it out of the text; some call it `reasoning`.
    #[serde(default, alias = "reasoning")]
    reasoning_content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
    #[serde(default)]
    completion_tokens: usize,
}

/// The answer in the body of a success. What is none may be a proxy's page or a server that is
/// starting, so that it may pass.
pub(super) fn read(response: &Response) -> Result<Reply, Fault> {
    let wrong = |what: &str| {
        let start = response.start();
        Fault::passing(format!("{what}, expected: a chat completion, got: {start:?}"))
    };
    let value: serde_json::Value =
        serde_json::from_slice(&response.body).map_err(|_| wrong("an answer that is not JSON"))?;
    let answer = Answer::deserialize(value)
        .map_err(|e| wrong(&format!("an answer of another form ({e})")))?;
    let Some(Choice { message, finish_reason }) = answer.choices.into_iter().next() else {
        return Err(wrong("an answer without choices"));
    };
    if message.content.is_none() && message.reasoning_content.is_none() {
        return Err(wrong("an answer without text"));
    }
    let finish = match finish_reason.as_deref() {
        None | Some("stop" | "eos" | "") => Finish::Stop,
        // What was cut for another reason is no whole answer either.
        Some(_) => Finish::Length,
    };
    let usage = answer.usage.unwrap_or(Usage { prompt_tokens: 0, completion_tokens: 0 });
    Ok(Reply {
        text: text(message),
        finish,
        tokens: usage.completion_tokens,
        prompt_tokens: usage.prompt_tokens,
        ids: Vec::new(),
    })
}

/// What was thought, between its tags, and what was said. Where a chat template opens the thought in
/// the prompt, a server's text has only its end.
fn text(message: Written) -> String {
    let said = message.content.unwrap_or_default();
    let thought = message.reasoning_content.unwrap_or_default();
    let opened = said.contains("<think>");
    match (thought.trim(), said.contains("</think>")) {
        (_, true) if !opened => format!("<think>\n{}", said.trim_start()),
        ("", _) => said,
        _ if opened => said,
        // Cut while it thought.
        (thought, _) if said.is_empty() => format!("<think>\n{thought}"),
        (thought, _) => format!("<think>\n{thought}\n</think>\n\n{}", said.trim_start()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use thinkling_sampling::SamplingParams;
    use ureq::http::StatusCode;

    fn of(body: &str) -> Result<Reply, Fault> {
        read(&Response {
            status: StatusCode::OK,
            retry_after: None,
            body: body.as_bytes().to_vec(),
        })
    }

    fn message(message: &serde_json::Value) -> Reply {
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        of(&json!({"choices": [choice]}).to_string()).expect("an answer")
    }

    #[test]
    fn a_request_has_the_fields_of_the_protocol() {
        let messages = [Message::new("user", "1+1?"), Message::new("assistant", "2")];
        let sampling =
            SamplingParams { temperature: 0.6, top_p: 0.95, ..SamplingParams::default() };
        let drawing = Drawing { samples: 3, sampling, max_tokens: 64, seed: 0 };
        let request = Request::new("m", Some("be brief"), &messages, &drawing, 7);
        let expected = json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "1+1?"},
                {"role": "assistant", "content": "2"},
            ],
            "temperature": 0.6, "top_p": 0.95, "max_tokens": 64, "seed": 7, "stream": false,
        });
        assert_eq!(serde_json::to_value(&request).expect("JSON"), expected);
    }

    #[test]
    fn text_end_and_usage_are_read() {
        let body = |finish: serde_json::Value| {
            let choice = json!({"message": {"role": "assistant", "content": " a"},
                                "finish_reason": finish});
            let usage = json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8});
            json!({"id": "x", "choices": [choice], "usage": usage}).to_string()
        };
        let reply = |finish| of(&body(finish)).expect("an answer");
        let whole = reply(json!("stop"));
        assert_eq!((whole.text.as_str(), whole.tokens, whole.prompt_tokens), (" a", 3, 5));
        assert_eq!(whole.finish, Finish::Stop);
        assert_eq!(reply(json!(null)).finish, Finish::Stop);
        for cut in ["length", "content_filter"] {
            assert_eq!(reply(json!(cut)).finish, Finish::Length, "{cut}");
        }
        assert_eq!(message(&json!({"content": "b"})).tokens, 0, "a server that does not count");
        assert_eq!(message(&json!({"content": ""})).text, "", "it may say nothing");
    }

    #[test]
    fn thoughts_come_back_between_their_tags() {
        let whole = "<think>\nso\n</think>\n\n2";
        for (written, expected) in [
            (json!({"content": "2", "reasoning_content": " so\n"}), whole),
            (json!({"content": "\n\n2", "reasoning": "so"}), whole),
            (json!({"content": whole, "reasoning_content": "so"}), whole),
            (json!({"content": "so\n</think>\n\n2"}), whole),
            (json!({"content": whole}), whole),
            (json!({"content": "2", "reasoning_content": null}), "2"),
            (json!({"content": null, "reasoning_content": "so"}), "<think>\nso"),
            (json!({"content": "", "reasoning_content": "so"}), "<think>\nso"),
        ] {
            assert_eq!(message(&written).text, expected, "{written}");
        }
    }

    #[test]
    fn what_is_no_answer_may_pass_and_is_shown() {
        for (body, words) in [
            ("<html>starting</html>", "not JSON"),
            ("", "not JSON"),
            ("[]", "another form"),
            (r#"{"error":{"message":"busy"}}"#, "missing field `choices`"),
            (r#"{"choices":[]}"#, "without choices"),
            (r#"{"choices":[{"message":{"content":null}}]}"#, "without text"),
            (r#"{"choices":[{"text":"a"}]}"#, "missing field `message`"),
            (r#"{"choices":[{"message":{"content":7}}]}"#, "another form"),
        ] {
            match of(body) {
                Err(Fault::Passing { reason, asked: None }) => {
                    assert!(reason.contains(words), "{body}: {reason}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
    }
}
