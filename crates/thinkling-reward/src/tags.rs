//! The tags of the R1-Zero template as a state machine over text pieces.
//!
//! The template (arXiv 2501.12948v1, table 1) puts the reasoning between `<think>` and
//! `</think>` and the answer between `<answer>` and `</answer>`. [`TagMachine`] takes a
//! completion in pieces of any size, as a tokenizer streams it, and reports text by [`Region`]
//! and each tag. Only the last bytes that may still become a tag (8 at most) are held back.
//!
//! Tags are exact: no blanks inside, lower case only; anything else is text. Regions never nest:
//!
//! | region | `<think>` | `</think>` | `<answer>` | `</answer>` |
//! |---|---|---|---|---|
//! | outside | think | outside | answer | outside |
//! | think | think | outside | think | think |
//! | answer | think | answer | answer | outside |
//!
//! So what an unclosed `<think>` holds is thinking to the end, an answer block written inside it
//! included.

use crate::format::{FormatTracker, FormatVerdict};

/// One of the four tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// `<think>`
    ThinkOpen,
    /// `</think>`
    ThinkClose,
    /// `<answer>`
    AnswerOpen,
    /// `</answer>`
    AnswerClose,
}

impl Tag {
    /// The four tags in the order of the template.
    pub const ALL: [Self; 4] =
        [Self::ThinkOpen, Self::ThinkClose, Self::AnswerOpen, Self::AnswerClose];

    /// The tag as written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ThinkOpen => "<think>",
            Self::ThinkClose => "</think>",
            Self::AnswerOpen => "<answer>",
            Self::AnswerClose => "</answer>",
        }
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in the template a piece of text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Region {
    /// Before, between or after the blocks.
    #[default]
    Outside,
    /// Inside `<think>`.
    Think,
    /// Inside `<answer>`.
    Answer,
}

impl Region {
    /// The region after `tag` (the table of the [module](self)).
    pub const fn after(self, tag: Tag) -> Self {
        match (self, tag) {
            (Self::Think, Tag::ThinkClose) => Self::Outside,
            (Self::Think, _) | (_, Tag::ThinkOpen) => Self::Think,
            (Self::Outside, Tag::AnswerOpen) => Self::Answer,
            (Self::Answer, Tag::AnswerClose) => Self::Outside,
            (region, _) => region,
        }
    }
}

/// What [`TagMachine::push`] reports. Texts and tags, put together in order, are the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagEvent<'a> {
    /// Text that is no tag; never empty. Text of one region may come in several events.
    Text {
        /// Where it stands.
        region: Region,
        /// The text.
        text: &'a str,
    },
    /// A whole tag.
    Tag {
        /// Which one.
        tag: Tag,
        /// The region before it.
        from: Region,
        /// The region after it.
        to: Region,
    },
}

impl<'a> TagEvent<'a> {
    /// The input that the event stands for.
    pub fn as_str(&self) -> &'a str {
        match *self {
            TagEvent::Text { text, .. } => text,
            TagEvent::Tag { tag, .. } => tag.as_str(),
        }
    }
}

/// Splits streamed text at the tags and judges the strict format on the way.
///
/// ```
/// use thinkling_reward::{Region, TagEvent, TagMachine};
///
/// let (mut machine, mut thoughts) = (TagMachine::new(), String::new());
/// let mut keep = |event: TagEvent<'_>| {
///     if let TagEvent::Text { region: Region::Think, text } = event {
///         thoughts.push_str(text);
///     }
/// };
/// for piece in ["<thi", "nk>a <", " b</think", "><answer>4</answer>"] {
///     machine.push(piece, &mut keep);
/// }
/// assert!(machine.finish(&mut keep).valid);
/// assert_eq!(thoughts, "a < b");
/// ```
#[derive(Clone, Debug, Default)]
pub struct TagMachine {
    region: Region,
    /// The held-back input is the first `.1` bytes of the tag `.0`.
    held: Option<(Tag, usize)>,
    format: FormatTracker,
}

/// What the bytes from a `<` on are.
enum Match {
    Whole(Tag),
    /// The bytes end inside the tag, after this many.
    Partial(Tag, usize),
    No,
}

impl TagMachine {
    /// A machine at the start of a completion.
    pub fn new() -> Self {
        Self::default()
    }

    /// A machine for a completion whose prompt already ended with `<think>`, as some chat
    /// templates do. The tag counts as seen; it is not reported.
    pub fn inside_think() -> Self {
        let mut machine = Self::default();
        machine.region = machine.region.after(Tag::ThinkOpen);
        machine.format.on_tag(Tag::ThinkOpen);
        machine
    }

    /// The region at the end of what was pushed.
    pub fn region(&self) -> Region {
        self.region
    }

