//! The switches of the policy that decide where an answer stands, each on and off.

use super::*;

/// The verdict under the default, and under a changed policy.
fn assert_switch(change: fn(&mut Policy), rows: &[(&str, &str, bool)]) {
    let mut changed = Policy::default();
    change(&mut changed);
    for (gold, text, by_default) in rows {
        let got = judge(gold, text, Template::None, &Policy::default()).verdict.is_correct();
        assert_eq!(got, *by_default, "default: {gold} {text}");
        let got = judge(gold, text, Template::None, &changed).verdict.is_correct();
        assert_eq!(got, !*by_default, "changed: {gold} {text}");
    }
}

#[test]
fn places_can_be_switched_off() {
    assert_switch(|p| p.whole = false, &[("x+1", "x + 1.0", true)]);
    assert_switch(
        |p| p.anchors = false,
        &[("42", "The answer is 42. I had 3 tries.", true), ("42", "#### 42\nAfter 3 tries", true)],
    );
    assert_switch(|p| p.math_spans = false, &[("x+1", "It follows that $x+1$", true)]);
    assert_switch(
        |p| p.last_number = false,
        &[("40", "the total is 40", true), ("D", "it is D, not A", true)],
    );
}

#[test]
fn several_answers_can_mean_the_last() {
    assert_switch(
        |p| p.several = Several::Last,
        &[
            ("6", r"\boxed{5} \boxed{6}", false),
            ("5", "#### 3 then\n#### 5", false),
            ("2", "The answer is 1. The answer is 2.", false),
        ],
    );
    assert_switch(|p| p.answers_join = false, &[("1,2", r"\boxed{1} and \boxed{2}", true)]);
}

#[test]
fn malformed_boxes_can_be_read() {
    assert_switch(
        |p| p.unclosed_box = true,
        &[("42", r"so \boxed{42", false), ("42", "so $\\boxed{42$\nand so on", false)],
    );
}

#[test]
fn thinking_and_macros_can_count() {
    assert_switch(
        |p| p.thinking_counts = true,
        &[
            ("6", r"<think>so \boxed{6}</think> done", false),
            ("6", r"\boxed{6}</think> done", false),
        ],
    );
    assert_switch(
        |p| p.refuse_macros = false,
        &[("6", r"\def\pi{3}\boxed{6}\boxed{2\pi\cdot 3/\pi}", false)],
    );
}

#[test]
fn turn_tokens_can_be_kept() {
    assert_switch(
        |p| p.end_tokens = false,
        &[
            ("42", "42<|im_end|>", true),
            ("42", "42</s>", true),
            ("5", "It is 5<|im_end|> not 6", true),
        ],
    );
}

#[test]
fn identity_can_be_switched_off() {
    assert_switch(|p| p.identity = false, &[(&"7".repeat(20_000), &"7".repeat(20_000), true)]);
}

#[test]
fn a_comma_can_be_a_decimal_point() {
    assert_switch(
        |p| p.decimal_comma = true,
        &[("3.5", "3,5", false), ("3,5", "3.5", false), ("-0.25", r"\boxed{-0,25}", false)],
    );
}

#[test]
fn words_and_letters_can_keep_their_case_and_stand_alone() {
    assert_switch(|p| p.words_any_case = false, &[(r"\text{Friday}", "friday", true)]);
    assert_switch(|p| p.letters_any_case = false, &[("B", "(b)", true)]);
    assert_switch(
        |p| p.letter_with_text = false,
        &[("B", "B. Red", true), ("B", r"\boxed{B. Red}", true)],
    );
}

#[test]
fn limits_are_the_callers() {
    let mut policy = Policy::default();
    policy.limits.answer_bytes = 3;
    let got = judge("7", r"\boxed{3+4}", Template::None, &policy).verdict;
    assert_eq!(got, Verdict::Correct);
    let got = judge("7", r"\boxed{3+2+2}", Template::None, &policy).verdict;
    assert_eq!(got, Verdict::Unverifiable { reason: Reason::TooLarge });
}

#[test]
fn a_policy_is_read_with_defaults_and_without_unknown_names() {
    let policy: Policy = serde_json::from_str(r#"{"rounding_digits":3,"several":"last"}"#).unwrap();
    let expected = Policy { rounding_digits: 3, several: Several::Last, ..Policy::default() };
    assert_eq!(policy, expected);
    assert!(serde_json::from_str::<Policy>(r#"{"rounding":3}"#).is_err());
}
