//! Token ids to text, one at a time.

use std::ops::Deref;

use crate::tokenizer::{DecodePlan, PiecePlan, Tokenizer, byte_of};

/// Turns ids into text as they arrive, without ever cutting a character in two.
///
/// The pieces put together are the text of [`Tokenizer::decode`] over all ids. The cost of a step
/// does not depend on how many ids came before. Generic over how the tokenizer is held, so that a
/// stream can own it (`Arc<Tokenizer>`) or borrow it ([`Tokenizer::stream`]).
#[derive(Debug)]
pub struct DetokenizeStream<T> {
    tokenizer: T,
    skip_special: bool,
    /// Bytes that do not make a character yet: at most 3 for byte-level vocabularies, a whole run
    /// of byte tokens for those with byte fallback, where one bad byte spoils the run.
    pending: Vec<u8>,
    /// How many characters may still be taken off the front.
    to_strip: usize,
    /// Whether a word came already, so that the next one needs a space.
    started: bool,
}

impl<T: Deref<Target = Tokenizer>> DetokenizeStream<T> {
    /// A stream from the start of a text. Special tokens give no text where `skip_special` is set.
    pub fn new(tokenizer: T, skip_special: bool) -> Self {
        let to_strip = match tokenizer.plan() {
            DecodePlan::Pieces(PiecePlan { strip: Some((_, count)), .. }) => *count,
            _ => 0,
        };
        Self { tokenizer, skip_special, pending: Vec::new(), to_strip, started: false }
    }

    /// Takes one id and gives the text that is certain by now, often none.
    pub fn push(&mut self, id: u32) -> String {
        let Some(token) = self.tokenizer.decodable(id, self.skip_special) else {
            return String::new();
        };
        match self.tokenizer.plan() {
            DecodePlan::ByteLevel => {
                push_bytes(&token, &mut self.pending);
                take_utf8(&mut self.pending)
            }
            DecodePlan::Words => {
                let space = if std::mem::replace(&mut self.started, true) { " " } else { "" };
                [space, token.as_str()].concat()
            }
            DecodePlan::Pieces(plan) => {
                let mut token = token;
                for (from, to) in &plan.replace {
                    token = token.replace(from.as_str(), to);
                }
                if plan.byte_fallback
                    && let Some(byte) = byte_token(&token)
                {
                    self.pending.push(byte);
                    return String::new();
                }
                let mut text = take_run(&mut self.pending);
                text.push_str(&token);
                strip_front(text, plan, &mut self.to_strip)
            }
        }
    }

    /// Ends the text and gives what was still held back. The stream then starts over.
    pub fn finish(&mut self) -> String {
        let text = match self.tokenizer.plan() {
            DecodePlan::ByteLevel => {
                let rest = std::mem::take(&mut self.pending);
                String::from_utf8_lossy(&rest).into_owned()
            }
            DecodePlan::Words => String::new(),
            DecodePlan::Pieces(plan) => {
                strip_front(take_run(&mut self.pending), plan, &mut self.to_strip)
            }
        };
        if let DecodePlan::Pieces(PiecePlan { strip: Some((_, count)), .. }) = self.tokenizer.plan()
        {
            self.to_strip = *count;
        }
        self.started = false;
        text
    }
}

impl Tokenizer {
    /// The bytes that a token stands for, which need not be whole characters; none of an id outside
    /// the vocabulary, nor of special tokens where `skip_special` is set.
    pub fn token_bytes(&self, id: u32, skip_special: bool) -> Vec<u8> {
        let Some(mut token) = self.decodable(id, skip_special) else {
            return Vec::new();
        };
        match self.plan() {
            DecodePlan::ByteLevel => {
                let mut bytes = Vec::with_capacity(token.len());
                push_bytes(&token, &mut bytes);
                bytes
            }
            DecodePlan::Words => [" ", token.as_str()].concat().into_bytes(),
            DecodePlan::Pieces(plan) => {
                for (from, to) in &plan.replace {
                    token = token.replace(from.as_str(), to);
                }
                match byte_token(&token).filter(|_| plan.byte_fallback) {
                    Some(byte) => vec![byte],
                    None => token.into_bytes(),
                }
            }
        }
    }
}

/// Adds the bytes of a byte-level token; a token with other characters (an added one) stands for
/// its own text.
fn push_bytes(token: &str, bytes: &mut Vec<u8>) {
    let before = bytes.len();
    for c in token.chars() {
        let Some(byte) = byte_of(c) else {
            bytes.truncate(before);
            bytes.extend_from_slice(token.as_bytes());
            return;
        };
        bytes.push(byte);
    }
}

/// Takes what is decided from the front of `bytes`, as `String::from_utf8_lossy` would read it, and
/// leaves the start of a character that may still be completed.
fn take_utf8(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut done = 0;
    loop {
        match std::str::from_utf8(&bytes[done..]) {
            Ok(valid) => {
                text.push_str(valid);
                done = bytes.len();
                break;
            }
            Err(error) => {
                let valid_to = done + error.valid_up_to();
                text.push_str(&String::from_utf8_lossy(&bytes[done..valid_to]));
                done = valid_to;
                let Some(bad) = error.error_len() else { break };
                text.push(char::REPLACEMENT_CHARACTER);
                done += bad;
            }
        }
    }
    bytes.drain(..done);
    text
}

/// The byte that a token such as `<0xE4>` stands for.
fn byte_token(token: &str) -> Option<u8> {
    let hex = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if token.len() == 6 { u8::from_str_radix(hex, 16).ok() } else { None }
}

/// Takes a run of byte tokens: its text where it is UTF-8, else one U+FFFD for each byte.
fn take_run(bytes: &mut Vec<u8>) -> String {
    let run = std::mem::take(bytes);
    let count = run.len();
    String::from_utf8(run).unwrap_or_else(|_| char::REPLACEMENT_CHARACTER.to_string().repeat(count))
}

fn strip_front(mut text: String, plan: &PiecePlan, left: &mut usize) -> String {
    let Some((mark, _)) = plan.strip else {
        return text;
    };
    let mut cut = 0;
    for c in text.chars() {
        if *left == 0 {
            break;
        }
        if c == mark {
            *left -= 1;
            cut += c.len_utf8();
        } else {
            *left = 0;
        }
    }
    text.drain(..cut);
    text
}
