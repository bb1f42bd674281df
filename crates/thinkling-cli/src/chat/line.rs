//! The line that is typed: the editor that `review` has too, below what was said, with the lines before.

use super::command::NAMES;
use crate::buffer::{Buffer, Shown};
use crossterm::cursor::{MoveDown, MoveToColumn, MoveUp};
use crossterm::event::{
    DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEvent, KeyEventKind,
    KeyModifiers, poll, read,
};
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType, disable_raw_mode, enable_raw_mode, size};
use crossterm::{execute, queue};
use std::io::{self, Stdout, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PROMPT: &str = "> ";
/// Time between two looks for a signal.
const LOOK: Duration = Duration::from_millis(200);

/// What came of reading a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or a signal to end.
    End,
}

/// Reads lines from the terminal, and remembers them.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<String>);

impl Lines {
    /// Lets the person type a line; `end` is raised by a signal that asks the process to end.
    ///
    /// # Errors
    /// A terminal that fails.
    pub(super) fn read(&mut self, end: &AtomicBool) -> io::Result<Typed> {
        let mut terminal = Raw::enter()?;
        let mut typing = Typing::new(&self.0);
        let typed = loop {
            terminal.show(&typing.buffer)?;
            let typed = match terminal.event(end)? {
                None => Some(Typed::End),
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => typing.key(key),
                Some(Event::Paste(text)) => {
                    typing.paste(&text);
                    None
                }
                Some(_) => None,
            };
            if let Some(typed) = typed {
                break typed;
            }
        };
        terminal.leave()?;
        if let Typed::Line(line) = &typed
            && !line.trim().is_empty()
            && self.0.last() != Some(line)
        {
            self.0.push(line.clone());
        }
        Ok(typed)
    }
}

/// A line while it is typed.
struct Typing<'a> {
    buffer: Buffer,
    /// Lines before, the oldest first.
    before: &'a [String],
    /// Which of them is shown; their number for the new one.
    at: usize,
    /// The new one, while another is shown.
    new: String,
}

impl<'a> Typing<'a> {
    fn new(before: &'a [String]) -> Self {
        Self { buffer: Buffer::at_end(""), before, at: before.len(), new: String::new() }
    }

    fn paste(&mut self, text: &str) {
        for c in text.replace("\r\n", "\n").replace('\r', "\n").chars() {
            let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
            self.buffer.key(KeyEvent::new(code, KeyModifiers::NONE));
        }
    }

    /// Takes a key; gives what was typed once it is.
    fn key(&mut self, key: KeyEvent) -> Option<Typed> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let edit = |buffer: &mut Buffer, code| buffer.key(KeyEvent::new(code, KeyModifiers::NONE));
        match key.code {
            KeyCode::Char('c') if control => return Some(Typed::Interrupted),
            KeyCode::Char('d') if control && self.buffer.text().is_empty() => {
                return Some(Typed::End);
            }
            KeyCode::Char('d') if control => edit(&mut self.buffer, KeyCode::Delete),
            KeyCode::Char('a') if control => edit(&mut self.buffer, KeyCode::Home),
            KeyCode::Char('e') if control => edit(&mut self.buffer, KeyCode::End),
            KeyCode::Char('u') if control => self.buffer = Buffer::at_end(""),
            KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => {
                edit(&mut self.buffer, KeyCode::Enter);
            }
            // A line feed is what Enter was before the terminal was raw.
            KeyCode::Enter | KeyCode::Char('j') if key.code == KeyCode::Enter || control => {
                let text = self.buffer.text();
                let Some(goes_on) = text.strip_suffix('\\') else {
                    return Some(Typed::Line(text));
                };
                self.buffer = Buffer::at_end(&format!("{goes_on}\n"));
            }
            KeyCode::Tab => {
                let text = self.buffer.text();
                if let [one] = completions(&text).as_slice() {
                    self.buffer = Buffer::at_end(one);
                }
            }
            KeyCode::Up if self.buffer.is_first_line() => self.turn_to(self.at.saturating_sub(1)),
            KeyCode::Down if self.buffer.is_last_line() => self.turn_to(self.at + 1),
            _ => self.buffer.key(key),
        }
        None
    }

    fn turn_to(&mut self, at: usize) {
        let at = at.min(self.before.len());
        if at == self.at {
            return;
        }
        if self.at == self.before.len() {
            self.new = self.buffer.text();
        }
        self.at = at;
        self.buffer = Buffer::at_end(self.before.get(at).unwrap_or(&self.new));
    }
}

fn completions(typed: &str) -> Vec<&'static str> {
    let fits = |name: &&&str| typed.starts_with('/') && name.starts_with(typed);
    NAMES.iter().filter(fits).copied().collect()
}

/// The terminal in raw mode, with the rows of the line at its end.
struct Raw {
    out: Stdout,
    /// Row of the cursor below the first one, and rows below it.
    row: u16,
    below: u16,
    entered: bool,
}

