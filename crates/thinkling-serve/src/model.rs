//! The model that is served: what HTTP needs to know of it.

use crate::error::ApiError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use thinkling_text::{ChatTemplate, Message, Tokenizer, r1_zero_prompt};
use thinkling_weights::ModelConfig;

/// How the messages of a chat become a prompt.
#[derive(Debug)]
pub enum ChatPrompt {
    /// By the model's own template.
    Template(Box<ChatTemplate>),
    /// By R1-Zero's, which takes one message of `user`.
    R1Zero,
    /// Not at all: the model has no template.
    None,
}

/// A model without its weights.
#[derive(Debug)]
pub struct ServedModel {
    /// What requests call it.
    pub name: String,
    /// Its config.
    pub config: ModelConfig,
    /// Its tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// How chats become prompts.
    pub chat: ChatPrompt,
    /// Ids that end a completion.
    pub stop_ids: Vec<u32>,
    /// Where its weights lie, for adapters that come later; without it none may come.
    pub path: Option<PathBuf>,
}

/// The prompt of a chat.
#[derive(Debug)]
pub(crate) struct ChatText {
    pub(crate) text: String,
    /// Whether it ends in an open block of thinking.
    pub(crate) in_think: bool,
}

impl ServedModel {
    /// The prompt of a conversation; `variables` are the template's.
    pub(crate) fn chat_text(
        &self,
        messages: &[Message],
        variables: &BTreeMap<String, Value>,
    ) -> Result<ChatText, ApiError> {
        let text = match &self.chat {
            ChatPrompt::Template(template) => template
                .render_with(messages, true, variables)
                .map_err(|e| ApiError::param("messages", e.to_string()))?,
            ChatPrompt::R1Zero => match messages {
                [Message { role, content, .. }] if role == "user" => r1_zero_prompt(content),
                _ => {
                    let roles: Vec<&str> = messages.iter().map(|m| m.role.as_str()).collect();
                    return Err(ApiError::param(
                        "messages",
                        format!(
                            "conversation for the template of R1-Zero, expected: one message of \
                             `user`, got: {}",
                            roles.join(", ")
                        ),
                    ));
                }
            },
            ChatPrompt::None => {
                return Err(ApiError::invalid(
                    "the model has no chat template: use /v1/completions, or start the server with \
                     `--template r1-zero` if it was trained with that one",
                ));
            }
        };
        let in_think = text.trim_end().ends_with("<think>");
        Ok(ChatText { text, in_think })
    }

    /// Whether answers come without tags of their own.
    pub(crate) fn answers_bare(&self) -> bool {
        matches!(self.chat, ChatPrompt::Template(_))
    }

    /// Token ids of a text.
    pub(crate) fn encode(
        &self,
        param: &'static str,
        text: &str,
        with_added: bool,
    ) -> Result<Vec<u32>, ApiError> {
        let ids = match with_added {
            true => self.tokenizer.encode_with_added(text),
            false => self.tokenizer.encode(text),
        };
        ids.map_err(|e| ApiError::param(param, e.to_string()))
    }

    /// A token alone as text: its bytes where these are no text.
    pub(crate) fn token_text(&self, id: u32) -> String {
        let bytes = self.tokenizer.token_bytes(id, false);
        String::from_utf8(bytes).unwrap_or_else(|error| {
            let escaped: String =
                error.as_bytes().iter().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("bytes:{escaped}")
        })
    }
}
