//! A conversation without a terminal: a message a line in, answers out, notes on standard error.

use super::command::{Input, read};
use super::history::Thought;
use super::session::{Done, Session, Show};
use crate::args::ThinkingArg;
use crate::failure::Failure;
use std::io::{self, BufRead, Stdout, Write, stdin, stdout};

/// Answers each line of standard input.
///
/// # Errors
/// The first message or command that fails.
pub(super) fn talk(mut session: Session<'_>, thinking: ThinkingArg) -> Result<(), Failure> {
    let mut plain = Plain { out: stdout(), thinking, begun: false, open: false };
    let unread = |e: io::Error| Failure::running(format!("standard input cannot be read: {e}"));
    for line in stdin().lock().lines() {
        match read(&line.map_err(unread)?) {
            Input::Blank => {}
            Input::Message(text) => session.ask(&text, &mut plain)?,
            Input::Wrong(told) => return Err(Failure::usage(told)),
            Input::Command(command) => match session.carry_out(command)? {
                Done::Quit => break,
                Done::Told(text) => eprintln!("{text}"),
            },
        }
    }
    Ok(())
}

/// Plain text.
struct Plain {
    out: Stdout,
    thinking: ThinkingArg,
    /// Whether the answer, or thinking that is shown, has begun.
    begun: bool,
    /// Whether the last line goes on.
    open: bool,
}

impl Plain {
    fn write(&mut self, text: &str) -> io::Result<()> {
        let text = if self.begun { text } else { text.trim_start() };
        if text.is_empty() {
            return Ok(());
        }
        self.begun = true;
        self.open = !text.ends_with('\n');
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    fn close(&mut self) -> io::Result<()> {
        self.begun = false;
        if std::mem::take(&mut self.open) {
            self.out.write_all(b"\n")?;
        }
        self.out.flush()
    }
}

impl Show for Plain {
    fn thinking(&mut self, text: &str) -> io::Result<()> {
        if self.thinking != ThinkingArg::Show {
            return Ok(());
        }
        if !self.begun {
            self.out.write_all(b"<think>\n")?;
        }
        self.write(text)
    }

    fn thought(&mut self, thought: &Thought) -> io::Result<()> {
        match self.thinking {
            ThinkingArg::Hide => Ok(()),
            ThinkingArg::Fold => {
                eprintln!("{}", thought.words());
                Ok(())
            }
            ThinkingArg::Show => {
                self.close()?;
                self.out.write_all(b"</think>\n")
            }
        }
    }

    fn answer(&mut self, text: &str) -> io::Result<()> {
        self.write(text)
    }

    fn end(&mut self) -> io::Result<()> {
        self.close()
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        eprintln!("{text}");
        Ok(())
    }
}
