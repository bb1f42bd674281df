//! Evaluations of a stage, each kept in a file of the run folder.

use super::{Rl, note_skipped};
use crate::error::Result;
use crate::evaluate::{Evaluated, evaluate};
use crate::model_io::LoadedModel;
use crate::prompts::Prompts;
use crate::questions::{Checks, load_questions};
use crate::recipe::{Evaluation, RlSource};
use crate::stage::StageContext;
use thinkling_learn::{FormatReading, Scorer, source_seed};
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
    let several = eval.data.len() > 1;
    let mut whole = Evaluated::default();
    for (index, source) in eval.data.iter().enumerate() {
        let seed = source_seed(context.recipe.seed, index);
        let Some(one) = of_source(context, rl, model, decoder, (eval, source, seed))? else {
            return Ok(None);
        };
        match source.name.as_ref().filter(|_| several) {
            Some(name) => whole.add_source(name, one),
            None => whole = one,
        }
    }
    Ok(Some(whole))
}

fn of_source(
    context: &mut StageContext<'_>,
    rl: &Rl<'_>,
    model: &LoadedModel,
    decoder: &Decoder,
    (eval, source, seed): (&Evaluation, &RlSource, u64),
) -> Result<Option<Evaluated>> {
    let stage = rl.stage;
    let rule = stage.rewards_of(source).format.rule.rule;
    let (rewards, tools) = (&stage.rewards_of(source).accuracy_spec(), context.tools);
    let checks = Checks { stage: rl.name, rewards, tools };
    let prompts = Prompts::of(model, stage.template_of(source))?;
    let positions = decoder.config().max_position_embeddings;
    let (data, limit) = (&source.source, eval.problems);
    let loaded = load_questions(checks, data, Some((prompts, positions)), (seed, true), limit)?;
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
    let format = FormatReading { rule, inside_think: prompts.open_thinking()? };
    let (progress, interrupt) = (&mut *context.progress, context.interrupt);
    evaluate(decoder, (scorer, format), &questions, &config, progress, interrupt)
}
