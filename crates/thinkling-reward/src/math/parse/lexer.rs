//! From text to tokens, in one pass.
//!
//! What only changes the look is gone behind it: spacing, sizes, math delimiters, wrappers of
//! text (their words are marked), doubled backslashes. Braces are matched here, since what a
//! closing one ends depends on its opening one; other brackets are matched by the grammar.

use super::super::expr::RelationOp;
use super::super::limits::TooLarge;
use super::ParseError;
use super::token::{Delimiter, Kind, LOOSE, RIGHT, SPACED, TEXT, THIN, TIGHT, Token, WIDE};
use super::unicode::vulgar;

/// What an opening mark was.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mark {
    /// A brace of a wrapper, which leaves no token; whether it made its content text.
    Wrapper(bool),
    /// A bracket that left a token, at this place; with what closes it, if it is a brace.
    Bracket(u32, Option<Delimiter>),
    /// `\(` or `\[`, by what closes it.
    Maths(u8),
}

pub(super) struct Lexer<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
    pub(super) tokens: Vec<Token>,
    pub(super) marks: Vec<Mark>,
    /// For each open environment whether its `\begin` had a doubled backslash.
    pub(super) environments: Vec<bool>,
    /// Flags for the next token.
    pub(super) flags: u8,
    /// Open wrappers of text.
    pub(super) texts: u32,
    /// Whether `$` is money rather than a delimiter.
    dollars: bool,
    /// Where the text is over but for backslashes and closing marks.
    pub(super) tail: usize,
}

pub(super) type Lexed = Result<(), ParseError>;

pub(super) const UNBALANCED: ParseError = ParseError::Malformed("unbalanced brackets");

/// The tokens of a normalised text, with [`Kind::End`] behind them.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    if u32::try_from(text.len()).is_err() {
        return Err(TooLarge.into());
    }
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: 0,
        tokens: Vec::with_capacity(text.len().min(4096) / 2 + 4),
        marks: Vec::new(),
        environments: Vec::new(),
        flags: 0,
        texts: 0,
        dollars: dollars_are_money(text.as_bytes()),
        tail: text.trim_end_matches(|c: char| c.is_ascii_whitespace() || "\\$}".contains(c)).len(),
    };
    while let Some(&byte) = lexer.bytes.get(lexer.at) {
        lexer.token(byte)?;
    }
    let open = lexer.marks.iter().any(|mark| !matches!(mark, Mark::Bracket(_, None)));
    if open || !lexer.environments.is_empty() {
        return Err(UNBALANCED);
    }
    lexer.trim();
    lexer.push(Kind::End, lexer.at);
    Ok(lexer.tokens)
}

/// Whether the unescaped `$` of a text are signs of money: where they do not pair, or a closing
/// one has a digit behind it.
fn dollars_are_money(bytes: &[u8]) -> bool {
    let mut count = 0_usize;
    let mut before = 0;
    let mut digit_behind = false;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'$' && before != b'\\' {
            count += 1;
            let next = bytes.get(at + 1).copied().unwrap_or(b' ');
            digit_behind |= count.is_multiple_of(2) && next.is_ascii_digit() && before != b'$';
        }
        before = byte;
    }
    !count.is_multiple_of(2) || digit_behind
}

impl<'t> Lexer<'t> {
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Adds the token from `self.at` to `end`.
    pub(super) fn push(&mut self, kind: Kind, end: usize) {
        let text = if self.texts > 0 { TEXT } else { 0 };
        let flags = std::mem::take(&mut self.flags) | text;
        // Lengths fit: checked at the start.
        self.tokens.push(Token { kind, start: self.at as u32, end: end as u32, flags });
        self.at = end;
    }

    pub(super) fn skip(&mut self, bytes: usize, flag: u8) {
        self.flags |= flag;
        self.at += bytes;
    }

    pub(super) fn open(&mut self, delimiter: Delimiter, bytes: usize) {
        let brace = matches!(delimiter, Delimiter::Group | Delimiter::Boxed).then_some(delimiter);
        self.marks.push(Mark::Bracket(self.tokens.len() as u32, brace));
        self.push(Kind::Open(delimiter), self.at + bytes);
    }

    /// A closing bracket that is no brace of TeX.
    pub(super) fn close(&mut self, delimiter: Delimiter, bytes: usize) {
        if let Some(Mark::Bracket(_, None)) = self.marks.last() {
            self.marks.pop();
        }
        self.push(Kind::Close(delimiter), self.at + bytes);
    }

    fn close_brace(&mut self) -> Lexed {
        // Brackets left open inside the braces are for the grammar to refuse.
        while let Some(mark) = self.marks.pop() {
            match mark {
                Mark::Bracket(_, None) => {}
                Mark::Bracket(_, Some(delimiter)) => {
                    self.push(Kind::Close(delimiter), self.at + 1);
                    return Ok(());
                }
                Mark::Wrapper(text) => {
                    self.texts -= u32::from(text);
                    self.at += 1;
                    return Ok(());
                }
                Mark::Maths(_) => break,
            }
        }
        Err(UNBALANCED)
    }

