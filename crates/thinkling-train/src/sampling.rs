//! Draws the completions that are missing from a model, those of one prompt behind one pass over it.

use crate::error::{Result, TrainError};
use crate::executor::Generator;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use thinkling_engine::{Capacity, Groups};
use thinkling_learn::{RolloutConfig, completion_text, stop_ids};
use thinkling_model::Precision;
use thinkling_sampling::generate::{Completion, GenerateRequest, Resumed};
use thinkling_sampling::{Finish, SamplingParams, StopRules};
use thinkling_text::Tokenizer;
use thinkling_weights::ModelConfig;

/// Bytes of keys and values that running completions may take by default.
const CACHE_BYTES: usize = 1 << 30;

/// Completions at once whose keys and values of so many tokens each fit a gigabyte in f32: at least
/// one, at most [`RolloutConfig::MAX_ROWS`].
pub fn rows_that_fit(config: &ModelConfig, tokens: usize) -> usize {
    let token_bytes =
        2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 4;
    let tokens = tokens.min(config.max_position_embeddings).max(1);
    (CACHE_BYTES / (token_bytes * tokens).max(1)).clamp(1, RolloutConfig::MAX_ROWS)
}

/// A prompt, and which of its answers, both counted from 0.
pub(crate) type Place = (usize, usize);

/// An answer, whoever gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Why it ended.
    pub finish: Finish,
    /// Its tokens, the end-of-sequence token among them; 0 where a server does not say.
    pub tokens: usize,
    /// Tokens of its prompt; 0 where a server does not say.
    pub prompt_tokens: usize,
    /// Its text without the end-of-sequence token.
    pub text: String,
    /// Its ids as sampled; none of a server's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<u32>,
}

/// What whoever answers tells while it does.
#[derive(Debug)]
pub(crate) enum Event {
    /// So many more tokens are there; 0 where time alone has passed.
    Tokens(usize),
    /// An answer is whole.
    Ended(Place, Reply),
    /// A sentence for the user.
    Note(String),
}

/// Takes events; may ask to stop.
pub(crate) type OnEvent<'a> = &'a mut dyn FnMut(Event) -> ControlFlow<()>;

/// How answers are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    /// Answers a prompt.
    pub samples: usize,
    /// Temperature and filters; a server is told temperature and `top_p` alone.
    pub sampling: SamplingParams,
    /// Tokens of an answer at most.
    pub max_tokens: usize,
    /// Seed of the random streams: answer `i` of prompt `p` draws from the stream
    /// `p * samples + i`.
    pub seed: u64,
}

impl Drawing {
    /// The random stream of an answer.
    pub(crate) fn stream(&self, (prompt, sample): Place) -> u64 {
        (prompt * self.samples + sample) as u64
    }
}

/// A model with prompts.
#[derive(Debug)]
pub(crate) struct ModelSampling<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) prompts: Vec<&'a [u32]>,
    pub(crate) drawing: Drawing,
    /// Answers at once at most; `None` for [`rows_that_fit`].
    pub(crate) max_rows: Option<usize>,
    /// How the model reads its weights, on the CPU.
    pub(crate) precision: Precision,
}

/// Answers of one prompt that are asked for together, behind one pass over it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    prompt: usize,
    samples: Vec<usize>,
}

/// Missing answers, in their order, in groups of at most `max_rows`, those of one size together,
/// large ones first.
fn group(missing: &[Place], max_rows: usize) -> Vec<Vec<Group>> {
    let mut by_size: BTreeMap<usize, Vec<Group>> = BTreeMap::new();
    for of_prompt in missing.chunk_by(|a, b| a.0 == b.0) {
        for places in of_prompt.chunks(max_rows) {
            let samples = places.iter().map(|place| place.1).collect();
            let group = Group { prompt: places[0].0, samples };
            by_size.entry(places.len()).or_default().push(group);
        }
    }
    by_size.into_values().rev().collect()
}

