//! A conversation on a terminal.

use super::command::{Input, read};
use super::line::{Lines, Typed};
use super::screen::Screen;
use super::session::{Done, Session, broken};
use crate::args::ThinkingArg;
use crate::failure::Failure;
use crate::review::end_with_the_terminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks for messages and answers them until the person has enough.
///
/// # Errors
/// A terminal that fails. What goes wrong with one message is shown, and the next one asked for.
pub(super) fn talk(mut session: Session<'_>, thinking: ThinkingArg) -> Result<(), Failure> {
    stop_on_ctrl_c(session.stopper())?;
    end_with_the_terminal(0);
    let stop = session.stopper();
    let mut lines = Lines::default();
    let mut screen = Screen::new(thinking);
    let settings = &session.settings;
    let intro = format!(
        "{}, {} tokens of context; /help lists commands, Ctrl-C stops an answer, Ctrl-D ends",
        settings.name, settings.context
    );
    screen.dim(&intro).map_err(broken)?;
    let mut asked = false;
    loop {
        // Whatever stopped the answer has done its work; from now on a signal means the process.
        stop.store(false, Ordering::SeqCst);
        let typed = lines.read(&stop);
        let typed = typed.map_err(|e| Failure::running(format!("the terminal failed: {e}")))?;
        let line = match typed {
            Typed::Line(line) => line,
            Typed::End => return Ok(()),
            Typed::Interrupted if asked => return Ok(()),
            Typed::Interrupted => {
                asked = true;
                screen.dim("Ctrl-C again, or Ctrl-D, ends the chat").map_err(broken)?;
                continue;
            }
        };
        asked = false;
        let done = match read(&line) {
            Input::Blank => Ok(Done::Told(String::new())),
            Input::Message(text) => {
                session.ask(&text, &mut screen).map(|()| Done::Told(String::new()))
            }
            Input::Wrong(told) => Ok(Done::Told(told)),
            Input::Command(command) => session.carry_out(command),
        };
        match done {
            Ok(Done::Quit) => return Ok(()),
            Ok(Done::Told(text)) => screen.dim(&text).map_err(broken)?,
            Err(failure) => screen.dim(&format!("error: {failure}")).map_err(broken)?,
        }
    }
}

/// Lets Ctrl-C stop an answer. Where that has not helped by the third time, it ends the process.
fn stop_on_ctrl_c(stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let mut asked = 0;
    let handler = move || {
        asked = if stop.swap(true, Ordering::SeqCst) { asked + 1 } else { 1 };
        if asked == 3 {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler)
        .map_err(|e| Failure::running(format!("Ctrl-C cannot be caught: {e}")))
}
