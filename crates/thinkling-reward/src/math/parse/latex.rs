//! Commands of LaTeX in the text.

use super::ParseError;
use super::commands::{Command, command};
use super::lexer::{Lexed, Lexer, Mark, UNBALANCED};
use super::token::{Delimiter, Environment, Kind, LEFT, RIGHT, SPACED, THIN, TIGHT};

const UNKNOWN: ParseError = ParseError::Malformed("unknown command");

impl<'t> Lexer<'t> {
    pub(super) fn backslash(&mut self) -> Lexed {
        let next = self.peek(1);
        if next.is_ascii_alphabetic() {
            return self.named(1);
        }
        let (kind, length) = match next {
            b'\\' => return self.backslashes(),
            0 => {
                self.at = self.bytes.len();
                return Ok(());
            }
            b',' => {
                self.skip(2, SPACED | THIN);
                return Ok(());
            }
            b'!' => {
                self.skip(2, TIGHT);
                return Ok(());
            }
            b' ' | b';' | b':' | b'>' | b'\n' | b'\t' | b'\r' | b'/' => {
                self.skip(2, SPACED);
                return Ok(());
            }
            b'{' => {
                self.open(Delimiter::Brace, 2);
                return Ok(());
            }
            b'}' => {
                self.close(Delimiter::Brace, 2);
                return Ok(());
            }
            b'(' | b'[' => {
                self.marks.push(Mark::Maths(if next == b'(' { b')' } else { b']' }));
                self.skip(2, SPACED);
                return Ok(());
            }
            b')' | b']' => return self.end_of_maths(next),
            b'|' => (Kind::DoubleBar, 2),
            b'%' => (Kind::Percent, 2),
            b'$' => (Kind::Money("$"), 2),
            b'&' | b'#' | b'_' => (Kind::Other, 2),
            _ => return Err(UNKNOWN),
        };
        self.push(kind, self.at + length);
        Ok(())
    }

    pub(super) fn end_of_maths(&mut self, close: u8) -> Lexed {
        while let Some(mark) = self.marks.pop() {
            match mark {
                Mark::Bracket(_, None) => {}
                Mark::Maths(expected) if expected == close => {
                    self.skip(2, SPACED);
                    return Ok(());
                }
                _ => break,
            }
        }
        Err(UNBALANCED)
    }

    /// Two backslashes: the end of a row, or one that JSON doubled.
    pub(super) fn backslashes(&mut self) -> Lexed {
        let doubled = self.environments.last().copied();
        let next = self.peek(2);
        if next == b'\\' && self.peek(3) == b'\\' && doubled != Some(false) {
            return self.row_end(4);
        }
        let command = next.is_ascii_alphabetic()
            || matches!(next, b'{' | b'}' | b'(' | b')' | b'[' | b']' | b'%' | b'$' | b'|')
            || matches!(next, b',' | b'!' | b';' | b':');
        if doubled == Some(false) || !command {
            return self.row_end(2);
        }
        if next.is_ascii_alphabetic() {
            return self.named(2);
        }
        self.at += 1;
        self.backslash()
    }

    /// The end of a row, with the extra space that may be asked for: `\\[2pt]`.
    pub(super) fn row_end(&mut self, bytes: usize) -> Lexed {
        if self.environments.is_empty() {
            // Between lines of text there is nothing to end.
            if self.at >= self.tail {
                self.skip(bytes, SPACED);
                return Ok(());
            }
        }
        self.push(Kind::RowEnd, self.at + bytes);
        if !self.environments.is_empty() && self.peek(0) == b'[' {
            let close = self.run(self.at, |b| b.is_ascii_alphanumeric() || b"[.- ".contains(&b));
            let unit = self.text.get(self.at + 1..close).unwrap_or_default().trim();
            if self.bytes.get(close) == Some(&b']')
                && ["pt", "em", "ex", "mm", "cm"].iter().any(|end| unit.ends_with(end))
            {
                self.at = close + 1;
            }
        }
        Ok(())
    }

