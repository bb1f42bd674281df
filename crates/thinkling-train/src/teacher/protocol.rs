//! The part of OpenAI's chat completions that is used: request and answer as JSON.

use super::retry::Fault;
use crate::http::Response;
use crate::sampling::{Drawing, Reply};
use serde::{Deserialize, Serialize};
use thinkling_sampling::Finish;
use thinkling_text::Message;

/// The body of a request for one answer.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    pub(super) messages: Vec<Turn<'a>>,
    temperature: f64,
    top_p: f64,
    max_tokens: usize,
    /// Servers that do not know it draw as they like.
    seed: u32,
    stream: bool,
}

#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'a str,
    content: &'a str,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        model: &'a str,
        system: Option<&'a str>,
        messages: &'a [Message],
        drawing: &Drawing,
        seed: u32,
    ) -> Self {
        let system = system.map(|content| Turn { role: "system", content });
        let turn = |m: &'a Message| Turn { role: &m.role, content: &m.content };
        Self {
            model,
            messages: system.into_iter().chain(messages.iter().map(turn)).collect(),
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
