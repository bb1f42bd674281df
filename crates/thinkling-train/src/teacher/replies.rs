//! The answers of a teacher on disk, one JSON object a line, each written as it ends.

use crate::course::{Counts, Course, Watch};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::lines::{LinesFile, Span};
use crate::sampling::{Event, OnEvent, Place, Reply};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    conversation: usize,
    sample: usize,
    #[serde(flatten)]
    reply: Reply,
}

/// Asks for what is missing in the file at `path`, whose lines are called `what`; `answer` gives these
/// places, once there are some.
pub(super) fn ask(
    answer: impl FnOnce(&[Place], OnEvent<'_>) -> Result<()>,
    shape: (usize, usize),
    (path, what): (&Path, &'static str),
    interrupt: &Interrupt,
    watch: &mut dyn Watch,
) -> Result<Option<Vec<Vec<Reply>>>> {
    let mut file = LinesFile::open(path, what)?;
    let mut replies: Vec<Vec<Option<(Reply, Span)>>> = vec![vec![None; shape.1]; shape.0];
    file.read(|line: Line, span| {
        let slot = replies.get_mut(line.conversation).and_then(|r| r.get_mut(line.sample));
        let none = || format!("no answer {} to {} is asked for", line.sample, line.conversation);
        *slot.ok_or_else(none)? = Some((line.reply, span));
        Ok(())
    })?;
    let places = (0..shape.0).flat_map(|c| (0..shape.1).map(move |s| (c, s)));
    let missing: Vec<Place> = places.filter(|&(c, s)| replies[c][s].is_none()).collect();
    let total = shape.0 * shape.1;
    let before = total - missing.len();
    if before > 0 {
        watch.note(&format!("{before} of {total} {what} are there already"));
    }
    if missing.is_empty() {
        return whole(replies, file).map(Some);
    }
    let mut counts = Counts { done: before, ..Counts::default() };
    counts.problems = replies.iter().filter(|r| r.iter().all(Option::is_some)).count();
    let mut course = Course::new(watch, before, total, shape.0);
    let mut failed = None;
    let answered = answer(&missing, &mut |event| {
        match event {
            Event::Tokens(tokens) => course.tokens(tokens, || counts),
            Event::Note(text) => course.note(&text),
            Event::Ended((conversation, sample), reply) => {
                let line = Line { conversation, sample, reply };
                match file.append(&line) {
                    Err(error) => failed = Some(error),
                    Ok(span) => {
                        replies[conversation][sample] = Some((line.reply, span));
                        counts.done += 1;
                        let of_one = &replies[conversation];
                        counts.problems += usize::from(of_one.iter().all(Option::is_some));
                    }
                }
            }
        }
        match failed.is_some() || interrupt.is_requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    answered?;
    course.sampled();
    course.tell(counts);
    match counts.done == total {
        true => whole(replies, file).map(Some),
        false => Ok(None),
    }
}

/// All replies in order, which their file has from now on.
fn whole(replies: Vec<Vec<Option<(Reply, Span)>>>, mut file: LinesFile) -> Result<Vec<Vec<Reply>>> {
    let spans: Vec<Span> = replies.iter().flatten().flatten().map(|(_, span)| *span).collect();
    file.arrange(&spans)?;
    let of_one = |of_one: Vec<Option<(Reply, Span)>>| of_one.into_iter().flatten().map(|r| r.0);
    Ok(replies.into_iter().map(|replies| of_one(replies).collect()).collect())
}
