//! Timed training steps on fixed shapes: what `thinkling bench` runs.
//!
//! Prompts are random ids of one length and completions have one length (the end-of-sequence id is
//! banned), so that steps are alike. The reward is the share of even ids plus a tenth of the first
//! id's last digit: it needs no tokenizer and gives every group variance.

mod decode;
mod lora;

pub use decode::{DecodeBench, DecodeResult, EngineResult, PassTimes, bench_decode, bench_engine};
pub use lora::BenchLora;

use crate::cost::peak_bytes;
use crate::devices::{Devices, computing_in};
use crate::error::{Result, TrainError};
use crate::model_io::{LoadedModel, StoredModel, write_safetensors};
use crate::recipe::RolloutKeys;
use crate::rollout_executor::{RolloutExecutor, Wanted};
use crate::stage::{learn_error, model_logprobs};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;
use thinkling_cpu::profile;
use thinkling_engine::Groups;
use thinkling_grpo::{LossType, ObjectiveConfig, ScaleRewards, group_advantages};
use thinkling_learn::{
    AdamW, AdamWConfig, Learner, PolicySample, PolicySettings, RolloutConfig, StatePrecision,
    chunk_tokens,
};
use thinkling_model::{ComputeType, Decoder, Precision, Recompute};
use thinkling_sampling::{SamplingParams, Stream};
use thinkling_weights::{Architecture, Checkpoint, FloatType, ModelConfig};

/// The file of `--config`.
#[derive(Clone, Debug, Deserialize)]
pub struct BenchConfig {
    /// Name, echoed.
    pub name: String,
    /// Seed of weights, prompts and sampling.
    #[serde(default)]
    pub seed: u64,
    /// The model: a path, or the shape of a new one.
    pub model: BenchModel,
    /// Steps of `bench grpo`.
    pub grpo: GrpoBench,
    /// Steps of `bench sft`.
    pub sft: SftBench,
    /// Runs of `bench decode`.
    #[serde(default)]
    pub decode: DecodeBench,
}

/// The model that is timed.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum BenchModel {
    /// Weights from a file.
    Path {
        /// Folder or GGUF file, relative to the current folder.
        path: PathBuf,
    },
    /// A new model with random weights.
    New(Box<BenchShape>),
    /// The same, where it is known already.
    #[serde(skip)]
    Config(Box<ModelConfig>),
}

/// Shape of a new model.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "the names of the fields say it all")]
pub struct BenchShape {
    pub arch: Architecture,
    pub hidden_size: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub intermediate: usize,
    pub vocab_size: usize,
    pub max_position: usize,
    pub rope_theta: f64,
    pub rms_eps: f64,
    pub tie_embeddings: bool,
    pub init_std: f64,
}

/// Sizes of the timed reinforcement-learning steps.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the recipe's keys")]
pub struct GrpoBench {
    pub prompts_per_step: usize,
    pub group_size: usize,
    pub prompt_len: usize,
    pub completion_len: usize,
    pub steps: usize,
    pub warmup_steps: usize,
    pub lr: f64,
    #[serde(default)]
    pub loss_type: LossType,
    #[serde(default)]
    pub scale_rewards: ScaleRewards,
    #[serde(default)]
    pub beta: f64,
    pub epsilon: f64,
    pub temperature: f64,
    #[serde(default = "one")]
    pub num_iterations: usize,
    #[serde(default)]
    pub max_grad_norm: f64,
    #[serde(default)]
    pub weight_decay: f64,
    pub micro_batch: usize,
    /// Whether layers run a second time on the way back.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    #[serde(default)]
    pub rollout: RolloutKeys,
    #[serde(default)]
    pub optimizer_states: StatePrecision,
    #[serde(default)]
    pub compute_dtype: ComputeType,
    #[serde(default)]
    pub lora: Option<BenchLora>,
    /// Whether the completions are learnt from.
    #[serde(default = "yes")]
    pub learn: bool,
}

