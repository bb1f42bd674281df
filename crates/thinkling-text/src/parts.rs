//! A completion's tokens as text, and as a reader should see it.

use crate::{DetokenizeStream, Segment, ThinkSplitter, Tokenizer};
use serde::Serialize;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PartKind {
    /// Thinking.
    Reasoning,
    /// The answer.
    Content,
    /// Text outside both, where answers have tags of their own.
    Other,
}

/// A piece of text by what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// The piece, never empty.
    pub text: String,
}

/// A completion's text told apart while it arrives.
#[derive(Debug)]
pub struct PartStream {
    /// None after the end.
    splitter: Option<ThinkSplitter>,
    chat: bool,
}

impl PartStream {
    /// The text after a prompt: `chat` says whether it is a turn of a chat, where models that write no
    /// answer tags just answer, and `in_think` whether its end opens a block of thinking.
    pub fn new(chat: bool, in_think: bool) -> Self {
        let mut splitter = ThinkSplitter::new();
        if chat {
            splitter = splitter.bare_answers();
        }
        if in_think {
            splitter = splitter.starts_in_think();
        }
        Self { splitter: Some(splitter), chat }
    }

    /// Takes the next piece of text and gives what is decided by it.
    pub fn push(&mut self, text: &str) -> Vec<Part> {
        let segments = self.splitter.as_mut().map_or_else(Vec::new, |s| s.push(text));
        self.parts(segments)
    }

    /// Ends the text: what was held back was no tag.
    pub fn finish(&mut self) -> Vec<Part> {
        let segments = self.splitter.take().map_or_else(Vec::new, ThinkSplitter::finish);
        self.parts(segments)
    }

    fn parts(&self, segments: Vec<Segment>) -> Vec<Part> {
        let part = |segment: Segment| {
            let (kind, text) = match segment {
                Segment::Think(text) => (PartKind::Reasoning, text),
                Segment::Answer(text) => (PartKind::Content, text),
                // A model that does not think just answers.
                Segment::Other(text) if self.chat => (PartKind::Content, text),
                Segment::Other(text) => (PartKind::Other, text),
            };
            Part { kind, text }
        };
        segments.into_iter().map(part).collect()
    }
}

/// The text of one completion while it arrives.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokens: DetokenizeStream<&'a Tokenizer>,
    parts: PartStream,
    /// All of it.
    pub text: String,
    /// Its thinking.
    pub reasoning: String,
    /// Its answer.
    pub content: String,
}

impl<'a> TextStream<'a> {
    /// The text after a prompt; `chat` and `in_think` as of [`PartStream::new`].
    pub fn new(tokenizer: &'a Tokenizer, chat: bool, in_think: bool) -> Self {
        Self {
            // Tags may be special tokens; they are part of what is judged.
            tokens: tokenizer.stream(false),
            parts: PartStream::new(chat, in_think),
            text: String::new(),
            reasoning: String::new(),
            content: String::new(),
        }
    }

    /// Takes a token; gives its text and what is decided by it. The token that ends a completion has
    /// no text.
    pub fn push(&mut self, id: u32, ends: bool, is_last: bool) -> (String, Vec<Part>) {
        let mut text = if ends { String::new() } else { self.tokens.push(id) };
        if is_last {
            text.push_str(&self.tokens.finish());
        }
        let parts = self.take(&text, is_last);
        (text, parts)
    }

    /// Ends a completion that was broken off.
    pub fn finish(&mut self) -> Vec<Part> {
        let rest = self.tokens.finish();
        self.take(&rest, true)
    }

    fn take(&mut self, text: &str, is_last: bool) -> Vec<Part> {
        self.text.push_str(text);
        let mut parts = self.parts.push(text);
        if is_last {
            // Neighbours of one kind are one piece, as far as one call goes.
            for part in self.parts.finish() {
                match parts.last_mut() {
                    Some(last) if last.kind == part.kind => last.text.push_str(&part.text),
                    _ => parts.push(part),
                }
            }
        }
        for Part { kind, text } in &parts {
            match kind {
                PartKind::Reasoning => self.reasoning.push_str(text),
                PartKind::Content => self.content.push_str(text),
                PartKind::Other => {}
            }
        }
        parts
    }
}
