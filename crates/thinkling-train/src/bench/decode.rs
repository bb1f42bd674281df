//! Timed decoding: a prompt of random ids, then greedy tokens.

use super::{BenchConfig, median, peak_rss_mb, random_ids};
use crate::error::{Result, TrainError};
use crate::recipe::RolloutWeights;
use crate::stage::learn_error;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Instant;
use thinkling_cpu::profile;
use thinkling_engine::{
    Adapter, Capacity, DispatchTime, Engine, EngineError, Keep, Usage, WeightsReader,
};
use thinkling_model::Precision;
use thinkling_model::generate::generate;
use thinkling_sampling::generate as sampling;
use thinkling_sampling::generate::{GenerateRequest, TokenEvent};
use thinkling_sampling::{SamplingParams, Stream};
use thinkling_weights::ModelConfig;

/// Sizes of the timed decoding.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names say it all")]
pub struct DecodeBench {
    pub batch: usize,
    pub prompt_len: usize,
    pub tokens: usize,
    pub runs: usize,
    pub warmup_runs: usize,
    pub weights: RolloutWeights,
    /// Of the engine on a GPU: steps before their tokens are read, its own choice without.
    pub steps_at_once: Option<usize>,
    /// Of the engine on a GPU: products of many rows in half precision.
    pub half: bool,
}

impl Default for DecodeBench {
    fn default() -> Self {
        Self {
            batch: 1,
            prompt_len: 256,
            tokens: 32,
            runs: 3,
            warmup_runs: 1,
            weights: RolloutWeights::F32,
            steps_at_once: None,
            half: false,
        }
    }
}

/// Medians over the runs after warm-up.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DecodeResult {
    /// Name in the config.
    pub name: String,
    /// Parameters of the model.
    pub parameters: usize,
    /// Sequences that run at once.
    pub batch: usize,
    /// Seconds from the call to the first token.
    pub prefill_s: f64,
    /// Seconds between two tokens of a sequence.
    pub step_s: f64,
    /// Seconds of a run, from the call to its end.
    pub generate_s: f64,
    /// Prompt tokens a second until the first token.
    pub prefill_tokens_per_s: f64,
    /// Tokens of all sequences a second, between the second and the last token.
    pub tokens_per_s: f64,
    /// Most memory the process held, where the system tells.
    pub peak_rss_mb: Option<f64>,
}

/// [`DecodeResult`] of the decode engine, and what it uses of the GPU, where it is on one.
#[derive(Clone, Debug, Serialize)]
pub struct EngineResult {
    /// Speeds.
    #[serde(flatten)]
    pub decode: DecodeResult,
    /// Bytes and dispatches.
    pub usage: Option<Usage>,
    /// Times of dispatches, where asked for.
    pub times: Option<PassTimes>,
}

/// Times of the dispatches of one pass each.
#[derive(Clone, Debug, Serialize)]
pub struct PassTimes {
    /// Of a pass over a prompt's tokens.
    pub prompt: Vec<DispatchTime>,
    /// Rows of that pass.
    pub prompt_rows: usize,
    /// Of a pass that draws a token for each sequence, halfway through the run.
    pub decode: Vec<DispatchTime>,
}

/// Times greedy decoding by the model; `each` sees every run's seconds.
///
/// # Errors
/// A model that does not open, sizes beyond its context, a device that fails.
pub fn bench_decode(
    config: &BenchConfig,
    device: &Device,
    each: impl FnMut(usize, f64),
) -> Result<DecodeResult> {
    if config.decode.weights.precision().is_none() {
        let reason = "decode.weights, expected: \"f32\" or \"bf16\"".to_owned();
        return Err(TrainError::Failed { what: "bench decode", reason });
    }
    let model = config.model(device)?;
    timed(config, model.config(), each, |request, on_token| {
        let generated = generate(&model, request, on_token);
        pollster::block_on(generated).map_err(|e| learn_error(e.into()))?;
        Ok(())
    })
}

