//! Where in a completion the answer is looked for.
//!
//! Text inside `<think>` never counts, an unclosed one included (arXiv 2501.12948v1, section
//! 2.2.2: the final answer stands in a specified place).

use crate::record::Reason;
use crate::tags::{Region, Tag, TagEvent, for_each_event};

/// The text of the one `<answer>` block outside the thinking.
///
/// The rest of the format may be broken: it is judged by itself.
///
/// # Errors
/// [`Reason::NoAnswerBlock`] where none is opened and closed;
/// [`Reason::SeveralAnswerBlocks`] where there is a second opening, closed or not.
pub fn answer_block(text: &str) -> Result<&str, Reason> {
    let (mut at, mut openings, mut start, mut block) = (0, 0_usize, 0, None);
    for_each_event(text, |event| {
        let begin = at;
        at += event.as_str().len();
        match event {
            TagEvent::Tag { tag: Tag::AnswerOpen, from, .. } if from != Region::Think => {
                openings += 1;
                start = at;
            }
            TagEvent::Tag { tag: Tag::AnswerClose, from: Region::Answer, .. } => {
                block = Some(start..begin);
            }
            _ => {}
        }
    });
    match block {
        Some(block) if openings == 1 => Ok(&text[block]),
        Some(_) => Err(Reason::SeveralAnswerBlocks),
        None => Err(Reason::NoAnswerBlock),
    }
}

/// The text outside the thinking, each tag replaced by a line break.
///
/// A `</think>` without its opening closes thinking that the prompt opened: what stands before
/// it is dropped.
pub fn outside_thinking(text: &str) -> String {
    let mut out = String::new();
    for_each_event(text, |event| match event {
        TagEvent::Text { region: Region::Think, .. } => {}
        TagEvent::Text { text, .. } => out.push_str(text),
        TagEvent::Tag { tag: Tag::ThinkClose, from: Region::Outside, .. } => out.clear(),
        TagEvent::Tag { from: Region::Think, to: Region::Think, .. } => {}
        TagEvent::Tag { .. } => out.push('\n'),
    });
    out
}

/// The whole text, each tag replaced by a line break: what a reading without any format sees.
pub fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for_each_event(text, |event| match event {
        TagEvent::Text { text, .. } => out.push_str(text),
        TagEvent::Tag { .. } => out.push('\n'),
    });
    out
}

/// The text inside `<think>`, each tag replaced by a line break: the chain of thought.
pub fn thinking(text: &str) -> String {
    let mut out = String::new();
    for_each_event(text, |event| match event {
        TagEvent::Text { region: Region::Think, text } => out.push_str(text),
        TagEvent::Tag { from: Region::Think, .. } => out.push('\n'),
        _ => {}
    });
    out
}

/// The text outside the answer blocks, each tag replaced by a line break: the chain of thought
/// wherever it stands, so that moving it out of `<think>` hides nothing of it.
pub fn outside_answer(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for_each_event(text, |event| match event {
        TagEvent::Text { region: Region::Answer, .. } => {}
        TagEvent::Text { text, .. } => out.push_str(text),
        TagEvent::Tag { .. } => out.push('\n'),
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_block_outside_thinking_is_the_answer() {
        assert_eq!(answer_block("a<answer> 4 </answer>b"), Ok(" 4 "));
        assert_eq!(answer_block("<think>a</think><answer>é</answer>"), Ok("é"));
        assert_eq!(answer_block("<think><answer>3</answer></think><answer>4</answer>"), Ok("4"));
        assert_eq!(answer_block("</answer><answer></answer></answer>"), Ok(""));
    }

    #[test]
    fn an_answer_that_is_not_one_closed_block_is_none() {
        for text in [
            "",
            "4",
            "<answer>4",
            "</answer>4<answer>",
            "<think><answer>4</answer>",
            "<answer><think>4</answer></think>",
            "<Answer>4</Answer>",
        ] {
            assert_eq!(answer_block(text), Err(Reason::NoAnswerBlock), "{text}");
        }
        for text in [
            "<answer>3</answer><answer>4</answer>",
            "<answer>3<answer>4</answer>",
            "<answer>4</answer><answer>",
        ] {
            assert_eq!(answer_block(text), Err(Reason::SeveralAnswerBlocks), "{text}");
        }
    }

    #[test]
    fn thinking_is_kept_apart() {
        assert_eq!(outside_thinking("a<think>b</think>c<answer>d</answer>"), "a\n\nc\nd\n");
        assert_eq!(outside_thinking("a</think>b"), "b");
        assert_eq!(outside_thinking("a<think>b<answer>c</answer>"), "a\n");
        assert_eq!(without_tags("a<think>b</think>c"), "a\nb\nc");
        assert_eq!(thinking("a<think>b</think>c<think>d"), "b\nd");
        assert_eq!(outside_answer("a<think>b</think>c<answer>d</answer>e"), "a\nb\nc\n\ne");
        assert_eq!(outside_answer("<think>a<answer>b</answer>"), "\na\nb\n");
    }
}