/// Sizes of the timed supervised steps.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the recipe's keys")]
pub struct SftBench {
    pub batch: usize,
    pub seq_len: usize,
    pub steps: usize,
    pub warmup_steps: usize,
    pub lr: f64,
    /// Sequences in one pass at most; without a number all.
    #[serde(default)]
    pub micro_batch: Option<usize>,
    /// Whether layers run a second time on the way back.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    #[serde(default)]
    pub optimizer_states: StatePrecision,
    #[serde(default)]
    pub lora: Option<BenchLora>,
    #[serde(default)]
    pub compute_dtype: ComputeType,
}

fn no_compute(reason: String) -> TrainError {
    TrainError::Failed { what: "setting up the bench", reason }
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// Medians over the steps after warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BenchResult {
    /// Name in the config.
    pub name: String,
    /// Parameters of the model.
    pub parameters: usize,
    /// Seconds a step.
    pub step_s: f64,
    /// Seconds of sampling.
    pub generate_s: f64,
    /// Those of them that renewed the weights of the decode engine, where it samples.
    pub weights_s: Option<f64>,
    /// Seconds of log-probabilities under the reference model; 0 without one. Those of the policy
    /// are recorded while sampling.
    pub logprob_s: f64,
    /// Seconds of loss, gradient and update.
    pub loss_s: f64,
    /// Tokens a second: `grpo` completions' tokens by the whole step, `sft` all tokens.
    pub tokens_per_s: f64,
    /// Most memory the process held, where the system tells.
    pub peak_rss_mb: Option<f64>,
    /// Completions in one forward and backward pass at most; on the CPU they are cut further, to the
    /// same gradient.
    pub micro_batch: usize,
    /// Seconds of each timed step.
    pub steps_s: Vec<f64>,
}

impl BenchConfig {
    /// Reads a config file.
    ///
    /// # Errors
    /// A file that is missing or not of this form.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| TrainError::read("bench config", path, e))?;
        serde_json::from_slice(&bytes).map_err(|e| TrainError::damaged(path, e.to_string()))
    }

    /// The model as it would be stored.
    fn checkpoint(&self) -> Result<Checkpoint> {
        if let BenchModel::Path { path } = &self.model {
            return Ok(StoredModel::open(path)?.checkpoint);
        }
        let model = self.model(&Device::flex())?;
        let mut bytes = Vec::new();
        write_safetensors(&mut bytes, &model, FloatType::F32)
            .map_err(|e| TrainError::Encode { what: "weights", reason: e.to_string() })?;
        Ok(Checkpoint::from_safetensors_files(model.config().clone(), [bytes])?)
    }

    fn model(&self, device: &Device) -> Result<Decoder> {
        let shape = match &self.model {
            BenchModel::Path { path } => return Ok(LoadedModel::open(path, device)?.decoder),
            BenchModel::Config(config) => {
                config.validate()?;
                return Ok(Decoder::init(config, self.seed, device));
            }
            BenchModel::New(shape) => shape,
        };
        let config = ModelConfig {
            architecture: shape.arch,
            vocab_size: shape.vocab_size,
            hidden_size: shape.hidden_size,
            intermediate_size: shape.intermediate,
            num_hidden_layers: shape.layers,
            num_attention_heads: shape.heads,
            num_key_value_heads: shape.kv_heads,
            head_dim: shape.head_dim,
            rms_norm_eps: shape.rms_eps,
            rope_theta: shape.rope_theta,
            rope_scaling: None,
            rope_freq_factors: None,
            max_position_embeddings: shape.max_position,
            tie_word_embeddings: shape.tie_embeddings,
            attention_bias: shape.arch == Architecture::Qwen2,
            bos_token_id: Some(1),
            eos_token_ids: vec![2],
            pad_token_id: Some(0),
            initializer_range: shape.init_std,
            score: false,
        };
        config.validate()?;
        Ok(Decoder::init(&config, self.seed, device))
    }
}

