//! From questions to scored completions.

use crate::evaluate::consistency;
use crate::policy::LearnError;
use std::ops::ControlFlow;
use thinkling_model::generate::{Completion, GenerateRequest, generate};
use thinkling_model::{Decoder, ModelConfig, Precision};
use thinkling_reward::{Problem, RewardRecord, RewardSpec, Tools};
use thinkling_sampling::generate::TokenEvent;
use thinkling_sampling::{Finish, SamplingParams, StopRules};
use thinkling_text::Tokenizer;

/// A problem with the ids of its prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The problem.
    pub problem: Problem,
    /// Its templated prompt.
    pub prompt: Vec<u32>,
}

/// How a rollout samples.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutConfig {
    /// Completions a question.
    pub group_size: usize,
    /// Filters and temperature.
    pub sampling: SamplingParams,
    /// Tokens of a completion at most.
    pub max_tokens: usize,
    /// Ids that end a completion.
    pub stop_ids: Vec<u32>,
    /// Ids that are never drawn.
    pub banned: Vec<u32>,
    /// Completions decoded at once at most.
    pub max_rows: usize,
    /// Seed of the completions' random streams.
    pub seed: u64,
    /// How the weights are read while sampling, on the CPU. Below f32 the recorded log-probabilities
    /// are those of the rounded weights.
    pub precision: Precision,
}

impl RolloutConfig {
    /// Completions decoded at once at most, where nothing else is asked for.
    pub const MAX_ROWS: usize = 256;

    /// What generation is asked for.
    pub fn request<'a>(&self, prompts: &'a [Vec<u32>], first_stream: u64) -> GenerateRequest<'a> {
        GenerateRequest {
            group_size: self.group_size,
            sampling: self.sampling,
            stop: StopRules { stop_ids: self.stop_ids.clone(), max_tokens: self.max_tokens },
            banned: self.banned.clone(),
            seed: self.seed,
            first_stream,
            max_rows: self.max_rows,
            precision: self.precision,
            ..GenerateRequest::new(prompts, self.max_tokens)
        }
    }

    /// The same for an evaluation of `samples` completions a question. The model itself is measured,
    /// whatever rollouts read, and the random streams are other ones than training's.
    pub fn evaluating(
        &self,
        seed: u64,
        samples: usize,
        sampling: SamplingParams,
        max_tokens: usize,
    ) -> Self {
        Self {
            group_size: samples,
            sampling,
            max_tokens,
            precision: Precision::F32,
            seed: evaluation_seed(seed),
            ..self.clone()
        }
    }
}

/// Seed of an evaluation's random streams, which are other ones than training's of the same seed.
pub fn evaluation_seed(seed: u64) -> u64 {
    seed ^ 0x6576_616c
}

/// Ids that end a document or completion: the model's, or the tokenizer's usual ones.
pub fn stop_ids(config: &ModelConfig, tokenizer: &Tokenizer) -> Vec<u32> {
    let mut ids = config.eos_token_ids.clone();
    if ids.is_empty() {
        ids.extend(
            ["<eos>", "</s>", "<|endoftext|>"].iter().find_map(|t| tokenizer.token_to_id(t)),
        );
    }
    ids
}

/// A completion with its text and reward.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Ids and log-probabilities as sampled.
    pub completion: Completion,
    /// Its text without the end-of-sequence token.
    pub text: String,
    /// What the rules said, and what others added.
    pub record: RewardRecord,
    /// The reward that counts (`record.total` unless a stage says otherwise).
    pub reward: f64,
    /// As [`Measured::language`](crate::Measured::language).
    pub language: Option<f64>,
}

impl Scored {
    /// Whether it was cut at the token limit.
    pub fn truncated(&self) -> bool {
        self.completion.finish == Finish::Length
    }
}

/// The text of a completion without the end-of-sequence token.
pub fn completion_text(tokenizer: &Tokenizer, completion: &Completion) -> String {
    let stopped = completion.finish == Finish::Stop;
    tokenizer.decode(&completion.ids[..completion.ids.len() - usize::from(stopped)], false)
}

/// Something that completes prompts: the model itself, or what decodes its weights elsewhere.
#[allow(async_fn_in_trait, reason = "used with static dispatch only; futures need not be Send")]
pub trait Rollout {
    /// `group_size` completions of each prompt, those of one prompt together; completion `i` draws
    /// from stream `first_stream + i`. `on_done(i, completion)` sees each as it ends, so that it can
    /// be judged while others still run.
    async fn complete(
        &mut self,
        model: &Decoder,
        prompts: &[Vec<u32>],
        config: &RolloutConfig,
        first_stream: u64,
        on_done: impl FnMut(usize, &Completion),
    ) -> Result<Vec<Completion>, LearnError>;
}

/// Completes prompts with the model itself, in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcess;

impl Rollout for InProcess {
    async fn complete(
        &mut self,
        model: &Decoder,
        prompts: &[Vec<u32>],
        config: &RolloutConfig,
        first_stream: u64,
        mut on_done: impl FnMut(usize, &Completion),
    ) -> Result<Vec<Completion>, LearnError> {
        let request = config.request(prompts, first_stream);
        Ok(generate(model, &request, as_they_end(&mut on_done)).await?.completions)
    }
}

/// What sees tokens and shows `on_done` each completion as it ends.
pub fn as_they_end(
    on_done: &mut impl FnMut(usize, &Completion),
) -> impl FnMut(TokenEvent<'_>) -> ControlFlow<()> {
    |token| {
        if token.finish.is_some() {
            on_done(token.completion, token.so_far);
        }
        ControlFlow::Continue(())
    }
}

/// What judges completions: their tokenizer, rules, and what the rules need.
#[derive(Clone, Copy, Debug)]
pub struct Scorer<'a> {
    /// Turns ids into text.
    pub tokenizer: &'a Tokenizer,
    /// The rules.
    pub rewards: &'a RewardSpec,
    /// Beside problem and text.
    pub tools: Tools<'a>,
}

impl Scorer<'_> {
    /// Decodes and scores a completion of one of `questions`.
    ///
    /// # Errors
    /// A gold that does not parse, a problem that lacks what the rules need, a runner of programs
    /// that fails.
    pub fn score(
        &self,
        completion: Completion,
        questions: &[Question],
    ) -> Result<Scored, LearnError> {
        let text = completion_text(self.tokenizer, &completion);
        let stopped = completion.finish == Finish::Stop;
        let tokens = Some(completion.ids.len() - usize::from(stopped));
        let problem = &questions[completion.prompt].problem;
        let seen = thinkling_reward::Completion { text: &text, truncated: !stopped, tokens };
        let record = self.rewards.reward(problem, &seen, &self.tools)?;
        let language = problem.language.map(|language| consistency(&text, language));
        Ok(Scored { reward: record.total, record, text, completion, language })
    }
}
