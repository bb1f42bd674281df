//! Conversations that are there already.

use sha2::{Digest, Sha256};
use std::collections::HashSet;
use thinkling_text::Message;

/// Conversations seen so far, by what they say but for white space.
#[derive(Debug, Default)]
pub(crate) struct Duplicates(HashSet<[u8; 32]>);

impl Duplicates {
    /// Whether such a conversation was seen before; it counts as seen from now on.
    pub(crate) fn seen(&mut self, messages: &[Message]) -> bool {
        let mut hasher = Sha256::new();
        for message in messages {
            let more = serde_json::Value::Object(message.more.clone()).to_string();
            for text in [message.role.as_str(), message.content.as_str(), more.as_str()] {
                let words: Vec<&str> = text.split_whitespace().collect();
                let text = words.join(" ");
                // With its length, so that no two lists look alike.
                hasher.update((text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
        !self.0.insert(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_makes_no_difference_and_everything_else_does() {
        let turn = |q: &str, a: &str| [Message::new("user", q), Message::new("assistant", a)];
        let mut all = Duplicates::default();
        assert!(!all.seen(&turn("1 + 1?", "<think> one </think> 2")));
        assert!(all.seen(&turn(" 1 +\t1?\n", "<think>  one\n</think> 2")));
        assert!(!all.seen(&turn("1 + 1?", "<think> One </think> 2")));
        assert!(!all.seen(&turn("1 + 2?", "<think> one </think> 2")), "another prompt");
        assert!(!all.seen(&turn("1 +", "1? <think> one </think> 2")), "cut elsewhere");
        assert!(!all.seen(&turn("1 + 1?", "<think> one </think> 2")[..1]));
    }
}
