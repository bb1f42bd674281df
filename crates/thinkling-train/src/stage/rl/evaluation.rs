//! Evaluations of a stage, each kept in a file of the run folder.

use super::{Rl, note_skipped};
use crate::error::Result;
use crate::evaluate::{Evaluated, evaluate};
use crate::model_io::LoadedModel;
use crate::prompts::Prompts;
use crate::questions::{Checks, load_questions};
use crate::recipe::Evaluation;
use crate::stage::StageContext;
use thinkling_learn::Scorer;
use thinkling_model::Decoder;
use thinkling_sampling::SamplingParams;

/// The evaluation at `step`, from its file where an interrupted run already made it; `None`
/// without one in the recipe and where an interrupt ended it.
pub(super) fn evaluation(
    context: &mut StageContext<'_>,
    rl: &Rl<'_>,
    model: &LoadedModel,
    decoder: &Decoder,
    step: u64,
) -> Result<Option<Evaluated>> {
    let Some(eval) = &rl.stage.eval else { return Ok(None) };
    let file = context.run.path().join(format!("evaluation-{}-{step:06}.json", rl.name));
    if let Ok(bytes) = std::fs::read(&file)
        && let Ok(done) = serde_json::from_slice(&bytes)
    {
        return Ok(Some(done));
    }
    let result = run_evaluation(context, rl, model, decoder, eval)?;
    if let Some(result) = &result {
        crate::atomic::write_json(&file, result)?;
    }
    Ok(result)
}

fn run_evaluation(
    context: &mut StageContext<'_>,
    rl: &Rl<'_>,
    model: &LoadedModel,
    decoder: &Decoder,
    eval: &Evaluation,
) -> Result<Option<Evaluated>> {
    let seed = context.recipe.seed;
    let (rewards, tools) = (&rl.stage.rewards.accuracy_spec(), context.tools);
    let checks = Checks { stage: rl.name, rewards, tools };
    let prompts = Prompts::of(model, rl.stage.template)?;
    let context_tokens = decoder.config().max_position_embeddings;
    let loaded = load_questions(
        checks,
        &eval.data,
        Some((prompts, context_tokens)),
        (seed, true),
        eval.problems,
    )?;
    note_skipped(context, &loaded);
    let questions = loaded.questions;
    let sampling = SamplingParams {
        temperature: eval.temperature,
        top_p: eval.top_p,
        ..SamplingParams::default()
    };
    let config = rl.rollout.evaluating(seed, eval.samples, sampling, eval.max_tokens);
    let tokenizer = model.tokenizer()?;
    let scorer = Scorer { tokenizer, rewards, tools };
    let (progress, interrupt) = (&mut *context.progress, context.interrupt);
    evaluate(decoder, scorer, &questions, &config, progress, interrupt)
}