/// Times steps of reinforcement learning; `each` sees every step's seconds.
///
/// # Errors
/// A model that does not open, an option that is not there yet, a device that fails.
pub fn bench_grpo(
    config: &BenchConfig,
    devices: Devices<'_>,
    mut each: impl FnMut(usize, f64),
) -> Result<BenchResult> {
    let (g, device) = (&config.grpo, devices.learner());
    let lora = g.lora.as_ref().map(BenchLora::config).transpose()?;
    let model = config.model(device)?;
    let vocab = model.config().vocab_size;
    let adamw = AdamWConfig {
        weight_decay: g.weight_decay,
        max_grad_norm: g.max_grad_norm,
        states: g.optimizer_states,
        ..AdamWConfig::default()
    };
    let objective = ObjectiveConfig {
        loss: g.loss_type,
        clip_eps_low: g.epsilon,
        clip_eps_high: g.epsilon,
        kl_coef: g.beta,
        max_completion_length: Some(g.completion_len),
        ..ObjectiveConfig::default()
    };
    let rollout = RolloutConfig {
        group_size: g.group_size,
        sampling: SamplingParams { temperature: g.temperature, ..SamplingParams::default() },
        max_tokens: g.completion_len,
        stop_ids: Vec::new(),
        banned: model.config().eos_token_ids.clone(),
        max_rows: usize::MAX,
        seed: config.seed,
        precision: g.rollout.weights.precision().unwrap_or(Precision::F32),
    };
    let groups = Groups {
        prompts: g.prompts_per_step,
        group_size: g.group_size,
        prompt_tokens: g.prompt_len,
        max_tokens: g.completion_len,
        max_rows: rollout.max_rows,
    };
    let mut executor = RolloutExecutor::open(&g.rollout, devices, model.config(), groups, |_| ())?;
    let settings = PolicySettings {
        objective: &objective,
        temperature: g.temperature,
        chunk_tokens: chunk_tokens(&model),
    };
    let parameters = model.config().parameter_count();
    let model = match &lora {
        None => model,
        Some(lora) => model.with_lora(lora, config.seed),
    };
    let model = computing_in(model, g.compute_dtype).map_err(no_compute)?;
    let reference = (g.beta != 0.0).then(|| model.without_lora());
    let optimizer = AdamW::new(adamw, &model.param_list(), device);
    let mut learner = Learner::new(model, optimizer);
    if g.gradient_checkpointing {
        learner.recompute = Recompute::Layer;
    }
    let mut ids = Stream::new(config.seed, u64::MAX);
    let (mut times, mut weights) = (Vec::<[f64; 4]>::new(), Vec::new());
    for step in 0..g.warmup_steps + g.steps {
        if step == g.warmup_steps {
            profile::take();
        }
        let clock = Instant::now();
        let prompts: Vec<Vec<u32>> =
            (0..g.prompts_per_step).map(|_| random_ids(&mut ids, g.prompt_len, vocab)).collect();
        let stream = (step * g.prompts_per_step * g.group_size) as u64;
        let wanted = Wanted {
            model: learner.model(),
            prompts: &prompts,
            config: &rollout,
            first_stream: stream,
            step: step as u64,
        };
        let completions = executor.complete(&wanted, |_, _| (), &mut |_| ())?;
        let generate_s = clock.elapsed().as_secs_f64();
        weights.extend(executor.weights_s().filter(|_| step >= g.warmup_steps));
        let rewards: Vec<f64> = completions.iter().map(|c| reward(&c.ids)).collect();
        let advantages = group_advantages(&rewards, g.group_size, g.scale_rewards)
            .map_err(|e| learn_error(e.into()))?;
        let logprob_clock = Instant::now();
        let references = match &reference {
            Some(reference) => model_logprobs(
                reference,
                &prompts,
                completions.iter(),
                g.temperature,
                g.micro_batch,
            )?,
            None => Vec::new(),
        };
        let logprob_s = logprob_clock.elapsed().as_secs_f64();
        let loss_clock = Instant::now();
        let iterations = if g.learn { g.num_iterations } else { 0 };
        for _ in 0..iterations {
            let samples: Vec<PolicySample<'_>> = completions
                .iter()
                .enumerate()
                .map(|(i, c)| PolicySample {
                    prompt: c.prompt,
                    ids: &c.ids,
                    old_logprobs: Some(&c.logprobs),
                    sampler_logprobs: None,
                    ref_logprobs: references.get(i).map(Vec::as_slice),
                    advantage: advantages.advantages[i],
                    trained: true,
                })
                .collect();
            pollster::block_on(learner.policy_step(
                &prompts,
                &samples,
                settings,
                g.lr,
                g.micro_batch,
            ))
            .map_err(learn_error)?;
        }
        let (loss_s, step_s) = (loss_clock.elapsed().as_secs_f64(), clock.elapsed().as_secs_f64());
        each(step, step_s);
        if step >= g.warmup_steps {
            times.push([step_s, generate_s, logprob_s, loss_s]);
        }
    }
    let column = |i: usize| median(times.iter().map(|t| t[i]).collect());
    let tokens = (g.prompts_per_step * g.group_size * g.completion_len) as f64;
    Ok(BenchResult {
        name: config.name.clone(),
        parameters,
        step_s: column(0),
        generate_s: column(1),
        weights_s: (!weights.is_empty()).then(|| median(weights)),
        logprob_s: column(2),
        loss_s: column(3),
        tokens_per_s: tokens / column(0),
        peak_rss_mb: peak_rss_mb(),
        micro_batch: g.micro_batch,
        steps_s: times.iter().map(|t| t[0]).collect(),
    })
}

