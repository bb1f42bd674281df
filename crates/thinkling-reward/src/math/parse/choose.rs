//! Numbers of choices: `{}_5C_2`, `^5C_2`, `{}_5P_2`, `C_5^2`.

use super::super::expr::{Expr, Function};
use super::expressions::quotient;
use super::token::{Delimiter, Kind};
use super::{Node, Parse, Parser, malformed};

impl Parser<'_, '_, '_> {
    /// Whether empty braces stand here with an index behind them: `{}_5`.
    pub(super) fn chosen_ahead(&self) -> bool {
        self.kind() == Kind::Open(Delimiter::Group)
            && self.ahead(1) == Kind::Close(Delimiter::Group)
            && matches!(self.ahead(2), Kind::Underscore | Kind::Caret)
    }

    /// `_5C_2`, from the first mark on.
    #[inline(never)]
    pub(super) fn chosen(&mut self) -> Parse<Node> {
        self.advance();
        let from = *self.argument()?;
        let letter = self.source(self.token());
        if !matches!(letter, "C" | "P") || self.ahead(1) != Kind::Underscore {
            return malformed("operand missing");
        }
        self.at += 2;
        let chosen = *self.argument()?;
        Ok(Node::value(if letter == "C" {
            Expr::Call(Function::Binomial, vec![from, chosen])
        } else {
            let rest = Expr::Sum(vec![from.clone(), Expr::Negative(Box::new(chosen))]);
            let factorial = |value| Expr::Call(Function::Factorial, vec![value]);
            quotient(factorial(from), factorial(rest))
        }))
    }
}

/// `n!!`: of a literal by factorials, `(2k)!! = 2^k k!` and `(2k-1)!! = (2k)! / (2k)!!`.
pub(super) fn double_factorial(value: Expr) -> Expr {
    const LARGEST: u32 = 1_000_000;
    let literal = match &value {
        Expr::Integer(n) => u32::try_from(n).ok().filter(|n| *n <= LARGEST),
        _ => None,
    };
    let Some(n) = literal else {
        return Expr::Call(Function::Named("double factorial".to_owned()), vec![value]);
    };
    let factorial = |n: u32| Expr::Call(Function::Factorial, vec![Expr::Integer(n.into())]);
    let k = n.div_ceil(2);
    let two = Expr::Integer(2.into());
    let power = Expr::Power(Box::new(two), Box::new(Expr::Integer(k.into())));
    let even = Expr::Product(vec![power, factorial(k)]);
    if n.is_multiple_of(2) { even } else { quotient(factorial(2 * k), even) }
}

/// The number of choices that a power of `C` with an index is: `C_5^2`, of 5 things 2.
pub(super) fn choices(base: &Expr, exponent: &Expr) -> Option<Expr> {
    let (Expr::Symbol(name), Expr::Integer(chosen)) = (base, exponent) else { return None };
    let from = name.strip_prefix("C_").filter(|digits| digits.len() < 9)?;
    let from: u32 = from.parse().ok()?;
    let chosen = u32::try_from(chosen).ok().filter(|chosen| *chosen <= from)?;
    let arguments = [from, chosen].map(|value| Expr::Integer(value.into()));
    Some(Expr::Call(Function::Binomial, arguments.to_vec()))
}
