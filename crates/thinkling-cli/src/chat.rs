//! A conversation with a model: what is typed, what is asked, what is shown.

mod command;
mod fold;
mod history;
mod line;
mod piped;
mod screen;
mod session;
mod terminal;

pub(crate) use session::{Session, Settings};

use crate::args::ThinkingArg;
use crate::failure::Failure;
use std::io::{self, IsTerminal};

/// Lets a person talk with the model, on a terminal where there is one, else line by line.
///
/// # Errors
/// A terminal or output that fails; without a terminal also the first message that fails.
pub(crate) fn talk(session: Session<'_>, thinking: ThinkingArg) -> Result<(), Failure> {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        terminal::talk(session, thinking)
    } else {
        piped::talk(session, thinking)
    }
}
