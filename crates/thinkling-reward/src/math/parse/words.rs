//! Words without a backslash: functions, constants, units, connectives.
//!
//! Only what changes the reading stands in the table. Any other word is a product of letters
//! where it looks like one, a unit behind a number, and prose elsewhere.

use super::super::expr::{Constant, Function};
use super::vocabulary::WORDS;

/// A function that has a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Arcsin,
    Arccos,
    Arctan,
    Arccot,
    Arcsec,
    Arccsc,
    Sinh,
    Cosh,
    Tanh,
    Coth,
    Sech,
    Csch,
    Arsinh,
    Arcosh,
    Artanh,
    Exp,
    Ln,
    Log,
    Lg,
    Sqrt,
    Cbrt,
    Abs,
    Floor,
    Ceil,
    Gcd,
    Lcm,
    Min,
    Max,
    Re,
    Im,
    Cis,
    Det,
    Factorial,
    Binomial,
    Named(&'static str),
}

impl Callee {
    /// The function of the tree; `None` where the call becomes another expression.
    pub(super) fn function(self) -> Option<Function> {
        use Callee as C;
        use Function as F;
        Some(match self {
            C::Sin => F::Sin,
            C::Cos => F::Cos,
            C::Tan => F::Tan,
            C::Cot => F::Cot,
            C::Sec => F::Sec,
            C::Csc => F::Csc,
            C::Arcsin => F::Arcsin,
            C::Arccos => F::Arccos,
            C::Arctan => F::Arctan,
            C::Arccot => F::Arccot,
            C::Arcsec => F::Arcsec,
            C::Arccsc => F::Arccsc,
            C::Sinh => F::Sinh,
            C::Cosh => F::Cosh,
            C::Tanh => F::Tanh,
            C::Arsinh => F::Arsinh,
            C::Arcosh => F::Arcosh,
            C::Artanh => F::Artanh,
            C::Exp => F::Exp,
            C::Ln => F::Ln,
            C::Log => F::Log,
            C::Abs => F::Abs,
            C::Floor => F::Floor,
            C::Ceil => F::Ceil,
            C::Gcd => F::Gcd,
            C::Lcm => F::Lcm,
            C::Min => F::Min,
            C::Max => F::Max,
            C::Re => F::Re,
            C::Im => F::Im,
            C::Factorial => F::Factorial,
            C::Binomial => F::Binomial,
            C::Named(name) => F::Named(name.to_owned()),
            C::Lg | C::Sqrt | C::Cbrt | C::Cis | C::Det | C::Coth | C::Sech | C::Csch => {
                return None;
            }
        })
    }

    /// What `f^{-1}` is.
    pub(super) fn inverse(self) -> Option<Self> {
        Some(match self {
            Self::Sin => Self::Arcsin,
            Self::Cos => Self::Arccos,
            Self::Tan => Self::Arctan,
            Self::Cot => Self::Arccot,
            Self::Sec => Self::Arcsec,
            Self::Csc => Self::Arccsc,
            Self::Sinh => Self::Arsinh,
            Self::Cosh => Self::Arcosh,
            Self::Tanh => Self::Artanh,
            _ => return None,
        })
    }

    /// Whether its name and a letter behind it are written as one word: `sinx`.
    pub(super) fn joins(self) -> bool {
        matches!(
            self,
            Self::Sin | Self::Cos | Self::Tan | Self::Cot | Self::Sec | Self::Csc | Self::Ln
        ) || self == Self::Log
    }

    /// Whether its arguments stand in brackets, separated by commas.
    pub(super) fn takes_list(self) -> bool {
        matches!(self, Self::Gcd | Self::Lcm | Self::Min | Self::Max | Self::Binomial)
    }
}

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    Callee(Callee),
    Constant(Constant),
    Letter(&'static str),
    /// "and", "or".
    Connective,
    /// "union" between sets.
    Union,
    Mod,
    /// A power of ten: "million".
    Scale(u32),
    Percent,
    Degree,
    Money,
    Unit,
    /// The end of an ordinal number: "st".
    Ordinal,
    /// "squared" behind the word of a unit.
    Exponent,
    /// A word that is never part of a unit: "is", "not".
    Stop,
}

