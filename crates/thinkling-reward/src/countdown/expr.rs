//! Arithmetic expressions: `sum = product (± product)*`, `product = atom (×÷ atom)*`,
//! `atom = integer | ( sum )`.

use num_rational::BigRational;
use num_traits::Zero;

use super::integer;

/// Literals of an expression at most.
pub const MAX_LITERALS: usize = 64;
/// Nested parentheses at most.
pub const MAX_DEPTH: usize = 64;

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `+`
    Add,
    /// `-` or U+2212
    Sub,
    /// `*` or `×`
    Mul,
    /// `/` or `÷`
    Div,
}

impl Op {
    /// The operator that `c` writes.
    pub const fn from_char(c: char) -> Option<Self> {
        match c {
            '+' => Some(Self::Add),
            '-' | '\u{2212}' => Some(Self::Sub),
            '*' | '×' => Some(Self::Mul),
            '/' | '÷' => Some(Self::Div),
            _ => None,
        }
    }

    const fn is_product(self) -> bool {
        matches!(self, Self::Mul | Self::Div)
    }
}

/// An expression over non-negative integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// An integer.
    Number(u64),
    /// Two expressions and the operator between them.
    Binary(Op, Box<Self>, Box<Self>),
}

/// Why a text is no expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExprError {
    /// A character that has no place there.
    #[error("unreadable expression, expected: {expected}, got: {got:?}")]
    Unexpected {
        /// What could stand there.
        expected: &'static str,
        /// The character.
        got: char,
    },
    /// The text ends too early.
    #[error("unreadable expression, expected: {expected}, got: the end")]
    End {
        /// What could stand there.
        expected: &'static str,
    },
    /// An integer of several digits that starts with 0.
    #[error("unreadable integer, expected: no leading zero")]
    LeadingZero,
    /// An integer of 2^64 or more.
    #[error("integer too large, expected: below 2^64")]
    LiteralTooLarge,
    /// More than [`MAX_LITERALS`] integers.
    #[error("expression too long, expected: at most {MAX_LITERALS} integers")]
    TooManyLiterals,
    /// More than [`MAX_DEPTH`] nested parentheses.
    #[error("expression too deep, expected: at most {MAX_DEPTH} nested parentheses")]
    TooDeep,
}

impl Expr {
    /// The exact value; none where it divides by zero.
    pub fn value(&self) -> Option<BigRational> {
        match self {
            Self::Number(value) => Some(integer(*value)),
            Self::Binary(op, left, right) => {
                let (left, right) = (left.value()?, right.value()?);
                match op {
                    Op::Add => Some(left + right),
                    Op::Sub => Some(left - right),
                    Op::Mul => Some(left * right),
                    Op::Div if right.is_zero() => None,
                    Op::Div => Some(left / right),
                }
            }
        }
    }

    /// The integers from left to right.
    pub fn literals(&self) -> Vec<u64> {
        let mut out = Vec::new();
        self.collect_literals(&mut out);
        out
    }

    fn collect_literals(&self, out: &mut Vec<u64>) {
        match self {
            Self::Number(value) => out.push(*value),
            Self::Binary(_, left, right) => {
                left.collect_literals(out);
                right.collect_literals(out);
            }
        }
    }
}

