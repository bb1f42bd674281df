//! Text in and text out for reasoning models.
//!
//! - [`Tokenizer`]: byte-level BPE from a `tokenizer.json` or rebuilt from a GGUF's own vocabulary.
//! - [`DetokenizeStream`]: token ids to text one at a time, without cutting a character.
//! - [`ChatTemplate`]: a model's own chat template, rendered as transformers renders it.
//! - [`r1_zero_prompt`]: the fixed prompt of R1-Zero.
//! - [`reward_table()`]: a vocabulary as the table by which rewards are counted on a GPU.
//! - [`ThinkSplitter`]: thinking and answer told apart while the text is still arriving.
//! - [`TextStream`]: both of these over the tokens of one completion.
//! - [`StopStrings`]: strings that end a text, found while it is still arriving.
//!
//! Left out: SentencePiece models without a `tokenizer.json`, WordPiece and Unigram vocabularies,
//! training of tokenizers, tool calls in chat messages. The crate touches no files and no clock, so
//! that it is the same in a browser.

mod chat;
mod error;
mod parts;
mod r1_zero;
pub mod reward_table;
mod split;
mod stop_strings;
mod stream;
mod tokenizer;

pub use chat::{ChatSegment, ChatTemplate, Date, Message};
pub use error::{Result, TextError};
pub use parts::{Part, PartKind, PartStream, TextStream};
pub use r1_zero::r1_zero_prompt;
pub use reward_table::reward_table;
pub use split::{Segment, ThinkSplitter};
pub use stop_strings::{StopMatch, StopStrings};
pub use stream::DetokenizeStream;
pub use tokenizer::{GgufVocabulary, Tokenizer};
