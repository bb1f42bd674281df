//! Mathematical answers: where one stands in a text, what it says, whether it equals the gold.
//!
//! [`verify`] takes a gold and a prediction and says whether the prediction is correct, wrong or
//! unverifiable, with what was read and why. [`MathGold`] is a gold that is read once for many
//! predictions. A gold that is blank or cannot be read is an error, whatever the prediction says,
//! and never a reward.
//!
//! Text inside `<think>` never counts. A prediction that is an answer as a whole is the answer;
//! otherwise the last complete box counts, the `<answer>` block, an announcement such as "the
//! answer is", the last maths, the last number. Several different answers in the place that
//! counts earn nothing, unless together they are the gold's list or set. [`Template`] narrows the
//! places to the answer block or to a box, and [`Policy`] has a switch for every convention on
//! which people differ.
//!
//! Equality is by value and exact: `5!` is 120, `\sin 30^\circ` is 1/2, `(x+1)^2` is
//! `x^2+2x+1`, and no tolerance makes 0.333 one third. Every check ends within the
//! [`Limits`]: what passes them is unverifiable, except where it is the gold character by
//! character.
//!
//! Bytes that are not UTF-8 are the caller's to replace (`String::from_utf8_lossy`).
//!
//! ```
//! use thinkling_reward::Template;
//! use thinkling_reward::math::{Gold, Policy, Prediction, verify};
//!
//! let policy = Policy::default();
//! let judge = |text| verify(Gold(r"\frac{1}{2}"), Prediction(text), Template::None, &policy);
//! assert!(judge(r"So the probability is $\boxed{0.5}$.")?.verdict.is_correct());
//! assert!(judge("Answer: 2/4")?.verdict.is_correct());
//! assert!(!judge(r"\boxed{\frac{1}{3}}")?.verdict.is_correct());
//! assert!(!judge("<think> 1/2 </think>")?.verdict.is_correct());
//! # Ok::<(), thinkling_reward::math::MathGoldError>(())
//! ```

mod algebra;
mod compare;
mod expr;
pub(crate) mod extract;
mod gold;
mod judge;
mod limits;
mod parse;
mod policy;

pub use gold::{MathGold, MathGoldError};
pub use limits::Limits;
pub use policy::{Policy, Several};

use crate::record::{Judgement, Reason, Template};

/// The right answer, as a data set has it.
///
/// A type of its own, so that it cannot be passed in the place of the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gold<'a>(pub &'a str);

/// What a model wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction<'a>(pub &'a str);

/// The verdict on one prediction. For many predictions on one gold, read it once:
/// [`MathGold::new`].
///
/// # Errors
/// Where the gold is blank or cannot be read, whatever the prediction holds.
pub fn verify(
    gold: Gold<'_>,
    prediction: Prediction<'_>,
    template: Template,
    policy: &Policy,
) -> Result<Judgement, MathGoldError> {
    Ok(MathGold::new(gold, policy)?.verify(prediction, template, policy))
}

/// What the last box outside the thinking holds.
///
/// # Errors
/// Where there is none, where the last one is not closed, or where it is blank.
pub(crate) fn last_box(text: &str) -> Result<String, Reason> {
    let visible = extract::scope::visible(text, &Policy::default());
    let boxes = extract::boxes::boxes(&visible);
    match boxes.contents.last() {
        _ if boxes.unclosed.is_some() => Err(Reason::MalformedBox),
        Some(content) => Ok(visible[content.clone()].to_owned()),
        None if boxes.any => Err(Reason::NoAnswer),
        None => Err(Reason::NoBox),
    }
}

#[cfg(test)]
mod tests;
