//! `kind = "pretrain"`: next-token prediction on a generated corpus or a text file.

use super::checkpoints::read_saved;
use super::{Doing, StageContext, StageResult, learn_error};
use crate::checkpoint::Checkpoint;
use crate::cost::DataSizes;
use crate::error::{Result, TrainError};
use crate::metrics::MetricsRecord;
use crate::model_io::LoadedModel;
use crate::progress::{StageStarted, StepFinished};
use crate::recipe::{PretrainStage, TextSource};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use thinkling_learn::world::{Corpus, WorldError, grown::GrownCorpus};
use thinkling_learn::{EpochSampler, chunk_tokens, stop_ids};
use thinkling_text::Tokenizer;

/// Where the stage stands in its data.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    /// Documents drawn from a generated corpus.
    documents: u64,
    /// Order of a text file's sequences.
    sampler: Option<EpochSampler>,
}

/// Documents of a step, each with its end token.
enum Source {
    World { corpus: Box<dyn Iterator<Item = String>>, drawn: u64 },
    Text { sequences: Vec<Vec<u32>>, sampler: EpochSampler },
}

impl Source {
    fn open(
        stage: &PretrainStage,
        seed: u64,
        tokenizer: &Tokenizer,
        state: Option<State>,
    ) -> Result<Self> {
        match &stage.data {
            TextSource::MiniWorld(config) => {
                Self::generated(Corpus::new(config.as_ref().clone(), seed), state)
            }
            TextSource::GrownWorld(config) => {
                Self::generated(GrownCorpus::new(config.as_ref().clone(), seed), state)
            }
            TextSource::Text { path } => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| TrainError::read("text file", path, e))?;
                let ids = tokenizer
                    .encode(&text)
                    .map_err(|e| TrainError::damaged(path, e.to_string()))?;
                let sequences: Vec<Vec<u32>> = ids
                    .chunks(stage.sequence_length)
                    .filter(|c| c.len() > 1)
                    .map(<[u32]>::to_vec)
                    .collect();
                if sequences.is_empty() {
                    return Err(TrainError::damaged(path, "no text to predict"));
                }
                let sampler = state
                    .and_then(|s| s.sampler)
                    .unwrap_or_else(|| EpochSampler::new(seed, sequences.len()));
                if sampler.item_count() != sequences.len() {
                    return Err(TrainError::InputChanged { path: path.clone() });
                }
                Ok(Self::Text { sequences, sampler })
            }
        }
    }

    fn generated<C: Iterator<Item = String> + 'static>(
        corpus: std::result::Result<C, WorldError>,
        state: Option<State>,
    ) -> Result<Self> {
        let mut corpus =
            corpus.map_err(|e| TrainError::Failed { what: "the corpus", reason: e.to_string() })?;
        let drawn = state.map_or(0, |s| s.documents);
        // The generator is a stream: a resumed run draws again what was seen.
        (0..drawn).for_each(|_| drop(corpus.next()));
        Ok(Self::World { corpus: Box::new(corpus), drawn })
    }

    /// Documents of about `tokens` tokens.
    fn next(
        &mut self,
        tokens: usize,
        stop: &[u32],
        tokenizer: &Tokenizer,
    ) -> Result<Vec<Vec<u32>>> {
        let mut documents = Vec::new();
        let mut drawn_tokens = 0;
        while drawn_tokens < tokens {
            let document = match self {
                Self::World { corpus, drawn } => {
                    *drawn += 1;
                    // A generated corpus has no end.
                    let text = corpus.next().unwrap_or_default();
                    let mut ids = tokenizer.encode(&text).map_err(|e| TrainError::Failed {
                        what: "the tokenizer",
                        reason: e.to_string(),
                    })?;
                    ids.extend(stop.first());
                    ids
                }
                Self::Text { sequences, sampler } => sequences[sampler.next_batch(1)[0]].clone(),
            };
            drawn_tokens += document.len();
            documents.push(document);
        }
        Ok(documents)
    }

    fn state(&self) -> State {
        match self {
            Self::World { drawn, .. } => State { documents: *drawn, sampler: None },
            Self::Text { sampler, .. } => State { documents: 0, sampler: Some(sampler.clone()) },
        }
    }
}

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &PretrainStage,
    model: LoadedModel,
    checkpoint: Option<&Checkpoint>,
) -> Result<StageResult> {
    let saved = checkpoint.map(read_saved::<State>).transpose()?;
    let mut step = saved.as_ref().map_or(0, |s| s.step);
    let total = stage.training.steps as u64;
    let tokenizer = model.tokenizer()?;
    let context_tokens = model.decoder.config().max_position_embeddings;
    if stage.sequence_length > context_tokens {
        return Err(TrainError::DoesNotFit {
            stage: context.stage().name.clone(),
            reason: format!(
                "`sequence_length`, expected: at most the model's context of {context_tokens} \
                 tokens, got: {}",
                stage.sequence_length
            ),
        });
    }
    let stop = stop_ids(model.decoder.config(), tokenizer);
    let resumed = saved.as_ref().zip(checkpoint).map(|(s, c)| (c, s.updates));
    let mut learner = context.learner(model.decoder.clone(), &DataSizes::default(), resumed)?;
    let state = saved.map(|s| s.state);
    let mut source =
        Source::open(stage, context.recipe.stage_seed(context.index), tokenizer, state)?;
    context.progress.stage_started(&StageStarted {
        name: &context.recipe.stages[context.index].name,
        kind: "pretrain",
        index: context.index,
        stages: context.recipe.stages.len(),
        done_steps: step,
        steps: total,
    });
    let schedule = stage.training.schedule();
    let step_tokens = stage.batch * stage.sequence_length;
    let micro_tokens = stage.training.micro_batch * stage.sequence_length;
    let (started, first) = (Instant::now(), step);
    // A resumed stage already has the checkpoint that it starts from.
    let mut saved_at = checkpoint.map(|_| step);
    while step < total && !context.interrupt.is_requested() {
        let clock = Instant::now();
        let documents = source.next(step_tokens, &stop, tokenizer)?;
        let data_s = clock.elapsed().as_secs_f64();
        check_lengths(&documents, context, context_tokens)?;
        let lr = schedule.lr(step);
        let chunk = chunk_tokens(learner.model());
        context.finish_saving()?;
        context.course.begins(Doing::Update);
        let (loss, grad_norm) =
            pollster::block_on(learner.language_model_step(&documents, lr, micro_tokens, chunk))
                .map_err(learn_error)?;
        let tokens: usize = documents.iter().map(Vec::len).sum();
        step += 1;
        let seconds = clock.elapsed().as_secs_f64();
        let record =
            MetricsRecord::new(context.run_step(step), &context.recipe.stages[context.index].name)
                .number("loss", loss)
                .number("grad_norm", grad_norm)
                .number("lr", lr)
                .count("tokens", tokens as u64)
                .timing("step_s", seconds)
                .timing("data_s", data_s)
                .timing("checkpoint_s", context.checkpoint_s())
                .timing("tokens_per_s", tokens as f64 / seconds);
        context.check_device()?;
        context.metrics.write(&record)?;
        context.check_finite(step, loss, grad_norm)?;
        context.course.begins(Doing::Else);
        let per_step = started.elapsed().as_secs_f64() / (step - first) as f64;
        context.progress.step_finished(&StepFinished {
            step,
            steps: total,
            loss: Some(loss),
            tokens_per_s: Some(tokens as f64 / seconds),
            step_s: seconds,
            remaining_s: Some(per_step * (total - step) as f64),
            ..StepFinished::default()
        });
        if StageContext::is_due(stage.training.checkpoint_every, step - 1, step) {
            context.save(&learner, None, step, source.state())?;
            saved_at = Some(step);
        }
    }
    if saved_at != Some(step) {
        context.save(&learner, None, step, source.state())?;
    }
    context.finish_saving()?;
    let interrupted = step < total;
    let model = LoadedModel { decoder: learner.into_model(), ..model };
    Ok(StageResult { interrupted, ..StageResult::of(Some(model)) })
}

/// Refuses a document that the model's positions do not reach.
fn check_lengths(
    documents: &[Vec<u32>],
    context: &StageContext<'_>,
    context_tokens: usize,
) -> Result<()> {
    match documents.iter().map(Vec::len).max() {
        Some(longest) if longest > context_tokens => Err(TrainError::DoesNotFit {
            stage: context.stage().name.clone(),
            reason: format!(
                "a document of the corpus, expected: at most the model's context of \
                 {context_tokens} tokens, got: {longest}"
            ),
        }),
        _ => Ok(()),
    }
}