/// The longest name in the table.
const LONGEST: usize = 13;

/// What a word of ASCII letters means: functions, constants and Greek names in lower case only,
/// the others in any case.
pub(super) fn meaning(word: &str) -> Option<Meaning> {
    let bytes = word.as_bytes();
    if bytes.len() < 2 || bytes.len() > LONGEST {
        return None;
    }
    let mut lower = [0; LONGEST];
    for (to, from) in lower.iter_mut().zip(bytes) {
        *to = from.to_ascii_lowercase();
    }
    let lower = lower.get(..bytes.len())?;
    let found = WORDS.binary_search_by(|(name, _)| name.as_bytes().cmp(lower)).ok()?;
    let (_, meaning) = WORDS.get(found)?;
    let same_case = match meaning {
        Meaning::Callee(_) | Meaning::Letter(_) => lower == bytes,
        Meaning::Constant(_) => lower.get(1..) == bytes.get(1..),
        _ => true,
    };
    same_case.then_some(*meaning)
}

/// The function whose name is a word in capitals: `GCD(12, 18)`.
pub(super) fn in_capitals(word: &str) -> Option<Meaning> {
    let callee = match word {
        "GCD" | "Gcd" | "HCF" => Callee::Gcd,
        "LCM" | "Lcm" => Callee::Lcm,
        "MIN" | "Min" => Callee::Min,
        "MAX" | "Max" => Callee::Max,
        _ => return None,
    };
    Some(Meaning::Callee(callee))
}

/// Whether a run of letters without a meaning is the product of its letters rather than a word:
/// two letters, or up to four that differ and could not be spoken (`xyz`, `mgh`, `ABC`).
pub(super) fn is_product(word: &str) -> bool {
    let bytes = word.as_bytes();
    match bytes.len() {
        0 | 1 => true,
        2 => true,
        3 | 4 => bytes.iter().enumerate().all(|(at, byte)| {
            let vowel = matches!(byte.to_ascii_lowercase(), b'e' | b'i' | b'o' | b'u')
                || (*byte == b'a' && at > 0);
            !vowel && !bytes.iter().take(at).any(|other| other == byte)
        }),
        _ => false,
    }
}

/// Whether a word is a Roman numeral of several digits, as items of a list are numbered.
pub(super) fn is_roman(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|b| matches!(b, b'I' | b'V' | b'X'))
}

/// The power of ten of a Han numeral behind a number.
pub(super) fn han_scale(c: char) -> Option<u32> {
    Some(match c {
        '百' => 2,
        '千' => 3,
        '万' | '萬' => 4,
        '亿' | '億' => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_fits_the_buffer() {
        assert!(WORDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(WORDS.iter().all(|(name, _)| name.len() <= LONGEST));
    }

    #[test]
    fn letters_are_told_from_words() {
        for word in ["x", "xy", "xyz", "mgh", "abc", "ABC", "PQRS", "pqr"] {
            assert!(is_product(word), "{word}");
        }
        for word in ["odd", "even", "east", "yes", "apple", "xxxxx", "TRUE", "DNE"] {
            assert!(!is_product(word), "{word}");
        }
    }

    #[test]
    fn functions_are_lower_case_and_units_any() {
        assert_eq!(meaning("sin"), Some(Meaning::Callee(Callee::Sin)));
        assert_eq!(meaning("SIN"), None);
        assert_eq!(meaning("KM"), Some(Meaning::Unit));
        assert_eq!(meaning("Or"), Some(Meaning::Connective));
        assert_eq!(meaning("quokka"), None);
    }
}