    /// The input that is held back because it may become a tag; empty or starting with `<`.
    pub fn held_back(&self) -> &'static str {
        self.held.map_or("", |(tag, len)| &tag.as_str()[..len])
    }

    /// Takes the next piece and gives `sink` all that is decided by it.
    pub fn push(&mut self, piece: &str, mut sink: impl FnMut(TagEvent<'_>)) {
        let mut reported = match self.resume(piece, &mut sink) {
            Some(consumed) => consumed,
            None => return,
        };
        let mut at = reported;
        while let Some(offset) = piece[at..].find('<') {
            let open = at + offset;
            match match_tag(&piece.as_bytes()[open..]) {
                Match::Whole(tag) => {
                    self.text(&piece[reported..open], &mut sink);
                    self.tag(tag, &mut sink);
                    reported = open + tag.as_str().len();
                    at = reported;
                }
                Match::Partial(tag, len) => {
                    self.text(&piece[reported..open], &mut sink);
                    self.held = Some((tag, len));
                    return;
                }
                Match::No => at = open + 1,
            }
        }
        self.text(&piece[reported..], &mut sink);
    }

    /// Ends the input: what was held back is text, and the strict format is judged.
    pub fn finish(mut self, mut sink: impl FnMut(TagEvent<'_>)) -> FormatVerdict {
        self.release(&mut sink);
        self.format.finish()
    }

    /// Goes on with a held-back tag. Returns how many bytes of `piece` that used up, or nothing
    /// where the piece ended and the tag is still open.
    fn resume(&mut self, piece: &str, sink: &mut impl FnMut(TagEvent<'_>)) -> Option<usize> {
        let Some((_, mut len)) = self.held else {
            return Some(0);
        };
        for (i, &byte) in piece.as_bytes().iter().enumerate() {
            let prefix = self.held_back();
            let longer = Tag::ALL.into_iter().find(|tag| {
                let tag = tag.as_str();
                tag.starts_with(prefix) && tag.as_bytes().get(len) == Some(&byte)
            });
            let Some(tag) = longer else {
                self.release(sink);
                return Some(i);
            };
            len += 1;
            if len == tag.as_str().len() {
                self.held = None;
                self.tag(tag, sink);
                return Some(i + 1);
            }
            self.held = Some((tag, len));
        }
        None
    }

    /// Reports what was held back as text.
    fn release(&mut self, sink: &mut impl FnMut(TagEvent<'_>)) {
        let text = self.held_back();
        self.held = None;
        self.text(text, sink);
    }

    fn text(&mut self, text: &str, sink: &mut impl FnMut(TagEvent<'_>)) {
        if !text.is_empty() {
            self.format.on_text(text);
            sink(TagEvent::Text { region: self.region, text });
        }
    }

    fn tag(&mut self, tag: Tag, sink: &mut impl FnMut(TagEvent<'_>)) {
        let from = self.region;
        self.region = from.after(tag);
        self.format.on_tag(tag);
        sink(TagEvent::Tag { tag, from, to: self.region });
    }
}

/// Compares `bytes`, which start with `<`, with the four tags. No tag is the start of another.
fn match_tag(bytes: &[u8]) -> Match {
    for tag in Tag::ALL {
        let name = tag.as_str().as_bytes();
        let len = name.len().min(bytes.len());
        if bytes[..len] == name[..len] {
            return if len == name.len() { Match::Whole(tag) } else { Match::Partial(tag, len) };
        }
    }
    Match::No
}

/// Reports the events of a whole text.
pub fn for_each_event(text: &str, mut sink: impl FnMut(TagEvent<'_>)) -> FormatVerdict {
    let mut machine = TagMachine::new();
    machine.push(text, &mut sink);
    machine.finish(sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(pieces: &[&str]) -> Vec<(Region, String)> {
        let mut out: Vec<(Region, String)> = Vec::new();
        let mut machine = TagMachine::new();
        let mut sink = |event: TagEvent<'_>| {
            if let TagEvent::Text { region, text } = event {
                match out.last_mut() {
                    Some((last, all)) if *last == region => all.push_str(text),
                    _ => out.push((region, text.to_owned())),
                }
            }
        };
        for piece in pieces {
            machine.push(piece, &mut sink);
        }
        machine.finish(&mut sink);
        out
    }

    #[test]
    fn one_byte_at_a_time_gives_the_same_regions() {
        let text = "x<think>a<b></think> <<answer>4</answer></thin";
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        let expected = [
            (Region::Outside, "x"),
            (Region::Think, "a<b>"),
            (Region::Outside, " <"),
            (Region::Answer, "4"),
            (Region::Outside, "</thin"),
        ]
        .map(|(region, text)| (region, text.to_owned()));
        assert_eq!(regions(&letters), expected);
        assert_eq!(regions(&[text]), expected);
    }

    #[test]
    fn a_broken_tag_start_is_text_and_the_next_tag_is_still_seen() {
        let expected = [(Region::Outside, "</an".to_owned()), (Region::Think, "a".to_owned())];
        assert_eq!(regions(&["</an", "<think>a"]), expected);
        assert_eq!(regions(&["</", "an<thi", "nk>a"]), expected);
    }

    #[test]
    fn only_what_may_become_a_tag_is_held_back() {
        let mut machine = TagMachine::new();
        let mut seen = String::new();
        machine.push("ab</thi", |event| seen.push_str(event.as_str()));
        assert_eq!((seen.as_str(), machine.held_back()), ("ab", "</thi"));
        machine.push("s", |event| seen.push_str(event.as_str()));
        assert_eq!((seen.as_str(), machine.held_back()), ("ab</this", ""));
    }

    #[test]
    fn an_answer_block_inside_thinking_is_thinking() {
        assert_eq!(regions(&["<think>a<answer>4</answer>b"]), [(Region::Think, "a4b".to_owned())]);
    }

    #[test]
    fn a_prompt_may_have_opened_the_thinking() {
        let mut machine = TagMachine::inside_think();
        assert_eq!(machine.region(), Region::Think);
        machine.push("a</think><answer>b</answer>", |_| ());
        assert!(machine.finish(|_| ()).valid);
    }
}
