//! Which of the places in a prediction counts, and what it is worth.

mod claims;
mod places;
pub(super) mod read;

use std::borrow::Cow;

use super::extract::asserted::denied_before;
use super::extract::{boxes, clean, hidden, scope, spans, words};
use super::gold::MathGold;
use super::limits::Budget;
use super::policy::Policy;
use crate::choice::{self, Asserted};
use crate::record::{Judgement, Reason, Template, Verdict};

/// Judges one prediction.
pub(super) struct Judge<'a> {
    gold: &'a MathGold,
    policy: &'a Policy,
    budget: Budget<'a>,
    /// Commands that the prediction defines.
    defined: Vec<String>,
    /// Whether the last claim was words.
    words: bool,
}

/// A text that claims to be the answer.
struct Claim<'t> {
    text: Cow<'t, str>,
}

impl<'t> Claim<'t> {
    fn new(text: impl Into<Cow<'t, str>>) -> Self {
        Self { text: text.into() }
    }
}

impl<'a> Judge<'a> {
    pub(super) fn new(gold: &'a MathGold, policy: &'a Policy) -> Self {
        Self {
            gold,
            policy,
            budget: Budget::new(&policy.limits),
            defined: Vec::new(),
            words: false,
        }
    }

    pub(super) fn prediction(&mut self, text: &str, template: Template) -> Judgement {
        let policy = self.policy;
        let visible = scope::visible(text, policy);
        if policy.refuse_macros {
            let defined = hidden::defined(&visible);
            if hidden::rewrites(&defined) {
                return Judgement::unverifiable(Reason::HiddenText);
            }
            self.defined = defined.into_iter().map(str::to_owned).collect();
        }
        match template {
            Template::R1Zero => match crate::answer::answer_block(text) {
                Ok(block) => self.block(block),
                Err(reason) => Judgement::unverifiable(reason),
            },
            Template::Boxed => {
                self.boxes(&visible).unwrap_or(Judgement::unverifiable(Reason::NoBox))
            }
            Template::None => self.anywhere(text, &visible),
        }
    }

    fn anywhere(&mut self, text: &str, visible: &str) -> Judgement {
        let block = match scope::block(text, visible) {
            Ok(block) => block,
            Err(reason) => return Judgement::unverifiable(reason),
        };
        if block.is_none()
            && let Some(judgement) = self.whole(visible)
        {
            return judgement;
        }
        if let Some(judgement) = self.boxes(visible) {
            return match block {
                Some(block) if judgement.verdict == Verdict::Correct => {
                    self.unless_another(block, judgement)
                }
                _ => judgement,
            };
        }
        match block {
            Some(block) => self.block(block),
            None => self.inside(visible, false),
        }
    }

    /// The judgement of a box, unless the answer block gives another answer.
    fn unless_another(&mut self, block: &str, boxed: Judgement) -> Judgement {
        let judgement = self.block(block);
        match judgement.verdict {
            Verdict::Wrong => Judgement::unverifiable(Reason::SeveralAnswers),
            Verdict::Unverifiable { reason: Reason::SeveralAnswers } => judgement,
            _ => boxed,
        }
    }

    /// The answer block, which holds one answer.
    fn block(&mut self, block: &str) -> Judgement {
        if let Some(judgement) = self.whole(block) {
            return judgement;
        }
        match self.boxes(block) {
            Some(judgement) => judgement,
            None => self.inside(block, true),
        }
    }

    /// A text without box. `strict`: everything in it must agree.
    fn inside(&mut self, text: &str, strict: bool) -> Judgement {
        if self.gold.letter.is_some() {
            match choice::asserted(text, self.policy) {
                Asserted::One(letter) if Some(letter) == self.gold.letter => {
                    return self.correct(letter.encode_utf8(&mut [0; 4]));
                }
                Asserted::Several => return Judgement::unverifiable(Reason::SeveralAnswers),
                _ => {}
            }
        }
        let places = [Self::announced, Self::maths, Self::lines, Self::numbers];
        let found = places.into_iter().find_map(|place| place(self, text, strict));
        found.unwrap_or(Judgement::unverifiable(Reason::NoAnswer))
    }