/// Times greedy decoding by the engine, on a GPU or on the CPU; with `profile`, on a GPU, each dispatch
/// as well.
///
/// # Errors
/// As [`bench_decode`].
pub fn bench_engine(
    config: &BenchConfig,
    adapter: Option<&Adapter>,
    profile: bool,
    each: impl FnMut(usize, f64),
) -> Result<EngineResult> {
    let failed = |e: EngineError| match e {
        EngineError::Weights(e) => TrainError::from(e),
        other => TrainError::Failed { what: "bench engine", reason: other.to_string() },
    };
    let checkpoint = config.checkpoint()?;
    let weights = WeightsReader::new(&checkpoint, Keep::Stored);
    let d = &config.decode;
    let cache_tokens = d.batch * (d.prompt_len + d.tokens);
    let capacity =
        Capacity { rows: d.batch, cache_tokens, prompt_tokens: 0, conversation_tokens: 0 };
    let mut engine = match adapter {
        Some(adapter) => {
            let adapter = if d.half { adapter.clone().with_half() } else { adapter.clone() };
            pollster::block_on(Engine::on_gpu(&adapter, &weights, capacity))
        }
        None => Engine::on_cpu(&weights, capacity),
    }
    .map_err(failed)?;
    if let Some(steps) = d.steps_at_once {
        engine = engine.with_steps_at_once(steps);
    }
    let usage = engine.usage();
    let decode = timed(config, checkpoint.config(), each, |request, on_token| {
        let generated = sampling::generate(&mut engine, request, on_token);
        pollster::block_on(generated).map_err(failed)?;
        Ok(())
    })?;
    let times = (profile && adapter.is_some())
        .then(|| pollster::block_on(pass_times(&mut engine, d)))
        .transpose()
        .map_err(failed)?;
    Ok(EngineResult { decode, usage, times })
}

/// The fastest of a few passes of each kind.
async fn pass_times(
    engine: &mut Engine,
    d: &DecodeBench,
) -> std::result::Result<PassTimes, EngineError> {
    async fn fastest(
        engine: &mut Engine,
        [rows, tokens]: [usize; 2],
        draws: bool,
    ) -> std::result::Result<Vec<DispatchTime>, EngineError> {
        let seconds = |times: &[DispatchTime]| times.iter().map(|time| time.seconds).sum::<f64>();
        let mut best = engine.times(rows, tokens, draws).await?;
        for _ in 0..4 {
            let next = engine.times(rows, tokens, draws).await?;
            if seconds(&next) < seconds(&best) {
                best = next;
            }
        }
        Ok(best)
    }
    let prompt_rows = engine.prompt_rows().min(d.prompt_len);
    let prompt = fastest(engine, [prompt_rows, d.prompt_len], false).await?;
    let decode = fastest(engine, [d.batch, d.prompt_len + d.tokens / 2], true).await?;
    Ok(PassTimes { prompt, prompt_rows, decode })
}

/// Times runs of `run`, which generates what a request asks for.
fn timed(
    config: &BenchConfig,
    model: &ModelConfig,
    mut each: impl FnMut(usize, f64),
    mut run: impl FnMut(
        &GenerateRequest<'_>,
        &mut dyn FnMut(TokenEvent<'_>) -> ControlFlow<()>,
    ) -> Result<()>,
) -> Result<DecodeResult> {
    let d = &config.decode;
    if d.tokens < 3 || d.batch == 0 || d.runs == 0 {
        let reason = "decode.tokens must be at least 3, decode.batch and decode.runs at least 1";
        return Err(TrainError::Failed { what: "bench decode", reason: reason.to_owned() });
    }
    let mut ids = Stream::new(config.seed, u64::MAX);
    let (mut prefill, mut steps, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..d.warmup_runs + d.runs {
        if index == d.warmup_runs {
            profile::take();
        }
        let prompts: Vec<Vec<u32>> =
            (0..d.batch).map(|_| random_ids(&mut ids, d.prompt_len, model.vocab_size)).collect();
        let request = GenerateRequest {
            sampling: SamplingParams::greedy(),
            banned: model.eos_token_ids.clone(),
            precision: d.weights.precision().unwrap_or(Precision::F32),
            ..GenerateRequest::new(&prompts, d.tokens)
        };
        let clock = Instant::now();
        let mut tokens = Vec::with_capacity(d.tokens);
        run(&request, &mut |event: TokenEvent<'_>| {
            if event.completion == 0 {
                tokens.push(clock.elapsed().as_secs_f64());
            }
            ControlFlow::Continue(())
        })?;
        let seconds = clock.elapsed().as_secs_f64();
        each(index, seconds);
        if index >= d.warmup_runs {
            prefill.push(tokens[0]);
            // Weights may be made ready between the first token and the second.
            let gaps = (tokens[tokens.len() - 1] - tokens[1]) / (tokens.len() - 2) as f64;
            steps.push(gaps);
            whole.push(seconds);
        }
    }
    let (prefill_s, step_s) = (median(prefill), median(steps));
    Ok(DecodeResult {
        name: config.name.clone(),
        parameters: model.parameter_count(),
        batch: d.batch,
        prefill_s,
        step_s,
        generate_s: median(whole),
        prefill_tokens_per_s: (d.batch * d.prompt_len) as f64 / prefill_s,
        tokens_per_s: d.batch as f64 / step_s,
        peak_rss_mb: peak_rss_mb(),
    })
}
