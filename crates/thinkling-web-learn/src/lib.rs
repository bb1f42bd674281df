//! R1-Zero in a page: a nano base model learns the first levels of the mini world by the code that
//! trains natively, in a worker of the browser.
//!
//! - [`Session`] is the learning itself, the same natively and in a browser: steps, evaluation,
//!   before and after, the weights;
//! - `browser` (wasm only) chooses between WebGPU and the CPU and is what `js/worker.js` calls;
//! - `js/learn.js` is what a page imports, described by `js/learn.d.ts`.
//!
//! Left out: any learning of its own (that is `thinkling-learn`), supervised stages, checkpoints.

#[cfg(target_family = "wasm")]
mod browser;
mod material;
mod numbers;
mod report;
mod session;

pub use material::{Material, MaterialError};
pub use numbers::{mix, numbers};
pub use report::{Alarm, Answer, Comparison, Evaluation, ShownCompletion, ShownGroup, StepReport};
pub use session::Session;
