//! Format: the strict reading of the R1-Zero template, and two named readings beside it.
//!
//! Source: arXiv 2501.12948v1, section 2.2.2 (format reward) and table 1 (template). The report
//! does not print its rule. [`FormatRule`] names the readings and [`FormatMeter`] follows one of
//! them over streamed text; the default is [`FormatRule::Strict`]: the completion is
//!
//! ```text
//! blank* <think> thinking </think> blank* <answer> answer </answer> blank*
//! ```
//!
//! with each tag exactly once, in this order, both blocks holding something visible, and nothing
//! but white space (Unicode's, so the ideographic space too) outside. Zero-width characters are
//! no white space outside the blocks, and do not fill a block either. Other markup inside the
//! blocks is text. One pass, no allocation.

use serde::{Deserialize, Serialize};

mod rule;

pub use rule::{FormatMeter, FormatRule, FormatScore};

use crate::script::is_blank;
use crate::tags::{Tag, for_each_event};

/// Whether a completion keeps the strict format, and where it first breaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatVerdict {
    /// Whether the format is kept.
    pub valid: bool,
    /// The first fault; none where the format is kept.
    pub reason: Option<FormatFault>,
}

/// The first place where a completion leaves a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FormatFault {
    /// Text stands before `<think>`.
    #[error("text before <think>")]
    TextBefore,
    /// Text stands between `</think>` and `<answer>`.
    #[error("text between </think> and <answer>")]
    TextBetween,
    /// Text stands after `</answer>`.
    #[error("text after </answer>")]
    TextAfter,
    /// The thinking is blank.
    #[error("blank thinking")]
    EmptyThink,
    /// The answer is blank.
    #[error("blank answer")]
    EmptyAnswer,
    /// A tag stands where another one, or none, belongs.
    #[error("{0} out of place")]
    Misplaced(#[serde(with = "tag_text")] Tag),
    /// The text ends without this tag.
    #[error("no {0}")]
    Missing(#[serde(with = "tag_text")] Tag),
    /// A tag occurs more than once ([`FormatRule::TagCount`] only; elsewhere it is out of place).
    #[error("{0} more than once")]
    Repeated(#[serde(with = "tag_text")] Tag),
}

/// Judges a whole completion.
///
/// ```
/// use thinkling_reward::{FormatFault, strict_format};
///
/// assert!(strict_format("<think> a </think>\n<answer> b </answer>\n").valid);
/// let verdict = strict_format("<think> a </think> so <answer> b </answer>");
/// assert_eq!(verdict.reason, Some(FormatFault::TextBetween));
/// ```
pub fn strict_format(text: &str) -> FormatVerdict {
    for_each_event(text, |_| ())
}

/// Follows tags and text, and keeps the first fault.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormatTracker {
    /// How many tags of [`Tag::ALL`] were seen in order: even outside the blocks, odd inside.
    seen: usize,
    /// Whether the open block holds something visible.
    filled: bool,
    fault: Option<FormatFault>,
}

impl FormatTracker {
    pub(crate) fn on_text(&mut self, text: &str) {
        if self.fault.is_some() || self.filled {
            return;
        }
        let outside = match self.seen {
            0 => FormatFault::TextBefore,
            2 => FormatFault::TextBetween,
            4 => FormatFault::TextAfter,
            _ => {
                self.filled = !text.chars().all(is_blank);
                return;
            }
        };
        if !text.chars().all(char::is_whitespace) {
            self.fault = Some(outside);
        }
    }

    pub(crate) fn on_tag(&mut self, tag: Tag) {
        if self.fault.is_some() {
            return;
        }
        if Tag::ALL.get(self.seen) != Some(&tag) {
            self.fault = Some(FormatFault::Misplaced(tag));
            return;
        }
        match tag {
            Tag::ThinkClose if !self.filled => self.fault = Some(FormatFault::EmptyThink),
            Tag::AnswerClose if !self.filled => self.fault = Some(FormatFault::EmptyAnswer),
            _ => {}
        }
        self.seen += 1;
        self.filled = false;
    }

    pub(crate) fn finish(self) -> FormatVerdict {
        let missing = Tag::ALL.get(self.seen).copied().map(FormatFault::Missing);
        let reason = self.fault.or(missing);
        FormatVerdict { valid: reason.is_none(), reason }
    }
}

/// A tag in serialised form is the tag as written.
mod tag_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::tags::Tag;

    // Serde's `with` hands a reference.
    pub(super) fn serialize<S: Serializer>(tag: &Tag, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(tag.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Tag, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Tag::ALL.into_iter().find(|tag| tag.as_str() == text).ok_or_else(|| {
            D::Error::custom(format!("unknown tag, expected: one of the four, got: {text}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<FormatFault> {
        let verdict = strict_format(text);
        assert_eq!(verdict.valid, verdict.reason.is_none());
        verdict.reason
    }

    #[test]
    fn the_template_with_outer_white_space_is_kept() {
        assert_eq!(fault(" \n<think>a</think>\u{3000}\r\n<answer>b</answer>\t"), None);
    }

    #[test]
    fn each_fault_is_named() {
        use FormatFault::*;
        for (text, expected) in [
            ("a<think>a</think><answer>b</answer>", TextBefore),
            ("<think>a</think>.<answer>b</answer>", TextBetween),
            ("<think>a</think><answer>b</answer> <", TextAfter),
            ("<think> \u{200B}</think><answer>b</answer>", EmptyThink),
            ("<think>a</think><answer>\n</answer>", EmptyAnswer),
            ("<think>a<think>b</think><answer>b</answer>", Misplaced(Tag::ThinkOpen)),
            ("<think>a<answer>b</answer></think>", Misplaced(Tag::AnswerOpen)),
            ("<think>a</think></think><answer>b</answer>", Misplaced(Tag::ThinkClose)),
            ("<think>a</think><answer>b</answer></answer>", Misplaced(Tag::AnswerClose)),
            ("<think>a</think><answer>b", Missing(Tag::AnswerClose)),
            ("<think>a", Missing(Tag::ThinkClose)),
            ("", Missing(Tag::ThinkOpen)),
        ] {
            assert_eq!(fault(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_first_fault_is_the_one_told() {
        assert_eq!(fault("x<think></think>"), Some(FormatFault::TextBefore));
    }

    #[test]
    fn zero_width_text_outside_is_text() {
        let text = "<think>a</think>\u{200B}<answer>b</answer>";
        assert_eq!(fault(text), Some(FormatFault::TextBetween));
    }

    #[test]
    fn a_verdict_survives_json() {
        let verdict = strict_format("<think>a");
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(json, r#"{"valid":false,"reason":{"missing":"</think>"}}"#);
        assert_eq!(serde_json::from_str::<FormatVerdict>(&json).unwrap(), verdict);
    }

    #[test]
    fn ten_megabytes_are_read_in_one_pass() {
        for unit in ["<", "<think>", "<think>a</think>", "</answer", "é<answ"] {
            assert!(!strict_format(&unit.repeat(10_000_000 / unit.len())).valid);
        }
        let text = format!("<think>{}</think><answer>b</answer>", "a ".repeat(5_000_000));
        assert!(strict_format(&text).valid);
    }
}