    /// The text as one answer, where it is one.
    fn whole(&mut self, text: &str) -> Option<Judgement> {
        let answer = clean::trim(text);
        if answer.is_empty() {
            return Some(Judgement::unverifiable(Reason::NoAnswer));
        }
        if self.is_identical(answer) {
            let turned = hidden::turns(text) && !self.gold.turned;
            let refused = || Judgement::unverifiable(Reason::HiddenText).with_extracted(text);
            return Some(if turned { refused() } else { self.correct(answer) });
        }
        let display = answer.starts_with(r"\begin{") && spans::is_display(answer);
        if !self.policy.whole || has_box(answer) || display || answer.contains("####") {
            return None;
        }
        if answer.len() > self.policy.limits.answer_bytes {
            let alone = !words::has_words(answer) && !answer.contains('\n');
            return alone.then_some(Judgement::unverifiable(Reason::TooLarge));
        }
        // Words are the answer only where they are the right ones.
        if let Some(judgement) = self.lettered(answer) {
            return Some(judgement);
        }
        let answer = clean::unwrap(answer);
        // Equations below each other are no single one.
        let derivation = !answer.contains(r"\begin")
            && answer.lines().filter(|line| line.contains('=')).nth(1).is_some();
        if derivation || words::is_sentence(answer) {
            return None;
        }
        let judgement = self.settle(vec![Claim::new(text)]);
        match judgement.verdict {
            Verdict::Correct => Some(judgement),
            Verdict::Wrong if !self.words => Some(judgement),
            // A text with words may hold the answer somewhere else.
            _ if words::has_words(answer) || answer.contains('\n') => None,
            _ => Some(judgement),
        }
    }

    /// Correct where the text is the gold's letter or the gold's words.
    fn lettered(&mut self, text: &str) -> Option<Judgement> {
        self.has_letter_or_words(text).then(|| self.correct(text))
    }

    /// The boxes of a text; nothing where there is none.
    fn boxes(&mut self, text: &str) -> Option<Judgement> {
        let found = boxes::boxes(text);
        let mut contents = found.contents;
        if let Some(start) = found.unclosed {
            if !self.policy.unclosed_box {
                return Some(Judgement::unverifiable(Reason::MalformedBox));
            }
            let line = text[start..].find(['\n', '$', char::from(scope::EDGE)]);
            contents.retain(|content| content.start < start);
            contents.push(start..line.map_or(text.len(), |len| start + len));
        } else if !found.any {
            return None;
        }
        let Some(last) = contents.last() else {
            return Some(Judgement::unverifiable(Reason::NoAnswer));
        };
        if contents.len() == 1 && denied_before(before_maths(&text[..last.start])) {
            return Some(
                Judgement::unverifiable(Reason::NotAsserted).with_extracted(&text[last.clone()]),
            );
        }
        let claims = contents.into_iter().map(|content| Claim::new(unboxed(&text[content])));
        Some(self.settle(claims.collect()))
    }
}

fn has_box(text: &str) -> bool {
    text.contains("boxed") || text.contains("fbox") || text.contains("framebox")
}

/// The content of the box that a text is, however often it is boxed.
fn unboxed(text: &str) -> &str {
    let mut text = text;
    loop {
        let inner = clean::unwrap(text);
        let found = boxes::boxes(inner);
        match found.contents.as_slice() {
            [only] if inner.starts_with('\\') && only.end + 1 == inner.len() => {
                text = &inner[only.clone()];
            }
            _ => return text,
        }
    }
}

/// The text before a box, without the command and delimiter that open it.
fn before_maths(before: &str) -> &str {
    let command = before.rfind('\\').map_or(before, |at| &before[..at]);
    command.trim_end_matches(['$', ' ', '\\', '('])
}
