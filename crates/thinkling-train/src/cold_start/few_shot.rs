//! Prompts with worked examples before the question.

use crate::conversations::for_each_conversation;
use crate::error::{Result, TrainError};
use crate::prompts::Prompts;
use crate::recipe::{FewShot, ShotSource};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use thinkling_learn::Question;
use thinkling_learn::world::{LevelMix, worked_examples};
use thinkling_reward::Language;
use thinkling_reward::language::WordCounts;

/// Generated examples to draw from.
const GENERATED: usize = 64;

/// Seed of the random streams of few-shot answers: other numbers than those of plain ones.
pub(crate) fn seed_of_few_shot(seed: u64) -> u64 {
    // The fractional part of the square root of 3 in 64 bits.
    seed ^ 0xBB67_AE85_84CA_A73B
}

/// Worked examples.
#[derive(Debug)]
pub(crate) struct Shots<'a> {
    keys: &'a FewShot,
    seed: u64,
    pool: Vec<(String, String)>,
    /// Those of the pool in which most words are of a language.
    by_language: HashMap<Language, Vec<usize>>,
}

/// What few-shot prompts have to fit into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room<'a> {
    /// Name of the stage.
    pub(crate) stage: &'a str,
    /// Tokens that the model has positions for.
    pub(crate) context: usize,
    /// Tokens of an answer.
    pub(crate) answer: usize,
}

impl<'a> Shots<'a> {
    /// Reads or makes the examples.
    ///
    /// # Errors
    /// A file that cannot be read, its first line that is not one question and one answer, fewer
    /// examples than a prompt takes.
    pub(crate) fn read(keys: &'a FewShot, seed: u64) -> Result<Self> {
        let pool = match &keys.examples {
            ShotSource::MiniWorld => {
                worked_examples(GENERATED, seed, &LevelMix::default()).map_err(|e| {
                    TrainError::Failed { what: "the mini world", reason: e.to_string() }
                })?
            }
            ShotSource::Jsonl { path, fields } => {
                let mut pool = Vec::new();
                for_each_conversation(path, fields, |line, conversation| {
                    let turns =
                        conversation.and_then(|conversation| {
                            let mut turns = conversation.messages.into_iter();
                            match (turns.next(), turns.next(), turns.next()) {
                                (Some(a), Some(b), None) if a.role == "user" => {
                                    Ok((a.content, b.content))
                                }
                                _ => Err("expected: one message of `user` and one of `assistant`"
                                    .to_owned()),
                            }
                        });
                    pool.push(turns.map_err(|reason| TrainError::DataLine {
                        path: path.clone(),
                        line,
                        reason,
                    })?);
                    Ok(())
                })?;
                if pool.len() < keys.shots {
                    let (least, got) = (keys.shots, pool.len());
                    let reason = format!(
                        "worked examples, expected: at least the {least} of `few_shot.shots`, got: \
                         {got}"
                    );
                    return Err(TrainError::damaged(path, reason));
                }
                pool
            }
        };
        let mut by_language: HashMap<Language, Vec<usize>> = HashMap::new();
        for (index, (question, reply)) in pool.iter().enumerate() {
            let counts = WordCounts::of(&format!("{question}\n{reply}"));
            let main = Language::ALL.into_iter().find(|&language| counts.share(language) > 0.5);
            if let Some(language) = main {
                by_language.entry(language).or_default().push(index);
            }
        }
        Ok(Self { keys, seed, pool, by_language })
    }

    /// The same questions behind examples, which the seed draws for each: in the question's language
    /// where the data says which and there are enough, and never the question itself.
    ///
    /// # Errors
    /// A prompt that leaves no room for an answer, and those of the prompt's template.
    pub(crate) fn questions(
        &self,
        plain: &[Question],
        prompts: Prompts<'_>,
        room: Room<'_>,
    ) -> Result<Vec<Question>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let question = |(index, plain): (usize, &Question)| {
            rng.set_stream(index as u64);
            rng.set_word_pos(0);
            let problem = plain.problem.clone();
            let shots = self.draw(&mut rng, &problem.question, problem.language);
            let prompt = prompts.few_shot_ids(&shots, &self.keys.separator, &problem.question)?;
            let (tokens, Room { stage, context, answer }) = (prompt.len(), room);
            if tokens + answer <= context {
                return Ok(Question { problem, prompt });
            }
            Err(TrainError::DoesNotFit {
                stage: stage.to_owned(),
                reason: format!(
                    "the prompt of problem `{}` with its {} examples has {tokens} tokens, and \
                     `max_completion_tokens` is {answer}, expected: together at most the model's \
                     context of {context}, got: {}; take fewer `few_shot.shots` or shorter ones",
                    problem.id,
                    shots.len(),
                    tokens + answer
                ),
            })
        };
        plain.iter().enumerate().map(question).collect()
    }

    fn draw(
        &self,
        rng: &mut ChaCha8Rng,
        question: &str,
        language: Option<Language>,
    ) -> Vec<(&str, &str)> {
        let other = |&index: &usize| self.pool[index].0.trim() != question.trim();
        let suited = language.and_then(|language| self.by_language.get(&language));
        let suited: Vec<usize> = suited.into_iter().flatten().copied().filter(other).collect();
        let suited = match suited.len() < self.keys.shots {
            true => (0..self.pool.len()).filter(other).collect(),
            false => suited,
        };
        let drawn = sample(rng, suited.len(), self.keys.shots.min(suited.len()));
        drawn
            .into_iter()
            .map(|at| &self.pool[suited[at]])
            .map(|(question, reply)| (question.as_str(), reply.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod tests;
