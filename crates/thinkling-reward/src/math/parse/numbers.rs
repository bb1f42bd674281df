//! Literals: integers with separators, decimals, repeating decimals, exponents, bases, mixed
//! numbers.

use num_bigint::BigInt;

use super::super::expr::Expr;
use super::super::limits::TooLarge;
use super::bases::base_of;
use super::fractions::ratio;
use super::lexer::{is_spaced, is_thin, is_wide};
use super::token::{Delimiter, Kind, LOOSE, Token};
use super::{Parse, ParseError, Parser, malformed};

pub(super) const UNREADABLE: ParseError = ParseError::Malformed("unreadable number");

impl<'t> Parser<'t, '_, '_> {
    /// A literal, with a proper fraction behind it where that makes it a mixed number.
    pub(super) fn number(&mut self) -> Parse<Expr> {
        self.count()?;
        let token = self.token();
        match token.kind {
            Kind::Vulgar(over, under) => {
                self.advance();
                Ok(ratio(over.into(), under.into()))
            }
            Kind::Based(base) => {
                self.advance();
                self.based(self.source(token), base)
            }
            Kind::Scientific => {
                self.advance();
                self.scientific(self.source(token))
            }
            Kind::Decimal => {
                self.advance();
                let (whole, part) = self.source(token).split_once('.').ok_or(UNREADABLE)?;
                self.decimal(whole, part)
            }
            Kind::Dot => self.decimal("", ""),
            _ => self.grouped(),
        }
    }

    /// The exact value of digits.
    pub(super) fn integer(&mut self, digits: &str) -> Parse<BigInt> {
        if digits.len() <= 18 {
            let value = digits.bytes().fold(0_u64, |sum, b| sum * 10 + u64::from(b & 15));
            return Ok(BigInt::from(value));
        }
        self.check_digits(digits.len())?;
        BigInt::parse_bytes(digits.as_bytes(), 10).ok_or(UNREADABLE)
    }

    /// Refuses more digits than allowed, and takes the work of converting them.
    pub(super) fn check_digits(&mut self, digits: usize) -> Parse<()> {
        let digits = u32::try_from(digits).map_err(|_| TooLarge)?;
        if digits > self.budget.limits.digits {
            return Err(TooLarge.into());
        }
        self.budget.spend((digits / 200) * (digits / 200))?;
        Ok(())
    }

    /// Digits without a point at their beginning, which may be the first group of thousands.
    fn grouped(&mut self) -> Parse<Expr> {
        let first = self.token();
        if first.kind != Kind::Digits {
            return malformed("operand missing");
        }
        let groups = self.groups();
        if groups > 0 {
            return self.thousands(groups);
        }
        let digits = self.source(first);
        self.advance();
        if let Some(places) = self.decimal_comma() {
            self.at += 2;
            return self.decimal(digits, self.source(places));
        }
        if self.kind() == Kind::Dot && !is_spaced(self.token()) && self.repeats(1) {
            return self.decimal(digits, "");
        }
        let whole = self.integer(digits)?;
        if let Some((over, under)) = self.proper_fraction() {
            return Ok(Expr::Sum(vec![Expr::Integer(whole), ratio(over, under)]));
        }
        Ok(Expr::Integer(whole))
    }

