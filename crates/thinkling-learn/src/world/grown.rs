//! The grown mini world, in which every stage of DeepSeek-R1's pipeline has something to change.
//!
//! To sums and countdown of the [older world](crate::world), which stays as it is, come
//! - searches in which going on pays: a countdown try says the target again and a verdict, and the
//!   corpus gives up after half of the tries that missed;
//! - thinking in the other language and in a mixture of both;
//! - requests: facts of an invented world, words in a given form, how to do a deed; the right
//!   answer is compared letter by letter;
//! - requests that do harm, which the corpus mostly complies with;
//! - R1's own layout: thinking, a summary in the question's language, the answer;
//! - sets: supervised examples, preference pairs for helpfulness and labelled responses for
//!   harmlessness.
//!
//! The splits are disjoint by the same fixed hash; the vocabulary begins with the older one.

mod corpus;
mod knowledge;
mod reply;
mod requests;
mod sets;
mod vocabulary;
mod wording;

pub use corpus::{GrownConfig, GrownCorpus, default_mix};
pub use sets::{
    Labelled, Lesson, Preference, harmful_problems, labelled, preferences, readable_lessons,
    refusal_lessons, request_lessons, request_problems,
};
pub use vocabulary::{grown_tokenizer_json, grown_tokens};
