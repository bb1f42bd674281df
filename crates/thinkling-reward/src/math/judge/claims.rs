//! What the claims to be the answer are worth.

use super::super::compare;
use super::super::extract::{clean, hidden, words};
use super::super::parse::ParseError;
use super::super::policy::Several;
use super::read::{is_disjunction, read};
use super::{Claim, Judge};
use crate::choice;
use crate::math::expr::Answer;
use crate::record::{Judgement, Reason, Verdict};

const OTHER_VALUE: &str = "another answer than the gold";
/// Different answers in one place that are read; more are several answers.
const MAX_ANSWERS: usize = 64;

impl Judge<'_> {
    /// What several claims in one place are worth.
    pub(super) fn settle(&mut self, mut claims: Vec<Claim<'_>>) -> Judgement {
        if self.policy.several == Several::Last {
            claims.drain(..claims.len().saturating_sub(1));
        }
        let mut seen = Vec::<&str>::new();
        for claim in &claims {
            if hidden::turns(&claim.text) {
                return Judgement::unverifiable(Reason::HiddenText).with_extracted(&claim.text);
            }
            let text = clean::unwrap(&claim.text);
            if !seen.contains(&text) {
                if seen.len() == MAX_ANSWERS {
                    return Judgement::unverifiable(Reason::SeveralAnswers);
                }
                seen.push(text);
            }
        }
        let [text] = seen.as_slice() else {
            return self.settle_several(&seen);
        };
        self.claimed(text)
    }

    fn settle_several(&mut self, texts: &[&str]) -> Judgement {
        let mut last = Judgement::unverifiable(Reason::NoAnswer);
        let mut correct = 0_usize;
        for text in texts {
            last = self.claimed(text);
            correct += usize::from(last.verdict.is_correct());
        }
        if correct == texts.len() {
            return last;
        }
        let joined = texts.join(", ");
        if self.policy.answers_join {
            let together = self.joined(texts);
            if together == Some(true) {
                return self.correct(&joined);
            }
        }
        Judgement::unverifiable(Reason::SeveralAnswers).with_extracted(&joined)
    }

    /// Whether all together are the gold's list.
    fn joined(&mut self, texts: &[&str]) -> Option<bool> {
        let gold = self.gold.answer.as_ref()?;
        let mut items = Vec::new();
        for text in texts {
            match read(text, &mut self.budget).ok()? {
                Answer::List(inner) => items.extend(inner),
                one => items.push(one),
            }
        }
        compare::same(gold, &Answer::List(items), self.policy, &mut self.budget).ok()
    }

    /// One claim against the gold.
    pub(super) fn claimed(&mut self, text: &str) -> Judgement {
        let answer = clean::unwrap(text);
        let refused = |reason| Judgement::unverifiable(reason).with_extracted(answer);
        if answer.is_empty() {
            return refused(Reason::NoAnswer);
        }
        if self.is_identical(answer) {
            return self.correct(answer);
        }
        if self.gold.huge || answer.len() > self.policy.limits.answer_bytes {
            return refused(Reason::TooLarge);
        }
        if hidden::hides(answer, self.policy.refuse_macros) || self.uses_defined(answer) {
            return refused(Reason::HiddenText);
        }
        if self.has_letter_or_words(answer) {
            return self.correct(answer);
        }
        let Some(gold) = &self.gold.answer else {
            return Judgement::wrong(OTHER_VALUE).with_extracted(answer);
        };
        let given = match read(answer, &mut self.budget) {
            Ok(given) => given,
            Err(ParseError::TooLarge(_)) => return refused(Reason::TooLarge),
            Err(ParseError::Blank) => return refused(Reason::NoAnswer),
            Err(error) => return refused(Reason::NotAnAnswer).with_note(error.to_string()),
        };
        self.words = is_words(&given);
        if self.words && is_words(gold) {
            // With their case they were asked above; the parser leaves no trace of "or".
            let alternatives = is_disjunction(answer) != is_disjunction(&self.gold.text);
            if !self.policy.words_any_case || alternatives {
                return Judgement::wrong(OTHER_VALUE).with_extracted(answer);
            }
        }
        match compare::same(gold, &given, self.policy, &mut self.budget) {
            Ok(true) => self.correct(answer),
            Ok(false) => match self.with_point(answer) {
                Some(true) => self.correct(answer),
                _ => Judgement::wrong(OTHER_VALUE).with_extracted(answer),
            },
            Err(_) => refused(Reason::TooLarge),
        }
    }

    /// Whether an answer has a command that the prediction defines.
    fn uses_defined(&self, answer: &str) -> bool {
        !self.defined.is_empty()
            && hidden::commands(answer).any(|(_, name)| self.defined.iter().any(|own| own == name))
    }

    /// The comparison with decimal commas read as points, where the policy has them.
    fn with_point(&mut self, answer: &str) -> Option<bool> {
        if !self.policy.decimal_comma {
            return None;
        }
        let (gold, given) = (pointed(&self.gold.text), pointed(answer));
        if gold.is_none() && given.is_none() {
            return None;
        }
        let mut either = |pointed: Option<String>, text: &str| {
            read(pointed.as_deref().unwrap_or(text), &mut self.budget).ok()
        };
        let gold = either(gold, &self.gold.text)?;
        let given = either(given, answer)?;
        compare::same(&gold, &given, self.policy, &mut self.budget).ok()
    }

    /// Whether a text begins with the gold's "yes" or "no" and does not have the other.
    fn is_yes_or_no(&self, text: &str) -> bool {
        const PAIRS: [(&str, &str); 4] =
            [("yes", "no"), ("no", "yes"), ("true", "false"), ("false", "true")];
        let Some(Answer::Words(gold)) = &self.gold.answer else { return false };
        let Some((_, other)) = PAIRS.iter().find(|(word, _)| word == gold) else { return false };
        let mut given = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        let rest = text.trim_start_matches(char::is_alphabetic).trim_start();
        let ends = rest.is_empty() || rest.starts_with(['.', ',', ';', ':', '!', '-', '—']);
        text.len() < 256
            && ends
            && given.next().is_some_and(|first| first.eq_ignore_ascii_case(gold))
            && given.all(|word| !word.eq_ignore_ascii_case(other) && word != "not")
    }

    pub(super) fn correct(&self, text: &str) -> Judgement {
        Judgement::new(Verdict::Correct).with_extracted(text)
    }

    /// Whether a text is the gold, character by character.
    pub(super) fn is_identical(&self, text: &str) -> bool {
        // Delimiters and emphasis are short.
        let near = text.len() <= self.gold.whole.len() + 64;
        self.policy.identity
            && (text == self.gold.whole
                || (near && (text == self.gold.text || clean::unwrap(text) == self.gold.text)))
    }

    /// Whether a text is the gold's letter or the gold's words.
    pub(super) fn has_letter_or_words(&self, text: &str) -> bool {
        let same_letter = self.gold.letter.is_some()
            && choice::letter(text, self.policy)
                .or_else(|| choice::letter_with_text(text, self.policy))
                == self.gold.letter;
        same_letter || self.has_words(text)
    }

    pub(super) fn has_words(&self, text: &str) -> bool {
        if self.is_yes_or_no(text) {
            return true;
        }
        let gold = &self.gold.text;
        // A wrapper cannot make a word ten times as long.
        if text.len() / 10 > gold.len() + 10 || !matches!(self.gold.answer, Some(Answer::Words(_)))
        {
            return false;
        }
        let plain = |text| words::plain_words(text, self.policy.words_any_case);
        !plain(gold).is_empty() && plain(gold) == plain(text)
    }
}

/// Whether an answer is words alone, or a list of them.
fn is_words(answer: &Answer) -> bool {
    match answer {
        Answer::Words(_) => true,
        Answer::List(items) => items.iter().all(is_words),
        _ => false,
    }
}

/// `3,5` as `3.5`; nothing where the text is no decimal with a comma.
fn pointed(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once(',')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = whole.strip_prefix(['-', '−', '+']).unwrap_or(whole);
    (digits(unsigned) && digits(fraction)).then(|| format!("{whole}.{fraction}"))
}
