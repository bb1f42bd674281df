//! Evaluation of a model by the report's protocol (arXiv 2501.12948v1, section 3): k sampled answers
//! a problem at temperature 0.6 and top-p 0.95; pass@1 is their mean correctness, cons@k that of the
//! majority. No greedy decoding, no examples in the prompt.
//!
//! Completion `i` of problem `p` draws from the random stream `p * k + i`, and is written with its
//! verdict as soon as it ends. A process that ends, however it ends, loses nothing but completions
//! that were not whole; going on asks for these alone, so that the result is the same.
//!
//! ```text
//! OUT/
//!   settings.json      what was asked of which model on which data, with checksums
//!   completions.jsonl  each completion with its verdict; sorted once all are there
//!   report.json        the measures, once all are there
//!   run.lock           held by the process that writes
//! ```
//!
//! Departure from the report: the token limit is the caller's or the model's context, where the
//! report has 32,768.

mod judging;
mod report;
mod settings;

use crate::answers::AnswerFile;
use crate::asking::Asking;
use crate::error::Result;
use crate::executor::Executor;
use crate::interrupt::Interrupt;
use crate::model_io::StoredModel;
use crate::prompts::Prompts;
use crate::questions::{Checks, Loaded, load_questions};
use crate::recipe::{FileSource, QuestionSource};
use crate::sampling::{Drawing, ModelSampling, OnEvent, Place};
use std::path::{Path, PathBuf};
use std::time::Instant;
use thinkling_learn::{FormatReading, evaluation_seed};
use thinkling_model::Precision;
use thinkling_reward::{RewardSpec, Tools};
use thinkling_sampling::SamplingParams;

pub use crate::answers::AnswerLine;
pub use crate::course::{EvalProgress, Watch};
pub use crate::sampling::rows_that_fit;
pub(crate) use judging::Judge;
pub use report::{ModelReport, Report};
#[cfg(test)]
pub(crate) use settings::tests::settings as settings_of_tests;
pub use settings::{MAX_TOKENS, MINI_WORLD, Settings, generated_questions};

const COMPLETIONS_FILE: &str = "completions.jsonl";
const REPORT_FILE: &str = "report.json";

/// How an evaluation runs, beyond what its [`Settings`] say.
#[derive(Debug)]
pub struct Conditions<'a> {
    /// What computes the tokens.
    pub executor: &'a Executor,
    /// What runs programs, where there is one.
    pub tools: Tools<'a>,
    /// Completions at once at most; `None` for [`rows_that_fit`].
    pub max_rows: Option<usize>,
    /// Asks to stop.
    pub interrupt: &'a Interrupt,
    /// Reward models that score the completions once all are there.
    pub(crate) judges: &'a [Judge],
}

impl<'a> Conditions<'a> {
    /// Without programs and judges, with as many completions at once as fit.
    pub fn new(executor: &'a Executor, interrupt: &'a Interrupt) -> Self {
        Self { executor, tools: Tools::default(), max_rows: None, interrupt, judges: &[] }
    }
}