impl ModelSampling<'_> {
    /// Draws what is missing, which is not nothing; `load` makes what generates.
    ///
    /// # Errors
    /// A model or device that fails.
    pub(crate) fn run(
        &self,
        load: impl FnOnce(Capacity) -> Result<Generator>,
        missing: &[Place],
        on_event: OnEvent<'_>,
    ) -> Result<()> {
        let (drawing, config) = (self.drawing, self.config);
        let longest = self.prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        let fitting = rows_that_fit(config, longest.saturating_add(drawing.max_tokens));
        let max_rows = self.max_rows.unwrap_or(fitting).max(1);
        let parts = group(missing, max_rows);
        let prompts: Vec<Vec<Vec<u32>>> = parts
            .iter()
            .map(|groups| groups.iter().map(|g| self.prompts[g.prompt].to_vec()).collect())
            .collect();
        let requests: Vec<GenerateRequest<'_>> =
            parts.iter().zip(&prompts).map(|(g, p)| self.request(g, p, max_rows)).collect();
        let prompt_tokens = prompts.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let capacity = requests
            .iter()
            .map(|request| Groups {
                prompts: request.prompts.len(),
                group_size: request.group_size,
                prompt_tokens,
                max_tokens: drawing.max_tokens,
                max_rows,
            })
            .map(|groups| Capacity::of_groups(groups, config.max_position_embeddings))
            .reduce(|a, b| Capacity {
                rows: a.rows.max(b.rows),
                cache_tokens: a.cache_tokens.max(b.cache_tokens),
                ..a
            });
        let Some(capacity) = capacity else { return Ok(()) };
        let mut generator = load(capacity)?;
        let mut flow = ControlFlow::Continue(());
        for (groups, request) in parts.iter().zip(&requests) {
            if flow.is_break() {
                break;
            }
            let generated = generator.generate(request, |event| {
                flow = on_event(Event::Tokens(1));
                if event.finish.is_some() {
                    let group = &groups[event.completion / request.group_size];
                    let sample = group.samples[event.completion % request.group_size];
                    let reply = self.reply(group.prompt, event.so_far);
                    let ended = on_event(Event::Ended((group.prompt, sample), reply));
                    flow = if ended.is_break() { ended } else { flow };
                }
                flow
            });
            generated.map_err(TrainError::from)?;
        }
        Ok(())
    }

    fn reply(&self, prompt: usize, completion: &Completion) -> Reply {
        Reply {
            text: completion_text(self.tokenizer, completion),
            finish: completion.finish,
            tokens: completion.ids.len(),
            prompt_tokens: self.prompts[prompt].len(),
            ids: completion.ids.clone(),
        }
    }

    fn request<'r>(
        &self,
        groups: &[Group],
        prompts: &'r [Vec<u32>],
        max_rows: usize,
    ) -> GenerateRequest<'r> {
        let drawing = self.drawing;
        let streams = |g: &Group| {
            let stream = |&sample: &usize| drawing.stream((g.prompt, sample));
            g.samples.iter().map(stream).collect::<Vec<_>>()
        };
        GenerateRequest {
            group_size: groups.first().map_or(1, |group| group.samples.len()),
            sampling: drawing.sampling,
            stop: StopRules {
                stop_ids: stop_ids(self.config, self.tokenizer),
                max_tokens: drawing.max_tokens,
            },
            seed: drawing.seed,
            precision: self.precision,
            resumed: groups
                .iter()
                .flat_map(streams)
                .map(|stream| Resumed { stream, tokens: 0 })
                .collect(),
            max_rows,
            ..GenerateRequest::new(prompts, drawing.max_tokens)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_answers_are_asked_for_in_groups_of_one_size() {
        let missing = [(0, 0), (0, 1), (0, 2), (1, 2), (3, 0), (3, 1)];
        let group_of = |prompt, samples: &[usize]| Group { prompt, samples: samples.to_vec() };
        let expected = vec![
            vec![group_of(0, &[0, 1]), group_of(3, &[0, 1])],
            vec![group_of(0, &[2]), group_of(1, &[2])],
        ];
        assert_eq!(group(&missing, 2), expected);
        assert_eq!(group(&missing, 8)[0], [group_of(0, &[0, 1, 2])]);
        assert!(group(&[], 2).is_empty());
    }
}
