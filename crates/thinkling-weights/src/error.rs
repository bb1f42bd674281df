//! What can be wrong with a model's files.

use std::path::{Path, PathBuf};

/// A fault of a config, a weight file, or the way they were asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused to read or write.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried, as a verb with its object: `open the file`.
        action: &'static str,
        /// The system's own answer.
        source: std::io::Error,
    },
    /// The file ends before what its own header promises.
    #[error("the file ends inside {what}, expected: {needed} more bytes, got: {available}")]
    Truncated {
        /// The part that is cut off.
        what: String,
        /// Bytes that part needs.
        needed: u64,
        /// Bytes left in the file.
        available: u64,
    },
    /// A JSON document that does not parse.
    #[error("{what} is not valid JSON: {source}")]
    Json {
        /// Which document.
        what: &'static str,
        /// The parser's own answer, with line and column.
        source: serde_json::Error,
    },
    /// A value outside what the format or the model allows.
    #[error("invalid {what}, expected: {expected}, got: {got}")]
    Invalid {
        /// Which value: a key, a header field, a tensor's offsets.
        what: String,
        /// What would have been right.
        expected: String,
        /// What stands there.
        got: String,
    },
    /// A key that must be there and is not.
    #[error("missing `{key}`, expected: {expected}")]
    MissingKey {
        /// Name of the key.
        key: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// Something well-formed that this crate does not do.
    #[error("unsupported {what}, expected: {supported}, got: {got}")]
    Unsupported {
        /// Which feature or key.
        what: String,
        /// What is supported.
        supported: String,
        /// What the file asks for.
        got: String,
    },
    /// A tensor that the config needs is not in the file.
    #[error("missing tensor `{name}`, expected: shape {expected:?}, got: none")]
    MissingTensor {
        /// Hugging Face name.
        name: String,
        /// Row-major shape that the config asks for.
        expected: Vec<usize>,
    },
    /// A tensor whose shape does not fit the config.
    #[error(
        "shape of tensor `{name}` does not fit the config, expected: {expected:?}, got: {got:?}"
    )]
    TensorShape {
        /// Hugging Face name.
        name: String,
        /// Row-major shape that the config asks for.
        expected: Vec<usize>,
        /// Row-major shape in the file.
        got: Vec<usize>,
    },
    /// A tensor stored in a number format that cannot be read.
    #[error("unsupported type of tensor `{name}`, expected: {supported}, got: {got}")]
    TensorType {
        /// Name of the tensor.
        name: String,
        /// The types that can be read.
        supported: &'static str,
        /// The type in the file.
        got: String,
    },
    /// The caller asked for a tensor that is not there.
    #[error("no tensor named `{name}`")]
    UnknownTensor {
        /// The name asked for.
        name: String,
    },
    /// The caller's buffer has another length than the tensor.
    #[error("buffer for tensor `{name}`, expected: {expected} elements, got: {got}")]
    BufferLength {
        /// Name of the tensor.
        name: String,
        /// Elements of the tensor.
        expected: usize,
        /// Elements of the buffer.
        got: usize,
    },
    /// The caller wrote tensors in another order than announced.
    #[error("tensor out of order, expected: {expected}, got: {got}")]
    WriteOrder {
        /// The tensor whose turn it is.
        expected: String,
        /// The tensor that was given.
        got: String,
    },
    /// A fault together with the file or folder it was found in.
    #[error("{fault} (file {})", path.display())]
    InFile {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        fault: Box<WeightsError>,
    },
}

impl WeightsError {
    /// Whether the input itself is at fault (damaged, unsupported, or not fitting its config), as
    /// opposed to the operating system's refusal or a caller's mistake.
    pub fn is_damaged_or_unsupported(&self) -> bool {
        match self {
            Self::InFile { fault, .. } => fault.is_damaged_or_unsupported(),
            Self::Io { .. }
            | Self::UnknownTensor { .. }
            | Self::BufferLength { .. }
            | Self::WriteOrder { .. } => false,
            Self::Truncated { .. }
            | Self::Json { .. }
            | Self::Invalid { .. }
            | Self::MissingKey { .. }
            | Self::Unsupported { .. }
            | Self::MissingTensor { .. }
            | Self::TensorShape { .. }
            | Self::TensorType { .. } => true,
        }
    }

    /// The same fault with the file it was found in; a fault that already names one is kept.
    pub fn in_file(self, path: &Path) -> Self {
        match self {
            Self::InFile { .. } => self,
            fault => Self::InFile { path: path.to_path_buf(), fault: Box::new(fault) },
        }
    }

    pub(crate) fn invalid(
        what: impl Into<String>,
        expected: impl ToString,
        got: impl ToString,
    ) -> Self {
        Self::Invalid { what: what.into(), expected: expected.to_string(), got: got.to_string() }
    }

    pub(crate) fn unsupported(
        what: impl Into<String>,
        supported: impl ToString,
        got: impl ToString,
    ) -> Self {
        Self::Unsupported {
            what: what.into(),
            supported: supported.to_string(),
            got: got.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_named_once_and_the_kind_survives() {
        let fault = WeightsError::invalid("`hidden_size`", "1 to 5", 9)
            .in_file(Path::new("a/config.json"))
            .in_file(Path::new("a"));
        assert!(fault.is_damaged_or_unsupported());
        assert_eq!(
            fault.to_string(),
            "invalid `hidden_size`, expected: 1 to 5, got: 9 (file a/config.json)"
        );
        let io = std::io::Error::from(std::io::ErrorKind::NotFound);
        let fault = WeightsError::Io { action: "open the file", source: io };
        assert!(!fault.in_file(Path::new("x")).is_damaged_or_unsupported());
    }
}
