//! Text with a role, which a terminal shows in its own way.

/// What a piece of text stands for. Every role is told by words too: colours only repeat them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    /// A heading, bold.
    Title,
    Good,
    Bad,
    Doubt,
    /// Of little weight.
    Dim,
    /// A bar, in reverse.
    Bar,
}

/// One line of a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) role: Role,
    pub(super) text: String,
}

impl Line {
    pub(super) fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into() }
    }
}
