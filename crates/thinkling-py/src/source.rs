//! Which rule verl's `data_source` asks for.
//!
//! A name is cut into words at every sign that is neither letter nor digit, without case, so that
//! `lighteval/MATH`, `math_dapo` and `HuggingFaceH4/MATH-500` all have the word `math`; digits at a
//! word's end do not count (`aime25`). The first row that fits decides:
//!
//! | the name has | kind |
//! |---|---|
//! | the word `countdown` | countdown |
//! | one of [`CHOICE`] | choice |
//! | one of [`MATH`] | math |

use crate::judge::Kind;

/// Words in the names of multiple-choice sets.
pub const CHOICE: &[&str] = &[
    "gpqa",
    "mmlu",
    "arc",
    "agieval",
    "aqua",
    "ceval",
    "choice",
    "cmmlu",
    "commonsenseqa",
    "hellaswag",
    "logiqa",
    "mcq",
    "medmcqa",
    "medqa",
    "openbookqa",
    "sciq",
];

/// Words in the names of sets with mathematical answers.
pub const MATH: &[&str] = &[
    "math",
    "gsm8k",
    "aime",
    "amc",
    "asdiv",
    "bigmath",
    "dapo",
    "deepmath",
    "deepscaler",
    "geometry3k",
    "hmmt",
    "mathematics",
    "maths",
    "mawps",
    "minerva",
    "multiarith",
    "numina",
    "numinamath",
    "olympiad",
    "olympiadbench",
    "olympiads",
    "openmath",
    "openr1",
    "svamp",
];

/// The kind that a `data_source` asks for; none where no row fits.
pub fn kind_of(data_source: &str) -> Option<Kind> {
    let name = data_source.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let has = |known: &[&str]| {
        let digits = |c: char| c.is_ascii_digit();
        words
            .iter()
            .any(|word| known.contains(word) || known.contains(&word.trim_end_matches(digits)))
    };
    if has(&["countdown"]) {
        Some(Kind::Countdown)
    } else if has(CHOICE) {
        Some(Kind::Choice)
    } else if has(MATH) {
        Some(Kind::Math)
    } else {
        None
    }
}

/// What to do about a `data_source` that no row fits.
pub fn unknown(data_source: &str) -> String {
    format!(
        "unknown data_source {data_source:?}, expected: a name with the word countdown, with that of a \
         multiple-choice set ({}, ..) or of a mathematical one ({}, ..); for any other name give the \
         keyword kind, or {{\"thinkling\": {{\"kind\": ..}}}} in extra_info: math, number, choice, \
         countdown, exact",
        CHOICE[..3].join(", "),
        MATH[..3].join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_known_sets_have_their_kind() {
        for (name, kind) in [
            ("openai/gsm8k", Kind::Math),
            ("lighteval/MATH", Kind::Math),
            ("DigitalLearningGmbH/MATH-lighteval", Kind::Math),
            ("HuggingFaceH4/MATH-500", Kind::Math),
            ("math_dapo", Kind::Math),
            ("math500", Kind::Math),
            ("aime_2024", Kind::Math),
            ("aime25", Kind::Math),
            ("numina_olympiads", Kind::Math),
            ("zwhe99/DeepMath-103K", Kind::Math),
            ("hiyouga/geometry3k", Kind::Math),
            ("countdown", Kind::Countdown),
            ("Jiayi-Pan/Countdown-Tasks-3to4", Kind::Countdown),
            ("Idavidrein/gpqa", Kind::Choice),
            ("TIGER-Lab/MMLU-Pro", Kind::Choice),
            ("mmlu_high_school_mathematics", Kind::Choice),
            ("allenai/ai2_arc", Kind::Choice),
        ] {
            assert_eq!(kind_of(name), Some(kind), "{name}");
        }
    }

    #[test]
    fn other_names_are_unknown_and_the_message_says_what_helps() {
        for name in ["", "codecontests", "searchR1_nq", "aftermath/news", "42", "architecture"] {
            assert_eq!(kind_of(name), None, "{name}");
        }
        let said = unknown("nq");
        assert!(said.contains("\"nq\"") && said.contains("kind"), "{said}");
    }

    #[test]
    fn the_page_on_installing_has_every_word() {
        let page = include_str!("../../../docs/install.md");
        for (kind, words) in [("choice", CHOICE), ("math", MATH)] {
            let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            let row = format!("| {} | `{kind}` |", quoted.join(", "));
            assert!(page.contains(&row), "docs/install.md lacks: {row}");
        }
    }
}
