//! Thinking and answer told apart while a completion is still arriving.

use thinkling_reward::tags::{Region, TagEvent, TagMachine};

/// A piece of a completion, by what it is. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Reasoning, between `<think>` and `</think>`.
    Think(String),
    /// The answer.
    Answer(String),
    /// Text outside both: before, between and after the blocks.
    Other(String),
}

impl Segment {
    /// The text, whatever it is.
    pub fn text(&self) -> &str {
        match self {
            Self::Think(text) | Self::Answer(text) | Self::Other(text) => text,
        }
    }
}

/// Cuts streamed text into thinking, answer and the rest.
///
/// A tag that opens or closes a block is taken out, also where it arrives in several pieces; a tag
/// in any other place is kept as text, so that nothing else is lost. At most 8 bytes are held back
/// between two pieces. The rules are those of the reward's tag machine, so what a page shows as the
/// answer is what the reward reads.
///
/// ```
/// use thinkling_text::{Segment, ThinkSplitter};
///
/// let mut splitter = ThinkSplitter::new();
/// let mut segments = splitter.push("<thi");
/// segments.extend(splitter.push("nk>17 + 25</think><answer>4"));
/// segments.extend(splitter.push("2</answer>"));
/// segments.extend(splitter.finish());
/// assert_eq!(segments, [
///     Segment::Think("17 + 25".into()),
///     Segment::Answer("4".into()),
///     Segment::Answer("2".into()),
/// ]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ThinkSplitter {
    machine: TagMachine,
    bare_answers: bool,
    thought: bool,
}

impl ThinkSplitter {
    /// A splitter for completions that write all their tags.
    pub fn new() -> Self {
        Self::default()
    }

    /// For prompts that already end with `<think>`, as the chat template of the R1 distillations:
    /// the completion starts with thinking. To be called before the first piece.
    #[must_use]
    pub fn starts_in_think(self) -> Self {
        Self { machine: TagMachine::inside_think(), ..self }
    }

    /// For models that answer without `<answer>` tags, as R1 itself and its distillations: text
    /// after a closed `<think>` block is the answer.
    #[must_use]
    pub fn bare_answers(self) -> Self {
        Self { bare_answers: true, ..self }
    }

    /// Takes the next piece and gives what is decided by it.
    pub fn push(&mut self, piece: &str) -> Vec<Segment> {
        let mut out = Sink::new(self.bare_answers, self.thought);
        self.machine.push(piece, |event| out.take(event));
        self.thought = out.thought;
        out.segments
    }

    /// Ends the completion: what was held back was no tag. An unclosed block ends here.
    pub fn finish(self) -> Vec<Segment> {
        let mut out = Sink::new(self.bare_answers, self.thought);
        self.machine.finish(|event| out.take(event));
        out.segments
    }
}

/// Gathers events into segments.
struct Sink {
    segments: Vec<Segment>,
    bare_answers: bool,
    /// Whether a block of thinking was closed.
    thought: bool,
}

impl Sink {
    fn new(bare_answers: bool, thought: bool) -> Self {
        Self { segments: Vec::new(), bare_answers, thought }
    }

    fn take(&mut self, event: TagEvent<'_>) {
        let region = match event {
            TagEvent::Text { region, .. } => region,
            TagEvent::Tag { from, to, .. } if from == to => from,
            TagEvent::Tag { from, .. } => {
                self.thought |= from == Region::Think;
                return;
            }
        };
        let text = event.as_str();
        let answers = region == Region::Answer
            || (region == Region::Outside && self.bare_answers && self.thought);
        match (self.segments.last_mut(), region) {
            (Some(Segment::Think(last)), Region::Think) => last.push_str(text),
            (Some(Segment::Answer(last)), _) if answers => last.push_str(text),
            (Some(Segment::Other(last)), Region::Outside) if !answers => last.push_str(text),
            (_, Region::Think) => self.segments.push(Segment::Think(text.to_owned())),
            _ if answers => self.segments.push(Segment::Answer(text.to_owned())),
            _ => self.segments.push(Segment::Other(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Think, answer and other text of a completion that comes in these pieces.
    fn split(mut splitter: ThinkSplitter, pieces: &[&str]) -> [String; 3] {
        let mut texts = [const { String::new() }; 3];
        let mut keep = |segments: Vec<Segment>| {
            for segment in segments {
                assert!(!segment.text().is_empty());
                let place = match segment {
                    Segment::Think(_) => 0,
                    Segment::Answer(_) => 1,
                    Segment::Other(_) => 2,
                };
                texts[place].push_str(segment.text());
            }
        };
        for piece in pieces {
            keep(splitter.push(piece));
        }
        keep(splitter.finish());
        texts
    }

    #[test]
    fn tags_that_arrive_in_pieces_are_found() {
        let pieces =
            [" <", "thi", "nk>a", " < b</th", "ink> \n<ans", "wer>", "42<", "/answer>", "!"];
        assert_eq!(split(ThinkSplitter::new(), &pieces), ["a < b", "42", "  \n!"]);
    }

    #[test]
    fn a_prompt_that_opened_the_thinking_makes_the_start_thinking() {
        let splitter = ThinkSplitter::new().starts_in_think().bare_answers();
        assert_eq!(
            split(splitter, &["so 6*7</thi", "nk>\n\nIt is 42."]),
            ["so 6*7", "\n\nIt is 42.", ""]
        );
    }

    #[test]
    fn text_before_any_thinking_is_no_bare_answer() {
        let splitter = ThinkSplitter::new().bare_answers();
        assert_eq!(split(splitter, &["Hm. <think>a</think>b"]), ["a", "b", "Hm. "]);
    }

    #[test]
    fn without_bare_answers_text_after_thinking_is_other() {
        assert_eq!(split(ThinkSplitter::new(), &["<think>a</think>b"]), ["a", "", "b"]);
    }

    #[test]
    fn a_tag_that_changes_nothing_is_kept_as_text() {
        assert_eq!(
            split(ThinkSplitter::new(), &["</think><think>use <answer>x</answer></think>"]),
            ["use <answer>x</answer>", "", "</think>"]
        );
    }

    #[test]
    fn the_start_of_a_tag_at_the_end_is_text_of_its_block() {
        assert_eq!(split(ThinkSplitter::new(), &["<think>a</thin"]), ["a</thin", "", ""]);
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_changes_nothing(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "<think>", "</think>", "<answer>", "</answer>", "<", "</", "thin", "k>", "好", " ",
                ]),
                0..24,
            ),
            cuts in prop::collection::vec(0.0f64..1.0, 0..12),
            starts in any::<bool>(),
            bare in any::<bool>(),
        ) {
            let text: String = parts.concat();
            let mut splitter = ThinkSplitter::new();
            if starts { splitter = splitter.starts_in_think(); }
            if bare { splitter = splitter.bare_answers(); }
            let mut places: Vec<usize> =
                cuts.iter().map(|c| text.floor_char_boundary((c * text.len() as f64) as usize)).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let pieces: Vec<&str> = places.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            prop_assert_eq!(split(splitter.clone(), &pieces), split(splitter, &[text.as_str()]));
        }
    }
}
