//! What holds for any text, and for answers built at random.

use super::*;

/// Pieces of which texts are made that come near the rules.
const PIECES: [&str; 56] = [
    r"\boxed{",
    "}",
    "{",
    "$",
    "$$",
    r"\(",
    r"\)",
    r"\[",
    r"\]",
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "answer is ",
    "Answer: ",
    "#### ",
    "答案是",
    "\n",
    "\n\n",
    " ",
    ".",
    ",",
    "not ",
    "or ",
    "and ",
    "A",
    "(B)",
    "C. ",
    "5",
    "6",
    "1,250",
    "3/7",
    "-",
    "+",
    "=",
    "*",
    "^",
    "\\frac",
    "12",
    r"\\",
    "\\",
    "x",
    "π",
    "é",
    "只",
    "\u{202e}",
    "\0",
    "?",
    "%",
    r"\begin{align*}",
    r"\end{align*}",
    "&",
    r"\pm",
    "(",
    ")",
    "\u{1e}",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24)
        .prop_map(|pieces| pieces.concat())
}

/// Answers that parse, of many kinds, built from integers.
fn answer() -> impl Strategy<Value = String> {
    (-99_i32..99, 1_i32..99, 0_usize..12).prop_map(|(a, b, kind)| match kind {
        0 => format!("{a}"),
        1 => format!(r"\frac{{{a}}}{{{b}}}"),
        2 => format!("({a},{b})"),
        3 => format!(r"\{{{a},{b}\}}"),
        4 => format!("x={a}"),
        5 => format!("[{a},{})", a + b),
        6 => format!(r"{a}\sqrt{{{b}}}"),
        7 => format!("{b}x^2+{a}"),
        8 => format!("{a}, {b}"),
        9 => format!("{b}:7"),
        10 => format!(r"{b}\%"),
        _ => format!(r"x\le {a}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_panics(gold in text(), prediction in text()) {
        for template in TEMPLATES {
            let _ = verify(Gold(&gold), Prediction(&prediction), template, &Policy::default());
            let _ = crate::choice::verify(Gold("B"), Prediction(&prediction), template, &Policy::default());
        }
    }

    #[test]
    fn no_string_panics(gold in "\\PC{0,40}", prediction in "\\PC{0,80}") {
        let _ = verify(Gold(&gold), Prediction(&prediction), Template::None, &Policy::default());
        let _ = verify(Gold("5"), Prediction(&prediction), Template::None, &Policy::default());
    }

    #[test]
    fn a_gold_that_can_be_read_is_its_own_answer(gold in text()) {
        if let Ok(read) = MathGold::new(Gold(&gold), &Policy::default()) {
            // A tag or turn mark is no part of an answer.
            prop_assume!(!gold.contains(['<', '\u{1e}']));
            let judged = read.verify(Prediction(&gold), Template::None, &Policy::default());
            prop_assert!(judged.verdict.is_correct(), "{:?}", judged);
        }
    }

    #[test]
    fn an_answer_is_found_in_every_place(gold in answer()) {
        for text in [
            gold.clone(),
            format!("${gold}$"),
            format!(r"Then $\boxed{{{gold}}}$."),
            format!("The answer is ${gold}$."),
            format!("Answer: {gold}"),
            format!("Hence we find ${gold}$."),
            format!("<think>7</think><answer>{gold}</answer>"),
        ] {
            prop_assert!(is_correct(&gold, &text, Template::None), "{} {}", gold, text);
        }
        let block = format!("<think>7</think>\n<answer>\n\\boxed{{{gold}}}\n</answer>");
        for template in TEMPLATES {
            prop_assert!(is_correct(&gold, &block, template), "{}", gold);
        }
    }

    #[test]
    fn a_changed_digit_breaks_an_answer(a in -999_i32..999, b in 1_i32..999, by in 1_i32..9) {
        let c = a + by;
        for (gold, other) in [
            (format!("{a}"), format!("{c}")),
            (format!(r"\frac{{{a}}}{{{b}}}"), format!(r"\frac{{{c}}}{{{b}}}")),
            (format!("({a},{b})"), format!("({c},{b})")),
            (format!("{b}x^2+{a}"), format!("{b}x^2+{c}")),
            (format!("{a}, 1000"), format!("{c}, 1000")),
            (format!(r"x\le {a}"), format!(r"x\le {c}")),
            (format!(r"{a}.5\%"), format!(r"{c}.5\%")),
        ] {
            for text in [other.clone(), format!(r"\boxed{{{other}}}"), format!("Answer: {other}")] {
                prop_assert!(!is_correct(&gold, &text, Template::None), "{} {}", gold, text);
            }
        }
    }

    #[test]
    fn members_of_a_set_may_change_places(
        members in prop::collection::btree_set(-99_i32..99, 2..12),
        turn in 0_usize..12,
    ) {
        let list = |members: &[String]| members.join(", ");
        let mut turned: Vec<String> = members.iter().map(ToString::to_string).collect();
        let gold = list(&turned);
        let by = turn % turned.len();
        turned.rotate_left(by);
        turned.swap(0, 1);
        let other = list(&turned);
        let set = |list: &str| format!(r"\{{{list}\}}");
        prop_assert!(is_correct(&set(&gold), &set(&other), Template::None));
        prop_assert!(is_correct(&gold, &other, Template::None));
        prop_assert_eq!(
            is_correct(&format!("({gold})"), &format!("({other})"), Template::None),
            gold == other
        );
        turned[0] = "1000".to_owned();
        prop_assert!(!is_correct(&set(&gold), &set(&list(&turned)), Template::None));
    }

    #[test]
    fn a_second_box_with_another_value_earns_nothing(a in 0_i32..999, by in 1_i32..99) {
        let b = a + by;
        for text in [
            format!(r"\boxed{{{a}}} \boxed{{{b}}}"),
            format!(r"\boxed{{{b}}} \boxed{{{a}}}"),
            format!("The answer is {b}. The answer is {a}."),
            format!("<answer>{a} or {b}</answer>"),
            format!("<answer>The values {b} and then also {a}.</answer>"),
        ] {
            for template in TEMPLATES {
                prop_assert!(!is_correct(&a.to_string(), &text, template), "{} {}", a, text);
            }
        }
    }
}
