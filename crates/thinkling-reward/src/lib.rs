//! Rule rewards of a completion: is the answer right, the format kept, the language one; pure
//! functions.
//!
//! DeepSeek-R1-Zero is trained on two rule rewards of the same weight and on no neural judge
//! (arXiv 2501.12948v1, section 2.2.2): *accuracy*, 1 or 0, from the final answer in a place that
//! a rule can read, and *format*, 1 where the reasoning stands between `<think>` and `</think>`
//! and the answer between `<answer>` and `</answer>` (section 2.2.3, table 1).
//!
//! [`reward`] maps a [`Problem`] and a [`Completion`] to a [`RewardRecord`]. Its parts are usable
//! alone:
//!
//! - [`tags`]: the four tags as a state machine over text pieces, also cut inside a tag;
//! - [`format`](mod@format): the strict reading of the template, [`strict_format`], and two others;
//! - [`math`]: where an answer stands, what it says, whether it equals the gold as mathematics;
//! - [`choice`], [`exact`]: option letters; answers compared character by character;
//! - [`number`]: exact integers and decimals, one of them in the answer;
//! - [`countdown`]: an expression that uses each given number once and reaches the target;
//! - [`language`] and [`reflection`]: what the report measures on the chain of thought;
//! - [`repetition`] and [`length`]: what other recipes add to them;
//! - [`code`]: programs and their tests, as types; running them is a trait;
//! - [`vote`]: what most of several completions answer;
//! - [`spec`]: named components with weights, as a recipe has them;
//! - `score` (feature `json`): one JSON line in, one out.
//!
//! Every check is linear in the text (exact arithmetic stays within stated digit and node
//! limits), so that no completion can make it hang. Nothing here reads files, clocks or threads.
//!
//! Left out: judging by a model, and running programs.
//!
//! ```
//! use thinkling_reward::{Completion, Problem, RewardSpec, reward};
//!
//! let problem = Problem::number("p1", "What is 19 + 23?", "42");
//! let text = "<think> 19 + 20 = 39, and 3 more. </think> <answer> 42 </answer>";
//! let record = reward(&problem, &Completion::whole(text), &RewardSpec::default())?;
//! assert!(record.verdict.is_correct());
//! assert_eq!(record.total, 2.0);
//! # Ok::<(), thinkling_reward::RewardError>(())
//! ```

pub mod answer;
pub mod choice;
pub mod code;
pub mod countdown;
pub mod exact;
pub mod format;
pub mod language;
pub mod length;
pub mod math;
pub mod number;
pub mod problem;
pub mod record;
pub mod reflection;
pub mod repetition;
#[cfg(feature = "json")]
pub mod score;
mod script;
pub mod spec;
pub mod tags;
pub mod vote;
#[cfg(feature = "wasm")]
pub mod wasm;
mod words;

pub use format::{FormatFault, FormatMeter, FormatRule, FormatScore, FormatVerdict, strict_format};
pub use problem::{GoldError, Language, Problem, Task, UnknownLanguage};
pub use record::{
    Completion, Component, Judgement, Reason, RewardError, RewardRecord, Template, Tools, Verdict,
    format_free_correct, judge, reward,
};
pub use spec::{ComponentSpec, RewardSpec, Rule, SpecError};
pub use tags::{Region, Tag, TagEvent, TagMachine};

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
