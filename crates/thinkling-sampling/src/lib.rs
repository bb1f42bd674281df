//! From logits to tokens: filters, one random stream a completion, stop rules, the [batch] of rows
//! that run side by side, and the loop that [generates](generate::generate) with whatever decodes.
//!
//! Everything works on plain slices of one position's logits, so that the burn model and the
//! WGSL engine sample alike. A completion owns its [`Stream`]; what else is in the batch cannot
//! change its draws. Log-probabilities are those of `log_softmax(logits / temperature)` **before**
//! top-k, top-p and min-p (greedy: at temperature 1), which is what a policy gradient needs.

pub mod batch;
mod distribution;
mod filter;
pub mod generate;
mod stop;
mod stream;

pub use distribution::{LogSoftmax, argmax, entropy, top_logprobs};
pub use filter::{Sampled, Sampler, SamplingError, SamplingParams};
pub use stop::{Finish, StopRules};
pub use stream::{Stream, StreamState};
