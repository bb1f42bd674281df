//! Option letters of multiple-choice questions: which one a completion asserts.
//!
//! A letter from A to J is read with or without brackets, full stop and text (`(B)`, `B. Red`),
//! in the order box, announcement ("the answer is B"), single mention. A letter that is denied
//! ("it is D, not A") is not asserted; two asserted letters earn nothing. Left out: options that
//! are named by their text alone, unless the gold has the text too.
//!
//! ```
//! use thinkling_reward::Template;
//! use thinkling_reward::choice::verify;
//! use thinkling_reward::math::{Gold, Policy, Prediction};
//!
//! let judge = |text| verify(Gold("B"), Prediction(text), Template::None, &Policy::default());
//! assert!(judge("The answer is (B), because A is too small.")?.verdict.is_correct());
//! assert!(!judge("A or B")?.verdict.is_correct());
//! # Ok::<(), thinkling_reward::choice::ChoiceGoldError>(())
//! ```

mod mentions;

use crate::math::extract::anchors::Strength;
use crate::math::extract::asserted::{denied_after, denied_before};
use crate::math::extract::{anchors, boxes, clean, first_sentence, place, scope, words};
use crate::math::{Gold, Policy, Prediction};
use crate::record::{Judgement, Reason, Template};
use mentions::{Mention, joined_to_first, mentions};

/// A gold that is no option letter: an error of the data set, never a reward.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unreadable gold, expected: an option letter from A to J, got: {gold:?}")]
pub struct ChoiceGoldError {
    /// The gold as given.
    pub gold: String,
}

/// The verdict on the option that a prediction asserts.
///
/// # Errors
/// Where the gold is no option letter, with or without its text, whatever the prediction holds.
pub fn verify(
    gold: Gold<'_>,
    prediction: Prediction<'_>,
    template: Template,
    policy: &Policy,
) -> Result<Judgement, ChoiceGoldError> {
    let wanted =
        gold_letter(gold.0, policy).ok_or_else(|| ChoiceGoldError { gold: gold.0.to_owned() })?;
    let visible = scope::visible(prediction.0, policy);
    let asserted = match template {
        Template::R1Zero => match crate::answer::answer_block(prediction.0) {
            Ok(block) => asserted(block, policy),
            Err(reason) => return Ok(Judgement::unverifiable(reason)),
        },
        Template::Boxed => boxed(&visible, policy).unwrap_or(Asserted::Nothing),
        Template::None => match scope::block(prediction.0, &visible) {
            Ok(block) => boxed(&visible, policy)
                .unwrap_or_else(|| asserted(block.unwrap_or(&visible), policy)),
            Err(reason) => return Ok(Judgement::unverifiable(reason)),
        },
    };
    Ok(match asserted {
        Asserted::One(letter) => Judgement::exact(letter == wanted, "another option than the gold")
            .with_extracted(letter.encode_utf8(&mut [0; 4])),
        Asserted::Several => Judgement::unverifiable(Reason::SeveralAnswers),
        Asserted::Nothing => Judgement::unverifiable(Reason::NoAnswer),
    })
}

/// Which options a text asserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asserted {
    Nothing,
    One(char),
    Several,
}

impl Asserted {
    fn of(letters: impl IntoIterator<Item = char>) -> Self {
        letters.into_iter().fold(Self::Nothing, |so_far, letter| match so_far {
            Self::Nothing => Self::One(letter),
            Self::One(other) if other == letter => so_far,
            _ => Self::Several,
        })
    }
}

/// The letter that a gold names: `B`, `(B)`, `B. Red`, `B Red`.
pub(crate) fn gold_letter(gold: &str, policy: &Policy) -> Option<char> {
    let bare = clean::trim(gold);
    // A lower-case letter without brackets is a variable.
    let letter = if bare.len() == 1 { upper(bare, false) } else { letter(bare, policy) };
    letter.or_else(|| letter_with_text(bare, policy)).or_else(|| {
        let (first, text) = bare.split_once(' ')?;
        let named = text.starts_with(char::is_uppercase) && policy.letter_with_text;
        upper(first, false).filter(|_| named)
    })
}

