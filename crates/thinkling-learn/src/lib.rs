//! What learning needs, from prompts to updated weights: rollout, rewards, policy gradient,
//! next-token loss, AdamW, and the mini world. The same source natively and in a page.
//!
//! - [`Rollout`] completes prompts, [`Scorer`] rewards them, [`advantages`] compares each with its
//!   group;
//! - [`Learner::policy_step`] and [`Learner::language_model_step`] update the weights;
//! - [`world`] is the small bilingual arithmetic world that a base model is trained in.
//!
//! Readbacks are async because a browser cannot block; natively the futures are ready at once.
//! Left out: data files, checkpoints, metrics (crate `thinkling-train`).

mod adamw;
mod language_model;
mod micro;
mod policy;
mod rollout;
mod schedule;
mod step;
pub mod world;

pub use adamw::{AdamW, AdamWConfig, Moments, StatePrecision};
pub use language_model::{TokenLoss, language_model_loss};
pub use micro::activation_bytes;
pub use policy::{
    LearnError, PolicyGradient, PolicySample, PolicySettings, completion_logprobs, policy_gradient,
};
pub use rollout::{InProcess, Question, Rollout, RolloutConfig, Scored, Scorer, advantages};
pub use schedule::{Decay, Schedule};
pub use step::{Learner, PolicyStep};
