//! The terminal: keys in, screens out. It is left as it was, however the review ends.

use super::app::{App, Todo};
use super::editor;
use super::style::{Line, Role};
use super::view::{Screen, view};
use crate::failure::Failure;
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyEventKind, poll, read};
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use crossterm::{execute, queue};
use std::io::{self, IsTerminal, Stderr, Write, stderr};
use std::time::Duration;
use thinkling_train::interrupt::Interrupt;
use thinkling_train::review::Review;

/// Time between two looks for a signal.
const LOOK: Duration = Duration::from_millis(200);

/// Lets a person decide, until they quit.
///
/// # Errors
/// A terminal that fails, a disk that is full.
pub(crate) fn on_terminal(review: Review) -> Result<Review, Failure> {
    let interrupt = Interrupt::new();
    let handler = interrupt.clone();
    ctrlc::set_handler(move || {
        handler.request();
    })
    .map_err(|e| Failure::running(format!("signals cannot be caught: {e}")))?;
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let editor = editor::command();
    let mut app = App::new(review, editor.is_some());
    let mut terminal = Terminal::enter(colours).map_err(broken)?;
    // What a review with open items ends with; every decision is on the disk as it is made.
    end_with_the_terminal(Failure::WAITING);
    loop {
        let screen = terminal.show(&mut app).map_err(broken)?;
        let Some(event) = terminal.event(&interrupt).map_err(broken)? else { break };
        let Event::Key(key) = event else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match app.key(key, screen.page)? {
            Todo::Draw => {}
            Todo::Quit => break,
            Todo::Edit(text) => {
                let command = editor.as_deref().unwrap_or_default();
                terminal.leave().map_err(broken)?;
                let edited = editor::edit(command, &text);
                terminal = Terminal::enter(colours).map_err(broken)?;
                app.edited(edited)?;
            }
        }
    }
    terminal.leave().map_err(broken)?;
    Ok(app.review)
}

/// Ends the process with `code` once its terminal is gone: crossterm then waits for keys for ever, and
/// takes a core for it.
pub(crate) fn end_with_the_terminal(code: u8) {
    std::thread::spawn(move || {
        while io::stdin().is_terminal() {
            std::thread::sleep(LOOK);
        }
        std::process::exit(code.into());
    });
}

fn broken(error: io::Error) -> Failure {
    Failure::running(format!("the terminal failed: {error}; all decisions so far are kept"))
}

/// A terminal in raw mode on its second screen.
struct Terminal {
    out: Stderr,
    colours: bool,
    entered: bool,
}

impl Terminal {
    fn enter(colours: bool) -> io::Result<Self> {
        enable_raw_mode()?;
        let mut terminal = Self { out: stderr(), colours, entered: true };
        execute!(terminal.out, EnterAlternateScreen, Hide)?;
        Ok(terminal)
    }

    fn leave(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.entered) {
            return Ok(());
        }
        execute!(self.out, ResetColor, Show, LeaveAlternateScreen)?;
        disable_raw_mode()
    }

    /// Waits for a key or a new size; `None` where the process is asked to end.
    fn event(&self, interrupt: &Interrupt) -> io::Result<Option<Event>> {
        while !interrupt.is_requested() {
            if poll(LOOK)? {
                return read().map(Some);
            }
        }
        Ok(None)
    }

    fn show(&mut self, app: &mut App) -> io::Result<Screen> {
        let (columns, rows) = match size()? {
            // What a terminal says that does not know.
            (0, _) | (_, 0) => (80, 24),
            known => known,
        };
        let screen = view(app, usize::from(columns), usize::from(rows));
        queue!(self.out, Hide)?;
        for (row, line) in (0..rows).zip(&screen.lines) {
            queue!(self.out, MoveTo(0, row))?;
            self.line(line)?;
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
        }
        if let Some((row, column)) = screen.cursor
            && let (Ok(row), Ok(column)) = (u16::try_from(row), u16::try_from(column))
        {
            queue!(self.out, MoveTo(column, row), Show)?;
        }
        self.out.flush()?;
        Ok(screen)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        let (attribute, colour) = match line.role {
            Role::Plain => (None, None),
            Role::Title => (Some(Attribute::Bold), None),
            Role::Good => (None, Some(Color::Green)),
            Role::Bad => (Some(Attribute::Bold), Some(Color::Red)),
            Role::Doubt => (Some(Attribute::Bold), Some(Color::Yellow)),
            Role::Dim => (Some(Attribute::Dim), None),
            Role::Bar => (Some(Attribute::Reverse), None),
        };
        if let Some(attribute) = attribute {
            queue!(self.out, SetAttribute(attribute))?;
        }
        if let Some(colour) = colour.filter(|_| self.colours) {
            queue!(self.out, SetForegroundColor(colour))?;
        }
        queue!(self.out, Print(&line.text), SetAttribute(Attribute::Reset))?;
        if self.colours { queue!(self.out, ResetColor) } else { Ok(()) }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Best effort: what went wrong before is worth telling, not this.
        let _ = self.leave();
    }
}
