//! Worked examples that reflect and verify, for few-shot prompts.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    WorldError,
    corpus::CorpusConfig,
    problem::{LevelMix, Split},
    reply::{Speaker, reply},
    vocabulary::split_pieces,
};

/// Longest reply in tokens, so that several fit a small context.
const LONGEST: usize = 48;
/// Slips, each noticed and corrected.
const SLIP: f64 = 0.2;

/// So many problems of the corpus split, which no stage asks, as question and reply. A reply is right,
/// keeps the format and the question's language, works every step, checks one, and corrects each slip.
///
/// # Errors
/// [`WorldError`] where the mix cannot be drawn from.
pub fn worked_examples(
    count: usize,
    seed: u64,
    mix: &LevelMix,
) -> Result<Vec<(String, String)>, WorldError> {
    let config = CorpusConfig {
        mix: mix.clone(),
        guess: 0.0,
        rush: 0.0,
        slip: SLIP,
        noticed: 1.0,
        check: 1.0,
        countdown_guess: 0.0,
        give_up: 0.0,
        other_language: 0.0,
        mixed_language: 0.0,
        ..CorpusConfig::default()
    };
    config.validate()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut examples = Vec::with_capacity(count);
    let mut drawn = 0;
    while examples.len() < count {
        drawn += 1;
        let problem = mix.draw(&mut rng, Split::Corpus);
        let mut speaker = Speaker::new(&mut rng, &config, problem.language);
        let (thinking, answer) = reply(&mut speaker, &config, &problem.task);
        // A mix without short ones gives long ones.
        if split_pieces(&thinking).len() <= LONGEST || drawn > 50 * count {
            let written = format!("<think>{thinking}</think><answer>{answer}</answer>");
            examples.push((problem.question, written));
        }
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Split, problems};
    use std::collections::BTreeSet;
    use thinkling_reward::FormatRule;

    #[test]
    fn examples_keep_the_format_check_themselves_and_are_of_problems_that_no_stage_asks() {
        let mix = LevelMix::default();
        let examples = worked_examples(200, 3, &mix).expect("a sound mix");
        assert_eq!(examples, worked_examples(200, 3, &mix).expect("a sound mix"));
        assert!(examples.iter().all(|(_, reply)| FormatRule::Strict.score(reply) == 1.0));
        let checked = ["check", "检查"];
        let reflects =
            |reply: &&(String, String)| checked.iter().any(|word| reply.1.contains(word));
        assert!(examples.iter().filter(reflects).count() > 100, "{:?}", &examples[..5]);
        let asked: BTreeSet<String> = problems(Split::Rl, 2000, 3, &mix)
            .expect("a sound mix")
            .into_iter()
            .map(|problem| problem.question)
            .collect();
        assert!(examples.iter().all(|(question, _)| !asked.contains(question)));
    }
}
