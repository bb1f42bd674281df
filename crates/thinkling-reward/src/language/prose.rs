//! The prose of a text: what is left without maths, code, markup tags and addresses.
//!
//! Left out are
//!
//! - code: fences (lines that start with three backticks or tildes, to the closing line or the end
//!   of the text) and inline code between equal runs of backticks in one paragraph;
//! - maths: `$..$` and `$$..$$`, `\(..\)` and `\[..\]`, environments such as `align`, and commands
//!   outside of them with their arguments (`\frac{ab}{c}`; commands that set text, such as
//!   `\textbf`, lose their name only);
//! - drawings and code in brackets, `[asy]..[/asy]` and `[code]..[/code]`;
//! - tags (`<think>`, `<br/>`, `<|end|>`) and addresses from `://` on.
//!
//! A dollar sign may also be money: a span opens only where it closes in the same paragraph, with
//! no blank just inside (or blanks on both sides of a formula, or no words in it) and no digit right
//! behind. A
//! span with five plain words or more is prose that happens to stand between signs.
//!
//! One pass with bounded looking ahead: a search that found nothing is not repeated before the
//! place where it ended.

mod tex;

use tex::{ENVIRONMENTS, PROSE_WORDS, TEXT_COMMANDS, end_of_environment, is_prose, plain_words};

/// The pieces of prose in order. A piece ends at the latest behind a line break, which it holds.
pub(super) struct Prose<'a> {
    text: &'a str,
    at: usize,
    /// By [`Closer`]: none stands before this place.
    dry: [usize; 7],
}

/// Signs that a formula between loose dollars has and an amount of money has not.
const FORMULA_SIGNS: [char; 9] = ['\\', '^', '_', '=', '{', '<', '>', '+', '*'];

/// The bytes that may start a span, and the line break.
const SIGNS: [bool; 256] = {
    let (signs, mut table, mut i) = (b"$`~\\<[:\n", [false; 256], 0);
    while i < signs.len() {
        table[signs[i] as usize] = true;
        i += 1;
    }
    table
};

/// What ends a span.
#[derive(Clone, Copy)]
enum Closer {
    Dollar,
    Dollars,
    Ticks1,
    Ticks2,
    Ticks3,
    /// With the number of backslashes of the opener.
    Paren(usize),
    Bracket(usize),
}

impl Closer {
    fn index(self) -> usize {
        match self {
            Self::Dollar => 0,
            Self::Dollars => 1,
            Self::Ticks1 => 2,
            Self::Ticks2 => 3,
            Self::Ticks3 => 4,
            Self::Paren(_) => 5,
            Self::Bracket(_) => 6,
        }
    }
}

