//! A text that is edited in place.

use crate::wrap::width_of;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Lines with a cursor; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buffer {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

/// What a screen shows of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) lines: Vec<String>,
    /// Line and column of the cursor among them.
    pub(crate) cursor: (usize, usize),
}

impl Buffer {
    pub(crate) fn new(text: &str) -> Self {
        // Below the first heading.
        let lines: Vec<Vec<char>> = text.split('\n').map(|line| line.chars().collect()).collect();
        let row = 1.min(lines.len() - 1);
        Self { lines, row, column: 0 }
    }

    /// With the cursor behind the text.
    pub(crate) fn at_end(text: &str) -> Self {
        let mut buffer = Self::new(text);
        buffer.go(usize::MAX);
        buffer.column = buffer.lines[buffer.row].len();
        buffer
    }

    /// Whether the cursor stands on the first line.
    pub(crate) fn is_first_line(&self) -> bool {
        self.row == 0
    }

    /// Whether the cursor stands on the last line.
    pub(crate) fn is_last_line(&self) -> bool {
        self.row + 1 == self.lines.len()
    }

    pub(crate) fn text(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(|line| line.iter().collect()).collect();
        lines.join("\n")
    }

    /// Takes a key that edits or moves.
    pub(crate) fn key(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Char(c) if !key.modifiers.contains(KeyModifiers::CONTROL) => self.insert(c),
            KeyCode::Tab => self.insert('\t'),
            KeyCode::Enter => {
                let rest = self.lines[self.row].split_off(self.column);
                self.row += 1;
                self.lines.insert(self.row, rest);
                self.column = 0;
            }
            KeyCode::Backspace => self.delete_before(),
            KeyCode::Delete => {
                let (row, column) = (self.row, self.column);
                self.right();
                if (self.row, self.column) != (row, column) {
                    self.delete_before();
                }
            }
            KeyCode::Left => self.left(),
            KeyCode::Right => self.right(),
            KeyCode::Up => self.go(self.row.saturating_sub(1)),
            KeyCode::Down => self.go(self.row + 1),
            KeyCode::PageUp => self.go(self.row.saturating_sub(10)),
            KeyCode::PageDown => self.go(self.row + 10),
            KeyCode::Home => self.column = 0,
            KeyCode::End => self.column = self.lines[self.row].len(),
            _ => {}
        }
    }

    fn insert(&mut self, c: char) {
        self.lines[self.row].insert(self.column, c);
        self.column += 1;
    }

    fn delete_before(&mut self) {
        if self.column > 0 {
            self.column -= 1;
            self.lines[self.row].remove(self.column);
        } else if self.row > 0 {
            let rest = self.lines.remove(self.row);
            self.row -= 1;
            self.column = self.lines[self.row].len();
            self.lines[self.row].extend(rest);
        }
    }

    fn left(&mut self) {
        if self.column > 0 {
            self.column -= 1;
        } else if self.row > 0 {
            self.row -= 1;
            self.column = self.lines[self.row].len();
        }
    }

    fn right(&mut self) {
        if self.column < self.lines[self.row].len() {
            self.column += 1;
        } else if self.row + 1 < self.lines.len() {
            self.row += 1;
            self.column = 0;
        }
    }

    fn go(&mut self, row: usize) {
        self.row = row.min(self.lines.len() - 1);
        self.column = self.column.min(self.lines[self.row].len());
    }

    /// So many lines around the cursor, long ones folded.
    pub(crate) fn show(&self, columns: usize, rows: usize) -> Shown {
        let (columns, rows) = (columns.max(2), rows.max(1));
        let (mut lines, mut cursor) = (Vec::new(), (0, 0));
        for (row, line) in self.lines.iter().enumerate() {
            let (mut current, mut used) = (String::new(), 0);
            for column in 0..=line.len() {
                let c = line.get(column).copied();
                let shown = match c {
                    Some(c) if c.is_control() => Some('·'),
                    other => other,
                };
                let wide = shown.map_or(1, width_of);
                if used + wide > columns {
                    lines.push(std::mem::take(&mut current));
                    used = 0;
                }
                if (row, column) == (self.row, self.column) {
                    cursor = (lines.len(), used);
                }
                current.extend(shown);
                used += wide;
            }
            lines.push(current);
        }
        let from = (cursor.0 + 1).saturating_sub(rows);
        let shown = lines.into_iter().skip(from).take(rows).collect();
        Shown { lines: shown, cursor: (cursor.0 - from, cursor.1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(buffer: &mut Buffer, keys: &[KeyCode]) {
        keys.iter().for_each(|&code| buffer.key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    #[test]
    fn keys_edit_where_the_cursor_stands() {
        use KeyCode::{Backspace, Char, Delete, Down, End, Enter, Home, Left, Right, Up};
        let mut buffer = Buffer::new("head\nab\n先加\n");
        keys(&mut buffer, &[Char('x'), Right, Backspace, Char('y')]);
        assert_eq!(buffer.text(), "head\nxyb\n先加\n");
        keys(&mut buffer, &[Down, Char('上'), Home, Delete, Left, Delete]);
        assert_eq!(buffer.text(), "head\nxyb加上\n");
        keys(&mut buffer, &[Home, Enter, Up, Up, Up, End, Backspace, Right, Left, Left, Backspace]);
        assert_eq!(buffer.text(), "ha\n\nxyb加上\n", "cut at both sides of a line end");
        keys(&mut buffer, &[Down, Down, Down, Down, Delete, Right, Char('!')]);
        assert_eq!(buffer.text(), "ha\n\nxyb加上\n!");
        let control = KeyEvent::new(Char('c'), KeyModifiers::CONTROL);
        buffer.key(control);
        assert_eq!(buffer.text(), "ha\n\nxyb加上\n!");
    }

    #[test]
    fn the_cursor_is_always_shown_and_lines_keep_their_width() {
        let mut buffer = Buffer::new("head\nabcdefgh先加上三\nend");
        for step in 0..16 {
            for (columns, rows) in [(5, 2), (80, 1), (2, 3)] {
                let shown = buffer.show(columns, rows);
                assert!(shown.lines.len() <= rows && shown.cursor.0 < rows, "{step}: {shown:?}");
                assert!(shown.cursor.1 < columns.max(2), "{step}: {shown:?}");
                let wide = |line: &String| line.chars().map(width_of).sum::<usize>() <= columns;
                assert!(shown.lines.iter().all(wide), "{step}: {shown:?}");
            }
            keys(&mut buffer, &[KeyCode::Right]);
        }
        assert_eq!(buffer.show(80, 9).cursor, (2, 3));
    }
}
