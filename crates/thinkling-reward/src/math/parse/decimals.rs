//! Decimals: finite, repeating, with exponents.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Pow;

use super::super::expr::{Decimal, Expr};
use super::super::limits::TooLarge;
use super::fractions::digit;
use super::lexer::is_spaced;
use super::numbers::UNREADABLE;
use super::token::{Delimiter, Kind};
use super::{Parse, Parser};

impl Parser<'_, '_, '_> {
    /// Whether repeating digits begin at the token that many places ahead.
    pub(super) fn repeats(&self, places: usize) -> bool {
        let token = self.token_at(self.at + places);
        match token.kind {
            Kind::Overline => {
                self.ahead(places + 1) == Kind::Digits
                    || (self.ahead(places + 1) == Kind::Open(Delimiter::Group)
                        && self.ahead(places + 2) == Kind::Digits)
            }
            Kind::DotAccent => true,
            Kind::Open(Delimiter::Round) => {
                !is_spaced(token)
                    && self.ahead(places + 1) == Kind::Digits
                    && self.ahead(places + 2) == Kind::Close(Delimiter::Round)
            }
            _ => false,
        }
    }

    /// A decimal whose digits before and directly behind the point are read; a point that stands
    /// apart from them and the repeating digits are at the current place.
    pub(super) fn decimal(&mut self, whole: &str, places: &str) -> Parse<Expr> {
        if self.kind() == Kind::Dot && places.is_empty() {
            if !self.repeats(1) {
                return Err(UNREADABLE);
            }
            self.advance();
        }
        if self.repeats(0) {
            let period = self.period()?;
            if self.kind() == Kind::Digits && !is_spaced(self.token()) {
                return Err(UNREADABLE);
            }
            return self.repeating(whole, places, &period);
        }
        if self.kind() == Kind::Ellipsis && !matches!(self.ahead(1), Kind::Comma | Kind::Plus) {
            self.advance();
            if let Some(length) = period_of(places) {
                let (plain, _) = split_period(places, length);
                let period = places.get(plain.len()..plain.len() + length).unwrap_or_default();
                return self.repeating(whole, plain, period);
            }
        }
        Ok(Expr::Decimal(self.finite(whole, places, 0)?))
    }

    /// The repeating digits at the current place.
    pub(super) fn period(&mut self) -> Parse<String> {
        let mut period = String::new();
        match self.kind() {
            Kind::Overline => {
                self.advance();
                let group = self.take(Kind::Open(Delimiter::Group));
                period.push_str(self.source(self.token()));
                self.advance();
                if group {
                    self.expect(Kind::Close(Delimiter::Group))?;
                }
            }
            Kind::Open(_) => {
                self.advance();
                period.push_str(self.source(self.token()));
                self.advance();
                self.advance();
            }
            // Dots over the first and the last digit of the period.
            _ => loop {
                if self.take(Kind::DotAccent) {
                    let group = self.take(Kind::Open(Delimiter::Group));
                    let digit = self.split_digit().ok_or(UNREADABLE)?;
                    period.push_str(digit);
                    if group {
                        self.expect(Kind::Close(Delimiter::Group))?;
                    }
                } else if self.kind() == Kind::Digits && !is_spaced(self.token()) {
                    period.push_str(self.source(self.token()));
                    self.advance();
                    if self.kind() != Kind::DotAccent {
                        return Err(UNREADABLE);
                    }
                } else {
                    break;
                }
            },
        }
        Ok(period)
    }

    /// A finite decimal times a power of ten.
    pub(super) fn finite(&mut self, whole: &str, places: &str, exponent: i64) -> Parse<Decimal> {
        let length = whole.len() + places.len();
        let behind = i64::try_from(places.len()).map_err(|_| TooLarge)?;
        let zeros = exponent.checked_sub(behind).ok_or(TooLarge)?;
        let size = usize::try_from(zeros.unsigned_abs()).map_err(|_| TooLarge)?;
        self.check_digits(length.max(size))?;
        let leading = whole.bytes().chain(places.bytes()).take_while(|&b| b == b'0').count();
        let significant = u32::try_from(length - leading).map_err(|_| TooLarge)?;
        let value = if length <= 18 && (-18..=0).contains(&zeros) {
            small_decimal(whole, places, size)
        } else {
            let digits = self.integer(&[whole, places].concat())?;
            let power = BigInt::from(10).pow(size);
            if zeros < 0 {
                BigRational::new(digits, power)
            } else {
                BigRational::from(digits * power)
            }
        };
        Ok(Decimal { value, significant, places: -zeros, repeating: false })
    }

    pub(super) fn repeating(&mut self, whole: &str, plain: &str, period: &str) -> Parse<Expr> {
        if period.is_empty() || !period.bytes().all(|b| b.is_ascii_digit()) {
            return Err(UNREADABLE);
        }
        let length = whole.len() + plain.len() + period.len();
        self.check_digits(length)?;
        let before = self.integer(&[whole, plain].concat())?;
        let all = self.integer(&[whole, plain, period].concat())?;
        let ten = BigInt::from(10);
        let denominator = (ten.clone().pow(period.len()) - 1) * ten.pow(plain.len());
        let leading = [whole, plain, period].concat().bytes().take_while(|&b| b == b'0').count();
        let places = i64::try_from(plain.len() + period.len()).map_err(|_| TooLarge)?;
        Ok(Expr::Decimal(Decimal {
            value: BigRational::new(all - before, denominator),
            significant: u32::try_from(length - leading).map_err(|_| TooLarge)?,
            places,
            repeating: true,
        }))
    }

    /// `6.02e23`.
    pub(super) fn scientific(&mut self, text: &str) -> Parse<Expr> {
        let (digits, exponent) = text.split_once(['e', 'E']).ok_or(UNREADABLE)?;
        let exponent: i64 = exponent.parse().map_err(|_| TooLarge)?;
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        Ok(Expr::Decimal(self.finite(whole, places, exponent)?))
    }

    /// A decimal or an integer times ten to an integer, as a literal; `None` where it is too
    /// large for one.
    pub(super) fn scaled(&mut self, mantissa: &Expr, exponent: &Expr) -> Option<Expr> {
        let exponent = match exponent {
            Expr::Integer(value) => i64::try_from(value).ok()?,
            Expr::Negative(inner) => match &**inner {
                Expr::Integer(value) => i64::try_from(value).ok()?.checked_neg()?,
                _ => return None,
            },
            _ => return None,
        };
        let size = u32::try_from(exponent.unsigned_abs()).ok()?;
        if size > self.budget.limits.digits {
            return None;
        }
        let (value, significant, places) = match mantissa {
            Expr::Decimal(decimal) if !decimal.repeating => {
                (decimal.value.clone(), decimal.significant, decimal.places)
            }
            Expr::Integer(value) => {
                let digits = value.to_string().len();
                (BigRational::from(value.clone()), u32::try_from(digits).ok()?, 0)
            }
            _ => return None,
        };
        // Reducing the fraction takes a pass over the number for each of its bits.
        let bits = value.numer().bits() + value.denom().bits() + 4 * u64::from(size);
        let steps = 1 + bits.saturating_mul(bits / 64) / 320;
        self.budget.spend(u32::try_from(steps).unwrap_or(u32::MAX)).ok()?;
        let power = BigRational::from(BigInt::from(10).pow(size));
        let value = if exponent < 0 { value / power } else { value * power };
        let places = places.checked_sub(exponent)?;
        Some(Expr::Decimal(Decimal { value, significant, places, repeating: false }))
    }
}

