//! When a completion ends.

use serde::{Deserialize, Serialize};

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// An end-of-sequence token was drawn; it is the completion's last id.
    Stop,
    /// The token limit or the model's context was reached.
    Length,
}

/// The ids that end a completion, and the most tokens it may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopRules {
    /// Every end-of-sequence id of the model; none to go on to the limit.
    pub stop_ids: Vec<u32>,
    /// Tokens at most, the end-of-sequence token included.
    pub max_tokens: usize,
}

impl StopRules {
    /// Whether a completion of `len` tokens whose last is `last` has ended.
    pub fn finish(&self, last: u32, len: usize) -> Option<Finish> {
        if self.stop_ids.contains(&last) {
            Some(Finish::Stop)
        } else if len >= self.max_tokens {
            Some(Finish::Length)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_id_at_the_limit_counts_as_stopped() {
        let rules = StopRules { stop_ids: vec![2, 7], max_tokens: 3 };
        assert_eq!(rules.finish(7, 3), Some(Finish::Stop));
        assert_eq!(rules.finish(5, 3), Some(Finish::Length));
        assert_eq!(rules.finish(5, 2), None);
    }
}
