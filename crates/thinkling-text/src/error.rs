//! What can go wrong with vocabularies, templates and text.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, TextError>;

/// Errors of tokenizers and templates.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// A `tokenizer.json` that is not one.
    #[error("tokenizer.json cannot be read: {reason}")]
    BadTokenizerJson {
        /// What the reader found.
        reason: String,
    },
    /// A tokenizer model this crate does not run.
    #[error("unsupported tokenizer model, expected: {expected}, got: {got:?} ({context})")]
    UnsupportedModel {
        /// The kinds that are supported.
        expected: &'static str,
        /// The kind that was named.
        got: String,
        /// Where it was named, and what can be done.
        context: &'static str,
    },
    /// A GGUF pre-tokenizer whose rules are not known here; guessing would give wrong ids.
    #[error(
        "unknown pre-tokenizer, expected one of: {expected}, got: {got:?} (tokenizer.ggml.pre; \
         a tokenizer.json beside the model can be used instead)"
    )]
    UnsupportedPreTokenizer {
        /// The names that are known, separated by commas.
        expected: String,
        /// The name in the file.
        got: String,
    },
    /// A decoder in `tokenizer.json` that cannot be streamed here.
    #[error("unsupported decoder, expected: {expected}, got: {got} (tokenizer.json)")]
    UnsupportedDecoder {
        /// What is supported.
        expected: &'static str,
        /// The decoder as the file has it.
        got: String,
    },
    /// A vocabulary or merge list that contradicts itself.
    #[error("bad vocabulary: {reason} ({context})")]
    BadVocabulary {
        /// What is wrong.
        reason: String,
        /// Which list, and where in it.
        context: String,
    },
    /// Metadata that a GGUF needs and lacks.
    #[error("missing gguf metadata, expected: {expected}, got: nothing (key {key:?})")]
    MissingMetadata {
        /// The key.
        key: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// Metadata of a GGUF that has another type than the format says.
    #[error(transparent)]
    Metadata(#[from] thinkling_weights::WeightsError),
    /// Text that the vocabulary cannot express.
    #[error("text cannot be encoded: {reason}")]
    Encode {
        /// What the tokenizer said.
        reason: String,
    },
    /// A `tokenizer_config.json` that is not one.
    #[error("tokenizer_config.json cannot be read: {reason}")]
    BadTokenizerConfig {
        /// What the reader found.
        reason: String,
    },
    /// There is no chat template where one was asked for.
    #[error("no chat template, expected: {wanted}, got: {available} ({context})")]
    NoChatTemplate {
        /// The template that was asked for.
        wanted: String,
        /// The names that there are.
        available: String,
        /// Which input was searched.
        context: &'static str,
    },
    /// A chat template that does not parse or fails while it is rendered.
    #[error("chat template failed at line {line}: {message}")]
    Template {
        /// Line of the template, from 1; 0 where the engine does not know.
        line: usize,
        /// What the engine said.
        message: String,
    },
    /// A chat template that refused these messages with `raise_exception`.
    #[error("chat template refused the messages at line {line}: {message}")]
    TemplateRefused {
        /// Line of the template, from 1; 0 where the engine does not know.
        line: usize,
        /// The template's own words.
        message: String,
    },
    /// A chat template under which a conversation is not its parts one after the other.
    #[error(
        "the chat template writes what stands before turn {turn} (from 0) in another way once the \
         turn follows; give conversations with one assistant turn, or another template"
    )]
    TurnsChange {
        /// The assistant's turn that does not follow, from 0.
        turn: usize,
    },
}
