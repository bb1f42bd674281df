//! What a run tells whoever shows it; the library itself prints nothing.

use crate::course::{EvalProgress, Watch};

/// Receives the course of a run. The command line draws it, tests record it.
pub trait Progress {
    /// A stage begins, or goes on after `--resume`.
    fn stage_started(&mut self, stage: &StageStarted<'_>);
    /// A training step is done and its metrics are written.
    fn step_finished(&mut self, step: &StepFinished);
    /// Work that is no training step goes on, for example an evaluation: `done` of `total` units.
    fn working(&mut self, what: &str, done: u64, total: u64);
    /// A stage asks the model: how far it is, now and then and at the end.
    fn answering(&mut self, progress: &EvalProgress);
    /// A sentence for the user, for example that GPU kernels are being compiled.
    fn note(&mut self, text: &str);
    /// The stage is done.
    fn stage_finished(&mut self, name: &str);
}

/// Shows what is asked by a run's progress.
pub(crate) struct Answering<'a>(pub(crate) &'a mut dyn Progress);

impl Watch for Answering<'_> {
    fn note(&mut self, text: &str) {
        self.0.note(text);
    }

    fn progress(&mut self, progress: &EvalProgress) {
        self.0.answering(progress);
    }
}

/// The stage that begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageStarted<'a> {
    /// Name in the recipe.
    pub name: &'a str,
    /// Kind in the recipe, for example `rl`.
    pub kind: &'a str,
    /// Number of the stage, counted from 0.
    pub index: usize,
    /// How many stages the recipe has.
    pub stages: usize,
    /// How many steps of this stage are already done (above 0 after `--resume`).
    pub done_steps: u64,
    /// How many steps the stage has; 0 for one that trains nothing.
    pub steps: u64,
}

/// The key numbers of one step; a stage leaves out what it does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepFinished {
    /// Step of the stage, counted from 1.
    pub step: u64,
    /// How many steps the stage has.
    pub steps: u64,
    /// Loss of the step (nats for `pretrain`).
    pub loss: Option<f64>,
    /// Mean reward of the step's completions.
    pub reward: Option<f64>,
    /// Share of correct completions, 0 to 1.
    pub accuracy: Option<f64>,
    /// Share of completions in the asked format, 0 to 1.
    pub format: Option<f64>,
    /// Mean completion length in tokens.
    pub length_tokens: Option<f64>,
    /// Mean divergence from the reference in nats a token.
    pub kl: Option<f64>,
    /// Mean gap between the sampler's and the trainer's log-probabilities in nats, where it is out of
    /// the ordinary.
    pub logprob_gap: Option<f64>,
    /// Tokens handled a second.
    pub tokens_per_s: Option<f64>,
    /// Seconds this step took.
    pub step_s: f64,
    /// Estimated seconds until the stage ends.
    pub remaining_s: Option<f64>,
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage_started(&mut self, _stage: &StageStarted<'_>) {}
    fn step_finished(&mut self, _step: &StepFinished) {}
    fn working(&mut self, _what: &str, _done: u64, _total: u64) {}
    fn answering(&mut self, _progress: &EvalProgress) {}
    fn note(&mut self, _text: &str) {}
    fn stage_finished(&mut self, _name: &str) {}
}