/// At most 18 digits over a power of ten up to 10^18, reduced in machine words.
pub(super) fn small_decimal(whole: &str, places: &str, power: usize) -> BigRational {
    let digits = whole.bytes().chain(places.bytes());
    let mut over = digits.fold(0_u64, |sum, b| sum * 10 + digit(b));
    let mut under = (0..power).fold(1_u64, |product, _| product * 10);
    let (mut a, mut b) = (under, over);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    over /= a.max(1);
    under /= a.max(1);
    BigRational::new_raw(BigInt::from(over), BigInt::from(under))
}

/// The length of the period that digits before an ellipsis end in: three equal digits, or a
/// longer block twice.
pub(super) fn period_of(digits: &str) -> Option<usize> {
    let digits = digits.as_bytes();
    (1..=12).find(|&length| {
        let needed = (2 * length).max(3);
        digits.len() >= needed
            && digits
                .iter()
                .rev()
                .zip(digits.iter().rev().skip(length))
                .take(needed - length)
                .all(|(a, b)| a == b)
    })
}

/// Digits before the first period of that length, and the rest.
pub(super) fn split_period(digits: &str, length: usize) -> (&str, &str) {
    let bytes = digits.as_bytes();
    let mut start = bytes.len().saturating_sub(length);
    while let Some(before) = start.checked_sub(1)
        && bytes.get(before) == bytes.get(before + length)
    {
        start = before;
    }
    digits.split_at_checked(start).unwrap_or((digits, ""))
}
