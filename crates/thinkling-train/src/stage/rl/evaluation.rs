//! Evaluations of a stage, each kept in a file of the run folder.

use super::Rl;
use crate::error::Result;
use crate::evaluate::{Evaluated, evaluate};
use crate::model_io::LoadedModel;
use crate::questions::{Checks, load_questions};
use crate::recipe::Evaluation;
use crate::stage::StageContext;
use thinkling_learn::RolloutConfig;
use thinkling_model::{Decoder, Precision};
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
    let mut questions = load_questions(checks, &eval.data, rl.stage.template, model, seed, true)?;
    questions.truncate(eval.problems);
    let config = RolloutConfig {
        group_size: eval.samples,
        sampling: SamplingParams {
            temperature: eval.temperature,
            top_p: eval.top_p,
            ..SamplingParams::default()
        },
        max_tokens: eval.max_tokens,
        // The model itself is measured, whatever rollouts read.
        precision: Precision::F32,
        // Another key than training's, so that the two never share random numbers.
        seed: seed ^ 0x6576_616c,
        ..rl.rollout.clone()
    };
    let tokenizer = model.tokenizer()?;
    let (progress, interrupt) = (&mut *context.progress, context.interrupt);
    evaluate(decoder, tokenizer, &questions, &config, rewards, &tools, progress, interrupt)
}
