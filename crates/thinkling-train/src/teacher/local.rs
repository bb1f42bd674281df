//! A model in this process as teacher.

use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::model_io::LoadedModel;
use crate::prompts::Prompts;
use crate::recipe::{LocalTeacherKeys, RolloutKeys};
use crate::rollout_executor::FixedExecutor;
use crate::sampling::{Drawing, ModelSampling, OnEvent, Place, rows_that_fit};
use thinkling_model::Precision;
use thinkling_text::Message;

/// A model, its template and what decodes it.
#[derive(Debug)]
pub(crate) struct LocalTeacher<'a> {
    keys: &'a LocalTeacherKeys,
    devices: Devices<'a>,
    model: Answerer<'a>,
}

/// The model that answers.
#[derive(Debug)]
pub(super) enum Answerer<'a> {
    /// The stage's.
    Own(&'a LoadedModel),
    /// Another one.
    Other(Box<LoadedModel>),
}

impl<'a> LocalTeacher<'a> {
    pub(super) fn new(
        keys: &'a LocalTeacherKeys,
        devices: Devices<'a>,
        model: Answerer<'a>,
    ) -> Self {
        Self { keys, devices, model }
    }

    /// Answers what is missing.
    pub(super) fn answer(
        &self,
        conversations: &[Vec<Message>],
        drawing: Drawing,
        missing: &[Place],
        on_event: OnEvent<'_>,
    ) -> Result<()> {
        let model = match &self.model {
            Answerer::Own(model) => *model,
            Answerer::Other(model) => &**model,
        };
        let prompts = Prompts {
            system: self.keys.system.as_deref(),
            ..Prompts::of(model, self.keys.template)?
        };
        let ids = conversations.iter().map(|messages| prompts.ids_of(messages));
        let ids: Vec<Vec<u32>> = ids.collect::<Result<_>>()?;
        let context = model.decoder.config().max_position_embeddings;
        if let Some(at) = ids.iter().position(|ids| ids.len() >= context) {
            let reason = format!(
                "conversation {} with its template, expected: fewer tokens than the model's \
                 context of {context}, got: {} tokens",
                at + 1,
                ids[at].len()
            );
            return Err(TrainError::Failed { what: "asking the teacher", reason });
        }
        let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        answer_by_model(model, &self.keys.rollout, self.devices, ids, drawing, missing, on_event)
    }
}

/// Answers prompts, of which some answers are missing, by a model that stays as it is.
///
/// # Errors
/// A model without tokenizer, a device that fails.
pub(crate) fn answer_by_model(
    model: &LoadedModel,
    rollout: &RolloutKeys,
    devices: Devices<'_>,
    prompts: Vec<&[u32]>,
    drawing: Drawing,
    missing: &[Place],
    on_event: OnEvent<'_>,
) -> Result<()> {
    let executor = FixedExecutor::open(rollout, devices, &model.decoder)?;
    let config = model.decoder.config();
    let longest = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
    let fitting = rows_that_fit(config, longest.saturating_add(drawing.max_tokens));
    let rows = executor.rows(rollout.max_rows.min(fitting), longest, drawing.max_tokens);
    let sampling = ModelSampling {
        config,
        tokenizer: model.tokenizer()?,
        prompts,
        drawing,
        max_rows: Some(rows),
        precision: rollout.weights.precision().unwrap_or(Precision::F32),
    };
    sampling.run(|capacity| executor.load(capacity), missing, on_event)
}