    fn token(&mut self, byte: u8) -> Lexed {
        let single = |kind| (kind, 1);
        let next = self.peek(1);
        let (kind, length) = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0C => {
                self.skip(1, SPACED);
                return Ok(());
            }
            b'~' => {
                self.skip(1, SPACED | THIN);
                return Ok(());
            }
            b'0'..=b'9' => return self.number(),
            b'.' if next.is_ascii_digit() => return self.number(),
            b'.' if next == b'.' && self.peek(2) == b'.' => {
                (Kind::Ellipsis, self.run(self.at, |b| b == b'.') - self.at)
            }
            b'a'..=b'z' | b'A'..=b'Z' => return self.word(),
            b'\\' => return self.backslash(),
            b'{' if self.bytes.get(self.at..self.at + 3) == Some(b"{,}") => (Kind::DigitComma, 3),
            b'{' => {
                self.open(Delimiter::Group, 1);
                return Ok(());
            }
            b'}' => return self.close_brace(),
            b'(' => {
                self.open(Delimiter::Round, 1);
                return Ok(());
            }
            b')' => {
                self.close(Delimiter::Round, 1);
                return Ok(());
            }
            b'[' => {
                self.open(Delimiter::Square, 1);
                return Ok(());
            }
            b']' => {
                self.close(Delimiter::Square, 1);
                return Ok(());
            }
            b',' => {
                self.comma();
                return Ok(());
            }
            b'$' if !self.dollars => {
                self.skip(1, SPACED);
                return Ok(());
            }
            b'$' => single(Kind::Money("$")),
            b'+' if next == b'/' && self.peek(2) == b'-' => (Kind::PlusMinus, 3),
            b'+' => single(Kind::Plus),
            b'-' if next == b'>' => (Kind::Relation(RelationOp::Arrow), 2),
            b'-' => single(Kind::Minus),
            b'*' if next == b'*' => (Kind::Caret, 2),
            b'*' => single(Kind::Times),
            b'/' => single(Kind::Slash),
            b'^' => single(Kind::Caret),
            b'_' => single(Kind::Underscore),
            b'!' if next == b'=' && !self.behind_operand() => {
                (Kind::Relation(RelationOp::NotEqual), 2)
            }
            b'!' => single(Kind::Bang),
            b'\'' => single(Kind::Prime),
            b'%' => single(Kind::Percent),
            b';' => single(Kind::Semicolon),
            b':' if next == b'=' => (Kind::Relation(RelationOp::Equal), 2),
            b':' => single(Kind::Colon),
            b'.' => single(Kind::Dot),
            b'|' => single(Kind::Bar),
            b'&' => single(Kind::Ampersand),
            b'=' | b'<' | b'>' => self.relation(byte, next),
            0x80.. => return self.foreign(),
            _ => single(Kind::Other),
        };
        self.push(kind, self.at + length);
        Ok(())
    }

    fn relation(&self, byte: u8, next: u8) -> (Kind, usize) {
        use RelationOp::{Arrow, Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        let (op, length) = match (byte, next) {
            (b'=', b'>') if self.peek(2) != b'=' => (Arrow, 2),
            (b'=', b'=') if self.peek(2) == b'>' => (Arrow, 3),
            (b'=', b'=') => (Equal, 2),
            (b'=', b'<') => (LessEqual, 2),
            (b'=', _) => (Equal, 1),
            (b'<', b'=') => (LessEqual, 2),
            (b'<', b'>') => (NotEqual, 2),
            (b'<', _) => (Less, 1),
            (_, b'=') => (GreaterEqual, 2),
            _ => (Greater, 1),
        };
        (Kind::Relation(op), length)
    }

    /// Whether a digit or a closing bracket stands directly before: `5!=120` has a factorial.
    fn behind_operand(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.bytes.get(at));
        matches!(before, Some(b'0'..=b'9' | b')'))
    }

    fn comma(&mut self) {
        let loose = matches!(self.peek(1), b' ' | b'\n' | b'\t' | b'~')
            || (self.peek(1) == b'\\' && matches!(self.peek(2), b' ' | b',' | b';'));
        if loose {
            self.flags |= LOOSE;
            if let Some(Mark::Bracket(at, _)) = self.marks.last()
                && let Some(token) = self.tokens.get_mut(*at as usize)
            {
                token.flags |= LOOSE;
            }
        }
        self.push(Kind::Comma, self.at + 1);
    }

    /// The end of the run of bytes from `from` that `class` holds for.
    pub(super) fn run(&self, from: usize, class: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|&&byte| class(byte)).count()
    }

    fn number(&mut self) -> Lexed {
        let digits = self.run(self.at, |b| b.is_ascii_digit());
        if let Some((end, base, behind)) = self.based(digits) {
            self.push(Kind::Based(base), end);
            self.at = behind;
            return Ok(());
        }
        let mut kind = Kind::Digits;
        let mut end = digits;
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        if byte(end) == b'.' && byte(end + 1).is_ascii_digit() {
            kind = Kind::Decimal;
            end = self.run(end + 1, |b| b.is_ascii_digit());
        }
        if let Some(exponent) = self.exponent(end, kind == Kind::Digits) {
            kind = Kind::Scientific;
            end = exponent;
        }
        self.push(kind, end);
        Ok(())
    }

    /// The end of the exponent of a number that ends at `end`: `e23`, `E-4`. Behind an integer,
    /// `e` with a sign is rather a term of a sum: `e^2-2e-1`; it is an exponent where the number
    /// stands alone and the sign is a minus, or the exponent has two digits.
    fn exponent(&self, end: usize, integer: bool) -> Option<usize> {
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        let mark = byte(end);
        if !matches!(mark, b'e' | b'E') {
            return None;
        }
        let sign = byte(end + 1);
        let from = end + 1 + usize::from(matches!(sign, b'+' | b'-'));
        let to = self.run(from, |b| b.is_ascii_digit());
        if to == from {
            return None;
        }
        let signed = from > end + 1;
        if !(signed && integer && mark == b'e') {
            return Some(to);
        }
        let begins =
            self.tokens.iter().rev().find(|token| !matches!(token.kind, Kind::Minus | Kind::Plus));
        let begins = begins.is_none_or(|token| {
            matches!(token.kind, Kind::Open(_) | Kind::Comma | Kind::Semicolon | Kind::Relation(_))
        });
        let rest = self.run(to, |b| b.is_ascii_whitespace());
        let ends = matches!(byte(rest), 0 | b',' | b';' | b')' | b']' | b'}' | b'$' | b'.');
        (begins && ends && (sign == b'-' || to - from > 1)).then_some(to)
    }

    fn word(&mut self) -> Lexed {
        let end = self.run(self.at, |b| b.is_ascii_alphabetic());
        if self.bytes.get(end).is_some_and(|b| *b == b'_' || b.is_ascii_digit())
            && let Some((end, base, behind)) = self.based(self.at)
        {
            self.push(Kind::Based(base), end);
            self.at = behind;
            return Ok(());
        }
        let kind = if self.is_times(end) { Kind::Times } else { Kind::Word };
        self.push(kind, end);
        Ok(())
    }

    /// Whether the word that ends there is the `x` of `3 x 10^8`.
    fn is_times(&self, end: usize) -> bool {
        let number = |token: &Token| matches!(token.kind, Kind::Digits | Kind::Decimal);
        if self.bytes.get(self.at..end) != Some(b"x") || !self.tokens.last().is_some_and(number) {
            return false;
        }
        let next = self.run(end, |b| b == b' ');
        let rest = self.bytes.get(next..).unwrap_or_default();
        rest.starts_with(b"10^") || rest.starts_with(b"10**")
    }

    /// A character that is not ASCII.
    fn foreign(&mut self) -> Lexed {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut end = self.at;
        for c in rest.chars() {
            if c.is_ascii() || !c.is_alphanumeric() || vulgar(c).is_some() {
                break;
            }
            end += c.len_utf8();
        }
        if end > self.at {
            self.push(Kind::Foreign, end);
            return Ok(());
        }
        let c = rest.chars().next().unwrap_or('\0');
        let end = self.at + c.len_utf8();
        let kind = match c {
            '√' => Kind::RootSign(2),
            '∛' => Kind::RootSign(3),
            '∜' => Kind::RootSign(4),
            '€' => Kind::Money("€"),
            '£' => Kind::Money("£"),
            '¥' | '￥' => Kind::Money("¥"),
            '₹' => Kind::Money("₹"),
            '₽' => Kind::Money("₽"),
            '₩' | '￦' => Kind::Money("₩"),
            '¢' | '￠' => Kind::Money("¢"),
            '￡' => Kind::Money("£"),
            _ if c.is_whitespace() => {
                self.skip(c.len_utf8(), SPACED);
                return Ok(());
            }
            _ => match vulgar(c) {
                Some((over, under)) => Kind::Vulgar(over, under),
                None => Kind::Other,
            },
        };
        self.push(kind, end);
        Ok(())
    }

    /// Takes what ends a sentence from the end.
    fn trim(&mut self) {
        while let Some(Kind::RowEnd) = self.tokens.last().map(|token| token.kind) {
            self.tokens.pop();
        }
        if let Some(Kind::Dot | Kind::Comma | Kind::Semicolon) =
            self.tokens.last().map(|token| token.kind)
        {
            self.tokens.pop();
        }
    }
}

/// Whether spaces part a token from the one before.
pub(super) fn is_spaced(token: Token) -> bool {
    token.flags & SPACED != 0 && token.flags & TIGHT == 0
}

/// Whether a token is thinly parted, or tightly in spite of space, as groups of digits are.
pub(super) fn is_thin(token: Token) -> bool {
    token.flags & (THIN | TIGHT) != 0
}

/// Whether a token begins another answer.
pub(super) fn is_wide(token: Token) -> bool {
    token.flags & WIDE != 0
}

/// Whether a bracket is a closing one by `\right`.
pub(super) fn is_right(token: Token) -> bool {
    token.flags & RIGHT != 0
}
