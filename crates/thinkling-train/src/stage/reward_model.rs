//! `kind = "reward-model"`: a model that gives a response one number, learnt from pairs or labels.
//!
//! The folder of the stage's model is one that transformers opens as a classifier of one label.

use super::passes::{self, HeldOutMeasures, Learnt, Passes, counts_file, in_parts};
use super::{StageContext, StageResult, learn_error};
use crate::checkpoint::Checkpoint;
use crate::cost::DataSizes;
use crate::error::Result;
use crate::examples::TextSide;
use crate::model_io::LoadedModel;
use crate::preferences::{Preferences, read_preferences};
use crate::recipe::{RewardModelStage, Training};
use serde::{Deserialize, Serialize};
use thinkling_learn::{
    Calibration, Estimate, Learner, Predicted, Preference, RESAMPLES, bootstrap, reward_values,
};
use thinkling_model::Decoder;

/// Tokens of held-out examples in one forward pass.
const HELD_OUT_TOKENS: usize = 2048;

struct RewardModel<'a> {
    stage: &'a RewardModelStage,
    preferences: Preferences,
    seed: u64,
}

/// How well a reward model tells held-out pairs or labels; its file in the run folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    /// Pairs or labelled responses.
    pub(crate) examples: usize,
    /// Mean loss, nats.
    pub(crate) loss: f64,
    /// Share that is told right, with its 95 % interval by the bootstrap over examples.
    pub(crate) accuracy: Estimate,
    /// Mean difference of the rewards of a pair; of labels the mean of the reward, negative ones of
    /// bad responses turned round.
    pub(crate) margin: f64,
    /// Whether confidence is as often right as it says.
    pub(crate) calibration: Calibration,
}

pub(super) fn run(
    context: &mut StageContext<'_>,
    stage: &RewardModelStage,
    model: LoadedModel,
    checkpoint: Option<&Checkpoint>,
) -> Result<StageResult> {
    let recipe = context.recipe;
    let name = &recipe.stages[context.index].name;
    let seed = recipe.stage_seed(context.index);
    let run = context.run.path();
    let preferences = read_preferences(stage, run, name, seed, TextSide::of(&model)?)?;
    context.progress.note(&format!("stage `{name}`: {}", preferences.counts.words()));
    crate::atomic::write_json(&counts_file(context.run, name), &preferences.counts)?;
    let model = LoadedModel { decoder: model.decoder.clone().with_score(seed), ..model };
    passes::run(context, &RewardModel { stage, preferences, seed }, model, checkpoint)
}

impl Judged {
    fn of(predicted: &[Predicted], seed: u64) -> Self {
        let mean = |f: fn(&Predicted) -> f64| {
            predicted.iter().map(f).sum::<f64>() / predicted.len().max(1) as f64
        };
        let rows: Vec<Vec<f64>> = predicted.iter().map(|p| vec![p.right()]).collect();
        let accuracy = bootstrap(&rows, RESAMPLES, seed);
        Self {
            examples: predicted.len(),
            loss: mean(Predicted::loss),
            accuracy: accuracy.first().copied().unwrap_or_default(),
            margin: mean(|p| if p.good { p.margin } else { -p.margin }),
            calibration: Calibration::of(predicted.iter().map(|p| (p.confidence(), p.right()))),
        }
    }

    /// It for a person: a sentence, then the reliability table.
    fn words(&self) -> Vec<String> {
        let Estimate { value, low, high } = self.accuracy;
        let mut lines = vec![format!(
            "accuracy {:.1} % ({:.1} to {:.1}) of {} examples, loss {:.4}, calibration error {:.3}",
            100.0 * value,
            100.0 * low,
            100.0 * high,
            self.examples,
            self.loss,
            self.calibration.expected_error
        )];
        lines.push("  confidence       examples   mean   right".to_owned());
        let filled = self.calibration.bins.iter().filter(|bin| bin.count > 0);
        lines.extend(filled.map(|bin| {
            format!(
                "  {:.2} to {:.2} {:>12}   {:.3}   {:.3}",
                bin.from, bin.to, bin.count, bin.confidence, bin.accuracy
            )
        }));
        lines
    }
}

