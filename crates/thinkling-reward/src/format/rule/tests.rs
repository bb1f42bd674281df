use proptest::prelude::*;

use super::*;
use crate::format::FormatFault::*;
use crate::tags::Tag::*;

/// `(text, strict, tag-count, think-only)` of completions that write all their tags.
const WHOLE: &[(&str, f64, f64, f64)] = &[
    ("<think>a</think><answer>b</answer>", 1.0, 1.0, 1.0),
    (" \n<think>\na\n</think>\n\n<answer>\nb\n</answer>\n", 1.0, 1.0, 1.0),
    ("<think>a</think>\u{3000}<answer>b</answer>", 1.0, 1.0, 1.0),
    ("<think>思考</think><answer>答案</answer>", 1.0, 1.0, 1.0),
    ("<think>1 < 2 </ think></think><answer><b>2</b></answer>", 1.0, 1.0, 1.0),
    // Text outside the blocks.
    ("so <think>a</think><answer>b</answer>", 0.0, 1.0, 0.0),
    ("<think>a</think> so <answer>b</answer>", 0.0, 1.0, 1.0),
    ("<think>a</think><answer>b</answer> done", 0.0, 1.0, 1.0),
    ("\u{200B}<think>a</think><answer>b</answer>", 0.0, 1.0, 0.0),
    ("<think>a</think>\u{200B}<answer>b</answer>", 0.0, 1.0, 1.0),
    ("<think>a</think><answer>b</answer><|endoftext|>", 0.0, 1.0, 1.0),
    // Blank blocks.
    ("<think></think><answer>b</answer>", 0.0, 1.0, 0.0),
    ("<think> \n </think><answer>b</answer>", 0.0, 1.0, 0.0),
    ("<think>\u{200B}\u{FEFF}</think><answer>b</answer>", 0.0, 1.0, 0.0),
    ("<think>a</think><answer> </answer>", 0.0, 1.0, 0.0),
    ("<think>a</think><answer></answer>", 0.0, 1.0, 0.0),
    // A tag is missing.
    ("", 0.0, 0.0, 0.0),
    ("b", 0.0, 0.0, 0.0),
    ("<think>a", 0.0, 0.25, 0.0),
    ("a</think>", 0.0, 0.25, 0.0),
    ("a</think>b", 0.0, 0.25, 0.0),
    ("<answer>b", 0.0, 0.25, 0.0),
    ("b</answer>", 0.0, 0.25, 0.0),
    ("<think>a</think>", 0.0, 0.5, 0.0),
    ("<think>a</think>b", 0.0, 0.5, 1.0),
    ("<think>a</think> \u{AD}\n", 0.0, 0.5, 0.0),
    ("<answer>b</answer>", 0.0, 0.5, 0.0),
    ("<think>a</think><answer>b", 0.0, 0.75, 1.0),
    ("<think>a</think>b</answer>", 0.0, 0.75, 1.0),
    ("<think>a<answer>b</answer>", 0.0, 0.75, 0.0),
    ("a</think><answer>b</answer>", 0.0, 0.75, 0.0),
    // Tags out of order: the count does not see it.
    ("<answer>b</answer><think>a</think>", 0.0, 1.0, 0.0),
    ("<answer>b</answer><think>a</think>b", 0.0, 1.0, 0.0),
    ("</think>a<think><answer>b</answer>", 0.0, 1.0, 0.0),
    ("<think>a</think></answer>b<answer>", 0.0, 1.0, 1.0),
    ("<think>a<answer>b</think>c</answer>", 0.0, 1.0, 1.0),
    ("<think>a<answer>b</answer></think>", 0.0, 1.0, 0.0),
    ("<think>a<answer>b</answer></think>c", 0.0, 1.0, 1.0),
    ("<think><answer></answer></think>c", 0.0, 1.0, 0.0),
    // Tags more than once.
    ("<think>a<think>a</think><answer>b</answer>", 0.0, 0.75, 0.0),
    ("<think>a</think></think><answer>b</answer>", 0.0, 0.75, 0.0),
    ("<think>a</think>b</think>c", 0.0, 0.25, 0.0),
    ("<think>a</think><answer><answer>b</answer></answer>", 0.0, 0.5, 1.0),
    ("<think>a</think>b<think>a</think>b", 0.0, 0.0, 0.0),
    ("<think>a</think><answer>b</answer><think>a</think><answer>b</answer>", 0.0, 0.0, 0.0),
    // What is no tag.
    ("<Think>a</Think><Answer>b</Answer>", 0.0, 0.0, 0.0),
    ("<think >a</think ><answer>b</answer>", 0.0, 0.5, 0.0),
    ("<thinking>a</thinking><answer>b</answer>", 0.0, 0.5, 0.0),
    ("[think]a[/think]b", 0.0, 0.0, 0.0),
    ("＜think＞a＜/think＞b", 0.0, 0.0, 0.0),
    ("&lt;think&gt;a&lt;/think&gt;b", 0.0, 0.0, 0.0),
    ("<<think>>a<</think>>b", 0.0, 0.5, 0.0),
];

