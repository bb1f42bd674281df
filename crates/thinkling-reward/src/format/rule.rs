//! The readings of the format by name, and one of them followed over streamed text.

use serde::{Deserialize, Serialize};

use super::{FormatFault, FormatVerdict};
use crate::script::is_blank;
use crate::tags::{Tag, TagEvent, TagMachine};

/// How the format of a completion is scored.
///
/// | rule | score | what it asks |
/// |---|---|---|
/// | `strict` | 1 or 0 | the R1-Zero template to the letter |
/// | `tag-count` | 0 to 1 | a quarter for each of the four tags that stands exactly once |
/// | `think-only` | 1 or 0 | `blank* <think> thinking </think> answer`, both parts visible |
///
/// `tag-count` gives a policy that has not found the template yet a slope to climb; it also pays
/// for tags in any order and place, so it is for warming up and not a reward to end on.
///
/// `think-only` is the form of R1 and of its distillations (arXiv 2501.12948v1, section 2.3.2: the
/// thinking process goes between the tags, the summary follows bare). After `</think>` no further
/// thinking tag may come. Answer tags are markup there: they are neither asked for nor refused,
/// and fill neither the thinking nor the answer.
///
/// ```
/// use thinkling_reward::FormatRule;
///
/// let text = "<think> a </think> so <answer> b </answer>";
/// assert_eq!(FormatRule::Strict.score(text), 0.0);
/// assert_eq!(FormatRule::TagCount.score(text), 1.0);
/// assert_eq!(FormatRule::ThinkOnly.score("<think> a </think> The answer is b."), 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FormatRule {
    /// The R1-Zero template: each of the four tags once, in order, both blocks holding something
    /// visible, only white space outside. 1 or 0.
    #[default]
    Strict,
    /// A quarter for each of the four tags that stands exactly once.
    TagCount,
    /// Thinking between `<think>` and `</think>`, then an answer in bare text. 1 or 0.
    ThinkOnly,
}

impl FormatRule {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::Strict, Self::TagCount, Self::ThinkOnly];

    /// The name in recipes and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::TagCount => "tag-count",
            Self::ThinkOnly => "think-only",
        }
    }

    /// Judges a whole completion that writes all its tags itself.
    pub fn judge(self, text: &str) -> FormatScore {
        let mut meter = FormatMeter::new(self);
        meter.push(text);
        meter.finish()
    }

    /// Judges a whole completion whose prompt already ended with `<think>`.
    pub fn judge_inside_think(self, text: &str) -> FormatScore {
        let mut meter = FormatMeter::inside_think(self);
        meter.push(text);
        meter.finish()
    }

    /// The score alone, in [0, 1], of a completion that writes all its tags itself.
    pub fn score(self, text: &str) -> f64 {
        self.judge(text).score
    }
}

impl std::fmt::Display for FormatRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a rule gives a completion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormatScore {
    /// In [0, 1].
    pub score: f64,
    /// The first fault; none where the score is 1.
    pub reason: Option<FormatFault>,
}

impl From<FormatVerdict> for FormatScore {
    fn from(verdict: FormatVerdict) -> Self {
        Self { score: f64::from(u8::from(verdict.valid)), reason: verdict.reason }
    }
}

/// Follows one rule over a completion that arrives in pieces. However the text is cut, the score
/// is that of the whole text.
///
/// ```
/// use thinkling_reward::{FormatMeter, FormatRule};
///
/// let mut meter = FormatMeter::inside_think(FormatRule::ThinkOnly);
/// for piece in ["17 + 25", " is 42</th", "ink>It is 42."] {
///     meter.push(piece);
/// }
/// assert_eq!(meter.finish().score, 1.0);
/// ```
#[derive(Clone, Debug)]
pub struct FormatMeter {
    rule: FormatRule,
    machine: TagMachine,
    /// How often each of [`Tag::ALL`] was seen.
    seen: [u32; 4],
    think_only: ThinkOnly,
}

impl FormatMeter {
    /// A meter at the start of a completion.
    pub fn new(rule: FormatRule) -> Self {
        Self { rule, machine: TagMachine::new(), seen: [0; 4], think_only: ThinkOnly::default() }
    }

