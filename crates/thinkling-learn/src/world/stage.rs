//! The problems of a stage of reinforcement learning.

use super::grown::{harmful_problems, request_problems};
use super::{LevelMix, Split, WorldError, WorldProblem, problems};
use thinkling_reward::Problem;

/// Problems that reinforcement learning trains on; more than a quickstart sees.
const TRAINING: usize = 8192;
/// Requests of the grown world that are drawn at most.
const REQUESTS: usize = 1024;
/// Problems held out for evaluation that are drawn at most.
const EVALUATION: usize = 2048;
/// Seed of the held-out problems: every run is measured on the same ones.
const EVALUATION_SEED: u64 = 20_250_122;

/// The problems that a stage of this seed trains on, or those held out for evaluation, which are
/// the same whatever the seed; as rewards take them.
///
/// # Errors
/// [`WorldError`] where the mix cannot be drawn from.
pub fn stage_problems(
    held_out: bool,
    seed: u64,
    mix: &LevelMix,
) -> Result<Vec<Problem>, WorldError> {
    let (split, count, seed) = drawn(held_out, seed);
    Ok(problems(split, count, seed, mix)?.iter().map(WorldProblem::to_problem).collect())
}

/// The same of the grown world's requests; of the mix the share of English counts.
///
/// # Errors
/// As [`stage_problems`].
pub fn stage_requests(
    held_out: bool,
    seed: u64,
    mix: &LevelMix,
) -> Result<Vec<Problem>, WorldError> {
    mix.validate()?;
    let (split, count, seed) = drawn(held_out, seed);
    Ok(request_problems(split, count.min(REQUESTS), seed, mix.english))
}

/// The same of its requests that do harm, all there are of a split.
///
/// # Errors
/// As [`stage_problems`].
pub fn stage_harmful(
    held_out: bool,
    seed: u64,
    mix: &LevelMix,
) -> Result<Vec<Problem>, WorldError> {
    mix.validate()?;
    let (split, count, seed) = drawn(held_out, seed);
    Ok(harmful_problems(split, count, seed, mix.english))
}

fn drawn(held_out: bool, seed: u64) -> (Split, usize, u64) {
    match held_out {
        true => (Split::Eval, EVALUATION, EVALUATION_SEED),
        false => (Split::Rl, TRAINING, seed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_out_problems_are_the_same_for_every_seed_and_never_trained_on() {
        let of = |held_out, seed| stage_problems(held_out, seed, &LevelMix::default()).unwrap();
        let held_out = of(true, 1);
        assert_eq!(held_out, of(true, 2));
        let trained = of(false, 1);
        assert_ne!(trained, of(false, 2));
        let asked = |p: &Problem| p.id.rsplit_once(' ').map(|(problem, _)| problem.to_owned());
        let known: std::collections::BTreeSet<_> = trained.iter().map(asked).collect();
        assert!(held_out.iter().all(|p| !known.contains(&asked(p))));
    }
}
