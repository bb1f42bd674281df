//! The sequence whose keys and values are kept from one request to the next: the turns of a chat.

use crate::segments::Segment;

/// A place of the cache with the tokens that lie there.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) segment: Segment,
    /// Tokens whose keys and values are there.
    pub(crate) ids: Vec<u32>,
    /// How many of the last prompt's tokens were there already.
    pub(crate) kept: usize,
}

impl Conversation {
    pub(crate) fn new(segment: Segment) -> Self {
        Self { segment, ids: Vec::new(), kept: 0 }
    }

    /// Keeps what a prompt begins with; gives how many tokens. The last one is always computed, for
    /// its logits, and all of them where `all_wanted`.
    pub(crate) fn begin(&mut self, prompt: &[u32], all_wanted: bool) -> usize {
        let alike = self.ids.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        self.kept = if all_wanted { 0 } else { alike.min(prompt.len() - 1) };
        self.ids.truncate(self.kept);
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_beginning_is_kept_but_for_the_last_token() {
        let mut conversation = Conversation::new(Segment { start: 3, len: 9 });
        assert_eq!(conversation.begin(&[1, 2], false), 0);
        conversation.ids.extend([1, 2, 7]);
        assert_eq!(conversation.begin(&[1, 2, 7, 8], false), 3);
        conversation.ids.push(8);
        assert_eq!(conversation.begin(&[1, 2, 7, 8], false), 3);
        assert_eq!(conversation.begin(&[1, 5], false), 1);
        assert_eq!(conversation.ids, [1]);
        assert_eq!(conversation.begin(&[1, 5], true), 0);
        assert!(conversation.ids.is_empty());
    }
}