/// Where an evaluation writes.
#[derive(Clone, Copy, Debug)]
pub enum Folder<'a> {
    /// Into a new or empty folder; `None` for the first free `runs/NAME-N`.
    New(Option<&'a Path>),
    /// Goes on in the folder of an evaluation that was stopped.
    Resume(&'a Path),
}

/// How an evaluation ended.
#[derive(Debug)]
pub struct EvalOutcome {
    /// Its folder.
    pub path: PathBuf,
    /// The measures; `None` where it was interrupted, and resuming goes on.
    pub report: Option<Report>,
}

/// Evaluates a model.
///
/// # Errors
/// Data that cannot be read, a folder that is taken or was begun with other settings, a model or
/// device that fails, a disk that is full.
pub fn evaluate(
    model: &StoredModel,
    settings: &Settings,
    conditions: &Conditions<'_>,
    folder: Folder<'_>,
    watch: &mut dyn Watch,
) -> Result<EvalOutcome> {
    let prompts = Prompts {
        system: settings.system.as_deref(),
        ..Prompts::of_stored(model, settings.template)?
    };
    let rewards = RewardSpec::of(settings.answer);
    let checks = Checks { stage: "evaluation", rewards: &rewards, tools: conditions.tools };
    let context = model.checkpoint.config().max_position_embeddings;
    let source = question_source(&settings.data, settings.skip_bad);
    let limit = settings.limit.unwrap_or(usize::MAX);
    let loaded =
        load_questions(checks, &source, Some((prompts, context)), (settings.seed, true), limit)?;
    if let Some(layout) = loaded.layout {
        watch.note(&format!("data: {} problems, layout {layout}", loaded.questions.len()));
    }
    note_skipped(&loaded, watch);
    let (path, lock) = settings.claim(folder)?;
    crate::atomic::remove_temporaries(&path);
    let mut file = AnswerFile::open(&path.join(COMPLETIONS_FILE))?;
    let shape = (loaded.questions.len(), settings.samples);
    let mut answers = file.read(shape)?;
    if answers.count() > 0 {
        watch.note(&format!(
            "{} of {} completions are there already",
            answers.count(),
            shape.0 * shape.1
        ));
    }
    let clock = Instant::now();
    let questions = &loaded.questions;
    let rewards = &rewards;
    let sampling = ModelSampling {
        config: model.checkpoint.config(),
        tokenizer: prompts.tokenizer,
        prompts: questions.iter().map(|q| q.prompt.as_slice()).collect(),
        drawing: Drawing {
            samples: settings.samples,
            sampling: SamplingParams {
                temperature: settings.temperature,
                top_p: settings.top_p,
                ..SamplingParams::default()
            },
            max_tokens: settings.max_tokens,
            seed: evaluation_seed(settings.seed),
        },
        max_rows: conditions.max_rows,
        precision: Precision::default(),
    };
    let format = FormatReading { rule: settings.format, inside_think: prompts.open_thinking()? };
    let (tools, interrupt) = (conditions.tools, conditions.interrupt);
    let asking = Asking { questions, rewards, format, tools, interrupt };
    let load = |capacity| Ok(conditions.executor.load(model, capacity)?);
    let answer = |missing: &[Place], on_event: OnEvent<'_>| sampling.run(load, missing, on_event);
    let asked = asking.ask(answer, &mut file, &mut answers, watch)?;
    if !asked.whole {
        return Ok(EvalOutcome { path, report: None });
    }
    let of = (loaded.questions.as_slice(), &answers);
    let scores =
        judging::scores(conditions.judges, of, &mut file, &prompts.opening()?, settings.seed)?;
    file.sort(&answers)?;
    let skipped = loaded.skipped.len();
    let mut report = Report::of(settings, &loaded.questions, &answers, skipped);
    // The run's own time: what an earlier process took is not in it.
    report.wall_s = clock.elapsed().as_secs_f64();
    report.tokens_per_s = asked.tokens_per_s();
    report.scores = scores;
    crate::atomic::write_json(&path.join(REPORT_FILE), &report)?;
    drop(lock);
    Ok(EvalOutcome { path, report: Some(report) })
}

/// The problems that a path names, or a word for [`generated_questions`].
pub(crate) fn question_source(data: &str, skip_bad: bool) -> QuestionSource {
    generated_questions(data)
        .unwrap_or_else(|| QuestionSource::File(FileSource { path: PathBuf::from(data), skip_bad }))
}

fn note_skipped(loaded: &Loaded, watch: &mut dyn Watch) {
    /// Bad records that are named; of the others the number says enough.
    const NAMED: usize = 5;
    for bad in loaded.skipped.iter().take(NAMED) {
        watch.note(&format!("skipped line {}: {}", bad.line, bad.reason));
    }
    if loaded.skipped.len() > NAMED {
        watch.note(&format!("skipped {} bad records in all", loaded.skipped.len()));
    }
}
