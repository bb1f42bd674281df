//! The words, letters and powers that a unit is made of.
//!
//! A unit is given in lower case, as written but for powers and prefixes: `\text{m}\,\text{s}^{-2}`
//! is `m/s^2`, `\Omega` is `ohm`, `平方米` is `米^2`, and the prefix of a million keeps its capital,
//! since `Mw` is no `mw`.

use super::super::expr::{Expr, Unit};
use super::lexer::is_spaced;
use super::token::{Delimiter, Kind, TEXT};
use super::words::{Meaning, meaning};
use super::{Parse, Parser, malformed};

/// Words of a unit; more are prose.
const WORDS: u32 = 5;

impl Parser<'_, '_, '_> {
    /// The unit at the current place, which goes up to the end of the side.
    pub(super) fn unit_behind(&mut self, value: &Expr) -> Parse<Unit> {
        match self.kind() {
            Kind::Percent => {
                self.advance();
                return Ok(Unit::Percent);
            }
            Kind::Money(sign) => {
                self.advance();
                return Ok(Unit::Money(sign.to_owned()));
            }
            _ => {}
        }
        let first = meaning(self.source(self.token()));
        let known = matches!(
            first,
            Some(Meaning::Unit | Meaning::Degree | Meaning::Percent | Meaning::Money)
        ) || self.token().flags & TEXT != 0
            && is_unit_letter(self.source(self.token()));
        if !known && names(value) {
            // `A Peter` is no A in Peters.
            return malformed("prose behind a name");
        }
        let mut unit = String::new();
        let mut words = 0;
        while !self.ends_side(0) {
            self.unit_part(&mut unit, &mut words)?;
        }
        if unit.is_empty() {
            return malformed("something behind a value");
        }
        let unit = with_quotients(unit);
        Ok(match (first, words) {
            (Some(Meaning::Percent), 1) => Unit::Percent,
            (Some(Meaning::Degree), 1) => Unit::Degree,
            (Some(Meaning::Money), _) => Unit::Money(unit),
            _ if unit == "per cent" => Unit::Percent,
            _ if matches!(unit.as_str(), "元" | "美元" | "块" | "角" | "分") => {
                Unit::Money(unit)
            }
            _ if unit == "度" => Unit::Degree,
            _ => Unit::Other(unit),
        })
    }

    /// Adds what stands at the current place to the unit.
    fn unit_part(&mut self, unit: &mut String, words: &mut u32) -> Parse<()> {
        let token = self.token();
        match token.kind {
            Kind::Word | Kind::Foreign => {
                *words += 1;
                let prefix = self.is_prefix();
                if !prefix {
                    self.check_unit_word(*words)?;
                }
                add_word(unit, self.source(token));
                self.advance();
                if prefix && let Kind::Letter(letter) = self.kind() {
                    unit.push_str(greek_unit(letter));
                    self.advance();
                }
                return Ok(());
            }
            Kind::Letter("mu") => {
                // The prefix of a millionth.
                *words += 1;
                self.advance();
                let rest = self.source(self.token()).to_lowercase();
                add_word(unit, &format!("u{rest}"));
            }
            Kind::Letter(letter) => {
                *words += 1;
                if greek_unit(letter).is_empty() || *words > WORDS {
                    return malformed("something behind a unit");
                }
                add_word(unit, greek_unit(letter));
            }
            Kind::Caret => return self.unit_power(unit),
            Kind::Slash => unit.push('/'),
            Kind::Times => unit.push('*'),
            Kind::Minus if !is_spaced(token) => unit.push('-'),
            // The full stop of an abbreviation.
            Kind::Dot if self.ahead(1) != Kind::Digits => {}
            Kind::Fraction => {
                self.advance();
                self.unit_group(unit)?;
                unit.push('/');
                return self.unit_group(unit);
            }
            _ => return malformed("something behind a unit"),
        }
        self.advance();
        Ok(())
    }

    /// Refuses a word that no unit has, where it is the one of that number.
    fn check_unit_word(&self, words: u32) -> Parse<()> {
        let token = self.token();
        let word = self.source(token);
        let article = words > 1 && word.eq_ignore_ascii_case("the");
        let stop = match meaning(word) {
            _ if token.kind == Kind::Foreign => is_han_prose(word),
            Some(Meaning::Stop) => !article,
            Some(Meaning::Exponent) => words == 1,
            Some(Meaning::Callee(_) | Meaning::Mod) => !matches!(word, "min" | "sec"),
            _ => false,
        };
        let letter =
            words == 1 && word.len() == 1 && token.flags & TEXT == 0 && !is_plain_unit_letter(word);
        if stop || letter || words > WORDS {
            return malformed("prose behind a value");
        }
        Ok(())
    }

    /// The power of a unit, from its mark on.
    fn unit_power(&mut self, unit: &mut String) -> Parse<()> {
        self.advance();
        let group = self.take(Kind::Open(Delimiter::Group));
        unit.push('^');
        if self.take(Kind::Minus) {
            unit.push('-');
        }
        if self.kind() != Kind::Digits {
            return malformed("unit with an exponent that is no number");
        }
        unit.push_str(self.source(self.token()));
        self.advance();
        if group {
            self.expect(Kind::Close(Delimiter::Group))?;
        }
        Ok(())
    }

    fn unit_group(&mut self, unit: &mut String) -> Parse<()> {
        self.expect(Kind::Open(Delimiter::Group))?;
        loop {
            match self.kind() {
                Kind::Word | Kind::Foreign => {
                    let word = self.source(self.token());
                    unit.extend(word.chars().flat_map(char::to_lowercase));
                    self.advance();
                }
                Kind::Caret => self.unit_power(unit)?,
                _ => return self.expect(Kind::Close(Delimiter::Group)),
            }
        }
    }

    /// Whether the single letter at the current place is a unit behind a number: set as text, or
    /// one of the commonest behind a space, with nothing but a unit up to the end.
    pub(super) fn unit_letter_ahead(&self) -> bool {
        let token = self.token();
        let letter = self.source(token);
        if self.is_prefix() {
            return self.behind_amount() && self.unit_tail(2);
        }
        if token.flags & TEXT != 0 {
            return is_unit_letter(letter) && self.unit_tail(1);
        }
        let known = is_spaced(token) && is_plain_unit_letter(letter) && !self.context.argument;
        known && self.behind_amount() && self.unit_tail(1)
    }

    /// Whether the two letters at the current place are a unit with its prefix behind a number and
    /// a space: `50 kN`.
    pub(super) fn prefixed_unit_ahead(&self) -> bool {
        let token = self.token();
        is_spaced(token)
            && !self.context.argument
            && is_prefixed(self.source(token))
            && self.behind_amount()
            && self.unit_tail(1)
    }

    /// Whether `\Omega` or `\mu\text{m}` stands behind a number as its unit.
    pub(super) fn greek_unit_ahead(&self) -> bool {
        match self.kind() {
            Kind::Letter("mu") => {
                let next = self.token_at(self.at + 1);
                next.flags & TEXT != 0
                    && !is_spaced(next)
                    && is_unit_letter(self.source(next))
                    && self.behind_amount()
                    && self.unit_tail(2)
            }
            Kind::Letter(letter) => {
                !greek_unit(letter).is_empty() && self.behind_amount() && self.unit_tail(1)
            }
            _ => false,
        }
    }

    /// Whether the word at the current place is the prefix of the Greek letter behind it.
    fn is_prefix(&self) -> bool {
        let next = self.token_at(self.at + 1);
        matches!(self.source(self.token()), "k" | "M" | "m" | "G")
            && matches!(next.kind, Kind::Letter(letter) if !greek_unit(letter).is_empty())
            && !is_spaced(next)
    }

    /// Whether a number stands before the current place, as digits or as a power of ten.
    fn behind_amount(&self) -> bool {
        let before = |places: usize| self.at.checked_sub(places).map(|at| self.token_at(at));
        let kind = |places: usize| before(places).map(|token| token.kind);
        let ten = |places: usize| before(places).is_some_and(|token| self.source(token) == "10");
        match kind(1) {
            Some(Kind::Digits | Kind::Decimal | Kind::Scientific) => match (kind(2), kind(3)) {
                (Some(Kind::Caret), _) => ten(3),
                (Some(Kind::Minus), Some(Kind::Caret)) => ten(4),
                // The index of `m_1 g` is no amount.
                (Some(Kind::Underscore), _) => false,
                _ => true,
            },
            Some(Kind::Close(Delimiter::Group)) if kind(2) == Some(Kind::Digits) => {
                let places = 3 + usize::from(kind(3) == Some(Kind::Minus));
                kind(places) == Some(Kind::Open(Delimiter::Group))
                    && kind(places + 1) == Some(Kind::Caret)
                    && ten(places + 2)
            }
            _ => false,
        }
    }

    /// Whether the tokens from that many places ahead go on with a unit up to the end: `^2`,
    /// `/s`, `\,\text{s}^{-2}`, `\cdot\text{s}`.
    fn unit_tail(&self, mut places: usize) -> bool {
        const LONGEST: usize = 8;
        for _ in 0..LONGEST {
            if self.ends_side(places) {
                return true;
            }
            places += match self.ahead(places) {
                Kind::Caret => match self.unit_power_ahead(places + 1) {
                    Some(length) => 1 + length,
                    None => return false,
                },
                Kind::Slash if self.ahead(places + 1) == Kind::Word => 2,
                Kind::Times if self.is_unit_word(places + 1) => 2,
                Kind::Word if self.is_unit_word(places) => 1,
                _ => return false,
            };
        }
        self.ends_side(places)
    }

    /// How many tokens the exponent of a unit takes that many places ahead.
    fn unit_power_ahead(&self, places: usize) -> Option<usize> {
        let group = usize::from(self.ahead(places) == Kind::Open(Delimiter::Group));
        let minus = usize::from(self.ahead(places + group) == Kind::Minus);
        let digits = places + group + minus;
        let closed = group == 0 || self.ahead(digits + 1) == Kind::Close(Delimiter::Group);
        (self.ahead(digits) == Kind::Digits && closed).then_some(1 + minus + 2 * group)
    }

    /// Whether a word of text that many places ahead is a unit.
    fn is_unit_word(&self, places: usize) -> bool {
        let token = self.token_at(self.at + places);
        let word = self.source(token);
        token.kind == Kind::Word
            && token.flags & TEXT != 0
            && (is_unit_letter(word) || is_prefixed(word) || meaning(word) == Some(Meaning::Unit))
    }
}

