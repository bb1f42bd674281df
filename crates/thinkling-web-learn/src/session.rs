//! Learning on one device: the rules and numbers of `recipes/nano.toml`, a step at a time.

use crate::material::Material;
use crate::numbers::numbers;
use crate::report::{
    Alarm, Answer, Comparison, Evaluation, ShownCompletion, ShownGroup, StepReport, gold, verdict,
};
use burn::tensor::Device;
use std::rc::Rc;
use thinkling_learn::{
    AdamW, AdamWConfig, Batch, CollapseWatch, EpochSampler, Evaluated, ExportError, FormatReading,
    InProcess, LearnError, Learner, PolicySettings, Question, RlNumbers, Rollout, RolloutConfig,
    Scored, Scorer, Summary, chunk_tokens, model_logprobs, stop_ids, write_safetensors,
};
use thinkling_model::{Decoder, ModelError, Precision};
use thinkling_reward::{RewardSpec, Tools};
use thinkling_sampling::SamplingParams;
use thinkling_weights::FloatType;

/// Problems that are sampled between two looks at what else is to be done.
const PROBLEMS_AT_ONCE: usize = 16;

/// A base model that learns.
#[derive(Debug)]
pub struct Session {
    material: Rc<Material>,
    base: Decoder,
    numbers: RlNumbers,
    rewards: RewardSpec,
    rollout: RolloutConfig,
    /// Seconds since any fixed moment.
    clock: fn() -> f64,
    state: State,
}

/// What steps change.
#[derive(Debug)]
struct State {
    learner: Learner,
    reference: Decoder,
    sampler: EpochSampler,
    watch: CollapseWatch,
    step: u64,
}

impl State {
    fn new(base: &Decoder, material: &Material) -> Self {
        let optimizer = AdamW::new(AdamWConfig::default(), &base.param_list(), &base.device());
        Self {
            learner: Learner::new(base.clone(), optimizer),
            reference: base.clone(),
            sampler: EpochSampler::new(material.seed, material.questions.len()),
            watch: CollapseWatch::default(),
            step: 0,
        }
    }
}

impl Session {
    /// Puts the base on `device`; `clock` gives seconds since any fixed moment.
    ///
    /// # Errors
    /// Weights that cannot be read.
    pub fn new(
        material: Rc<Material>,
        device: &Device,
        clock: fn() -> f64,
    ) -> Result<Self, ModelError> {
        let base = Decoder::load(&material.checkpoint, device)?;
        let numbers = numbers();
        let rollout = RolloutConfig {
            group_size: numbers.group_size,
            sampling: SamplingParams {
                temperature: numbers.temperature,
                ..SamplingParams::default()
            },
            max_tokens: numbers.max_completion_tokens,
            stop_ids: stop_ids(base.config(), &material.tokenizer),
            banned: Vec::new(),
            max_rows: RolloutConfig::MAX_ROWS,
            seed: material.seed,
            precision: Precision::F32,
        };
        let state = State::new(&base, &material);
        Ok(Self { material, base, numbers, rewards: RewardSpec::default(), rollout, clock, state })
    }

    /// The model as it is now.
    pub fn model(&self) -> &Decoder {
        self.state.learner.model()
    }

    /// The numbers that it learns with.
    pub fn numbers(&self) -> &RlNumbers {
        &self.numbers
    }

    /// Begins again with the base.
    pub fn reset(&mut self) {
        self.state = State::new(&self.base, &self.material);
    }

