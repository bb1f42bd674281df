//! The mini world: small arithmetic in English and Chinese, from which a base model of about a
//! million parameters is pre-trained and on which it then learns to reason.
//!
//! - [`problem`]: chained sums and differences in five levels, countdown with three numbers. The
//!   split of a problem (corpus, RL, evaluation) is a fixed hash of the problem itself, so the
//!   three are disjoint whatever the seeds, languages and phrasings.
//! - [`corpus`]: documents a base model learns from: facts, guesses, worked steps with slips,
//!   checks and corrections, countdown tries; some follow the R1-Zero template, most do not.
//! - [`worked_examples`]: questions with replies that check and correct themselves, for prompts.
//! - [`vocabulary`]: the closed vocabulary of all these texts as a Hugging Face `tokenizer.json`.
//! - [`grown`]: the same world with more in it, for the whole of R1.
//! - [`phrases`]: the tables of wording that all three draw from.
//!
//! Everything is a pure function of a configuration and a seed, without files or clocks. Left out:
//! multiplication, negative numbers, and any text a supervised stage could be trained on; the
//! base is meant to be undecided how to go about a problem, not to be good at it.

pub mod corpus;
pub mod grown;
pub mod phrases;
pub mod problem;
mod reply;
mod stage;
pub mod vocabulary;
mod worked;

pub use corpus::{Corpus, CorpusConfig};
pub use phrases::Language;
pub use problem::{LevelMix, Split, WorldProblem, WorldTask, problems};
pub use stage::{stage_harmful, stage_problems, stage_requests};
pub use vocabulary::{tokenizer_json, tokens};
pub use worked::worked_examples;

/// A configuration of the mini world that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WorldError {
    /// A share or probability outside `0..=1`.
    #[error("{field} is not a share, expected: 0 to 1, got: {value}")]
    Share {
        /// Name of the configuration field.
        field: &'static str,
        /// The value given.
        value: f64,
    },
    /// Weights that are negative, not finite, or all zero.
    #[error(
        "weights of {field} cannot be drawn from, expected: finite, none negative, a positive sum"
    )]
    Weights {
        /// Name of the configuration field.
        field: &'static str,
    },
}

/// Draws an index with probability proportional to its weight; the weights were validated.
pub(crate) fn draw_weighted(rng: &mut impl rand::Rng, weights: &[f64]) -> usize {
    let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
    for (index, &weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    // Rounding may leave a crumb at the upper end: the last index that can be drawn at all.
    weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0)
}

/// Refuses weights from which nothing can be drawn.
pub(crate) fn check_weights(field: &'static str, weights: &[f64]) -> Result<(), WorldError> {
    let usable = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        && weights.iter().sum::<f64>() > 0.0;
    if usable { Ok(()) } else { Err(WorldError::Weights { field }) }
}

/// Refuses a value that is not a probability.
pub(crate) fn check_share(field: &'static str, value: f64) -> Result<(), WorldError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(WorldError::Share { field, value }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn weighted_draws_follow_their_weights() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0usize; 3];
        for _ in 0..20_000 {
            counts[draw_weighted(&mut rng, &[1.0, 0.0, 3.0])] += 1;
        }
        assert_eq!(counts[1], 0);
        // Three standard deviations of a binomial with 20,000 draws are about 184.
        assert!(counts[0].abs_diff(5_000) < 200, "{counts:?}");
    }

    #[test]
    fn unusable_weights_and_shares_are_named() {
        assert!(check_weights("w", &[0.0, 0.0]).is_err());
        assert!(check_weights("w", &[1.0, -0.5]).is_err());
        assert!(check_weights("w", &[f64::NAN, 1.0]).is_err());
        assert!(check_weights("w", &[0.0, 2.0]).is_ok());
        assert!(check_share("s", 1.1).is_err());
        assert!(check_share("s", f64::NAN).is_err());
        assert_eq!(
            check_share("slip", -1.0).unwrap_err().to_string(),
            "slip is not a share, expected: 0 to 1, got: -1"
        );
    }
}
