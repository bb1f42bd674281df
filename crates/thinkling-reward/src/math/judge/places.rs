//! The places of a text without box: announcements, maths, numbers.

use std::borrow::Cow;
use std::ops::Range;

use super::super::compare;
use super::super::extract::anchors::{self, Strength};
use super::super::extract::asserted::{denied, denied_before, head, tail};
use super::super::extract::qualified::{
    hedges, is_bound, is_negative, is_part, is_qualified_after, is_qualified_before,
};
use super::super::extract::{
    clean, first_sentence, group_text, hidden, is_bare_name, last_group, last_statement,
    leading_value, numbers, place, spans, words,
};
use super::super::parse::ParseError;
use super::read::read;
use super::{Claim, Judge};
use crate::math::expr::Answer;
use crate::record::{Judgement, Reason};

/// Lines of a derivation at most.
const MAX_LINES: usize = 64;

impl Judge<'_> {
    /// What announcements lead to; nothing where no value follows one.
    pub(super) fn announced(&mut self, text: &str, strict: bool) -> Option<Judgement> {
        if !self.policy.anchors {
            return None;
        }
        let places = anchors::anchored(text);
        let mut refused = None;
        for strength in [Strength::Mark, Strength::Final, Strength::Plain] {
            let mut claims = Vec::new();
            for announced in places.iter().filter(|place| place.strength == strength) {
                let region = &text[announced.region.clone()];
                let start = announced.region.end - region.trim_start().len();
                match self.announced_value(&text[..start], place(region), strict) {
                    Ok(Some(claim)) => claims.push(claim),
                    // What is announced in words is not found elsewhere in numbers.
                    Ok(None) if places.last() == Some(announced) && says_words(region) => {
                        refused = Some(Reason::NotAnAnswer);
                    }
                    Ok(None) => {}
                    Err(reason) => refused = Some(reason),
                }
            }
            if !claims.is_empty() {
                return Some(self.settle(claims));
            }
            if let Some(reason) = refused {
                return Some(Judgement::unverifiable(reason));
            }
        }
        None
    }

    /// The value at or after the start of an announced place.
    fn announced_value<'t>(
        &mut self,
        before: &str,
        there: &'t str,
        strict: bool,
    ) -> Result<Option<Claim<'t>>, Reason> {
        let sentence = first_sentence(there);
        if self.has_letter_or_words(sentence) {
            let denied = denied_before(before);
            return if denied { Err(Reason::NotAsserted) } else { Ok(Some(Claim::new(sentence))) };
        }
        let line = clean::unwrap(sentence);
        let leading = leading_value(there);
        if leading.is_some() && denied_before(before) {
            return Err(Reason::NotAsserted);
        }
        if !words::is_sentence(line) && self.reads(line) {
            return Ok(Some(Claim::new(line)));
        }
        if let Some((value, end)) = leading {
            let after = there.get(end..).unwrap_or("");
            let rest = sentence.get(end..).unwrap_or("");
            if self.reads(&value) {
                if denied(before, after) || is_qualified_after(after) {
                    return Err(Reason::NotAsserted);
                }
                if hedges(rest) {
                    return Err(Reason::SeveralAnswers);
                }
                return Ok(Some(Claim::new(value)));
            }
        }
        if let Some((words, _)) = sentence.split_once([',', ';'])
            && self.has_words(words)
        {
            return Ok(Some(Claim::new(words)));
        }
        self.last_value(sentence, strict)
    }

    /// The maths or the number that comes last in a sentence.
    fn last_value<'t>(
        &mut self,
        sentence: &'t str,
        strict: bool,
    ) -> Result<Option<Claim<'t>>, Reason> {
        let found = spans::spans(sentence);
        let numbers = numbers::runs(sentence);
        let number = numbers
            .last()
            .filter(|number| found.last().is_none_or(|span| span.outer.end <= number.start));
        if let Some(number) = number {
            let before = &sentence[..number.start];
            // "The answer is at least 6" has nothing else, "you need at least 6 coins" has.
            if is_bound(before) && (strict || before.split_whitespace().nth(2).is_none()) {
                return Err(Reason::NotAsserted);
            }
            let ordinal = ["th", "st", "nd", "rd"];
            let run = &sentence[number.clone()];
            let ranked = ordinal.iter().any(|end| run.ends_with(end))
                && sentence[number.end..].contains(char::is_alphabetic);
            if is_part(before) || ranked {
                return Err(Reason::NotAsserted);
            }
            return self.number(sentence, number).map(|text| text.map(Claim::new));
        }
        let Some(group) = last_group(sentence, &found) else { return Ok(None) };
        let value = group_text(sentence, &group);
        if !self.reads(&value) {
            return Ok(None);
        }
        if denied(&sentence[..group.start], &sentence[group.end..]) {
            return Err(Reason::NotAsserted);
        }
        Ok(Some(Claim::new(value)))
    }

    /// The last maths between delimiters; nothing where it is no answer.
    pub(super) fn maths(&mut self, text: &str, strict: bool) -> Option<Judgement> {
        if !self.policy.math_spans {
            return None;
        }
        let mut found = spans::spans(text);
        if !strict && found.last().is_some_and(|last| numbers::concludes(&text[last.outer.end..])) {
            return None;
        }
        let (mut claims, mut refused) = (Vec::new(), false);
        while let Some(group) = last_group(text, &found) {
            found.retain(|span| span.outer.end <= group.start);
            let value = group_text(text, &group);
            if is_bare_name(&value) {
                if self.reads(&value) && self.claimed(&value).verdict.is_correct() {
                    claims.push(Claim::new(value));
                    break;
                }
                continue;
            }
            if denied(&text[..group.start], &text[group.end..]) {
                refused = true;
                continue;
            }
            if !self.reads(&value) {
                if claims.is_empty() && !strict {
                    return None;
                }
                continue;
            }
            claims.push(Claim::new(value));
            if !strict {
                break;
            }
        }
        claims.reverse();
        if claims.is_empty() {
            return refused.then(|| Judgement::unverifiable(Reason::NotAsserted));
        }
        Some(self.settle(claims))
    }

    /// Lines that are all equations: what those say that give a name its value.
    pub(super) fn lines(&mut self, text: &str, _strict: bool) -> Option<Judgement> {
        let lines: Vec<&str> = text
            .lines()
            .map(clean::unwrap)
            .filter(|line| !line.is_empty())
            .take(MAX_LINES)
            .collect();
        if !(2..MAX_LINES).contains(&lines.len()) || !lines.iter().all(|line| line.contains('=')) {
            return None;
        }
        let mut claims = Vec::new();
        for line in lines {
            match read(line, &mut self.budget) {
                Ok(answer @ Answer::Relation { .. }) if compare::is_assignment(&answer) => {
                    claims.push(Claim::new(line));
                }
                Ok(Answer::Relation { .. }) => claims.clear(),
                _ => return None,
            }
        }
        (!claims.is_empty()).then(|| self.settle(claims))
    }

    /// The last number of a text; nothing where there is none.
    pub(super) fn numbers(&mut self, text: &str, strict: bool) -> Option<Judgement> {
        if !self.policy.last_number {
            return None;
        }
        let runs = numbers::runs(text);
        let last = runs.last()?;
        if !words::has_words(text)
            && (runs.len() > 1 || text.len() > self.policy.limits.answer_bytes)
        {
            return Some(Judgement::unverifiable(Reason::SeveralAnswers));
        }
        if let Some(claim) = self.stated(text, runs.first().filter(|_| strict), last) {
            return Some(self.settle(vec![claim]));
        }
        let mut claims = Vec::new();
        let mut denied = None;
        for run in runs.iter().rev() {
            if strict && is_bound(&text[..run.start]) {
                let refused = Judgement::unverifiable(Reason::NotAsserted);
                return Some(refused.with_extracted(&text[run.clone()]));
            }
            match self.number(text, run) {
                Ok(Some(value)) => claims.push(Claim::new(value)),
                // "12, not 13" has one number that is asserted.
                Err(Reason::NotAsserted) => {
                    denied.get_or_insert(run);
                    continue;
                }
                other => {
                    let reason = other.err().unwrap_or(Reason::NotAPlainNumber);
                    return Some(
                        Judgement::unverifiable(reason).with_extracted(&text[run.clone()]),
                    );
                }
            }
            if !strict {
                break;
            }
        }
        claims.reverse();
        if let (Some(run), true) = (denied, claims.is_empty()) {
            let refused = Judgement::unverifiable(Reason::NotAsserted);
            return Some(refused.with_extracted(&text[run.clone()]));
        }
        Some(self.settle(claims))
    }

    /// What the last sentence states, where that is mathematics that holds the last number, and
    /// the `first` one too where there must be no other.
    fn stated<'t>(
        &mut self,
        text: &'t str,
        first: Option<&Range<usize>>,
        last: &Range<usize>,
    ) -> Option<Claim<'t>> {
        let (statement, start) = last_statement(text)?;
        let holds = start <= last.start && first.is_none_or(|first| start <= first.start);
        let plain = holds
            && !words::is_sentence(statement)
            && !denied(&text[..start], "")
            && self.reads(statement);
        plain.then(|| Claim::new(statement))
    }

    /// A run of numbers as an answer.
    fn number(&mut self, text: &str, run: &Range<usize>) -> Result<Option<String>, Reason> {
        let (before, after) = (&text[..run.start], &text[run.end..]);
        if denied(before, after) {
            return Err(Reason::NotAsserted);
        }
        if hidden::in_tag(before) || hidden::turns(tail(before)) {
            return Err(Reason::HiddenText);
        }
        if hedges(first_sentence(head(after))) {
            return Err(Reason::SeveralAnswers);
        }
        // Emphasis may begin inside a calculation: `3 + 4 = **7**`.
        let run_text = match text[run.clone()].contains("= **") {
            true => Cow::Owned(text[run.clone()].replace("= **", "= ")),
            false => Cow::Borrowed(&text[run.clone()]),
        };
        let value = compare::without_unit(numbers::tidy(&run_text));
        // Digits that touch braces belong to a command.
        let escaped = before.ends_with('\\') && !text[run.clone()].starts_with('$');
        let braced = escaped || before.ends_with(['{', '}']) || after.starts_with(['{', '}']);
        let qualified = is_qualified_before(before) || is_qualified_after(after);
        let plain = !braced && !qualified && !numbers::goes_on(after) && self.reads(value);
        let sign = if is_negative(before) { "-" } else { "" };
        Ok(plain.then(|| format!("{sign}{value}")))
    }

    /// Whether a text is mathematics.
    fn reads(&mut self, text: &str) -> bool {
        if text.len() > self.policy.limits.answer_bytes {
            return false;
        }
        match read(text, &mut self.budget) {
            Ok(Answer::Words(_)) => self.has_words(text),
            Ok(_) | Err(ParseError::TooLarge(_)) => true,
            Err(_) => false,
        }
    }
}

/// Whether a short sentence says something of its own, and not only how right the answer is or
/// where it stands.
fn says_words(region: &str) -> bool {
    const FILLERS: [&str; 22] = [
        "correct",
        "right",
        "wrong",
        "below",
        "above",
        "as",
        "follows",
        "following",
        "here",
        "this",
        "that",
        "it",
        "clear",
        "obvious",
        "simple",
        "given",
        "shown",
        "found",
        "not",
        "incorrect",
        "yes",
        "the",
    ];
    let sentence = first_sentence(place(region));
    let mut words =
        sentence.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let count = words.clone().count();
    let plain = sentence.chars().all(|c| c.is_alphabetic() || " .,!*-'".contains(c) || c == '\n');
    let filler = |word: &str| FILLERS.iter().any(|known| word.eq_ignore_ascii_case(known));
    (1..=3).contains(&count) && plain && !words.any(filler)
}