    /// A meter for a completion whose prompt already ended with `<think>`, as the chat templates
    /// of the R1 distillations do. The tag counts as seen once.
    pub fn inside_think(rule: FormatRule) -> Self {
        let mut meter = Self { machine: TagMachine::inside_think(), ..Self::new(rule) };
        meter.seen[Tag::ThinkOpen as usize] = 1;
        meter.think_only.on_tag(Tag::ThinkOpen);
        meter
    }

    /// The rule it follows.
    pub fn rule(&self) -> FormatRule {
        self.rule
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str) {
        self.push_with(piece, |_| ());
    }

    /// Takes the next piece and hands on what [`TagMachine::push`] reports, so that one pass
    /// serves the score and a display.
    pub fn push_with(&mut self, piece: &str, mut sink: impl FnMut(TagEvent<'_>)) {
        let (seen, think_only) = (&mut self.seen, &mut self.think_only);
        self.machine.push(piece, |event| {
            note(event, seen, think_only);
            sink(event);
        });
    }

    /// Ends the completion.
    pub fn finish(self) -> FormatScore {
        self.finish_with(|_| ())
    }

    /// Ends the completion and hands on what was held back.
    pub fn finish_with(self, mut sink: impl FnMut(TagEvent<'_>)) -> FormatScore {
        let Self { rule, machine, mut seen, mut think_only } = self;
        let strict = machine.finish(|event| {
            note(event, &mut seen, &mut think_only);
            sink(event);
        });
        match rule {
            FormatRule::Strict => strict.into(),
            FormatRule::TagCount => count_score(seen),
            FormatRule::ThinkOnly => think_only.finish().into(),
        }
    }
}

fn note(event: TagEvent<'_>, seen: &mut [u32; 4], think_only: &mut ThinkOnly) {
    match event {
        TagEvent::Text { text, .. } => think_only.on_text(text),
        TagEvent::Tag { tag, .. } => {
            let count = &mut seen[tag as usize];
            *count = count.saturating_add(1);
            think_only.on_tag(tag);
        }
    }
}

/// A quarter for each tag seen exactly once.
fn count_score(seen: [u32; 4]) -> FormatScore {
    let mut out = FormatScore { score: 0.0, reason: None };
    for (tag, count) in Tag::ALL.into_iter().zip(seen) {
        let fault = match count {
            0 => FormatFault::Missing(tag),
            1 => {
                out.score += 0.25;
                continue;
            }
            _ => FormatFault::Repeated(tag),
        };
        out.reason = out.reason.or(Some(fault));
    }
    out
}

/// Follows the think-only form and keeps the first fault.
#[derive(Clone, Debug, Default)]
struct ThinkOnly {
    place: Place,
    /// Whether the open part, thinking or answer, holds something visible.
    filled: bool,
    fault: Option<FormatFault>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Thinking,
    After,
}

impl ThinkOnly {
    fn on_text(&mut self, text: &str) {
        if self.fault.is_some() || self.filled {
            return;
        }
        match self.place {
            Place::Before if text.chars().all(char::is_whitespace) => {}
            Place::Before => self.fault = Some(FormatFault::TextBefore),
            Place::Thinking | Place::After => self.filled = !text.chars().all(is_blank),
        }
    }

    fn on_tag(&mut self, tag: Tag) {
        if self.fault.is_some() {
            return;
        }
        match (self.place, tag) {
            (Place::Before, Tag::ThinkOpen) => self.place = Place::Thinking,
            (Place::Thinking, Tag::ThinkClose) if self.filled => {
                self.place = Place::After;
                self.filled = false;
            }
            (Place::Thinking, Tag::ThinkClose) => self.fault = Some(FormatFault::EmptyThink),
            (Place::Thinking | Place::After, Tag::AnswerOpen | Tag::AnswerClose) => {}
            _ => self.fault = Some(FormatFault::Misplaced(tag)),
        }
    }

    fn finish(self) -> FormatVerdict {
        let reason = self.fault.or(match self.place {
            Place::Before => Some(FormatFault::Missing(Tag::ThinkOpen)),
            Place::Thinking => Some(FormatFault::Missing(Tag::ThinkClose)),
            Place::After if self.filled => None,
            Place::After => Some(FormatFault::EmptyAnswer),
        });
        FormatVerdict { valid: reason.is_none(), reason }
    }
}

#[cfg(test)]
mod tests;