/// Reads a whole text as one expression; white space may stand between its parts.
///
/// # Errors
/// See [`ExprError`]. The first limit that is passed ends the reading.
///
/// ```
/// use thinkling_reward::countdown::parse_expr;
///
/// let expr = parse_expr("8 / (3 - 8/3)")?;
/// assert_eq!(expr.literals(), [8, 3, 8, 3]);
/// assert_eq!(expr.value().map(|value| value.to_string()).as_deref(), Some("24"));
/// # Ok::<(), thinkling_reward::countdown::ExprError>(())
/// ```
pub fn parse_expr(text: &str) -> Result<Expr, ExprError> {
    let mut parser = Parser { rest: text, depth: 0, literals: 0 };
    let expr = parser.sum()?;
    match parser.peek() {
        Some(got) => Err(ExprError::Unexpected { expected: "an operator or the end", got }),
        None => Ok(expr),
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    literals: usize,
}

impl Parser<'_> {
    /// The next character that is no white space.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn skip(&mut self, c: char) {
        self.rest = &self.rest[c.len_utf8()..];
    }

    fn sum(&mut self) -> Result<Expr, ExprError> {
        self.chain(false, Self::product)
    }

    fn product(&mut self) -> Result<Expr, ExprError> {
        self.chain(true, Self::atom)
    }

    /// Operands of one precedence, grouped from the left.
    fn chain(
        &mut self,
        products: bool,
        operand: fn(&mut Self) -> Result<Expr, ExprError>,
    ) -> Result<Expr, ExprError> {
        let mut left = operand(self)?;
        while let Some(c) = self.peek() {
            let Some(op) = Op::from_char(c).filter(|op| op.is_product() == products) else {
                break;
            };
            self.skip(c);
            left = Expr::Binary(op, Box::new(left), Box::new(operand(self)?));
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Expr, ExprError> {
        const EXPECTED: &str = "an integer or (";
        match self.peek() {
            Some('(') => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(ExprError::TooDeep);
                }
                self.skip('(');
                let inner = self.sum()?;
                match self.peek() {
                    Some(')') => self.skip(')'),
                    Some(got) => {
                        return Err(ExprError::Unexpected { expected: "an operator or )", got });
                    }
                    None => {
                        return Err(ExprError::End { expected: "an operator or )" });
                    }
                }
                self.depth -= 1;
                Ok(inner)
            }
            Some(c) if c.is_ascii_digit() => self.integer(),
            Some(got) => Err(ExprError::Unexpected { expected: EXPECTED, got }),
            None => Err(ExprError::End { expected: EXPECTED }),
        }
    }

    fn integer(&mut self) -> Result<Expr, ExprError> {
        self.literals += 1;
        if self.literals > MAX_LITERALS {
            return Err(ExprError::TooManyLiterals);
        }
        let len = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(len);
        if len > 1 && digits.starts_with('0') {
            return Err(ExprError::LeadingZero);
        }
        self.rest = rest;
        digits.parse().map(Expr::Number).map_err(|_| ExprError::LiteralTooLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<String> {
        parse_expr(text).unwrap().value().map(|value| value.to_string())
    }

    #[test]
    fn products_bind_tighter_and_both_group_from_the_left() {
        assert_eq!(value("2+3*4-6/3").as_deref(), Some("12"));
        assert_eq!(value("10-3-2").as_deref(), Some("5"));
        assert_eq!(value("100/10/4").as_deref(), Some("5/2"));
        assert_eq!(value("100/(10/4)").as_deref(), Some("40"));
        assert_eq!(value("2×3÷4−1").as_deref(), Some("1/2"));
        assert_eq!(value("1/(2-2)"), None);
        assert_eq!(value("0/7").as_deref(), Some("0"));
    }

    #[test]
    fn what_does_not_parse_says_why() {
        for (text, error) in [
            ("", ExprError::End { expected: "an integer or (" }),
            ("1+", ExprError::End { expected: "an integer or (" }),
            ("(1", ExprError::End { expected: "an operator or )" }),
            ("1)", ExprError::Unexpected { expected: "an operator or the end", got: ')' }),
            ("1 2", ExprError::Unexpected { expected: "an operator or the end", got: '2' }),
            ("-1", ExprError::Unexpected { expected: "an integer or (", got: '-' }),
            ("1.5", ExprError::Unexpected { expected: "an operator or the end", got: '.' }),
            ("()", ExprError::Unexpected { expected: "an integer or (", got: ')' }),
            ("01", ExprError::LeadingZero),
            ("18446744073709551616", ExprError::LiteralTooLarge),
        ] {
            assert_eq!(parse_expr(text), Err(error), "{text}");
        }
        assert_eq!(parse_expr("18446744073709551615"), Ok(Expr::Number(u64::MAX)));
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let nested = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
        assert!(parse_expr(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(parse_expr(&nested(MAX_DEPTH + 1)), Err(ExprError::TooDeep));
        let sum = |n: usize| vec!["1"; n].join("+");
        assert!(parse_expr(&sum(MAX_LITERALS)).is_ok());
        assert_eq!(parse_expr(&sum(MAX_LITERALS + 1)), Err(ExprError::TooManyLiterals));
    }
}