    /// A command of letters behind `slashes` backslashes.
    pub(super) fn named(&mut self, slashes: usize) -> Lexed {
        let from = self.at + slashes;
        let end = self.run(from, |b| b.is_ascii_alphabetic());
        let name = self.text.get(from..end).unwrap_or_default();
        match command(name).ok_or(UNKNOWN)? {
            Command::Token(Kind::Open(delimiter)) => self.open(delimiter, end - self.at),
            Command::Token(Kind::Close(delimiter)) => self.close(delimiter, end - self.at),
            Command::Token(kind) => self.push(kind, end),
            Command::Skip => self.skip(end - self.at, SPACED),
            Command::Space(flag) => self.skip(end - self.at, SPACED | flag),
            Command::Side(side) => {
                self.skip(end - self.at, 0);
                return self.side(side);
            }
            Command::Middle => {
                self.at = self.run(end, |b| b == b' ');
                if self.peek(0) != b'|' {
                    return Err(UNKNOWN);
                }
                self.push(Kind::Mid, self.at + 1);
            }
            Command::Bold => match self.bold_set(end) {
                Some((letter, end)) => self.push(Kind::BoldSet(letter), end),
                None => self.wrapper(end, true),
            },
            Command::Text => self.wrapper(end, true),
            Command::Style => self.wrapper(end, false),
            Command::Boxed => {
                let brace = self.run(end, |b| b.is_ascii_whitespace());
                if self.bytes.get(brace) != Some(&b'{') {
                    return Err(ParseError::Malformed("box without braces"));
                }
                self.open(Delimiter::Boxed, brace + 1 - self.at);
            }
            Command::Begin => return self.begin(end, slashes == 2),
            Command::Finish => {
                let (_, end) = self.environment_name(end)?;
                self.environments.pop().ok_or(UNBALANCED)?;
                self.push(Kind::Finish, end);
            }
            Command::RowEnd => self.push(Kind::RowEnd, end),
        }
        Ok(())
    }

    /// The letter in braces at `from` where it is one of those that are sets of numbers and no
    /// option, and the end of the braces.
    fn bold_set(&self, from: usize) -> Option<(char, usize)> {
        match self.bytes.get(from..from + 3)? {
            [b'{', letter @ (b'R' | b'Z' | b'N' | b'Q'), b'}'] => {
                Some((char::from(*letter), from + 3))
            }
            _ => None,
        }
    }

    pub(super) fn wrapper(&mut self, end: usize, text: bool) {
        let star = end + usize::from(self.bytes.get(end) == Some(&b'*'));
        let brace = self.run(star, |b| b.is_ascii_whitespace());
        if self.bytes.get(brace) == Some(&b'{') {
            self.marks.push(Mark::Wrapper(text));
            self.texts += u32::from(text);
            self.at = brace + 1;
        } else {
            self.skip(end - self.at, 0);
        }
    }

    /// `\left` and `\right`: marks the bracket behind, or passes over the dot for none.
    pub(super) fn side(&mut self, side: u8) -> Lexed {
        self.at = self.run(self.at, |b| b.is_ascii_whitespace());
        let known = match self.peek(0) {
            b'.' => {
                self.at += 1;
                return Ok(());
            }
            // The dot was taken for a full stop.
            0 | b'$' if side == RIGHT && self.at >= self.tail => return Ok(()),
            b'<' | b'>' => {
                let delimiter = Delimiter::Angle;
                if side == LEFT {
                    self.open(delimiter, 1)
                } else {
                    self.close(delimiter, 1)
                }
                return Ok(());
            }
            b'(' | b')' | b'[' | b']' | b'|' | b'\\' | b'/' => true,
            _ => false,
        };
        if !known {
            return Err(ParseError::Malformed("no bracket behind left or right"));
        }
        self.flags |= side;
        Ok(())
    }

    pub(super) fn environment_name(&self, from: usize) -> Result<(&'t str, usize), ParseError> {
        let open = self.run(from, |b| b == b' ');
        let end = self.run(open + 1, |b| b.is_ascii_alphabetic() || b == b'*');
        if self.bytes.get(open) != Some(&b'{') || self.bytes.get(end) != Some(&b'}') {
            return Err(ParseError::Malformed("environment without a name"));
        }
        Ok((self.text.get(open + 1..end).unwrap_or_default(), end + 1))
    }

    pub(super) fn begin(&mut self, from: usize, doubled: bool) -> Lexed {
        let (name, mut end) = self.environment_name(from)?;
        let environment = match name.strip_suffix('*').unwrap_or(name) {
            "matrix" | "pmatrix" | "bmatrix" | "Bmatrix" | "smallmatrix" | "psmallmatrix"
            | "bsmallmatrix" => Environment::Matrix,
            "vmatrix" | "vsmallmatrix" => Environment::Determinant,
            "array" => Environment::Array,
            "cases" | "dcases" | "rcases" => Environment::Cases,
            "align" | "aligned" | "gather" | "gathered" | "equation" | "split" | "eqnarray"
            | "multline" | "displaymath" | "math" | "center" => Environment::Rows,
            _ => return Err(ParseError::Malformed("unknown environment")),
        };
        if environment == Environment::Array {
            let open = self.run(end, |b| b == b' ');
            let close = self.run(open + 1, |b| b"lcr| ".contains(&b));
            if self.bytes.get(open) == Some(&b'{') && self.bytes.get(close) == Some(&b'}') {
                end = close + 1;
            }
        }
        self.environments.push(doubled);
        self.push(Kind::Begin(environment), end);
        Ok(())
    }
}
