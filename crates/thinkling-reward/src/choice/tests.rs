//! Completions with the option that they assert.

use super::*;
use crate::record::Verdict;

fn judge(gold: &str, text: &str, template: Template) -> Verdict {
    verify(Gold(gold), Prediction(text), template, &Policy::default()).unwrap().verdict
}

#[test]
fn the_asserted_option_is_read() {
    for text in [
        "B",
        "b",
        "(B)",
        "B.",
        "B)",
        "[B]",
        "**B**",
        r"\text{B}",
        r"$\boxed{B}$",
        r"\boxed{(B)}",
        r"\boxed{\textbf{(B)}\ 5}",
        "Option B",
        "B. Red",
        "(B) Red",
        "The answer is B.",
        "The answer is (B) because (A) is too small.",
        "The correct option is B",
        "**Answer: B**",
        "Answer: B) 42",
        "答案是B。",
        "故选B。",
        "正确答案：B",
        "La réponse est B.",
        "Die richtige Antwort ist B.",
        "it is B, not A",
        "it's neither A nor C, so B",
        "It can't be A, C or D. I choose B.",
        "The answer is A? No. Final answer: B",
        "<think>A</think>B",
        "<think>A or C</think><answer>B</answer>",
    ] {
        assert_eq!(judge("B", text, Template::None), Verdict::Correct, "{text}");
        let other = judge("C", text, Template::None);
        assert_eq!(other, Verdict::Wrong, "{text}");
    }
}

#[test]
fn several_or_no_asserted_options_earn_nothing() {
    for text in [
        "A or B",
        "A/B/C/D",
        "A, B",
        "(A) (B) (C) (D)",
        "The answer is A or B.",
        "The answer is A. The answer is B.",
        r"\boxed{A} \boxed{B}",
        "A. Red\nB. Blue",
        "C. No wait, D.",
    ] {
        let expected = Verdict::Unverifiable { reason: Reason::SeveralAnswers };
        assert_eq!(judge("B", text, Template::None), expected, "{text}");
    }
    for text in [
        "",
        "a cat",
        "5",
        "B?",
        "not B",
        "ABBA",
        r"\boxed{B",
        "K",
        "f(B)",
        "\u{412}",
        "(B) is false.",
        "Vitamin B is needed.",
        "不选B。",
        r"$\{A,B\}$",
        "B = 5",
    ] {
        let expected = Verdict::Unverifiable { reason: Reason::NoAnswer };
        assert_eq!(judge("B", text, Template::None), expected, "{text}");
    }
}

#[test]
fn templates_narrow_the_place() {
    assert_eq!(judge("B", "A <answer>B</answer>", Template::R1Zero), Verdict::Correct);
    assert_eq!(judge("B", r"A \boxed{B}", Template::Boxed), Verdict::Correct);
    for template in [Template::R1Zero, Template::Boxed] {
        assert!(!judge("B", "B", template).is_correct());
    }
}

#[test]
fn golds_may_have_brackets_and_text() {
    for gold in ["B", "(B)", "(b)", "B.", "B. Red", "(B) Red", "B Red"] {
        assert_eq!(gold_letter(gold, &Policy::default()), Some('B'), "{gold}");
    }
    for gold in ["", "b", "5", "K", "AB", "B red", "x"] {
        assert_eq!(gold_letter(gold, &Policy::default()), None, "{gold}");
    }
    let error = verify(Gold("5"), Prediction("5"), Template::None, &Policy::default()).unwrap_err();
    let expected = "unreadable gold, expected: an option letter from A to J, got: \"5\"";
    assert_eq!(error.to_string(), expected);
}
