//! `kind = "sft"`: supervised training on what the assistant writes in conversations.

use super::passes::{self, HeldOutMeasures, Learnt, Passes, counts_file, in_parts};
use super::{StageContext, StageResult, learn_error};
use crate::checkpoint::Checkpoint;
use crate::cost::DataSizes;
use crate::error::Result;
use crate::examples::{Examples, TextSide, read_examples};
use crate::model_io::LoadedModel;
use crate::recipe::{SftStage, Training};
use serde_json::json;
use thinkling_learn::{Example, HeldOut, Learner, chunk_tokens, held_out_loss};
use thinkling_model::Decoder;

/// Tokens of held-out examples in one forward pass.
const HELD_OUT_TOKENS: usize = 2048;

struct Sft<'a> {
    stage: &'a SftStage,
    examples: Examples,
}

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &SftStage,
    model: LoadedModel,
    checkpoint: Option<&Checkpoint>,
) -> Result<StageResult> {
    let recipe = context.recipe;
    let name = &recipe.stages[context.index].name;
    let seed = recipe.stage_seed(context.index);
    let examples = read_examples(stage, context.run.path(), name, seed, TextSide::of(&model)?)?;
    context.progress.note(&format!("stage `{name}`: {}", examples.counts.words()));
    crate::atomic::write_json(&counts_file(context.run, name), &examples.counts)?;
    passes::run(context, &Sft { stage, examples }, model, checkpoint)
}

impl Passes for Sft<'_> {
    fn training(&self) -> &Training {
        &self.stage.training
    }

    fn sizes(&self) -> DataSizes {
        self.examples.counts.sizes()
    }

    fn items(&self) -> usize {
        self.examples.sequences.len()
    }

    fn batch(&self) -> usize {
        self.stage.batch
    }

    fn steps(&self) -> u64 {
        self.examples.counts.steps
    }

    fn evaluate_every(&self) -> usize {
        self.stage.eval.as_ref().map_or(0, |eval| eval.every)
    }

    fn keeps_evaluations(&self) -> bool {
        false
    }

    fn learn(&self, learner: &mut Learner, picked: &[usize], lr: f64) -> Result<Learnt> {
        let Examples { sequences, trained, .. } = &self.examples;
        let sequences: Vec<Vec<&Example>> =
            picked.iter().map(|&s| sequences[s].iter().map(|&i| &trained[i]).collect()).collect();
        let chunk = chunk_tokens(learner.model());
        let step = learner.supervised_step(&sequences, lr, self.stage.training.micro_batch, chunk);
        let (loss, grad_norm) = pollster::block_on(step).map_err(learn_error)?;
        let all = || sequences.iter().flatten();
        let trained: usize = all().map(|e| e.trained_tokens()).sum();
        Ok(Learnt {
            loss,
            grad_norm,
            tokens: all().map(|e| e.ids().len()).sum(),
            numbers: Vec::new(),
            counts: vec![("trained_tokens", trained as u64)],
        })
    }

    fn evaluate(
        &self,
        context: &mut StageContext<'_>,
        model: &Decoder,
    ) -> Result<Option<HeldOutMeasures>> {
        let held_out = &self.examples.held_out;
        if held_out.is_empty() {
            return Ok(None);
        }
        let mut sum = HeldOut::default();
        in_parts(
            context,
            held_out,
            HELD_OUT_TOKENS,
            |e| e.ids().len(),
            |part| {
                let numbers = pollster::block_on(held_out_loss(model, part, chunk_tokens(model)));
                sum.add(numbers.map_err(learn_error)?);
                Ok(())
            },
        )?;
        let (loss, token_accuracy, tokens) = (sum.loss(), sum.token_accuracy(), sum.tokens);
        Ok(Some(HeldOutMeasures {
            numbers: vec![("eval_loss", loss), ("eval_token_accuracy", token_accuracy)],
            words: vec![format!(
                "loss {loss:.4}, token accuracy {:.1} % of {tokens} tokens",
                100.0 * token_accuracy
            )],
            json: json!({"loss": loss, "token_accuracy": token_accuracy, "tokens": tokens}),
        }))
    }
}