/// The same of completions whose prompt already ended with `<think>`.
const INSIDE: &[(&str, f64, f64, f64)] = &[
    ("a</think><answer>b</answer>", 1.0, 1.0, 1.0),
    ("\na\n</think>\n<answer>\nb\n</answer>", 1.0, 1.0, 1.0),
    ("\na\n</think>\nb", 0.0, 0.5, 1.0),
    ("a</think>", 0.0, 0.5, 0.0),
    ("a</think> \n", 0.0, 0.5, 0.0),
    ("a", 0.0, 0.25, 0.0),
    ("", 0.0, 0.25, 0.0),
    ("</think>b", 0.0, 0.5, 0.0),
    ("\n\n</think>\n\nb", 0.0, 0.5, 0.0),
    // The tag is there twice.
    ("<think>a</think>b", 0.0, 0.25, 0.0),
    ("<think>a</think><answer>b</answer>", 0.0, 0.75, 0.0),
    ("a</think>b<think>c</think>d", 0.0, 0.0, 0.0),
    ("a</think>b</think>c", 0.0, 0.25, 0.0),
    ("a<answer>b</answer></think>c", 0.0, 1.0, 1.0),
];

#[test]
fn every_rule_scores_whole_completions_as_defined() {
    for &(text, strict, count, think) in WHOLE {
        let scores = FormatRule::ALL.map(|rule| rule.score(text));
        assert_eq!(scores, [strict, count, think], "{text}");
    }
}

#[test]
fn every_rule_scores_completions_of_an_opened_thinking_as_defined() {
    for &(text, strict, count, think) in INSIDE {
        let scores = FormatRule::ALL.map(|rule| rule.judge_inside_think(text).score);
        assert_eq!(scores, [strict, count, think], "{text}");
    }
}

#[test]
fn the_first_fault_of_each_rule_is_named() {
    for (rule, text, expected) in [
        (FormatRule::TagCount, "", Missing(ThinkOpen)),
        (FormatRule::TagCount, "<think><think></think>", Repeated(ThinkOpen)),
        (FormatRule::TagCount, "<think></think><answer>", Missing(AnswerClose)),
        (FormatRule::TagCount, "<think></think></think><answer></answer>", Repeated(ThinkClose)),
        (FormatRule::ThinkOnly, "", Missing(ThinkOpen)),
        (FormatRule::ThinkOnly, "b", TextBefore),
        (FormatRule::ThinkOnly, "<think>a", Missing(ThinkClose)),
        (FormatRule::ThinkOnly, "<think> </think>b", EmptyThink),
        (FormatRule::ThinkOnly, "<think>a</think> ", EmptyAnswer),
        (FormatRule::ThinkOnly, "<think>a<think>", Misplaced(ThinkOpen)),
        (FormatRule::ThinkOnly, "</think>", Misplaced(ThinkClose)),
        (FormatRule::ThinkOnly, "<answer>b</answer>", Misplaced(AnswerOpen)),
        (FormatRule::ThinkOnly, "<think>a</think>b</think>", Misplaced(ThinkClose)),
        (FormatRule::Strict, "<think>a</think>b", TextBetween),
    ] {
        assert_eq!(rule.judge(text).reason, Some(expected), "{rule} {text}");
    }
}

