//! What waits for a person.

use crate::error::{Result, TrainError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
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

/// Reads a queue with a checksum of each line, which decisions name.
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
        items.push(item);
        sums.push(checksum(line));
    }
    Ok((items, sums))
}

/// The first 8 bytes of a line's SHA-256, in hexadecimal.
fn checksum(line: &str) -> String {
    Sha256::digest(line.as_bytes()).iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
