//! What waits for a person.

use crate::checkpoint::hex;
use crate::error::{Result, TrainError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Thinking and summary of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// The chain of thought.
    pub thinking: String,
    /// What is told after it; it states the answer.
    pub summary: String,
}

/// A record that waits for a decision; a line of a queue. Further fields are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its place in the queue, counted from 0.
    pub item: usize,
    /// The problem's name in its data.
    pub id: String,
    /// The question.
    pub question: String,
    /// What is to be learnt.
    #[serde(flatten)]
    pub texts: Texts,
    /// The answer as read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The answer that the data gives, where it is a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gold: Option<String>,
    /// What the rule says of the answer.
    pub verdict: String,
    /// How it was asked for.
    pub way: String,
    /// What the model wrote, where a teacher rewrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// Why it may be no good, each in words.
    #[serde(default)]
    pub doubts: Vec<String>,
}

/// Reads a queue with a checksum of what each item asks and says, which decisions name.
///
/// # Errors
/// A file that cannot be read, the first line that is no item or not at its place.
pub(super) fn read_queue(path: &Path) -> Result<(Vec<Item>, Vec<String>)> {
    let text = std::fs::read_to_string(path).map_err(|e| TrainError::read("queue", path, e))?;
    let (mut items, mut sums) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let bad = |reason: String| TrainError::DataLine {
            path: path.to_owned(),
            line: index + 1,
            reason,
        };
        let item: Item = serde_json::from_str(line).map_err(|e| {
            bad(format!("expected: an item of a review queue, got something else: {e}"))
        })?;
        if item.item != index {
            let got = item.item;
            return Err(bad(format!("field `item`, expected: {index}, got: {got}")));
        }
        sums.push(checksum(&item));
        items.push(item);
    }
    Ok((items, sums))
}

/// The first 8 bytes of the SHA-256 of question, thinking and summary, in hexadecimal.
fn checksum(item: &Item) -> String {
    let mut hasher = Sha256::new();
    for part in [&item.question, &item.texts.thinking, &item.texts.summary] {
        // With its length, so that no two items look alike.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize()[..8])
}
