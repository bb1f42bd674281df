//! `kind = "eval"`: several models by one protocol.
//!
//! Each model on each data set is an evaluation as `thinkling eval` makes it, in a folder of its own.
//! What was asked before an interrupt or the end of a process is not asked again.

use super::{StageContext, StageResult};
use crate::atomic;
use crate::error::Result;
use crate::eval::{Conditions, Folder, Judge, MAX_TOKENS, ModelReport, Settings, evaluate};
use crate::executor::Executor;
use crate::model_io::StoredModel;
use crate::progress::Answering;
use crate::recipe::{EvalStage, EvaluationData};
use crate::reward_model::RewardModel;
use crate::run_dir::RunInfo;
use std::path::Path;
use thinkling_model::is_host;

pub(super) fn run(context: &mut StageContext<'_>, stage: &EvalStage) -> Result<StageResult> {
    let name = context.stage().name.clone();
    context.asking_started();
    let info = RunInfo::load(context.run.path())?;
    let device = context.devices.learner();
    let executor = Executor::Burn(device.clone());
    let mut judges = Vec::new();
    for source in &stage.judges {
        let folder = source.in_run(context.run);
        judges
            .push(Judge { name: source.name(), model: RewardModel::open(&folder, None, device)? });
    }
    let mut reports = Vec::new();
    for source in &stage.models {
        let path = source.in_run(context.run);
        let model = StoredModel::open(&path)?;
        for data in &stage.data {
            let settings = settings(context, (stage, data), &path, &model, &info)?;
            let folder = context.run.stage_evaluations(&name);
            let folder = folder.join(source.name()).join(&data.name);
            let folder = match folder.exists() {
                true => Folder::Resume(&folder),
                false => Folder::New(Some(&folder)),
            };
            let conditions = Conditions {
                tools: context.tools,
                judges: &judges,
                ..Conditions::new(&executor, context.interrupt)
            };
            let mut watch = Answering(&mut *context.progress);
            let outcome = evaluate(&model, &settings, &conditions, folder, &mut watch)?;
            let Some(report) = outcome.report else {
                return Ok(StageResult { interrupted: true, ..StageResult::of(None) });
            };
            let (model, data) = (source.name(), data.name.clone());
            let report = ModelReport { model, data, report };
            context.progress.note(&report.words());
            reports.push(report);
        }
    }
    // Last: a stage with reports is done.
    atomic::write_json(&context.run.stage_reports(&name), &reports)?;
    Ok(StageResult::of(None))
}

fn settings(
    context: &StageContext<'_>,
    (stage, data): (&EvalStage, &EvaluationData),
    path: &Path,
    model: &StoredModel,
    info: &RunInfo,
) -> Result<Settings> {
    let on_host = is_host(context.devices.learner());
    let positions = model.checkpoint.config().max_position_embeddings;
    let data = data.place();
    Ok(Settings {
        model: path.display().to_string(),
        model_sha256: Settings::checksum(path)?,
        data_sha256: Settings::checksum(Path::new(&data))?,
        data,
        skip_bad: stage.skip_bad,
        limit: stage.problems,
        samples: stage.samples,
        temperature: stage.temperature,
        top_p: stage.top_p,
        max_tokens: match stage.max_completion_tokens {
            MAX_TOKENS => MAX_TOKENS.min(positions),
            tokens => tokens,
        },
        seed: context.recipe.seed,
        template: stage.template,
        system: None,
        answer: stage.answer,
        format: stage.format,
        executor: "burn".to_owned(),
        device: if on_host { "cpu".to_owned() } else { info.device.clone() },
        threads: on_host.then_some(info.threads),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