    fn scorer(&self) -> Scorer<'_> {
        Scorer {
            tokenizer: &self.material.tokenizer,
            rewards: &self.rewards,
            tools: Tools::default(),
        }
    }

    /// One rollout and the update that it gives.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn step(&mut self) -> Result<StepReport, LearnError> {
        let started = (self.clock)();
        let (questions, batch) = self.roll_out().await?;
        let summary = Summary::of(&batch.scored, self.numbers.group_size, &[]);
        let group = self.shown(&questions, &batch);
        let samples = batch.samples(0..batch.scored.len(), false);
        let settings = PolicySettings {
            objective: &self.numbers.objective,
            temperature: self.numbers.temperature,
            chunk_tokens: chunk_tokens(self.model()),
        };
        let state = &mut self.state;
        let lr = self.numbers.schedule().lr(state.step);
        let done = state
            .learner
            .policy_step(&batch.prompts, &samples, settings, lr, samples.len())
            .await?;
        state.step += 1;
        if state.step.is_multiple_of(self.numbers.ref_replace_every as u64) {
            state.reference = state.learner.model().clone();
        }
        state.watch.sees(&summary);
        let finite = done.loss.is_finite() && done.grad_norm.is_finite();
        Ok(StepReport {
            step: state.step,
            reward: summary.reward,
            accuracy: summary.accuracy,
            format: summary.format.unwrap_or(0.0),
            length: summary.length,
            zero_variance: summary.zero_variance,
            loss: done.loss,
            grad_norm: done.grad_norm,
            entropy: done.entropy,
            seconds: (self.clock)() - started,
            group,
            alarm: alarm(finite, state.watch, summary.zero_variance),
        })
    }

    /// Samples and scores the next questions.
    async fn roll_out(&mut self) -> Result<(Vec<Question>, Batch), LearnError> {
        let count = self.numbers.questions_per_step;
        let stream = self.state.step * (count * self.numbers.group_size) as u64;
        let picked = self.state.sampler.next_batch(count);
        let questions: Vec<Question> =
            picked.iter().map(|&i| self.material.questions[i].clone()).collect();
        let prompts: Vec<Vec<u32>> = questions.iter().map(|q| q.prompt.clone()).collect();
        let model = self.model();
        let completions =
            InProcess.complete(model, &prompts, &self.rollout, stream, |_, _| ()).await?;
        let references = model_logprobs(
            &self.state.reference,
            &prompts,
            completions.iter(),
            self.rollout.sampling.logprob_temperature(),
            completions.len(),
        )
        .await?;
        let scorer = self.scorer();
        let scored: Vec<Scored> = completions
            .into_iter()
            .map(|completion| scorer.score(completion, &questions))
            .collect::<Result<_, _>>()?;
        let (group, scale) = (self.numbers.group_size, self.numbers.scale_rewards);
        let batch = Batch::new(prompts, scored, Some(references), group, scale)?;
        Ok((questions, batch))
    }

    /// The first group that something is learnt from, else the first one.
    fn shown(&self, questions: &[Question], batch: &Batch) -> ShownGroup {
        let size = self.numbers.group_size;
        let differ = |group: &[Scored]| group.iter().any(|s| s.reward != group[0].reward);
        let shown = batch.scored.chunks(size).position(differ).unwrap_or(0);
        let problem = &questions[shown].problem;
        let completions = batch.scored.iter().zip(&batch.advantages.advantages);
        let completions =
            completions.skip(shown * size).take(size).map(|(scored, advantage)| ShownCompletion {
                text: scored.text.clone(),
                reward: scored.reward,
                advantage: *advantage,
                verdict: verdict(scored.record.verdict),
                tokens: scored.completion.ids.len(),
                truncated: scored.truncated(),
            });
        ShownGroup {
            question: problem.question.clone(),
            gold: gold(problem),
            completions: completions.collect(),
        }
    }

    /// Measures the base, or the model as it is now, on the first `problems` of the test split at
    /// temperature 1: the problems and random streams of the trainer's evaluation. `between` is
    /// awaited between parts.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn evaluate(
        &self,
        of_base: bool,
        problems: usize,
        between: impl AsyncFn(),
    ) -> Result<Evaluation, LearnError> {
        let model = if of_base { &self.base } else { self.model() };
        let sampling = SamplingParams { temperature: 1.0, ..SamplingParams::default() };
        let max_tokens = self.rollout.max_tokens;
        let config = self.rollout.evaluating(self.material.seed, 1, sampling, max_tokens);
        let questions = &self.material.held_out[..problems.min(self.material.held_out.len())];
        let mut evaluated = Evaluated::default();
        for part in questions.chunks(PROBLEMS_AT_ONCE) {
            evaluated.ask(model, (self.scorer(), FormatReading::default()), part, &config).await?;
            between().await;
        }
        Ok(Evaluation::from(&evaluated))
    }

    /// Base and model answer one problem of the test split greedily; `seed` says which.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn compare(&self, seed: u64) -> Result<Comparison, LearnError> {
        let count = self.material.held_out.len() as u64;
        let question = &self.material.held_out[(seed % count) as usize];
        Ok(Comparison {
            question: question.problem.question.clone(),
            gold: gold(&question.problem),
            base: self.greedy(&self.base, question).await?,
            now: self.greedy(self.model(), question).await?,
        })
    }

    async fn greedy(&self, model: &Decoder, question: &Question) -> Result<Answer, LearnError> {
        let (sampling, tokens) = (SamplingParams::greedy(), self.rollout.max_tokens);
        let config = self.rollout.evaluating(self.material.seed, 1, sampling, tokens);
        let prompts = [question.prompt.clone()];
        let mut completions = InProcess.complete(model, &prompts, &config, 0, |_, _| ()).await?;
        let scored =
            self.scorer().score(completions.swap_remove(0), std::slice::from_ref(question))?;
        Ok(Answer::from(&scored))
    }

    /// The weights as they are now, as the bytes of a `model.safetensors`.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn export(&self) -> Result<Vec<u8>, ExportError> {
        let mut bytes = Vec::new();
        write_safetensors(&mut bytes, self.model(), FloatType::F32).await?;
        Ok(bytes)
    }
}

fn alarm(finite: bool, watch: CollapseWatch, zero_variance: f64) -> Option<Alarm> {
    let (code, message) = match () {
        () if !finite => (
            "not-finite",
            "the step's numbers are not finite, so it was left out; if that goes on, begin again",
        ),
        () if watch.is_collapsed() => (
            "collapsed",
            "the policy has collapsed: the answers are alike and wrong while the format is kept; \
             begin again with the base",
        ),
        () if zero_variance == 1.0 => (
            "no-variance",
            "no group has any variance in its rewards, so there was nothing to learn",
        ),
        () => return None,
    };
    Some(Alarm { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_name_the_worst_first() {
        let sound = CollapseWatch::default();
        assert_eq!(alarm(true, sound, 0.9), None);
        assert!(alarm(true, sound, 1.0).is_some_and(|alarm| alarm.code == "no-variance"));
        assert!(alarm(false, sound, 1.0).is_some_and(|alarm| alarm.code == "not-finite"));
    }
}