/// Whether a letter set as text is a unit behind a number.
pub(super) fn is_unit_letter(letter: &str) -> bool {
    matches!(letter, "m" | "s" | "g" | "h" | "L" | "l" | "J" | "N" | "W" | "V" | "A" | "K")
}

/// Whether a letter is a unit behind a number and a space.
fn is_plain_unit_letter(letter: &str) -> bool {
    matches!(letter, "m" | "s" | "g" | "h" | "L" | "N" | "J" | "W" | "V")
}

/// Whether two letters are a unit of physics with its prefix.
fn is_prefixed(word: &str) -> bool {
    let mut letters = word.chars();
    matches!(letters.next(), Some('k' | 'M' | 'm' | 'G'))
        && matches!(letters.as_str(), "N" | "J" | "W" | "V" | "A" | "Pa" | "Hz" | "eV")
}

/// The unit that a Greek letter is; nothing where it is none.
fn greek_unit(letter: &str) -> &'static str {
    if letter == "Omega" { "ohm" } else { "" }
}

/// Whether a word of Han begins with a unit rather than a power of ten: `千克`, `百帕`.
pub(super) fn begins_with_unit(word: &str) -> bool {
    const UNITS: [&str; 9] =
        ["千克", "千米", "千瓦", "千卡", "千焦", "千帕", "千伏", "千赫", "百帕"];
    UNITS.iter().any(|unit| word.starts_with(unit))
}

