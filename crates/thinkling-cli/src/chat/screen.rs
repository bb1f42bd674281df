//! An answer on a terminal: thinking dimmed, and folded once the answer begins.

use super::fold::Fold;
use super::history::Thought;
use super::session::Show;
use crate::args::ThinkingArg;
use crate::wrap::plain;
use crossterm::cursor::MoveUp;
use crossterm::queue;
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{Clear, ClearType, size};
use std::io::{self, Stdout, Write, stdout};

/// Rows that stay free of thinking.
const FREE_ROWS: usize = 3;

/// The terminal while an answer comes. Nothing that a model writes steers it.
pub(super) struct Screen {
    out: Stdout,
    thinking: ThinkingArg,
    fold: Fold,
    /// Whether something of the answer, or thinking that stays, stands on the last row.
    open: bool,
    /// Whether the answer has begun.
    begun: bool,
}

impl Screen {
    pub(super) fn new(thinking: ThinkingArg) -> Self {
        Self { out: stdout(), thinking, fold: Fold::default(), open: false, begun: false }
    }

    /// A line of little weight.
    pub(super) fn dim(&mut self, text: &str) -> io::Result<()> {
        for line in plain(text).lines() {
            queue!(
                self.out,
                SetAttribute(Attribute::Dim),
                Print(line),
                SetAttribute(Attribute::Reset),
                Print("\n")
            )?;
        }
        self.out.flush()
    }

    fn show_dimmed(&mut self, text: &str) -> io::Result<()> {
        queue!(
            self.out,
            SetAttribute(Attribute::Dim),
            Print(text),
            SetAttribute(Attribute::Reset)
        )?;
        self.out.flush()
    }

    fn close(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.open) {
            queue!(self.out, Print("\n"))?;
        }
        self.out.flush()
    }
}

/// Columns and rows; the last column stays free, where terminals differ on when a row is full.
fn room() -> (usize, usize) {
    let (columns, rows) = match size() {
        Ok((columns @ 1.., rows @ 1..)) => (usize::from(columns), usize::from(rows)),
        _ => (80, 24),
    };
    (columns.saturating_sub(1).max(2), rows.saturating_sub(FREE_ROWS).max(1))
}

impl Show for Screen {
    fn thinking(&mut self, text: &str) -> io::Result<()> {
        match self.thinking {
            ThinkingArg::Hide => Ok(()),
            ThinkingArg::Show => {
                let text = plain(text);
                let text = if self.open { &*text } else { text.trim_start() };
                self.open |= !text.is_empty();
                self.show_dimmed(text)
            }
            ThinkingArg::Fold => {
                let (columns, rows) = room();
                let change = self.fold.push(text, columns, rows);
                if let Some(up) = change.up {
                    if up > 0 {
                        queue!(self.out, MoveUp(u16::try_from(up).unwrap_or(u16::MAX)))?;
                    }
                    queue!(self.out, Print("\r"), Clear(ClearType::FromCursorDown))?;
                }
                self.show_dimmed(&change.rows.join("\n"))
            }
        }
    }

    fn thought(&mut self, thought: &Thought) -> io::Result<()> {
        match self.thinking {
            ThinkingArg::Hide => Ok(()),
            ThinkingArg::Show => {
                self.close()?;
                queue!(self.out, Print("\n"))
            }
            ThinkingArg::Fold => {
                if let Some(up) = self.fold.clear() {
                    if up > 0 {
                        queue!(self.out, MoveUp(u16::try_from(up).unwrap_or(u16::MAX)))?;
                    }
                    queue!(self.out, Print("\r"), Clear(ClearType::FromCursorDown))?;
                }
                self.dim(&format!("{} (/think shows it)", thought.words()))
            }
        }
    }

    fn answer(&mut self, text: &str) -> io::Result<()> {
        let text = plain(text);
        let text = if self.begun { &*text } else { text.trim_start() };
        if text.is_empty() {
            return Ok(());
        }
        self.begun = true;
        self.open = !text.ends_with('\n');
        queue!(self.out, Print(text))?;
        self.out.flush()
    }

    fn end(&mut self) -> io::Result<()> {
        self.begun = false;
        self.close()
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.close()?;
        self.dim(&format!("[{text}]"))
    }
}
