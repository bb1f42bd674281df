use super::{check, read};
use crate::math::expr::Answer;
use crate::math::parse::ParseError;

#[test]
fn words_are_lower_case_without_wrappers() {
    check(&[
        ("Friday", "\"friday\""),
        ("\\text{Friday}", "\"friday\""),
        ("\\textbf{Friday}", "\"friday\""),
        ("\\mathrm{Friday}", "\"friday\""),
        ("$\\text{Friday}$.", "\"friday\""),
        ("no solution", "\"no solution\""),
        ("\\text{no   solution}", "\"no solution\""),
        ("So it is up", "\"so it is up\""),
        ("No real solutions.", "\"no real solutions\""),
        ("even", "\"even\""),
        ("yes", "\"yes\""),
        ("DNE", "\"dne\""),
        ("ABCD", "\"abcd\""),
        ("\\text{October 30}", "\"october 30\""),
        ("x-axis", "\"x-axis\""),
        ("don't know", "\"don't know\""),
        ("\"yes\"", "\"yes\""),
        ("星期五", "\"星期五\""),
        ("да", "\"да\""),
        ("Café", "\"café\""),
        ("Monday or Tuesday", "\"monday or tuesday\""),
        ("Monday and Tuesday", "list \"monday\"; \"tuesday\""),
        ("cm", "\"cm\""),
    ]);
}

#[test]
fn a_number_among_words_is_no_value() {
    for text in [
        "42 is the answer",
        "the answer is 42",
        "42 not",
        "not 42",
        "\\text{not }42",
        "42 \\text{ but maybe } 43",
        "3 apples and junk: blah",
        "A Peter",
        "A. Blue",
        "x is even",
        "42 because why",
        "5 / 6 \\text{ (one of them)}",
        "42 <|endoftext|>",
        "\\text{the number after }5",
        "\\text{half of } 42",
        "not x = 42",
        "anything but x = 42",
        "42 squared",
        "42 halves",
        "42 isn't it",
        "x is not 42",
    ] {
        assert!(matches!(read(text), Ok(Answer::Words(_))), "{text:?}: {:?}", read(text));
    }
}

#[test]
fn letters_are_maths_and_words_are_not() {
    check(&[
        ("x", "x"),
        ("A", "A"),
        ("(A)", "A"),
        ("A.", "A"),
        ("\\text{(B)}", "B"),
        ("ab", "(a*b)"),
        ("abc", "(a*b*c)"),
        ("AB = 6", "(A*B) = 6"),
        ("2ab", "(2*a*b)"),
        ("42x", "(42*x)"),
        ("42i", "(42*I)"),
        ("a + nd", "(a+(n*d))"),
        ("II", "\"ii\""),
        ("LQSX", "\"lqsx\""),
    ]);
}

#[test]
fn blank_texts_are_blank() {
    for text in ["", " ", "\n\t", "\u{3000}", "$ $", "$$", "\\,", "\\text{}", "****"] {
        assert_eq!(read(text), Err(ParseError::Blank), "{text:?}");
    }
}
