//! The crate's error.

/// What can be wrong with the inputs of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GrpoError {
    /// Two inputs that must agree in size do not.
    #[error("shape of {what}, expected: {expected:?}, got: {got:?}")]
    Shape {
        /// The input at fault.
        what: &'static str,
        /// The size that the other inputs imply.
        expected: Vec<usize>,
        /// The size that was given.
        got: Vec<usize>,
    },
    /// The number of rewards does not fill whole groups.
    #[error(
        "number of rewards, expected: a positive multiple of group_size {group_size}, got: {got}"
    )]
    Groups {
        /// Completions of one prompt.
        group_size: usize,
        /// Rewards given.
        got: usize,
    },
    /// A number outside its range, or not finite.
    #[error("{what}, expected: {expected}, got: {got}")]
    Range {
        /// The field or input at fault.
        what: &'static str,
        /// The range, in words.
        expected: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// A reward that is NaN or infinite.
    #[error("reward of completion {row}, expected: a finite number or none, got: {got}")]
    Reward {
        /// Row of the completion in the batch.
        row: usize,
        /// The value that was given.
        got: f64,
    },
    /// An input that the configuration needs is absent.
    #[error("{what}, expected: given because {because}, got: none")]
    Missing {
        /// The absent input.
        what: &'static str,
        /// What asks for it.
        because: &'static str,
    },
    /// The device could not hand the numbers back.
    #[error("reading {what} from the device failed: {reason}")]
    Read {
        /// What was read.
        what: &'static str,
        /// The backend's own words.
        reason: String,
    },
}
