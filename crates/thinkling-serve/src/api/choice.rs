//! A completion as its client reads it: the same code for whole answers and for streams.

use super::answer::Kind;
use super::logprobs;
use super::params::Plan;
use crate::model::ServedModel;
use crate::scheduler::{End, Token};
use serde_json::{Map, Value, json};
use thinkling_text::{Part, PartKind, PartStream};

/// Text that is certain by now and was not told yet.
#[derive(Debug, Default)]
struct Texts {
    /// All of it, of a completion.
    text: String,
    /// Of a chat.
    reasoning: String,
    content: String,
}

/// A completion in the making.
#[derive(Debug)]
pub(super) struct Choice {
    index: usize,
    /// Of a chat.
    parts: Option<PartStream>,
    texts: Texts,
    /// Tokens that were not told yet.
    tokens: Vec<Token>,
    end: Option<End>,
    /// Characters of the tokens that were told.
    offset: usize,
    began: bool,
}

impl Choice {
    pub(super) fn new(index: usize, kind: Kind, model: &ServedModel) -> Self {
        let parts = match kind {
            Kind::Completion => None,
            Kind::Chat { in_think } => Some(PartStream::new(model.answers_bare(), in_think)),
        };
        Self {
            index,
            parts,
            texts: Texts::default(),
            tokens: Vec::new(),
            end: None,
            offset: 0,
            began: false,
        }
    }

    pub(super) fn take(&mut self, token: Token) {
        match &mut self.parts {
            None => self.texts.text.push_str(&token.text),
            Some(parts) => {
                let mut decided = parts.push(&token.text);
                if token.end.is_some() {
                    decided.extend(parts.finish());
                }
                for Part { kind, text } in decided {
                    match kind {
                        PartKind::Reasoning => self.texts.reasoning.push_str(&text),
                        // Nothing is lost: what stands around the blocks is told with the answer.
                        PartKind::Content | PartKind::Other => self.texts.content.push_str(&text),
                    }
                }
            }
        }
        self.end = token.end.clone();
        self.tokens.push(token);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Whether there is something to tell in a stream.
    pub(super) fn has_news(&self, plan: &Plan) -> bool {
        let Texts { text, reasoning, content } = &self.texts;
        let is_asked = plan.logprobs.is_some() || plan.return_token_ids;
        self.has_ended()
            || !(text.is_empty() && reasoning.is_empty() && content.is_empty())
            || is_asked && !self.tokens.is_empty()
    }

    /// The whole choice.
    pub(super) fn whole(mut self, plan: &Plan, model: &ServedModel) -> Value {
        let mut object = self.common(plan, model);
        let Texts { text, reasoning, content } = std::mem::take(&mut self.texts);
        match self.parts {
            None => object.insert("text".to_owned(), json!(text)),
            Some(_) => {
                let reasoning = (!reasoning.is_empty()).then_some(reasoning);
                let message = json!({
                    "role": "assistant",
                    "content": content,
                    "reasoning_content": reasoning,
                    "refusal": null,
                });
                object.insert("message".to_owned(), message)
            }
        };
        Value::Object(object)
    }

    /// What is new of it, for a stream.
    pub(super) fn news(&mut self, plan: &Plan, model: &ServedModel) -> Value {
        let mut object = self.common(plan, model);
        let Texts { text, reasoning, content } = std::mem::take(&mut self.texts);
        if self.parts.is_none() {
            object.insert("text".to_owned(), json!(text));
        } else {
            let mut delta = Map::new();
            if !self.began {
                delta.insert("role".to_owned(), json!("assistant"));
            }
            for (name, text) in [("reasoning_content", reasoning), ("content", content)] {
                if !text.is_empty() {
                    delta.insert(name.to_owned(), json!(text));
                }
            }
            object.insert("delta".to_owned(), Value::Object(delta));
        }
        self.began = true;
        Value::Object(object)
    }

    /// All but the text, of the tokens that were not told yet.
    fn common(&mut self, plan: &Plan, model: &ServedModel) -> Map<String, Value> {
        let tokens = std::mem::take(&mut self.tokens);
        let logprobs = match (plan.logprobs, &self.parts) {
            (None, _) => Value::Null,
            (Some(_), None) => logprobs::of_completion(model, &tokens, &mut self.offset),
            (Some(_), Some(_)) => logprobs::of_chat(model, &tokens),
        };
        let (finish, reason) = match &self.end {
            None => (Value::Null, Value::Null),
            Some(End::Length) => (json!("length"), Value::Null),
            Some(End::String(string)) => (json!("stop"), json!(string)),
            Some(End::Token(id)) if plan.stop_token_ids.contains(id) => (json!("stop"), json!(id)),
            Some(End::Token(_)) => (json!("stop"), Value::Null),
        };
        let mut object = Map::from_iter([
            ("index".to_owned(), json!(self.index)),
            ("logprobs".to_owned(), logprobs),
            ("finish_reason".to_owned(), finish),
            ("stop_reason".to_owned(), reason),
            ("weights_version".to_owned(), json!(tokens.last().map(|token| token.version))),
        ]);
        let mixed = versions(&tokens);
        if mixed.len() > 1 {
            object.insert("weights_versions".to_owned(), json!(mixed));
        }
        if plan.return_token_ids {
            if !self.began {
                let prompt = &plan.prompts[self.index / plan.n];
                object.insert("prompt_token_ids".to_owned(), json!(prompt));
            }
            let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
            object.insert("token_ids".to_owned(), json!(ids));
        }
        object
    }
}

/// Runs of tokens that were drawn with the same weights: `[version, tokens]`.
fn versions(tokens: &[Token]) -> Vec<[u64; 2]> {
    let runs = tokens.chunk_by(|a, b| a.version == b.version);
    runs.map(|run| [run[0].version, run.len() as u64]).collect()
}
