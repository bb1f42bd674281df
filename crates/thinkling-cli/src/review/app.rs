//! What keys do: the state of the screen.

use super::document;
use crate::buffer::Buffer;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use thinkling_train::TrainError;
use thinkling_train::review::{Decision, Review};

/// What the screen is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// An item is read.
    Reading,
    /// The number of an item is typed.
    Jumping(String),
    /// An item is edited here.
    Editing(Buffer),
    /// The keys are explained.
    Help,
}

/// What the terminal has to do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// Draw again.
    Draw,
    /// Give this text to the editor, and its answer to [`App::edited`].
    Edit(String),
    /// End.
    Quit,
}

/// The screen and the review below it.
#[derive(Debug)]
pub(super) struct App {
    pub(super) review: Review,
    /// The item at hand.
    pub(super) at: usize,
    /// Lines of it above the screen.
    pub(super) scroll: usize,
    pub(super) mode: Mode,
    /// What the last key came to.
    pub(super) message: String,
    /// Whether what the model wrote is shown, where a teacher rewrote it.
    pub(super) original: bool,
    /// Whether the person has an editor.
    pub(super) editor: bool,
}

impl App {
    pub(super) fn new(review: Review, editor: bool) -> Self {
        let at = review.next_open(0).unwrap_or(0);
        let message = match review.counts() {
            counts if counts.open == 0 => "nothing is open; q ends, u takes back".to_owned(),
            counts if counts.open < counts.items => "going on with the first open item".to_owned(),
            _ => String::new(),
        };
        let mode = Mode::Reading;
        Self { review, at, scroll: 0, mode, message, original: false, editor }
    }

    /// Takes a key; `page` are the lines of an item that the screen shows.
    ///
    /// # Errors
    /// A disk that is full.
    pub(super) fn key(&mut self, key: KeyEvent, page: usize) -> Result<Todo, TrainError> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            return Ok(Todo::Quit);
        }
        self.message.clear();
        match std::mem::replace(&mut self.mode, Mode::Reading) {
            Mode::Reading => return self.read_key(key, page),
            Mode::Help => {}
            Mode::Jumping(typed) => self.jump_key(key, typed),
            Mode::Editing(buffer) => self.edit_key(key, buffer)?,
        }
        Ok(Todo::Draw)
    }

    fn read_key(&mut self, key: KeyEvent, page: usize) -> Result<Todo, TrainError> {
        match key.code {
            KeyCode::Char('q') => return Ok(Todo::Quit),
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            _ if self.review.items().is_empty() => {
                "the queue is empty; q ends".clone_into(&mut self.message);
            }
            KeyCode::Char('a') => self.decide(Decision::Accept)?,
            KeyCode::Char('r') => self.decide(Decision::Reject)?,
            KeyCode::Char('e') if self.editor => return Ok(Todo::Edit(self.document())),
            KeyCode::Char('e') => {
                self.begin_editing();
                "no $EDITOR is set; editing here".clone_into(&mut self.message);
            }
            KeyCode::Char('i') => self.begin_editing(),
            KeyCode::Char('u') => match self.review.undo()? {
                Some(item) => {
                    self.go(item);
                    self.message = format!("taken back: item {}", item + 1);
                }
                None => "nothing to take back".clone_into(&mut self.message),
            },
            KeyCode::Char('n') | KeyCode::Right => self.go(self.at + 1),
            KeyCode::Char('p') | KeyCode::Left => self.go(self.at.saturating_sub(1)),
            KeyCode::Char('o') => self.go_to_open(self.at + 1),
            KeyCode::Char('g') => self.mode = Mode::Jumping(String::new()),
            KeyCode::Char('t') => self.original = !self.original,
            KeyCode::Char('j') | KeyCode::Down => self.scroll += 1,
            KeyCode::Char('k') | KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Char(' ') | KeyCode::PageDown => self.scroll += page.max(2) - 1,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(page.max(2) - 1),
            KeyCode::Home => self.scroll = 0,
            KeyCode::End => self.scroll = usize::MAX,
            _ => "no such key; ? shows them all".clone_into(&mut self.message),
        }
        Ok(Todo::Draw)
    }

    fn decide(&mut self, decision: Decision) -> Result<(), TrainError> {
        let what = match decision {
            Decision::Reject => "rejected",
            Decision::Accept => "accepted",
            Decision::Edit(_) => "edited and accepted",
        };
        let item = self.at;
        self.review.decide(item, decision)?;
        self.go_to_open(item + 1);
        let rest = if self.review.counts().open == 0 { "; nothing is open, q ends" } else { "" };
        self.message = format!("{what}: item {}{rest}", item + 1);
        Ok(())
    }

    fn go(&mut self, item: usize) {
        self.at = item.min(self.review.items().len().saturating_sub(1));
        self.scroll = 0;
    }

    fn go_to_open(&mut self, from: usize) {
        match self.review.next_open(from) {
            Some(item) => self.go(item),
            None => "nothing is open".clone_into(&mut self.message),
        }
    }

    fn jump_key(&mut self, key: KeyEvent, mut typed: String) {
        match key.code {
            KeyCode::Char(c) if c.is_ascii_digit() && typed.len() < 9 => typed.push(c),
            KeyCode::Backspace => {
                typed.pop();
            }
            KeyCode::Enter => {
                let count = self.review.items().len();
                match typed.parse::<usize>() {
                    Ok(number) if (1..=count).contains(&number) => self.go(number - 1),
                    _ => self.message = format!("expected: a number from 1 to {count}"),
                }
                return;
            }
            KeyCode::Esc => return,
            _ => {}
        }
        self.mode = Mode::Jumping(typed);
    }

    fn document(&self) -> String {
        document::write(self.review.texts(self.at))
    }

    fn begin_editing(&mut self) {
        self.mode = Mode::Editing(Buffer::new(&self.document()));
    }

    fn edit_key(&mut self, key: KeyEvent, mut buffer: Buffer) -> Result<(), TrainError> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => {
                "nothing was changed".clone_into(&mut self.message);
                return Ok(());
            }
            KeyCode::Char('s') if control => match self.take(&buffer.text()) {
                Ok(decision) => return self.decide(decision),
                Err(reason) => self.message = reason,
            },
            _ => buffer.key(key),
        }
        self.mode = Mode::Editing(buffer);
        Ok(())
    }

    fn take(&self, text: &str) -> Result<Decision, String> {
        document::read(text, self.review.texts(self.at)).map(Decision::Edit)
    }

    /// Takes what the editor gave back, or why it gave nothing.
    ///
    /// # Errors
    /// A disk that is full.
    pub(super) fn edited(&mut self, text: Result<String, String>) -> Result<(), TrainError> {
        match text.and_then(|text| self.take(&text)) {
            Ok(Decision::Edit(texts)) if texts == *self.review.texts(self.at) => {
                "nothing was changed; a accepts, r rejects".clone_into(&mut self.message);
                Ok(())
            }
            Ok(decision) => self.decide(decision),
            Err(reason) => {
                self.message = reason;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
