//! What is asked for.

use crate::meter::MeterWish;
use crate::{Bundle, WebError};
use serde::Deserialize;
use thinkling_sampling::SamplingParams;
use thinkling_text::{Message, r1_zero_prompt};

/// Completions of one prompt at most.
const MAX_COMPLETIONS: usize = 64;

/// A request of `generate` (with `prompt`) or of `chat` (with `messages`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Request {
    /// Text, or token ids.
    pub prompt: Option<Prompt>,
    /// The conversation so far.
    pub messages: Option<Vec<Message>>,
    /// What stands around a prompt.
    pub template: Template,
    /// Completions.
    pub n: usize,
    /// 0 is greedy.
    pub temperature: f64,
    /// 0 for all tokens.
    pub top_k: usize,
    /// 1 for all tokens.
    pub top_p: f64,
    /// 0 for all tokens.
    pub min_p: f64,
    /// Of the random streams.
    pub seed: u64,
    /// Tokens of a completion at most.
    pub max_tokens: usize,
    /// Whether to tell what the rules see while tokens are drawn.
    pub meter: Option<MeterWish>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            prompt: None,
            messages: None,
            template: Template::None,
            n: 1,
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: 0,
            max_tokens: 256,
            meter: None,
        }
    }
}

/// Text, or token ids, which are taken as they are.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Prompt {
    /// Text.
    Text(String),
    /// Token ids.
    Ids(Vec<u32>),
}

/// What stands around a prompt.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// Nothing.
    #[default]
    None,
    /// The fixed template of R1-Zero.
    R1Zero,
    /// The model's own chat template.
    Chat,
}

/// A prompt, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) ids: Vec<u32>,
    /// Whether it is a turn of a chat: models that write no answer tags just answer.
    pub(crate) chat: bool,
    /// Whether its end opens a block of thinking.
    pub(crate) in_think: bool,
}

impl Request {
    /// How tokens are drawn.
    pub(crate) fn sampling(&self) -> SamplingParams {
        let Self { temperature, top_k, top_p, min_p, .. } = *self;
        SamplingParams { temperature, top_k, top_p, min_p }
    }

    /// What was asked, without what stands around it; empty where there is no text.
    pub(crate) fn question(&self) -> &str {
        match (&self.prompt, &self.messages) {
            (Some(Prompt::Text(text)), _) => text,
            (_, Some(messages)) => {
                let asked = messages.iter().rev().find(|message| message.role == "user");
                asked.map_or("", |message| &message.content)
            }
            _ => "",
        }
    }

    /// The token ids to begin with.
    pub(crate) fn ready(&self, bundle: &Bundle) -> Result<Ready, WebError> {
        if self.n == 0 || self.n > MAX_COMPLETIONS {
            return Err(WebError::Request(format!(
                "n, expected: 1 to {MAX_COMPLETIONS} completions, got: {}",
                self.n
            )));
        }
        let chat = |messages: &[Message]| -> Result<String, WebError> {
            let template = bundle.chat.as_ref().ok_or_else(|| {
                WebError::Request(format!(
                    "{} has no chat template; ask by generate, with the template none or r1-zero",
                    bundle.name
                ))
            })?;
            Ok(template.render(messages, true)?)
        };
        let (text, is_chat) = match (&self.messages, &self.prompt) {
            (Some(messages), None) => (chat(messages)?, true),
            (None, Some(Prompt::Ids(ids))) => {
                return Ok(Ready { ids: ids.clone(), chat: false, in_think: false });
            }
            (None, Some(Prompt::Text(text))) => match self.template {
                Template::None => (text.clone(), false),
                Template::R1Zero => (r1_zero_prompt(text), false),
                Template::Chat => (chat(&[Message::new("user", text.clone())])?, true),
            },
            _ => {
                return Err(WebError::Request(
                    "expected: either prompt or messages, got: both or neither".to_owned(),
                ));
            }
        };
        let in_think = text.trim_end().ends_with("<think>");
        Ok(Ready { ids: bundle.tokenizer.encode(&text)?, chat: is_chat, in_think })
    }
}