/// Whether a word of Han says more of the number before it than its unit: `以上` is "or more",
/// `的平方` is "its square".
fn is_han_prose(word: &str) -> bool {
    const PARTS: [&str; 16] = [
        "以上", "以下", "以内", "以外", "左右", "分之", "乘以", "除以", "减去", "加上", "不", "非",
        "多", "余", "约", "又",
    ];
    word.starts_with('的') || PARTS.iter().any(|part| word.contains(part))
}

/// Adds a word to a unit, with a space before it where it does not touch what stands there.
fn add_word(unit: &mut String, word: &str) {
    if !unit.is_empty() && !unit.ends_with(['/', '*', '^', '-', '(']) {
        unit.push(' ');
    }
    let (word, power) = match (word.strip_prefix("平方"), word.strip_prefix("立方")) {
        (Some(rest), _) if !rest.is_empty() => (rest, "^2"),
        (_, Some(rest)) if !rest.is_empty() => (rest, "^3"),
        _ => (word, ""),
    };
    // Milli and mega are told apart by case alone.
    let mega = word == "M" || (word.starts_with('M') && is_prefixed(word) && word != "MHz");
    let (kept, lower) = word.split_at_checked(usize::from(mega)).unwrap_or(("", word));
    unit.push_str(kept);
    unit.extend(lower.chars().flat_map(char::to_lowercase));
    unit.push_str(power);
}

/// The unit with negative powers as quotients: `kg m s^-2` is `kg m/s^2`.
fn with_quotients(unit: String) -> String {
    if !unit.contains("^-") || unit.contains('/') {
        return unit;
    }
    let parts = || unit.split([' ', '*']).filter(|part| !part.is_empty());
    let above: Vec<&str> = parts().filter(|part| !part.contains("^-")).collect();
    let mut out = above.join(" ");
    for (name, power) in parts().filter_map(|part| part.split_once("^-")) {
        out.push('/');
        out.push_str(name);
        if power != "1" {
            out.push('^');
            out.push_str(power);
        }
    }
    out
}

/// Whether a value ends with a name.
fn names(value: &Expr) -> bool {
    match value {
        Expr::Symbol(_) => true,
        Expr::Product(parts) | Expr::Sum(parts) => parts.last().is_some_and(names),
        Expr::Negative(inner) => names(inner),
        _ => false,
    }
}
