//! A reader of plain formulas for the tests, so that a row of a table is a text.
//!
//! `+ - * / ^ !`, calls (`sqrt(x)`, `log(8, 2)`, `f(x)`), decimals, `pi`, `e`, `i`, `oo`, `deg`,
//! `pm`. Unknown names before a bracket are functions without a rule, others free symbols.

use num_bigint::BigInt;
use num_rational::BigRational;

use crate::math::expr::{Constant, Decimal, Expr, Function};

/// Reads a formula.
pub(super) fn read(text: &str) -> Expr {
    let tokens: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut reader = Reader { text: tokens, at: 0 };
    let e = reader.sum();
    assert_eq!(reader.at, reader.text.len(), "rest of {text:?}");
    e
}

struct Reader {
    text: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn run(&mut self, wanted: fn(char) -> bool) -> String {
        let from = self.at;
        while self.peek().is_some_and(wanted) {
            self.at += 1;
        }
        self.text[from..self.at].iter().collect()
    }

    fn sum(&mut self) -> Expr {
        let mut terms = vec![self.product()];
        loop {
            if self.take('+') {
                terms.push(self.product());
            } else if self.take('-') {
                terms.push(negative(self.product()));
            } else {
                break;
            }
        }
        if terms.len() == 1 { terms.remove(0) } else { Expr::Sum(terms) }
    }

    fn product(&mut self) -> Expr {
        let mut left = self.signed();
        loop {
            if self.take('*') {
                let right = self.signed();
                left = match left {
                    Expr::Product(mut factors) => {
                        factors.push(right);
                        Expr::Product(factors)
                    }
                    left => Expr::Product(vec![left, right]),
                };
            } else if self.take('/') {
                left = Expr::Quotient(Box::new(left), Box::new(self.signed()));
            } else {
                return left;
            }
        }
    }

    fn signed(&mut self) -> Expr {
        if self.take('-') { negative(self.signed()) } else { self.power() }
    }

    fn power(&mut self) -> Expr {
        let mut base = self.atom();
        while self.take('!') {
            base = Expr::Call(Function::Factorial, vec![base]);
        }
        if self.take('^') {
            let exponent = self.signed();
            return Expr::Power(Box::new(base), Box::new(exponent));
        }
        base
    }

    fn atom(&mut self) -> Expr {
        if self.take('(') {
            let inner = self.sum();
            assert!(self.take(')'), "a bracket at {}", self.at);
            return inner;
        }
        if self.take('|') {
            let inner = self.sum();
            assert!(self.take('|'), "a bar at {}", self.at);
            return Expr::Call(Function::Abs, vec![inner]);
        }
        if self.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
            return number(&self.run(|c| c.is_ascii_digit() || c == '.'));
        }
        let name = self.run(|c| c.is_alphanumeric() || c == '_');
        assert!(!name.is_empty(), "an atom at {} of {:?}", self.at, self.text);
        if !self.take('(') {
            return word(&name);
        }
        let mut arguments = vec![self.sum()];
        while self.take(',') {
            arguments.push(self.sum());
        }
        assert!(self.take(')'), "a bracket at {}", self.at);
        call(&name, arguments)
    }
}

fn negative(e: Expr) -> Expr {
    Expr::Negative(Box::new(e))
}

/// A number, a decimal where there is a point.
pub(super) fn number(text: &str) -> Expr {
    let Some((whole, fraction)) = text.split_once('.') else {
        return Expr::Integer(text.parse().expect("digits"));
    };
    let digits = format!("{whole}{fraction}");
    let value: BigInt = digits.parse().expect("digits");
    let places = u32::try_from(fraction.len()).expect("short");
    let significant = digits.trim_start_matches('0').len();
    Expr::Decimal(Decimal {
        value: BigRational::new(value, BigInt::from(10).pow(places)),
        significant: u32::try_from(significant).expect("short"),
        places: places.into(),
        repeating: false,
    })
}

fn word(name: &str) -> Expr {
    match name {
        "pi" => Expr::Constant(Constant::Pi),
        "e" => Expr::Constant(Constant::E),
        "i" => Expr::Constant(Constant::I),
        "oo" => Expr::Constant(Constant::Infinity),
        "deg" => Expr::Constant(Constant::Degree),
        "pm" => Expr::PlusMinus,
        _ => Expr::Symbol(name.to_owned()),
    }
}

fn call(name: &str, mut arguments: Vec<Expr>) -> Expr {
    use Function as F;
    let function = match name {
        "sqrt" => {
            arguments.push(Expr::Integer(2.into()));
            F::Root
        }
        "root" => F::Root,
        "abs" => F::Abs,
        "floor" => F::Floor,
        "ceil" => F::Ceil,
        "binom" => F::Binomial,
        "gcd" => F::Gcd,
        "lcm" => F::Lcm,
        "min" => F::Min,
        "max" => F::Max,
        "mod" => F::Mod,
        "exp" => F::Exp,
        "ln" => F::Ln,
        "log" => F::Log,
        "sin" => F::Sin,
        "cos" => F::Cos,
        "tan" => F::Tan,
        "cot" => F::Cot,
        "sec" => F::Sec,
        "csc" => F::Csc,
        "arcsin" => F::Arcsin,
        "arccos" => F::Arccos,
        "arctan" => F::Arctan,
        "arccot" => F::Arccot,
        "arcsec" => F::Arcsec,
        "arccsc" => F::Arccsc,
        "sinh" => F::Sinh,
        "cosh" => F::Cosh,
        "tanh" => F::Tanh,
        "arsinh" => F::Arsinh,
        "arcosh" => F::Arcosh,
        "artanh" => F::Artanh,
        "re" => F::Re,
        "im" => F::Im,
        "conj" => F::Conjugate,
        _ => F::Named(name.to_owned()),
    };
    Expr::Call(function, arguments)
}