/// The letter that a whole text is: `B`, `(b)`, `\text{B}.`, `Option B`.
pub(crate) fn letter(text: &str, policy: &Policy) -> Option<char> {
    // Far longer than any spelling of one letter.
    if text.len() > 64 {
        return None;
    }
    let words = words::plain_words(text, false);
    let words = words.trim();
    let named = ["option ", "choice ", "answer "].into_iter().find_map(|name| {
        let head = words.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| &words[name.len()..])
    });
    let inner = named.unwrap_or(words).trim();
    let bare = inner.trim_matches(|c: char| "()[]（）{}<>\"'*.:：．。 ".contains(c));
    upper(bare, policy.letters_any_case)
}

/// The letter at the start of a text that goes on with what the letter stands for: `B. Red`.
pub(crate) fn letter_with_text(text: &str, policy: &Policy) -> Option<char> {
    // A text this long is an argument, which may well end elsewhere.
    if !policy.letter_with_text || text.len() > 512 {
        return None;
    }
    let words = words::plain_words(text, false);
    let inner = words.trim_start_matches(['(', '[', '（', '*']);
    let first = inner.chars().next()?;
    let letter = upper(&inner[..first.len_utf8()], false)?;
    let rest = &inner[first.len_utf8()..];
    let marked = rest.trim_start_matches('*');
    let text = marked.strip_prefix([')', ']', '）', '.', ':', '：', '、'])?;
    // `(A) is false.`, `A. No, B.`, `A. But the answer is 5.`
    let more = mentions(text, false).into_iter().any(|mention| mention.asserted);
    let other = denied_after(text) || more || !anchors::anchored(text).is_empty();
    (text.contains(char::is_alphanumeric) && !other).then_some(letter)
}

fn upper(text: &str, any_case: bool) -> Option<char> {
    let mut chars = text.chars();
    let only = chars.next().filter(|_| chars.next().is_none())?;
    let letter = if any_case { only.to_ascii_uppercase() } else { only };
    matches!(letter, 'A'..='J').then_some(letter)
}

/// The letters in the boxes of a text; nothing where there is no box.
pub(crate) fn boxed(text: &str, policy: &Policy) -> Option<Asserted> {
    let boxes = boxes::boxes(text);
    if !boxes.any && boxes.unclosed.is_none() {
        return None;
    }
    if boxes.unclosed.is_some() {
        return Some(Asserted::Nothing);
    }
    let read =
        |content: &str| letter(content, policy).or_else(|| letter_with_text(content, policy));
    let letters: Option<Vec<char>> =
        boxes.contents.into_iter().map(|content| read(&text[content])).collect();
    Some(letters.map_or(Asserted::Nothing, Asserted::of))
}

/// The option that a text asserts.
pub(crate) fn asserted(text: &str, policy: &Policy) -> Asserted {
    if let Some(letter) = letter(text, policy) {
        return Asserted::One(letter);
    }
    if let Some(boxed) = boxed(text, policy) {
        return boxed;
    }
    let announced = announced(text, policy);
    if announced != Asserted::Nothing || !policy.last_number {
        return announced;
    }
    if !policy.letter_with_text && leads_with_letter(text) {
        return Asserted::Nothing;
    }
    Asserted::of(mentions(text, false).into_iter().filter(|m| m.asserted).map(|m| m.letter))
}

fn leads_with_letter(text: &str) -> bool {
    letter_with_text(text, &Policy::default()).is_some()
}

/// The letters that announcements lead to: the first asserted one of each, with those that are
/// joined to it.
fn announced(text: &str, policy: &Policy) -> Asserted {
    if !policy.anchors {
        return Asserted::Nothing;
    }
    let places = anchors::anchored(text);
    for strength in [Strength::Mark, Strength::Final, Strength::Plain] {
        let mut letters = Vec::new();
        for announced in places.iter().filter(|place| place.strength == strength) {
            let start = announced.region.start;
            if denied_before(text[..start].trim_end()) {
                continue;
            }
            let sentence = first_sentence(place(&text[announced.region.clone()]));
            if let Some(letter) = letter(sentence, policy) {
                letters.push(letter);
                continue;
            }
            let mentions: Vec<Mention> = mentions(sentence, true);
            letters.extend(joined_to_first(sentence, &mentions));
        }
        if !letters.is_empty() {
            return Asserted::of(letters);
        }
    }
    Asserted::Nothing
}

#[cfg(test)]
mod tests;
