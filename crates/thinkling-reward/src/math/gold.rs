//! A gold, read once.

use super::expr::Answer;
use super::extract::{
    anchors, boxes, clean, first_sentence, group_text, hidden, last_group, place, scope, spans,
    words,
};
use super::judge::Judge;
use super::judge::read::read;
use super::limits::Budget;
use super::parse::ParseError;
use super::policy::Policy;
use super::{Gold, Prediction};
use crate::choice;
use crate::record::{Judgement, Template};

/// Characters of a gold that are kept in an error.
const SHOWN: usize = 200;

/// A gold that cannot be judged by: an error of the data set, never a reward.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MathGoldError {
    /// Nothing visible stands in it, or in its box.
    #[error("blank gold, expected: an answer")]
    Blank,
    /// No answer can be read.
    #[error("unreadable gold, expected: an answer, got: {gold:?} ({why})")]
    Unreadable {
        /// The gold as given, its first 200 characters.
        gold: String,
        /// What is wrong with it.
        why: String,
    },
}

impl MathGoldError {
    fn unreadable(gold: &str, why: impl Into<String>) -> Self {
        Self::Unreadable { gold: gold.chars().take(SHOWN).collect(), why: why.into() }
    }
}

/// A gold that was read for one [`Policy`].
///
/// It may be a bare answer, or a text that holds one: in a box (several boxes are a list), behind
/// `####`, between maths delimiters, behind an announcement.
///
/// ```
/// use thinkling_reward::Template;
/// use thinkling_reward::math::{Gold, MathGold, Policy, Prediction};
///
/// let policy = Policy::default();
/// let gold = MathGold::new(Gold("She has 50 * 25 = 1,250 left. #### 1,250"), &policy)?;
/// assert_eq!(gold.text(), "1,250");
/// let judge = |text| gold.verify(Prediction(text), Template::R1Zero, &policy);
/// assert!(judge("<think> .. </think> <answer> 1250 </answer>").verdict.is_correct());
/// assert!(!judge("1250").verdict.is_correct());
/// # Ok::<(), thinkling_reward::math::MathGoldError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MathGold {
    /// All of it, without outer blanks.
    pub(super) whole: String,
    /// The answer in it.
    pub(super) text: String,
    /// What it says; nothing where it is too large, or where only letter and words count.
    pub(super) answer: Option<Answer>,
    /// Whether it is well formed but too large to read.
    pub(super) huge: bool,
    /// Whether it turns the direction in which it is shown.
    pub(super) turned: bool,
    /// The option letter that it names.
    pub(super) letter: Option<char>,
}

impl MathGold {
    /// Reads a gold.
    ///
    /// # Errors
    /// Where it is blank or no answer can be read in it.
    pub fn new(gold: Gold<'_>, policy: &Policy) -> Result<Self, MathGoldError> {
        let whole = clean::trim(scope::one_turn(gold.0, policy));
        let letter = choice::gold_letter(whole, policy);
        let mut why = String::from("no answer");
        if policy.refuse_macros && hidden::rewrites(&hidden::defined(whole)) {
            return Err(MathGoldError::unreadable(whole, "it defines commands"));
        }
        for text in candidates(whole, policy) {
            let text = clean::unwrap(&text);
            let letter = letter.or_else(|| choice::gold_letter(text, policy));
            let made = |answer, huge| Self {
                whole: whole.to_owned(),
                text: text.to_owned(),
                answer,
                huge,
                turned: hidden::turns(gold.0),
                letter,
            };
            match read(text, &mut Budget::new(&policy.limits)) {
                Ok(answer) => return Ok(made(Some(answer), false)),
                Err(ParseError::TooLarge(_)) if is_well_formed(text) => {
                    return Ok(made(None, true));
                }
                Err(_) if letter.is_some() => return Ok(made(None, false)),
                Err(ParseError::Blank) => return Err(MathGoldError::Blank),
                Err(error) => why = error.to_string(),
            }
        }
        if whole.is_empty() {
            return Err(MathGoldError::Blank);
        }
        Err(MathGoldError::unreadable(whole, why))
    }

    /// The verdict on a prediction.
    pub fn verify(
        &self,
        prediction: Prediction<'_>,
        template: Template,
        policy: &Policy,
    ) -> Judgement {
        Judge::new(self, policy).prediction(prediction.0, template)
    }

    /// The answer in the gold, as written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The texts that may be the answer in a gold, in the order in which they are tried.
fn candidates(gold: &str, policy: &Policy) -> Vec<String> {
    let boxes = boxes::boxes(gold);
    if boxes.any {
        let contents: Vec<&str> =
            boxes.contents.iter().map(|content| clean::unwrap(&gold[content.clone()])).collect();
        return vec![contents.join(", ")];
    }
    if let Some(at) = gold.rfind("####") {
        let rest = gold[at..].trim_start_matches('#');
        return vec![first_sentence(place(rest)).to_owned()];
    }
    let mut found = Vec::new();
    if !words::is_sentence(gold) || choice::gold_letter(gold, policy).is_some() {
        found.push(gold.to_owned());
    }
    if let Some(announced) = anchors::anchored(gold).pop() {
        found.push(first_sentence(place(&gold[announced.region])).to_owned());
    }
    if let Some(group) = last_group(gold, &spans::spans(gold)) {
        found.push(group_text(gold, &group));
    }
    if found.first().is_none_or(|first| first.as_str() != gold) {
        found.push(gold.to_owned());
    }
    found
}

/// Whether the brackets of a text pair, so that it may well be an answer.
fn is_well_formed(text: &str) -> bool {
    let (mut round, mut brace, mut escaped) = (0_i64, 0_i64, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => {}
            b'(' => round += 1,
            b')' => round -= 1,
            b'{' => brace += 1,
            b'}' => brace -= 1,
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
        if brace < 0 {
            return false;
        }
    }
    brace == 0 && round == 0 && text.contains(char::is_alphanumeric) && !words::is_sentence(text)
}
