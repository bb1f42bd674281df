//! How thinking and summary stand in a text.

use crate::recipe::RecordLayout;
use crate::review::Texts;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Thinking and what follows it, as written; `None` where there is one without the other.
pub(crate) fn split(text: &str) -> Option<Texts> {
    let (thinking, summary) = text.split_once(CLOSE)?;
    let thinking = match thinking.split_once(OPEN) {
        Some((before, inside)) if before.trim().is_empty() => inside,
        Some(_) => return None,
        None => thinking,
    };
    if thinking.trim().is_empty() || summary.trim().is_empty() || summary.contains(OPEN) {
        return None;
    }
    Some(Texts { thinking: thinking.to_owned(), summary: summary.to_owned() })
}

/// With tags, as rules read it: what [`split`] takes apart.
pub(crate) fn tagged(texts: &Texts) -> String {
    [OPEN, &texts.thinking, CLOSE, &texts.summary].concat()
}

/// As a record has it. With a delimiter the tags of an answer block are left out, their text stays.
pub(crate) fn lay_out(layout: RecordLayout, delimiter: Option<&str>, texts: &Texts) -> String {
    let delimiter = delimiter.unwrap_or_default();
    match layout {
        RecordLayout::Tags => tagged(texts),
        RecordLayout::SpecialToken => {
            let summary = texts.summary.replace("<answer>", "").replace("</answer>", "");
            [delimiter, texts.thinking.trim(), delimiter, summary.trim()].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_apart_goes_together_again() {
        let text = "<think> a\n b </think> <answer> 4 </answer>";
        let texts = split(text).expect("both");
        assert_eq!((&*texts.thinking, &*texts.summary), (" a\n b ", " <answer> 4 </answer>"));
        assert_eq!(lay_out(RecordLayout::Tags, None, &texts), text);
        let report = lay_out(RecordLayout::SpecialToken, Some("|special_token|"), &texts);
        assert_eq!(report, "|special_token|a\n b|special_token|4");
        assert_eq!(split("\n <think>a</think>b").map(|t| t.summary).as_deref(), Some("b"));
        assert_eq!(split("a</think>b").map(|t| t.thinking).as_deref(), Some("a"), "opened before");
    }

    #[test]
    fn thinking_without_a_summary_or_the_other_way_round_is_no_record() {
        for text in [
            "4",
            "<think>a",
            "<think> </think>b",
            "<think>a</think> ",
            "x<think>a</think>b",
            "<think>a</think>b<think>c</think>",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