impl Passes for RewardModel<'_> {
    fn training(&self) -> &Training {
        &self.stage.training
    }

    fn sizes(&self) -> DataSizes {
        self.preferences.counts.sizes(self.stage.objective)
    }

    fn items(&self) -> usize {
        self.preferences.trained.len()
    }

    fn batch(&self) -> usize {
        self.stage.batch
    }

    fn steps(&self) -> u64 {
        self.preferences.counts.steps
    }

    fn evaluate_every(&self) -> usize {
        self.stage.eval.every
    }

    fn keeps_evaluations(&self) -> bool {
        true
    }

    fn learn(&self, learner: &mut Learner, picked: &[usize], lr: f64) -> Result<Learnt> {
        let items: Vec<&Preference> =
            picked.iter().map(|&i| &self.preferences.trained[i]).collect();
        let step = learner.reward_step(&items, lr, self.stage.training.micro_batch);
        let step = pollster::block_on(step).map_err(learn_error)?;
        let count = step.predicted.len().max(1) as f64;
        let right = step.predicted.iter().map(Predicted::right).sum::<f64>();
        Ok(Learnt {
            loss: step.loss,
            grad_norm: step.grad_norm,
            tokens: items.iter().map(|item| item.texts().tokens()).sum(),
            numbers: vec![("preference_accuracy", right / count)],
            counts: Vec::new(),
        })
    }

    fn evaluate(
        &self,
        context: &mut StageContext<'_>,
        model: &Decoder,
    ) -> Result<Option<HeldOutMeasures>> {
        let mut predicted = Vec::new();
        let tokens = |item: &Preference| item.texts().tokens();
        in_parts(context, &self.preferences.held_out, HELD_OUT_TOKENS, tokens, |part| {
            let texts: Vec<_> = part.iter().map(|item| item.texts()).collect();
            let values = pollster::block_on(reward_values(model, &texts)).map_err(learn_error)?;
            predicted.extend(part.iter().zip(values).map(|(item, own)| item.predicted(&own)));
            Ok(())
        })?;
        let judged = Judged::of(&predicted, self.seed);
        Ok(Some(HeldOutMeasures {
            numbers: vec![
                ("eval_loss", judged.loss),
                ("eval_preference_accuracy", judged.accuracy.value),
                ("eval_calibration_error", judged.calibration.expected_error),
            ],
            words: judged.words(),
            json: serde_json::to_value(&judged).map_err(|e| crate::TrainError::Encode {
                what: "an evaluation",
                reason: e.to_string(),
            })?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_out_measures_are_those_of_the_formulas() {
        let predicted = [
            Predicted { margin: 2.0, good: true },
            Predicted { margin: -1.0, good: true },
            Predicted { margin: -3.0, good: false },
            Predicted { margin: 0.5, good: true },
        ];
        let judged = Judged::of(&predicted, 1);
        assert_eq!((judged.examples, judged.accuracy.value), (4, 0.75));
        assert!(judged.accuracy.low < 0.75 && judged.accuracy.high > 0.75);
        let loss = |z: f64| (1.0 + (-z).exp()).ln();
        let expected = (loss(2.0) + loss(-1.0) + loss(3.0) + loss(0.5)) / 4.0;
        assert!((judged.loss - expected).abs() < 1e-12);
        assert!((judged.margin - (2.0 - 1.0 + 3.0 + 0.5) / 4.0).abs() < 1e-12);
        let words = judged.words();
        assert!(words[0].contains("75.0 %") && words[0].contains("4 examples"), "{words:?}");
        // Confidences 0.88, 0.73, 0.95 and 0.62 lie in bins of their own.
        assert_eq!(words.len(), 2 + 4, "{words:?}");
    }
}
