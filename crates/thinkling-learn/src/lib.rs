//! What learning needs, from prompts to updated weights: rollout, rewards, policy gradient,
//! next-token loss, AdamW, and the mini world. The same source natively and in a page.
//!
//! - [`Rollout`] completes prompts, [`Scorer`] rewards them, a [`Batch`] compares each with its
//!   group;
//! - [`Learner::policy_step`], [`Learner::language_model_step`], [`Learner::supervised_step`] and
//!   [`Learner::reward_step`] update the weights, or adapters beside them, which [`write_adapter`]
//!   writes for `peft`; [`reward_values`] are a reward model's, [`Calibration`] measures them;
//! - [`EpochSampler`] and, of several sources or by a curriculum, [`Mixture`] choose questions,
//!   [`RlNumbers`] has the report's numbers, [`Summary`] says what a rollout shows,
//!   [`choose_groups`] which of its groups are learnt from, [`Evaluated`] measures a model,
//!   [`Measures`] are the report's with intervals;
//! - [`Share`]s of a step are what [`Workers`], other processes, compute of its gradient;
//! - [`world`] is the small bilingual arithmetic world that a base model is trained in.
//!
//! Readbacks are async because a browser cannot block; natively the futures are ready at once.
//! Left out: data files, checkpoints, metrics (crate `thinkling-train`).

mod adamw;
mod adapter;
mod average;
mod batch;
mod calibration;
mod evaluate;
mod export;
mod language_model;
mod measures;
mod micro;
mod order;
mod packing;
mod policy;
mod preference;
mod r1_zero;
mod resampling;
mod rollout;
mod schedule;
mod share;
mod statistics;
mod step;
mod summary;
mod supervised;
pub mod world;

pub use adamw::{AdamW, AdamWConfig, Moments, StatePrecision};
pub use adapter::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, AdapterError, PeftAdapter, write_adapter};
pub use average::move_average;
pub use batch::{Batch, OldLogprobs, chunk_tokens, chunk_tokens_of, model_logprobs};
pub use calibration::{Calibration, ReliabilityBin};
pub use evaluate::{
    Evaluated, FormatReading, Measured, REPEATED_WORDS, Sample, Tally, consistency,
};
pub use export::{ExportError, write_safetensors};
pub use language_model::{TokenLoss, language_model_loss};
pub use measures::{Measures, ProblemResult};
pub use micro::{MIN_TOKENS, activation_bytes, micro_batch_tokens, micro_batches};
pub use order::{
    Curriculum, EpochSampler, LevelOrder, Mixture, QuestionOrder, SourceQuestions, source_seed,
};
pub use packing::best_fit_decreasing;
pub use policy::{
    LearnError, PolicyGradient, PolicySample, PolicySettings, completion_logprobs, policy_gradient,
};
pub use preference::{
    Branches, Predicted, Preference, PreferenceError, RewardLoss, reward_loss, reward_values,
    sigmoid,
};
pub use r1_zero::RlNumbers;
pub use resampling::{Chosen, choose_groups, has_variance, next_round};
pub use rollout::{
    InProcess, Question, Rollout, RolloutConfig, Scored, Scorer, as_they_end, completion_text,
    evaluation_seed, stop_ids,
};
pub use schedule::{Decay, Schedule};
pub use share::{Limits, Measured as ShareMeasured, Policy as PolicyShare, Share, Summed, Workers};
pub use statistics::{Estimate, RESAMPLES, bootstrap, mean_of_runs, pass_at, pass_at_steps};
pub use step::{Learner, PolicyStep, RewardStep};
pub use summary::{CollapseWatch, Summary};
pub use supervised::{Example, ExampleError, HeldOut, held_out_loss, supervised_loss};
