//! Thinking on a few rows of a terminal while it comes: the last rows of it, and what has to be written
//! so that a terminal which shows the rows before shows these.

use crate::wrap::wrap;

/// Text in rows of a terminal, of which the last are shown.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// Rows of the lines that are over.
    over: Vec<String>,
    /// The line that goes on.
    line: String,
    /// Rows that the terminal shows.
    shown: Vec<String>,
    columns: usize,
}

/// What changes the rows that are shown, beginning at the end of the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Rows to go up; then everything from the row's beginning on is written anew. `None` where text
    /// only follows.
    pub(super) up: Option<usize>,
    /// The rows that are written.
    pub(super) rows: Vec<String>,
}

impl Fold {
    /// Takes a piece and gives what changes on a terminal of so many columns that shows so many rows.
    pub(super) fn push(&mut self, text: &str, columns: usize, rows: usize) -> Change {
        // The terminal has wrapped in its own way what it shows; that is left to it.
        let resized = columns != self.columns && !self.shown.is_empty();
        if resized {
            self.shown.clear();
        }
        self.columns = columns;
        let blank = self.over.is_empty() && self.line.is_empty();
        self.line.push_str(if blank { text.trim_start() } else { text });
        while let Some(at) = self.line.find('\n') {
            let rest = self.line.split_off(at + 1);
            self.over.extend(wrap(&self.line[..at], columns));
            self.line = rest;
        }
        // Only the last rows are shown; the others are kept by whoever keeps the text.
        let extra = self.over.len().saturating_sub(rows);
        self.over.drain(..extra);
        let mut next = self.over.clone();
        // A line that has not begun has no row, so that blank lines at the end take no room.
        if !self.line.is_empty() {
            next.extend(wrap(&self.line, columns));
        }
        let extra = next.len().saturating_sub(rows.max(1));
        next.drain(..extra);
        let mut change = change(&self.shown, &next);
        if resized {
            change.rows.insert(0, String::new());
        }
        self.shown = next;
        change
    }

    /// Rows to go up to the first one that is shown, from the end of the last one; `None` where none is.
    pub(super) fn clear(&mut self) -> Option<usize> {
        let rows = std::mem::take(self).shown.len();
        rows.checked_sub(1)
    }
}

fn change(shown: &[String], next: &[String]) -> Change {
    let same = shown.iter().zip(next).take_while(|(a, b)| a == b).count();
    if same == shown.len() {
        let mut rows = next[same..].to_vec();
        if !shown.is_empty() && !rows.is_empty() {
            // The cursor stands behind the last row.
            rows.insert(0, String::new());
        }
        return Change { up: None, rows };
    }
    if same + 1 == shown.len()
        && let Some(more) = next.get(same).and_then(|row| row.strip_prefix(shown[same].as_str()))
    {
        let mut rows = vec![more.to_owned()];
        rows.extend_from_slice(&next[same + 1..]);
        return Change { up: None, rows };
    }
    Change { up: Some(shown.len() - 1 - same), rows: next[same..].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A terminal that scrolls never, since no more rows come than it has.
    #[derive(Default)]
    struct Terminal {
        rows: Vec<String>,
        at: usize,
    }

    impl Terminal {
        fn write(&mut self, change: &Change) {
            if let Some(up) = change.up {
                self.at -= up;
                self.rows.truncate(self.at);
            }
            for (i, row) in change.rows.iter().enumerate() {
                self.at += usize::from(i > 0);
                if self.rows.len() <= self.at {
                    self.rows.push(String::new());
                }
                self.rows[self.at].push_str(row);
            }
        }
    }

    fn rows(text: &str, columns: usize, most: usize) -> Vec<String> {
        let mut all = wrap(text.trim_start(), columns);
        if text.ends_with('\n') {
            all.pop();
        }
        all.split_off(all.len().saturating_sub(most))
    }

    proptest! {
        #[test]
        fn the_terminal_shows_the_last_rows_whatever_comes(
            pieces in prop::collection::vec("[a-c ]{0,9}|\n|先|[a-z]{20}", 1..40),
            columns in 4_usize..20,
            most in 1_usize..6,
        ) {
            let (mut fold, mut terminal, mut text) = (Fold::default(), Terminal::default(), String::new());
            for piece in &pieces {
                terminal.write(&fold.push(piece, columns, most));
                text.push_str(piece);
                prop_assert_eq!(&terminal.rows, &fold.shown);
                prop_assert!(fold.shown.len() <= most);
            }
            if !text.trim().is_empty() {
                let wanted = rows(&text, columns, most);
                prop_assert_eq!(&fold.shown, &wanted, "{:?}", text);
            }
            let up = fold.clear();
            prop_assert_eq!(up, terminal.rows.len().checked_sub(1));
        }
    }

    #[test]
    fn what_only_follows_is_only_written() {
        let mut fold = Fold::default();
        let follows =
            |rows: &[&str]| Change { up: None, rows: rows.iter().map(|r| (*r).into()).collect() };
        assert_eq!(fold.push("\n so", 20, 3), follows(&["so"]));
        assert_eq!(fold.push(" it", 20, 3), follows(&[" it"]));
        assert_eq!(fold.push(" is\nand", 20, 3), follows(&[" is", "and"]));
        assert_eq!(fold.push("\nmore\n", 20, 3), follows(&["", "more"]));
        let scrolled =
            Change { up: Some(2), rows: ["and", "more", "now"].map(str::to_owned).into() };
        assert_eq!(fold.push("now", 20, 3), scrolled);
        let narrower = fold.push("!", 10, 3);
        assert_eq!(narrower, follows(&["", "and", "more", "now!"]), "on rows of their own");
    }
}