/// Times steps of next-token training on random ids.
///
/// # Errors
/// A model that does not open, a device that fails.
pub fn bench_sft(
    config: &BenchConfig,
    device: &Device,
    mut each: impl FnMut(usize, f64),
) -> Result<BenchResult> {
    let s = &config.sft;
    let model = computing_in(config.model(device)?, s.compute_dtype).map_err(no_compute)?;
    let vocab = model.config().vocab_size;
    let parameters = model.config().parameter_count();
    let chunk = chunk_tokens(&model);
    let model = match s.lora.as_ref().map(BenchLora::config).transpose()? {
        None => model,
        Some(lora) => model.with_lora(&lora, config.seed),
    };
    let adamw = AdamWConfig { states: s.optimizer_states, ..AdamWConfig::default() };
    let optimizer = AdamW::new(adamw, &model.param_list(), device);
    let mut learner = Learner::new(model, optimizer);
    if s.gradient_checkpointing {
        learner.recompute = Recompute::Layer;
    }
    let micro_tokens = s.micro_batch.map_or(usize::MAX, |micro| micro * s.seq_len);
    let mut ids = Stream::new(config.seed, u64::MAX);
    let mut times = Vec::new();
    for step in 0..s.warmup_steps + s.steps {
        if step == s.warmup_steps {
            profile::take();
        }
        let clock = Instant::now();
        let documents: Vec<Vec<u32>> =
            (0..s.batch).map(|_| random_ids(&mut ids, s.seq_len, vocab)).collect();
        pollster::block_on(learner.language_model_step(&documents, s.lr, micro_tokens, chunk))
            .map_err(learn_error)?;
        let seconds = clock.elapsed().as_secs_f64();
        each(step, seconds);
        if step >= s.warmup_steps {
            times.push(seconds);
        }
    }
    let step_s = median(times.clone());
    Ok(BenchResult {
        name: config.name.clone(),
        parameters,
        step_s,
        loss_s: step_s,
        tokens_per_s: (s.batch * s.seq_len) as f64 / step_s,
        peak_rss_mb: peak_rss_mb(),
        micro_batch: s.micro_batch.unwrap_or(s.batch),
        steps_s: times,
        ..BenchResult::default()
    })
}

/// Ids above the usual special ones.
fn random_ids(stream: &mut Stream, len: usize, vocab: usize) -> Vec<u32> {
    let first = 3.min(vocab - 1);
    (0..len)
        .map(|_| (first + (stream.uniform() * (vocab - first) as f64) as usize) as u32)
        .collect()
}

fn reward(ids: &[u32]) -> f64 {
    let even = ids.iter().filter(|id| *id % 2 == 0).count() as f64;
    even / ids.len().max(1) as f64 + f64::from(ids.first().map_or(0, |id| id % 10)) / 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// Most memory of this process, in MB (2^20 bytes).
fn peak_rss_mb() -> Option<f64> {
    peak_bytes().map(|bytes| bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
