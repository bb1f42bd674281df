//! What of a completion may hold the answer.

use std::borrow::Cow;

use super::super::policy::Policy;
use super::clean::trim;
use crate::record::Reason;
use crate::tags::{Region, Tag, TagEvent, for_each_event};

/// Stands for a tag that was cut out: nothing that is one thing reaches across it.
pub(crate) const EDGE: u8 = 0x1E;

/// Tokens that end a turn, as tokenizers spell them.
const TURN_TOKENS: [&str; 16] = [
    "<|im_end|>",
    "<|im_start|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|begin_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|start_header_id|>",
    "<|end|>",
    "<|user|>",
    "<|return|>",
    "</s>",
    "<eos>",
    "<end_of_turn>",
    "<start_of_turn>",
    "<｜end▁of▁sentence｜>",
];

/// The text outside the thinking, up to the first end of a turn.
///
/// Tags become [`EDGE`]. A `</think>` without its opening closes thinking that the prompt opened:
/// what stands before it is dropped.
pub(crate) fn visible<'a>(text: &'a str, policy: &Policy) -> Cow<'a, str> {
    let shown = if text.contains("think>") || text.contains("answer>") {
        Cow::Owned(without_thinking(text, policy.thinking_counts))
    } else {
        Cow::Borrowed(text)
    };
    match shown {
        Cow::Borrowed(shown) => Cow::Borrowed(one_turn(shown, policy)),
        Cow::Owned(shown) => match one_turn(&shown, policy) {
            turn if turn.len() == shown.len() => Cow::Owned(shown),
            turn => Cow::Owned(turn.to_owned()),
        },
    }
}

fn without_thinking(text: &str, keep: bool) -> String {
    let edge = char::from(EDGE);
    let mut out = String::new();
    for_each_event(text, |event| match event {
        TagEvent::Text { region: Region::Think, .. } if !keep => {}
        TagEvent::Text { text, .. } => out.push_str(text),
        TagEvent::Tag { tag: Tag::ThinkClose, from: Region::Outside, .. } if !keep => out.clear(),
        TagEvent::Tag { from: Region::Think, to: Region::Think, .. } if !keep => {}
        TagEvent::Tag { .. } => out.push(edge),
    });
    out
}

/// The text before the first turn token that has text before it.
pub(crate) fn one_turn<'t>(text: &'t str, policy: &Policy) -> &'t str {
    if !policy.end_tokens {
        return text;
    }
    let mut from = 0;
    let mut at = 0;
    while let Some(offset) = text[at..].find('<') {
        let start = at + offset;
        // Most tokens are told apart by their third byte.
        let third = text.as_bytes().get(start + 2);
        let token = TURN_TOKENS
            .iter()
            .find(|token| token.as_bytes().get(2) == third && text[start..].starts_with(**token));
        let Some(token) = token else {
            at = start + 1;
            continue;
        };
        if !trim(&text[from..start]).is_empty() {
            return &text[from..start];
        }
        at = start + token.len();
        let after = &text[at..];
        let role = ["assistant", "model"].iter().find(|role| after.starts_with(**role));
        at += role.map_or(0, |role| role.len());
        from = at;
    }
    &text[from..]
}

/// The one answer block of a visible text, or nothing where none is opened.
///
/// # Errors
/// Where one is opened and not closed, or where there are several.
pub(crate) fn block<'a>(text: &'a str, visible: &str) -> Result<Option<&'a str>, Reason> {
    if !text.contains("<answer>") {
        return Ok(None);
    }
    match crate::answer::answer_block(text) {
        Ok(block) => Ok(Some(block)),
        // An opening tag inside the thinking is no answer block.
        Err(Reason::NoAnswerBlock) if !opens_block(text) => Ok(None),
        Err(reason) => Err(if visible.is_empty() { Reason::NoAnswer } else { reason }),
    }
}

fn opens_block(text: &str) -> bool {
    let mut opens = false;
    for_each_event(text, |event| {
        opens |= matches!(event, TagEvent::Tag { tag: Tag::AnswerOpen, from, .. }
            if from != Region::Think);
    });
    opens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> String {
        visible(text, &Policy::default()).into_owned()
    }

    #[test]
    fn thinking_is_never_visible() {
        for (text, expected) in [
            ("a", "a"),
            ("<think>a</think>b", "\u{1e}\u{1e}b"),
            ("a</think>b", "b"),
            ("<think>a", "\u{1e}"),
            ("a<think>b</think>c</think>d", "d"),
            ("<think>a</think><answer>b</answer>", "\u{1e}\u{1e}\u{1e}b\u{1e}"),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
        let policy = Policy { thinking_counts: true, ..Policy::default() };
        assert!(visible("<think>a</think>b", &policy).contains('a'));
        assert!(visible("a</think>b", &policy).contains('a'));
    }

    #[test]
    fn a_prediction_ends_with_its_turn() {
        for (text, expected) in [
            ("42<|endoftext|>", "42"),
            ("42<|im_end|>\n<|im_start|>user\n43", "42"),
            ("<|im_start|>assistant\n42", "\n42"),
            ("a < b</s>", "a < b"),
            ("a<|b", "a<|b"),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
        let policy = Policy { end_tokens: false, ..Policy::default() };
        assert_eq!(visible("42</s>", &policy), "42</s>");
    }

    #[test]
    fn only_one_closed_block_is_a_block() {
        let block = |text| block(text, &seen(text));
        assert_eq!(block("<answer>5</answer>"), Ok(Some("5")));
        assert_eq!(block("5"), Ok(None));
        assert_eq!(block("<think><answer>5</think>6"), Ok(None));
        assert_eq!(block("<answer>5"), Err(Reason::NoAnswerBlock));
        assert_eq!(block("<answer>5</answer><answer>6"), Err(Reason::SeveralAnswerBlocks));
    }
}
