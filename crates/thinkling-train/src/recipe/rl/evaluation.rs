//! The table `eval` of an `rl` stage.

use serde::Serialize;

use super::source::Opened;
use super::{RlSource, RlStage};
use crate::error::Result;
use crate::recipe::Stage;
use crate::recipe::data::QuestionSource;
use crate::recipe::range::{NOT_NEGATIVE, POSITIVE_SHARE};
use crate::recipe::section::Section;

/// Keys of the table `eval`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Questions that are asked, at most as many as the data has. Default 300.
    pub problems: usize,
    /// Completions of each question. Default 1.
    pub samples: usize,
    /// Temperature of sampling; 0 is greedy. Default 1 (the report's benchmarks: 0.6).
    pub temperature: f64,
    /// Samples from the likeliest tokens up to this probability in sum. Default 1 (the report's
    /// benchmarks: 0.95).
    pub top_p: f64,
    /// Longest completion in tokens. Default: the stage's `max_completion_tokens`, with a
    /// `length_schedule` its last one.
    pub max_tokens: usize,
    /// Optimiser steps between two evaluations; 0 evaluates before and after the stage only.
    /// Default 0.
    pub every: usize,
    /// Questions of the evaluation, one source or several. Template and rewards are, where it does
    /// not say so, those of the stage's source of the same name, else of its only one. Default:
    /// where all of the stage's are the mini world, its problems held out for evaluation; for a file
    /// required, because the questions must not be those of training.
    #[serde(serialize_with = "super::source::one_or_more")]
    pub data: Vec<RlSource>,
}

impl Evaluation {
    /// Reads the table `s` of the stage in `table`, whose other keys are in `stage`.
    pub(super) fn read(
        mut s: Section<'_>,
        table: &mut Section<'_>,
        stage: &RlStage,
        earlier: &[Stage],
    ) -> Result<Self> {
        let opened = Opened::all(s.tables("data")?)?;
        // What is generated has problems that are held out.
        let generated = |r: &RlSource| {
            matches!(r.source, QuestionSource::MiniWorld(_) | QuestionSource::GrownWorld(_))
        };
        let data = match opened.is_empty() {
            true if stage.data.iter().all(generated) => {
                stage.data.iter().map(|r| RlSource { weight: None, ..r.clone() }).collect()
            }
            true => {
                return Err(s.conflict("data", "a table with questions that training does not use"));
            }
            false => opened
                .into_iter()
                .map(|source| {
                    let like = like(stage, source.name());
                    source.finish(table, stage, like, earlier)
                })
                .collect::<Result<_>>()?,
        };
        let mut e = Self {
            problems: 300,
            samples: 1,
            temperature: 1.0,
            top_p: 1.0,
            max_tokens: stage.longest_completion(),
            every: 0,
            data,
        };
        s.count("problems", &mut e.problems, 1)?;
        s.count("samples", &mut e.samples, 1)?;
        s.float("temperature", &mut e.temperature, NOT_NEGATIVE)?;
        s.float("top_p", &mut e.top_p, POSITIVE_SHARE)?;
        s.count("max_tokens", &mut e.max_tokens, 1)?;
        s.count("every", &mut e.every, 0)?;
        s.finish()?;
        Ok(e)
    }
}

/// The training source that one of an evaluation takes after.
fn like<'a>(stage: &'a RlStage, name: Option<&str>) -> Option<&'a RlSource> {
    let named = || stage.data.iter().find(|source| source.name.as_deref() == name);
    match stage.data.as_slice() {
        [one] => Some(one),
        _ => name.and_then(|_| named()),
    }
}
