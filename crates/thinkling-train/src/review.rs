//! A person's review of a queue: what waits, what was decided, and how to go on.
//!
//! A queue is a file with one JSON object a line, [`Item`]; it is never changed. Each decision is
//! appended at once to `QUEUE.decisions.jsonl` beside it, so that a process that ends loses none, and
//! the next one goes on after the last. Taking a decision back appends a line too.

mod decisions;
mod item;
mod session;

pub use decisions::{By, Decision, decisions_file};
pub use item::{Item, Texts};
pub use session::{Review, ReviewCounts};
