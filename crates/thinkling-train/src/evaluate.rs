//! Sampled evaluation, in parts so that progress shows and an interrupt ends it.

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::stage::learn_error;
use thinkling_learn::{FormatReading, Question, RolloutConfig, Scorer};
use thinkling_model::Decoder;

pub use thinkling_learn::{Estimate, Evaluated, Measures, REPEATED_WORDS, Sample, Tally};

/// Problems that are sampled at once, so that progress shows and memory stays small.
const PROBLEMS_AT_ONCE: usize = 64;

/// [`Evaluated::ask`] for all of `questions`; `None` where an interrupt came before the last of
/// them.
///
/// # Errors
/// A device that fails, a gold that does not parse.
pub fn evaluate(
    decoder: &Decoder,
    reading: (Scorer<'_>, FormatReading),
    questions: &[Question],
    config: &RolloutConfig,
    progress: &mut dyn Progress,
    interrupt: &Interrupt,
) -> Result<Option<Evaluated>> {
    let mut result = Evaluated::default();
    for part in questions.chunks(PROBLEMS_AT_ONCE) {
        if interrupt.is_requested() {
            return Ok(None);
        }
        progress.working("evaluating", result.all.problems as u64, questions.len() as u64);
        pollster::block_on(result.ask(decoder, reading, part, config)).map_err(learn_error)?;
    }
    progress.working("evaluating", questions.len() as u64, questions.len() as u64);
    Ok(Some(result))
}