impl Raw {
    fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        let mut terminal = Self { out: stdout(), row: 0, below: 0, entered: true };
        execute!(terminal.out, EnableBracketedPaste)?;
        Ok(terminal)
    }

    /// Waits for an event; `None` where the process is asked to end.
    fn event(&self, end: &AtomicBool) -> io::Result<Option<Event>> {
        while !end.load(Ordering::SeqCst) {
            if poll(LOOK)? {
                return read().map(Some);
            }
        }
        Ok(None)
    }

    fn show(&mut self, buffer: &Buffer) -> io::Result<()> {
        let (columns, rows) = match size() {
            Ok((columns @ 1.., rows @ 1..)) => (usize::from(columns), usize::from(rows)),
            _ => (80, 24),
        };
        // The last column stays free, where terminals differ on when a row is full.
        let Shown { lines, cursor } = buffer.show(columns.saturating_sub(PROMPT.len() + 1), rows);
        self.go_to_first_row()?;
        queue!(self.out, Clear(ClearType::FromCursorDown))?;
        for (i, line) in lines.iter().enumerate() {
            let begin = if i == 0 { PROMPT } else { "\r\n  " };
            queue!(self.out, Print(begin), Print(line))?;
        }
        let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        self.below = short(lines.len().saturating_sub(1 + cursor.0));
        if self.below > 0 {
            queue!(self.out, MoveUp(self.below))?;
        }
        queue!(self.out, MoveToColumn(short(PROMPT.len() + cursor.1)))?;
        self.row = short(cursor.0);
        self.out.flush()
    }

    fn go_to_first_row(&mut self) -> io::Result<()> {
        if self.row > 0 {
            queue!(self.out, MoveUp(self.row))?;
        }
        self.row = 0;
        queue!(self.out, Print("\r"))
    }

    /// Leaves the line as it stands, and the terminal as it was.
    fn leave(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.entered) {
            return Ok(());
        }
        if self.below > 0 {
            queue!(self.out, MoveDown(self.below))?;
        }
        execute!(self.out, DisableBracketedPaste, Print("\r\n"))?;
        disable_raw_mode()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Best effort: what went wrong before is worth telling, not this.
        let _ = self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these keys, by their names or as text, and what stands on the line then.
    fn type_keys(before: &[&str], keys: &[&str]) -> (Option<Typed>, String) {
        let before: Vec<String> = before.iter().map(|line| (*line).to_owned()).collect();
        let mut typing = Typing::new(&before);
        let mut typed = None;
        for key in keys {
            let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
            let mut one = |key| typed = typed.take().or(typing.key(key));
            match *key {
                "left" => one(plain(KeyCode::Left)),
                "up" => one(plain(KeyCode::Up)),
                "down" => one(plain(KeyCode::Down)),
                "tab" => one(plain(KeyCode::Tab)),
                "enter" => one(plain(KeyCode::Enter)),
                "alt-enter" => one(KeyEvent::new(KeyCode::Enter, KeyModifiers::ALT)),
                key => match key.strip_prefix("ctrl-").and_then(|c| c.chars().next()) {
                    Some(c) => one(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)),
                    None => key.chars().for_each(|c| one(plain(KeyCode::Char(c)))),
                },
            }
        }
        (typed, typing.buffer.text())
    }

    fn line(before: &[&str], keys: &[&str]) -> String {
        match type_keys(before, keys) {
            (Some(Typed::Line(line)), _) => line,
            other => panic!("{keys:?}: {other:?}"),
        }
    }

    #[test]
    fn a_line_is_edited_and_may_have_several() {
        assert_eq!(line(&[], &["ab", "left", "x", "enter"]), "axb");
        assert_eq!(line(&[], &["ab", "ctrl-a", "x", "ctrl-e", "y", "ctrl-j"]), "xaby");
        assert_eq!(line(&[], &["gone", "ctrl-u", "b", "enter"]), "b");
        assert_eq!(line(&[], &["one\\", "enter", "two", "enter"]), "one\ntwo");
        assert_eq!(line(&[], &["one", "alt-enter", "two", "enter"]), "one\ntwo");
        assert_eq!(line(&[], &["/re", "tab", "enter"]), "/reset");
        assert_eq!(line(&[], &["/s", "tab", "enter"]), "/s", "two commands begin so");
        let mut typing = Typing::new(&[]);
        typing.paste("a\r\nb\rc");
        assert_eq!(typing.buffer.text(), "a\nb\nc", "a paste sends nothing off");
    }

    #[test]
    fn lines_before_come_back_and_the_new_one_is_kept() {
        let before = ["first", "second"];
        assert_eq!(line(&before, &["up", "enter"]), "second");
        assert_eq!(line(&before, &["up", "up", "up", "!", "enter"]), "first!");
        assert_eq!(
            line(&before, &["new", "up", "up", "down", "down", "down", "er", "enter"]),
            "newer"
        );
    }

    #[test]
    fn ctrl_c_and_ctrl_d_end_the_line() {
        assert_eq!(type_keys(&[], &["half", "ctrl-c"]).0, Some(Typed::Interrupted));
        assert_eq!(type_keys(&[], &["ctrl-d"]).0, Some(Typed::End));
        assert_eq!(type_keys(&[], &["ab", "left", "ctrl-d"]), (None, "a".to_owned()));
    }
}
