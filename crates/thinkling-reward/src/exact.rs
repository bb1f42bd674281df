//! Answers that are compared character by character.
//!
//! Both sides lose the blanks at their ends (Unicode white space, control and zero-width
//! characters) and nothing else: case, inner spaces and punctuation count.
//!
//! ```
//! use thinkling_reward::Template;
//! use thinkling_reward::exact::verify;
//! use thinkling_reward::math::{Gold, Prediction};
//!
//! let text = "<think> .. </think> <answer> knight, knave </answer>";
//! let judge = |gold| verify(Gold(gold), Prediction(text), Template::R1Zero);
//! assert!(judge("knight, knave")?.verdict.is_correct());
//! assert!(!judge("Knight, knave")?.verdict.is_correct());
//! # Ok::<(), thinkling_reward::exact::BlankGold>(())
//! ```

use crate::math::extract::{clean::trim, scope};
use crate::math::{Gold, Policy, Prediction, last_box};
use crate::record::{Judgement, Reason, Template};

/// A gold with nothing visible in it: an error of the data set, never a reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blank gold, expected: text")]
pub struct BlankGold;

/// Whether the answer of a prediction is the gold, up to blanks at both ends.
///
/// The answer is the one answer block ([`Template::R1Zero`]), what the last box holds
/// ([`Template::Boxed`]), or all outside the thinking ([`Template::None`]).
///
/// # Errors
/// Where the gold is blank, whatever the prediction holds.
pub fn verify(
    gold: Gold<'_>,
    prediction: Prediction<'_>,
    template: Template,
) -> Result<Judgement, BlankGold> {
    let gold = trim(gold.0);
    if gold.is_empty() {
        return Err(BlankGold);
    }
    let answer = match template {
        Template::R1Zero => crate::answer::answer_block(prediction.0).map(str::to_owned),
        Template::Boxed => last_box(prediction.0),
        Template::None => Ok(scope::visible(prediction.0, &Policy::default()).into_owned()),
    };
    Ok(match answer.as_deref().map(trim) {
        Ok("") => Judgement::unverifiable(Reason::NoAnswer),
        Ok(answer) => {
            Judgement::exact(answer == gold, "other text than the gold").with_extracted(answer)
        }
        Err(reason) => Judgement::unverifiable(*reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verdict;

    #[test]
    fn only_the_same_characters_are_correct() {
        for (gold, text, template, correct) in [
            ("a b", " a b\n", Template::None, true),
            ("a b", "a  b", Template::None, false),
            ("a", "A", Template::None, false),
            ("a", "a.", Template::None, false),
            ("a", "<think>b</think>a", Template::None, true),
            ("a", "<think>a</think>b", Template::None, false),
            ("a", "<answer>a</answer>", Template::R1Zero, true),
            ("a", "a", Template::R1Zero, false),
            ("a", r"so \boxed{a}", Template::Boxed, true),
            ("a", "a", Template::Boxed, false),
        ] {
            let judgement = verify(Gold(gold), Prediction(text), template).unwrap();
            assert_eq!(judgement.verdict.is_correct(), correct, "{gold} {text}");
        }
    }

    #[test]
    fn a_blank_gold_is_an_error_and_a_blank_answer_none() {
        assert_eq!(verify(Gold(" \u{200b}"), Prediction(""), Template::None), Err(BlankGold));
        let blank = verify(Gold("a"), Prediction(" "), Template::None).unwrap();
        assert_eq!(blank.verdict, Verdict::Unverifiable { reason: Reason::NoAnswer });
    }
}