    /// How many groups of three digits stand behind the digits at the current place, all with
    /// the same separator before them; 0 where what stands there is no number of thousands.
    fn groups(&mut self) -> usize {
        let first = self.token();
        let leading = self.source(first);
        let separator = self.ahead(1);
        let by_comma = match separator {
            Kind::Comma => true,
            Kind::DigitComma => true,
            Kind::Digits | Kind::Decimal => false,
            _ => return 0,
        };
        let commas = !self.context.members && self.options.thousands_commas;
        if self.at < self.no_groups
            || !(1..=3).contains(&leading.len())
            || leading.starts_with('0')
            || (separator == Kind::Comma && !commas)
        {
            return 0;
        }
        let mut groups = 0;
        let mut at = self.at + 1;
        let uniform = loop {
            let group = if by_comma {
                let comma = self.token_at(at);
                if comma.kind != separator || comma.flags & LOOSE != 0 || is_spaced(comma) {
                    break groups > 0;
                }
                at += 1;
                self.token_at(at)
            } else {
                self.token_at(at)
            };
            let spaced = (is_spaced(group) || is_thin(group)) && !is_wide(group);
            let digits = match group.kind {
                Kind::Digits => group.end - group.start,
                Kind::Decimal => {
                    let text = self.source(group);
                    u32::try_from(text.find('.').unwrap_or(0)).unwrap_or(0)
                }
                _ if by_comma => break separator == Kind::Comma && groups > 0 && spaced,
                _ => break groups > 0,
            };
            if by_comma && is_spaced(group) {
                // The comma behind the last group parts members.
                break groups > 0;
            }
            if digits != 3 || (!by_comma && !spaced) {
                break false;
            }
            groups += 1;
            at += 1;
            if group.kind == Kind::Decimal {
                break true;
            }
        };
        if !uniform {
            // None of the digits that follow in the same way begins a number of thousands.
            while matches!(self.token_at(at).kind, Kind::Digits)
                || (by_comma && self.token_at(at).kind == separator)
            {
                at += 1;
            }
            self.no_groups = at;
            return 0;
        }
        groups
    }

    fn thousands(&mut self, groups: usize) -> Parse<Expr> {
        let mut digits = self.source(self.token()).to_owned();
        self.advance();
        let mut last = self.token();
        for _ in 0..groups {
            if matches!(self.kind(), Kind::Comma | Kind::DigitComma) {
                self.advance();
            }
            last = self.token();
            digits.push_str(self.source(last));
            self.advance();
        }
        if last.kind == Kind::Decimal {
            let (whole, part) = digits.split_once('.').ok_or(UNREADABLE)?;
            return self.decimal(whole, part);
        }
        Ok(Expr::Integer(self.integer(&digits)?))
    }

    /// The digits behind a decimal comma, which is the token at the current place.
    fn decimal_comma(&self) -> Option<Token> {
        let digits = self.token_at(self.at + 1);
        let comma = match self.kind() {
            Kind::DigitComma => true,
            Kind::Comma => self.options.decimal_comma && self.token().flags & LOOSE == 0,
            _ => false,
        };
        (comma && digits.kind == Kind::Digits && !is_spaced(digits)).then_some(digits)
    }

    /// Digits in a base, all of them digits of it.
    pub(super) fn based(&mut self, digits: &str, base: u32) -> Parse<Expr> {
        self.check_digits(digits.len())?;
        let value = BigInt::parse_bytes(digits.as_bytes(), base).ok_or(UNREADABLE)?;
        if base == 10 {
            return Ok(Expr::Integer(value));
        }
        Ok(Expr::Based { value, digits: digits.to_ascii_uppercase(), base })
    }

    /// Digits set as text with a base behind them: `\text{A5}_{11}`.
    pub(super) fn based_text(&mut self) -> Option<(&'t str, u32)> {
        const LONGEST: usize = 32;
        let first = self.token();
        let mut end = first.end;
        let mut at = self.at + 1;
        while at < self.at + LONGEST {
            let token = self.token_at(at);
            let goes_on = matches!(token.kind, Kind::Word | Kind::Digits) && token.start == end;
            if !goes_on {
                break;
            }
            end = token.end;
            at += 1;
        }
        if self.token_at(at).kind != Kind::Underscore {
            return None;
        }
        let group = usize::from(self.token_at(at + 1).kind == Kind::Open(Delimiter::Group));
        let base = base_of(self.source(self.token_at(at + 1 + group)))?;
        let closed = group == 0 || self.token_at(at + 3).kind == Kind::Close(Delimiter::Group);
        let digits = self.text.get(first.start as usize..end as usize)?;
        let fits = digits.len() > 1 && digits.chars().all(|c| c.is_digit(base));
        if !closed || !fits {
            return None;
        }
        self.at = at + 2 + 2 * group;
        Some((digits, base))
    }
}
