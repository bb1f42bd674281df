//! Limits that keep every check small, whatever the answer holds.

/// How much one check may read and compute. What passes a limit is `unverifiable`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of an answer that is parsed.
    pub answer_bytes: usize,
    /// Nodes of the tree of an answer.
    pub nodes: u32,
    /// Brackets, braces and functions inside one another.
    pub depth: u32,
    /// Decimal digits of a number, read or computed.
    pub digits: u32,
    /// Steps of work on one pair of answers; a step is about a hundred nanoseconds.
    pub steps: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer_bytes: 16_384, nodes: 4_096, depth: 64, digits: 10_000, steps: 200_000 }
    }
}

/// A limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too large to check")]
pub(crate) struct TooLarge;

/// What is left of the limits during one check.
#[derive(Clone, Debug)]
pub(crate) struct Budget<'a> {
    /// The limits that do not run out.
    pub(crate) limits: &'a Limits,
    steps: u32,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self { limits, steps: limits.steps }
    }

    /// Takes some steps.
    ///
    /// # Errors
    /// Where fewer are left.
    pub(crate) fn spend(&mut self, steps: u32) -> Result<(), TooLarge> {
        self.steps = self.steps.checked_sub(steps).ok_or(TooLarge)?;
        Ok(())
    }
}
