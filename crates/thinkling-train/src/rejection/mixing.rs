//! Conversations of other files beside a stage's own examples.

use super::counts::{MixCounts, RejectionCounts};
use crate::conversations::{Conversation, for_each_conversation};
use crate::error::{Result, TrainError};
use crate::examples::share_of;
use crate::recipe::{MixAmount, MixSource};
use crate::selection::{Choosing, SelectionCounts, write_line};
use std::collections::HashSet;
use std::io::Write;

/// The conversations of each file that are taken, by their place in it.
#[derive(Debug, Default)]
pub(crate) struct Mixed(Vec<HashSet<usize>>);

/// Chooses the conversations of the other files: among those that are no evaluation's and not there
/// already, the ones whose hash of seed, file and place is smallest. Counts them beside `answers`.
///
/// # Errors
/// A file that cannot be read, its first line that holds no conversation.
pub(crate) fn mix_in(
    choosing: &mut Choosing<'_>,
    sources: &[MixSource],
    seed: u64,
    answers: SelectionCounts,
) -> Result<(Mixed, RejectionCounts)> {
    let mut counts = RejectionCounts { answers, ..RejectionCounts::default() };
    let mut files = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let mut count = MixCounts { path: source.path.clone(), ..MixCounts::default() };
        let (name, mut drawn) = (index.to_string(), Vec::new());
        each(source, |place, conversation| {
            count.read += 1;
            if choosing.is_contaminated(&conversation.messages) {
                count.decontaminated += 1;
            } else if choosing.is_duplicate(&conversation.messages) {
                count.duplicates += 1;
            } else {
                drawn.push((share_of(seed, &["mix", &name, &place.to_string()]), place));
            }
            Ok(())
        })?;
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        files.push((count, drawn));
    }
    let there: Vec<usize> = files.iter().map(|(_, drawn)| drawn.len()).collect();
    let wanted = wanted(counts.answers.kept, sources, &there);
    let mut mixed = Mixed::default();
    for ((mut count, drawn), wanted) in files.into_iter().zip(wanted) {
        mixed.0.push(drawn.into_iter().take(wanted).map(|(_, place)| place).collect());
        count.wanted = wanted;
        count.taken = mixed.0.last().map_or(0, HashSet::len);
        counts.mixed_in += count.taken;
        counts.mix.push(count);
    }
    counts.written = counts.answers.kept + counts.mixed_in;
    Ok((mixed, counts))
}

/// How many conversations each file is to give, where `there` can be had: shares are of all that is
/// written, where nothing is missing.
fn wanted(kept: usize, sources: &[MixSource], there: &[usize]) -> Vec<usize> {
    let counted = |(source, &there): (&MixSource, &usize)| match source.amount {
        MixAmount::Count(count) => count.min(there),
        MixAmount::Share(_) => 0,
    };
    let fixed: usize = kept + sources.iter().zip(there).map(counted).sum::<usize>();
    let shares: f64 = sources.iter().filter_map(MixSource::share).sum();
    // The recipe keeps the shares below 1.
    let total = fixed as f64 / (1.0 - shares);
    sources
        .iter()
        .map(|source| match source.amount {
            MixAmount::Count(count) => count,
            MixAmount::Share(share) => (share * total).round() as usize,
        })
        .collect()
}

impl Mixed {
    /// Writes the conversations that were chosen, in the order of their files.
    ///
    /// # Errors
    /// As [`mix_in`], and what `out` fails with.
    pub(crate) fn write(
        &self,
        sources: &[MixSource],
        out: &mut dyn Write,
        failed: &dyn Fn(std::io::Error) -> TrainError,
    ) -> Result<()> {
        for (source, taken) in sources.iter().zip(&self.0) {
            each(source, |place, Conversation { messages, tools, .. }| {
                match taken.contains(&place) {
                    true => write_line(out, messages, None, tools.as_ref(), failed),
                    false => Ok(()),
                }
            })?;
        }
        Ok(())
    }
}

/// Shows each conversation of a file with its place.
fn each(
    source: &MixSource,
    mut each: impl FnMut(usize, &Conversation) -> Result<()>,
) -> Result<()> {
    let mut place = 0;
    for_each_conversation(&source.path, &source.fields, |line, conversation| {
        let conversation = conversation.map_err(|reason| TrainError::DataLine {
            path: source.path.clone(),
            line,
            reason,
        })?;
        place += 1;
        each(place - 1, &conversation)
    })
}

/// Reads the lines of the files, so that a bad one is told before anything runs.
///
/// # Errors
/// As [`mix_in`].
pub(crate) fn check_mix(sources: &[MixSource]) -> Result<()> {
    sources.iter().try_for_each(|source| each(source, |_, _| Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{ExampleFields, ExampleFormat};

    fn source(amount: MixAmount) -> MixSource {
        let text = str::to_owned;
        let fields = ExampleFields {
            format: ExampleFormat::Auto,
            messages: text("messages"),
            prompt: text("prompt"),
            completion: text("completion"),
            tools: text("tools"),
        };
        MixSource { path: "a.jsonl".into(), fields, amount }
    }

    #[test]
    fn shares_are_of_all_that_is_written() {
        let shares = [0.25, 0.25].map(|share| source(MixAmount::Share(share)));
        assert_eq!(wanted(100, &shares, &[1000, 1000]), [50, 50]);
        let both = [source(MixAmount::Count(20)), source(MixAmount::Share(0.5))];
        assert_eq!(wanted(100, &both, &[1000, 1000]), [20, 120]);
        // What the first file does not have, the share is not of.
        assert_eq!(wanted(100, &both, &[4, 1000]), [20, 104]);
        assert_eq!(wanted(0, &shares, &[10, 10]), [0, 0]);
    }
}
