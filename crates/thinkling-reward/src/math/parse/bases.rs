//! Digits in a base other than ten, in the text: `1011_2`, `2A_{16}`, `132_{\text{five}}`.

use super::lexer::Lexer;

/// Numbers in words that are bases.
const BASES: &[(&str, u32)] = &[
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("sixteen", 16),
];

/// The base that digits or a word say.
pub(super) fn base_of(text: &str) -> Option<u32> {
    let word = BASES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    let base = word.map(|(_, base)| *base).or_else(|| text.parse().ok());
    base.filter(|base| (2..=36).contains(base))
}

impl Lexer<'_> {
    /// The end of the digits, the base and the end of the base, where a run of digits and letters
    /// from here has a base behind it.
    pub(super) fn based(&self, digits: usize) -> Option<(usize, u32, usize)> {
        /// A run with letters is looked at no further, so that reading stays linear.
        const LONGEST: usize = 64;
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        let mut end = digits;
        if byte(end).is_ascii_alphabetic() {
            let limit = self.at + LONGEST;
            while end < limit && byte(end).is_ascii_alphanumeric() {
                end += 1;
            }
        }
        // `_4C_2` has indices.
        let index = self.at.checked_sub(1).is_some_and(|at| matches!(byte(at), b'_' | b'^'));
        if end == self.at || byte(end) != b'_' || index {
            return None;
        }
        let (base, behind) = self.base(end + 1)?;
        let run = self.text.get(self.at..end)?;
        let fits = run.chars().all(|c| c.is_digit(base));
        (fits && (end == digits || self.is_plausible(run, base, behind)))
            .then_some((end, base, behind))
    }

    /// Whether a run with letters is digits: `3a_{11}` is three times a term of a sequence,
    /// `A_{16}` such a term. Small letters are digits where nothing else stands beside them.
    fn is_plausible(&self, run: &str, base: u32, behind: usize) -> bool {
        let small = run.bytes().any(|b| b.is_ascii_lowercase());
        let rest = self.bytes.get(behind..).unwrap_or_default();
        let alone = self.tokens.is_empty()
            && rest.iter().all(|b| b.is_ascii_whitespace() || matches!(b, b'$' | b'.'));
        let starts = run.starts_with(|c: char| c.is_ascii_digit());
        matches!(base, 11 | 12 | 16) && run.len() > 1 && (!small || (base == 16 && alone && starts))
    }

    /// The base from `from` on, and its end: digits, or a number in words, in braces or without,
    /// set as text or not.
    fn base(&self, from: usize) -> Option<(u32, usize)> {
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        let mut at = from;
        let mut braces = 0;
        for _ in 0..2 {
            if byte(at) == b'{' {
                at += 1;
                braces += 1;
            }
            let rest = self.text.get(at..).unwrap_or_default();
            for wrapper in ["\\text{", "\\mathrm{", "\\textrm{"] {
                if rest.starts_with(wrapper) {
                    at += wrapper.len();
                    braces += 1;
                }
            }
        }
        let digits = self.run(at, |b| b.is_ascii_digit());
        let end = if digits > at { digits } else { self.run(at, |b| b.is_ascii_alphabetic()) };
        let short = (digits == at && braces > 0) || (1..=2).contains(&(digits - at));
        let closed = (0..braces).all(|brace| byte(end + brace) == b'}');
        if !short || !closed {
            return None;
        }
        Some((base_of(self.text.get(at..end)?)?, end + braces))
    }
}