impl<'a> Prose<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, dry: [0; 7] }
    }

    /// The end of the span without prose that starts at the sign at `i`; where none does, the
    /// place to go on from.
    fn span(&mut self, i: usize) -> Result<usize, usize> {
        match self.text.as_bytes()[i] {
            b'$' => self.dollar(i).ok_or(i + 1),
            b'`' => self.ticks(i),
            b'~' => self.fence(i, b'~').ok_or_else(|| i + run_of(self.text, i, b'~')),
            b'\\' => self.backslash(i),
            b'<' => self.tag(i).ok_or(i + 1),
            b'[' => self.block(i).ok_or(i + 1),
            _ => self.address(i).ok_or(i + 1),
        }
    }

    fn dollar(&mut self, i: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        if bytes.get(i + 1) == Some(&b'$') {
            let close = self.find(Closer::Dollars, i + 2)?;
            return (!is_prose(&self.text[i + 2..close])).then_some(close + 2);
        }
        let close = self.find(Closer::Dollar, i + 1)?;
        let inside = &self.text[i + 1..close];
        let blank_first = inside.starts_with(char::is_whitespace);
        let blank_last = inside.ends_with(char::is_whitespace);
        let tight = !blank_first && !blank_last;
        let digit_behind = bytes.get(close + 1).is_some_and(u8::is_ascii_digit);
        let words = plain_words(inside);
        let maths = !inside.is_empty()
            && words < PROSE_WORDS
            && ((tight && !digit_behind)
                || (blank_first && blank_last && inside.contains(FORMULA_SIGNS))
                || words == 0);
        maths.then_some(close + 1)
    }

    fn ticks(&mut self, i: usize) -> Result<usize, usize> {
        let run = run_of(self.text, i, b'`');
        if run >= 3
            && let Some(end) = self.fence(i, b'`')
        {
            return Ok(end);
        }
        let closer = match run {
            1 => Closer::Ticks1,
            2 => Closer::Ticks2,
            _ => Closer::Ticks3,
        };
        let close = self.find(closer, i + run).ok_or(i + run)?;
        Ok(close + run_of(self.text, close, b'`'))
    }

    /// A fenced block that opens at `i`.
    fn fence(&self, i: usize, sign: u8) -> Option<usize> {
        let run = run_of(self.text, i, sign);
        let before = self.text[..i].trim_end_matches([' ', '\t']);
        if run < 3 || !(before.is_empty() || before.ends_with('\n')) {
            return None;
        }
        let mut at = i + run;
        while let Some(line_break) = self.text[at..].find('\n') {
            let line = at + line_break + 1;
            let indent = self.text[line..].len() - self.text[line..].trim_start_matches(' ').len();
            let closing = run_of(self.text, line + indent, sign);
            at = line;
            if closing >= run {
                return Some(line + indent + closing);
            }
        }
        Some(self.text.len())
    }

    fn backslash(&mut self, i: usize) -> Result<usize, usize> {
        // Doubled backslashes of JSON are single ones.
        let run = run_of(self.text, i, b'\\');
        let at = i + run;
        let closer = match self.text.as_bytes().get(at) {
            Some(b'(') if run <= 2 => Closer::Paren(run),
            Some(b'[') if run <= 2 => Closer::Bracket(run),
            Some(c) if c.is_ascii_alphabetic() => return Ok(self.command(at)),
            Some(c) if c.is_ascii_punctuation() => return Ok(at + 1),
            _ => return Ok(at),
        };
        let close = self.find(closer, at + 1).ok_or(at + 1)?;
        if is_prose(&self.text[at + 1..close]) {
            return Err(at + 1);
        }
        Ok(close + run_of(self.text, close, b'\\') + 1)
    }

    /// The end of the command whose name starts at `at`.
    fn command(&self, at: usize) -> usize {
        let letters = self.text[at..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let mut end = at + letters;
        let name = &self.text[at..end];
        if name == "begin"
            && let Some(environment) = self.text[end..].strip_prefix('{')
            && let Some(length) = environment.find('}').filter(|&length| length < 20)
        {
            let inner = end + 1 + length + 1;
            let name = environment[..length].trim_end_matches('*');
            if !ENVIRONMENTS.contains(&name) {
                return inner;
            }
            // An environment that does not end takes the rest, as a fence does.
            let rest = &self.text[inner..];
            return inner + end_of_environment(rest, &environment[..length]).unwrap_or(rest.len());
        }
        if TEXT_COMMANDS.contains(&name) {
            return end;
        }
        if name == "sqrt" && self.text[end..].starts_with('[') {
            let index = self.text[end..].bytes().take_while(|byte| !b"]\n".contains(byte)).count();
            end += index + usize::from(self.text[end + index..].starts_with(']'));
        }
        while self.text[end..].starts_with('{') {
            end = self.group(end);
        }
        end
    }

    /// The end of the group in braces that opens at `at`, or of its line.
    fn group(&self, at: usize) -> usize {
        let (mut depth, mut escaped) = (0_usize, false);
        for (offset, byte) in self.text[at..].bytes().enumerate() {
            match byte {
                b'\n' => return at + offset,
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        return at + offset + 1;
                    }
                }
                _ => {}
            }
        }
        self.text.len()
    }

    /// `<name>`, `</name>`, `<name/>`, `<name key="value">` or `<|name|>`.
    fn tag(&self, i: usize) -> Option<usize> {
        let rest = &self.text.as_bytes()[i + 1..];
        let rest = &rest[..rest.len().min(200)];
        let end = rest.iter().position(|byte| matches!(byte, b'>' | b'<' | b'\n'))?;
        let inside = rest[..end].strip_prefix(b"/").unwrap_or(&rest[..end]);
        let name = inside
            .iter()
            .take_while(|&&c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'|'))
            .count();
        let attributes = inside[name..].trim_ascii();
        let is_tag = rest[end] == b'>'
            && (1..=40).contains(&name)
            && !inside[0].is_ascii_digit()
            && (attributes.is_empty()
                || attributes == b"/"
                || attributes.windows(2).any(|pair| pair == b"=\"" || pair == b"='"));
        is_tag.then_some(i + 1 + end + 1)
    }

    /// `[asy]..[/asy]` and `[code]..[/code]`; one that does not end takes the rest.
    fn block(&self, i: usize) -> Option<usize> {
        let rest = &self.text[i..];
        for (open, close) in [("[asy]", "[/asy]"), ("[code]", "[/code]")] {
            if rest.starts_with(open) {
                return Some(i + rest.find(close).map_or(rest.len(), |at| at + close.len()));
            }
        }
        None
    }

    fn address(&self, i: usize) -> Option<usize> {
        let rest = self.text[i..].strip_prefix("://")?;
        let end = |c: char| !c.is_ascii() || c.is_ascii_whitespace() || ")>]\"'".contains(c);
        Some(i + 3 + rest.find(end).unwrap_or(rest.len()))
    }

    /// Where the closer next stands from `from` on, in the same paragraph.
    fn find(&mut self, closer: Closer, from: usize) -> Option<usize> {
        if from < self.dry[closer.index()] {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut at = from;
        while let Some(&byte) = bytes.get(at) {
            match (byte, closer) {
                (b'\\', Closer::Paren(opened) | Closer::Bracket(opened)) => {
                    let run = run_of(self.text, at, b'\\');
                    let round = matches!(closer, Closer::Paren(_));
                    match (bytes.get(at + run), round) {
                        (Some(b')'), true) | (Some(b']'), false) => return Some(at),
                        // Maths does not nest: the later opener counts.
                        (Some(b'('), true) | (Some(b'['), false) if run == opened => return None,
                        _ => {}
                    }
                    at += run;
                    continue;
                }
                // An escaped dollar closes nothing.
                (b'\\', Closer::Dollar | Closer::Dollars) => at += 1,
                (b'$', Closer::Dollar) => return Some(at),
                (b'$', Closer::Dollars) if bytes.get(at + 1) == Some(&b'$') => return Some(at),
                (b'`', Closer::Ticks1 | Closer::Ticks2 | Closer::Ticks3) => {
                    let run = run_of(self.text, at, b'`');
                    let wanted = match closer {
                        Closer::Ticks1 => run == 1,
                        Closer::Ticks2 => run == 2,
                        _ => run > 2,
                    };
                    if wanted {
                        return Some(at);
                    }
                    at += run;
                    continue;
                }
                (b'\n', _) if bytes.get(at + 1) == Some(&b'\n') => break,
                _ => {}
            }
            at += 1;
        }
        self.dry[closer.index()] = at;
        None
    }
}

impl<'a> Iterator for Prose<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut start = self.at;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(offset) = rest.iter().position(|&byte| SIGNS[usize::from(byte)]) else {
                self.at = self.text.len();
                return Some(&self.text[start..]).filter(|piece| !piece.is_empty());
            };
            let i = self.at + offset;
            if rest[offset] == b'\n' {
                self.at = i + 1;
                return Some(&self.text[start..=i]);
            }
            match self.span(i) {
                Err(on) => self.at = on,
                Ok(end) => {
                    self.at = end;
                    if start < i {
                        return Some(&self.text[start..i]);
                    }
                    start = end;
                }
            }
        }
    }
}

/// How many times `sign` stands from `at` on.
fn run_of(text: &str, at: usize, sign: u8) -> usize {
    text.as_bytes()[at..].iter().take_while(|&&byte| byte == sign).count()
}

#[cfg(test)]
mod tests;
