//! Answers of the first and the last evaluation side by side, thinking folded.

use super::charts::level_words;
use super::data::Stage;
use super::element::Element;
use super::numbers::grouped;
use crate::evaluate::Sample;
use thinkling_text::{Segment, ThinkSplitter};

/// Problems that are shown of each kind: became right, became wrong, stayed wrong, stayed right.
const EACH: usize = 3;
/// Characters that are shown of a part of a completion.
const SHOWN: usize = 4000;

/// Problems with what was answered first and last; `None` without a sampled evaluation.
pub(super) fn samples(stage: &Stage) -> Option<Element> {
    let sampled = stage.sampled();
    let (&first_step, first) = sampled.first_key_value()?;
    let (&last_step, last) = sampled.last_key_value()?;
    let mut section = Element::new("section").child(Element::with_text("h3", "Sample completions"));
    if first_step == last_step {
        let shown = first.samples.iter().take(4 * EACH).map(|s| problem(s, &[(first_step, s)]));
        return (!first.samples.is_empty()).then(|| section.children(shown));
    }
    let pairs: Vec<(&Sample, &Sample)> =
        first.samples.iter().zip(&last.samples).filter(|(a, b)| a.question == b.question).collect();
    for (title, was, is) in [
        ("Became right", false, true),
        ("Became wrong", true, false),
        ("Stayed wrong", false, false),
        ("Stayed right", true, true),
    ] {
        let of_kind: Vec<_> =
            pairs.iter().filter(|(a, b)| a.correct == was && b.correct == is).collect();
        if of_kind.is_empty() {
            continue;
        }
        let all = pairs.len();
        let head = format!(
            "{title}: {} of {} problems",
            grouped(of_kind.len() as f64, 0),
            grouped(all as f64, 0)
        );
        // From all over the list, so that levels which lie together are not all that is seen.
        let stride = of_kind.len().div_ceil(EACH).max(1);
        let shown = of_kind.iter().step_by(stride).take(EACH);
        let shown = shown.map(|(a, b)| problem(a, &[(first_step, a), (last_step, b)]));
        section = section.child(Element::with_text("h4", &head)).children(shown);
    }
    (!pairs.is_empty()).then_some(section)
}

/// A problem with its answers by step.
fn problem(sample: &Sample, answers: &[(u64, &Sample)]) -> Element {
    let level = (!sample.level.is_empty())
        .then(|| Element::with_text("span", &level_words(&sample.level)).class("level"));
    let question = Element::new("p")
        .class("question")
        .children(level)
        .child(Element::with_text("span", &cut(sample.question.trim())));
    let answers = answers.iter().map(|(step, sample)| answer(*step, sample));
    Element::new("article")
        .class("problem")
        .child(question)
        .child(Element::new("div").class("answers").children(answers))
}

fn answer(step: u64, sample: &Sample) -> Element {
    // Sign and word, so that colour is not all that tells.
    let (class, words) =
        if sample.correct { ("right", "✓ right") } else { ("wrong", "✗ wrong") };
    let head = Element::new("p")
        .class("head")
        .child(Element::with_text("span", &format!("step {}", grouped(step as f64, 0))))
        .text(" ")
        .child(Element::with_text("b", words).class("verdict"));
    Element::new("div")
        .class(format_args!("answer {class}"))
        .child(head)
        .children(parts(&sample.text))
}

/// Thinking, answer and what lies outside both.
fn parts(text: &str) -> Vec<Element> {
    let mut splitter = ThinkSplitter::new();
    let mut segments = splitter.push(text);
    segments.extend(splitter.finish());
    let mut joined: Vec<Segment> = Vec::new();
    for segment in segments {
        match (joined.last_mut(), segment) {
            (Some(Segment::Think(all)), Segment::Think(more))
            | (Some(Segment::Answer(all)), Segment::Answer(more))
            | (Some(Segment::Other(all)), Segment::Other(more)) => *all += &more,
            (_, segment) => joined.push(segment),
        }
    }
    let shown: Vec<Element> = joined
        .iter()
        .filter(|segment| !segment.text().trim().is_empty())
        .map(|segment| match segment {
            Segment::Think(text) => {
                let words = text.split_whitespace().count();
                let summary = format!("thinking, {} words", grouped(words as f64, 0));
                Element::new("details")
                    .child(Element::with_text("summary", &summary))
                    .child(Element::with_text("pre", &cut(text.trim())))
            }
            Segment::Answer(text) => labelled("answer", text),
            Segment::Other(text) => labelled("outside the tags", text),
        })
        .collect();
    match shown.is_empty() {
        true => vec![Element::with_text("p", "(nothing)").class("note")],
        false => shown,
    }
}

fn labelled(label: &str, text: &str) -> Element {
    Element::new("div")
        .class("part")
        .child(Element::with_text("small", label))
        .child(Element::with_text("pre", &cut(text.trim())))
}

/// The text, or its beginning and how much is left out.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => {
            let more = text[end..].chars().count();
            format!("{} .. ({} more characters)", &text[..end], grouped(more as f64, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        parts(text).into_iter().map(Element::finish).collect()
    }

    #[test]
    fn thinking_is_folded_and_the_answer_is_not() {
        let html = html("<think>3 + 4 = 7</think> <answer>7</answer>");
        assert!(html.contains("<summary>thinking, 5 words</summary>"), "{html}");
        assert!(html.contains("<pre>3 + 4 = 7</pre></details>"), "{html}");
        assert!(html.contains("answer</small><pre>7</pre>"), "{html}");
    }

    #[test]
    fn what_a_model_writes_is_text_wherever_it_stands() {
        let bad = "<script>alert(1)</script><img src=x onerror=alert(2)>";
        for text in [bad.to_owned(), format!("<think>{bad}</think>{bad}<answer>{bad}</answer>")] {
            let html = html(&text);
            assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
            assert!(html.contains("&lt;script&gt;"), "{html}");
        }
    }

    #[test]
    fn long_and_empty_completions_are_told() {
        assert!(html(&"ä".repeat(SHOWN + 7)).contains("ä .. (7 more characters)"));
        assert!(html(" ").contains("(nothing)"));
    }
}