#[test]
fn names_are_kebab_case_and_strict_is_the_default() {
    assert_eq!(FormatRule::default(), FormatRule::Strict);
    for rule in FormatRule::ALL {
        let json = serde_json::to_string(&rule).unwrap();
        assert_eq!(json, format!("\"{rule}\""));
        assert_eq!(serde_json::from_str::<FormatRule>(&json).unwrap(), rule);
    }
}

#[test]
fn a_score_survives_json() {
    let score = FormatRule::TagCount.judge("<think>");
    let json = serde_json::to_string(&score).unwrap();
    assert_eq!(json, r#"{"score":0.25,"reason":{"missing":"</think>"}}"#);
    assert_eq!(serde_json::from_str::<FormatScore>(&json).unwrap(), score);
}

#[test]
fn a_display_sees_the_same_events_as_the_score() {
    let mut shown = String::new();
    let mut meter = FormatMeter::new(FormatRule::ThinkOnly);
    for piece in ["<thi", "nk>a</thi", "nk>b</thin"] {
        meter.push_with(piece, |event| shown.push_str(event.as_str()));
    }
    let score = meter.finish_with(|event| shown.push_str(event.as_str()));
    assert_eq!((score.score, shown.as_str()), (1.0, "<think>a</think>b</thin"));
}

/// Tags, parts of tags and text, so that random cases come near the template.
fn near_template() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            "<think>", "</think>", "<answer>", "</answer>", "a", " ", "\n", "é", "思", "<", "</",
            "<thin", "k>", "</ans", "wer>", "\u{200B}", "\u{3000}",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_cut_scores_as_the_whole(
        text in near_template(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        inside: bool,
    ) {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        ends.push(text.len());
        ends.sort_unstable();
        for rule in FormatRule::ALL {
            let mut meter =
                if inside { FormatMeter::inside_think(rule) } else { FormatMeter::new(rule) };
            let mut start = 0;
            for &end in ends.iter().filter(|&&end| text.is_char_boundary(end)) {
                meter.push(&text[start..end]);
                start = end;
            }
            let whole = if inside { rule.judge_inside_think(&text) } else { rule.judge(&text) };
            prop_assert_eq!(meter.finish(), whole);
            prop_assert_eq!(whole.reason.is_none(), whole.score == 1.0);
            prop_assert!((0.0..=1.0).contains(&whole.score));
        }
    }

    #[test]
    fn an_opened_thinking_scores_as_the_tag_and_the_text(text in near_template()) {
        let joined = format!("<think>{text}");
        for rule in FormatRule::ALL {
            prop_assert_eq!(rule.judge_inside_think(&text), rule.judge(&joined));
        }
    }

    #[test]
    fn the_count_is_the_count_of_substrings(text in near_template()) {
        // No tag overlaps another, so counting substrings is an independent reading.
        let once = Tag::ALL.iter().filter(|tag| text.matches(tag.as_str()).count() == 1).count();
        prop_assert_eq!(FormatRule::TagCount.score(&text), once as f64 / 4.0);
    }

    #[test]
    fn a_strict_completion_has_every_rule_at_one(think in "[a-z ]{0,9}x", answer in "[0-9]{1,3}") {
        let text = format!("<think>{think}</think>\n<answer>{answer}</answer>");
        for rule in FormatRule::ALL {
            prop_assert_eq!(rule.score(&text), 1.0);
        }
    }
}
