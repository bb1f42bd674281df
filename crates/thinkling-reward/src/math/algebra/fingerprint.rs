//! Identity of rational functions by their value modulo a large prime.
//!
//! Two rational functions with rational coefficients are the same function exactly where they
//! agree at a random point of a large prime field, but for a chance of about their degree over
//! 2^61 (Schwartz and Zippel). No expansion is needed, so neither degree nor the number of terms
//! counts: `(x+y+z)^100` costs as much as `x+y`. Free symbols, pi and e stand for themselves;
//! the imaginary unit and square roots of integers are roots in the field ([`surd`]).
//!
//! Every other function is a symbol of its own, named by the function and the residues of its
//! arguments. So `f(x+y)` is `f(y+x)`, and what is equal here is equal; but two functions that
//! differ here may be equal by an identity that no field knows (`sin^2 + cos^2 = 1`), and then
//! [`Fingerprint::opaque`] is set.

mod surd;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use super::Fault;
use super::binder;
use super::exact;
use super::fraction::Fraction;
use super::seed::Seed;
use crate::math::expr::{Constant, Expr, Function};
use crate::math::limits::Budget;

/// A prime of 62 bits, see [`surd`].
const PRIME: u64 = 3_961_499_498_255_093_089;

/// A residue as a quotient of two.
#[derive(Clone, Copy, Debug)]
struct Residue {
    over: u64,
    under: u64,
}

/// What one side leaves.
pub(super) struct Fingerprint {
    residue: Residue,
    /// Whether a function with rules beyond those of a field occurs.
    pub(super) opaque: bool,
}

impl Fingerprint {
    /// The fingerprint of `e`; faults as in [`exact::value`], `Undefined` also by bad luck.
    pub(super) fn of(e: &Expr, budget: &mut Budget<'_>) -> Result<Self, Fault> {
        let mut field = Field { budget, opaque: false };
        let residue = field.value(e)?;
        let opaque = field.opaque;
        Ok(Self { residue, opaque })
    }

    pub(super) fn agrees(&self, other: &Self) -> bool {
        let (a, b) = (self.residue, other.residue);
        times(a.over, b.under) == times(b.over, a.under)
    }
}

fn plus(a: u64, b: u64) -> u64 {
    // Both are below 2^62.
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b) % u128::from(PRIME);
    product.to_u64().unwrap_or(0)
}

fn negate(a: u64) -> u64 {
    if a == 0 { 0 } else { PRIME - a }
}

fn raise(mut base: u64, mut exponent: u64) -> u64 {
    let mut power = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = times(power, base);
        }
        base = times(base, base);
        exponent >>= 1;
    }
    power
}

fn reduce(n: &BigInt) -> u64 {
    let residue = match n.to_i64() {
        Some(small) => i128::from(small) % i128::from(PRIME),
        None => (n % PRIME).to_i128().unwrap_or(0),
    };
    let residue = if residue < 0 { residue + i128::from(PRIME) } else { residue };
    residue.to_u64().unwrap_or(0)
}

impl Residue {
    fn whole(over: u64) -> Self {
        Self { over, under: 1 }
    }

    fn add(self, other: Self) -> Self {
        if self.under == other.under {
            return Self { over: plus(self.over, other.over), under: self.under };
        }
        let (left, right) = (times(self.over, other.under), times(other.over, self.under));
        Self { over: plus(left, right), under: times(self.under, other.under) }
    }

    fn multiply(self, other: Self) -> Self {
        let under = if self.under == 1 { other.under } else { times(self.under, other.under) };
        Self { over: times(self.over, other.over), under }
    }

    fn invert(self) -> Result<Self, Fault> {
        if self.over == 0 {
            return Err(Fault::Undefined);
        }
        Ok(Self { over: self.under, under: self.over })
    }

    /// The one residue that it is.
    fn settle(self) -> u64 {
        if self.under == 1 { self.over } else { times(self.over, raise(self.under, PRIME - 2)) }
    }
}

struct Field<'a, 'b> {
    budget: &'a mut Budget<'b>,
    opaque: bool,
}

impl Field<'_, '_> {
    fn value(&mut self, e: &Expr) -> Result<Residue, Fault> {
        Ok(match e {
            Expr::Integer(n) | Expr::Based { value: n, .. } => Residue::whole(reduce(n)),
            Expr::Decimal(d) => {
                Residue { over: reduce(d.value.numer()), under: reduce(d.value.denom()) }
            }
            Expr::Constant(constant) => constant_residue(*constant)?,
            Expr::Symbol(name) => symbol(Seed::new("symbol").text(name)),
            Expr::PlusMinus => symbol(Seed::new("sign")),
            Expr::Negative(a) => {
                let a = self.value(a)?;
                Residue { over: negate(a.over), under: a.under }
            }
            Expr::Sum(terms) => {
                let mut total = Residue::whole(0);
                for term in terms {
                    total = total.add(self.value(term)?);
                }
                total
            }
            Expr::Product(factors) => {
                let mut total = Residue::whole(1);
                for factor in factors {
                    total = total.multiply(self.value(factor)?);
                }
                total
            }
            Expr::Quotient(a, b) => self.value(a)?.multiply(self.value(b)?.invert()?),
            Expr::Power(base, exponent) => return self.power(base, exponent),
            Expr::Call(function, arguments) => return self.call(function, arguments),
        })
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) -> Result<Residue, Fault> {
        match exact::value(exponent, self.budget) {
            Ok(exponent) => {
                if let Some(n) = exponent.to_integer() {
                    return self.integral_power(base, &n);
                }
                if let Some(power) = self.surd_power(base, exponent)? {
                    return Ok(power);
                }
            }
            Err(Fault::Unknown) => {}
            Err(fault) => return Err(fault),
        }
        if *base == Expr::Constant(Constant::E) {
            return self.call(&Function::Exp, std::slice::from_ref(exponent));
        }
        let base = self.value(base)?.settle();
        let exponent = self.value(exponent)?.settle();
        self.opaque = true;
        Ok(symbol(Seed::new("power").number(base).number(exponent)))
    }

    /// A rational to the half of an integer.
    fn surd_power(&mut self, base: &Expr, exponent: Fraction) -> Result<Option<Residue>, Fault> {
        let twice = exponent.clone().add(exponent, self.budget)?;
        let (Some(n), Ok(base)) = (twice.to_i64(), exact::value(base, self.budget)) else {
            return Ok(None);
        };
        let Some(root) = surd::square_root(&base) else { return Ok(None) };
        let root = if n < 0 { root.invert()? } else { root };
        let n = n.unsigned_abs();
        Ok(Some(Residue { over: raise(root.over, n), under: raise(root.under, n) }))
    }

    fn integral_power(&mut self, base: &Expr, n: &BigInt) -> Result<Residue, Fault> {
        self.budget.spend(1)?;
        let base = self.value(base)?;
        let base = if n.is_negative() { base.invert()? } else { base };
        if base.over == 0 && n.bits() == 0 {
            return Err(Fault::Undefined);
        }
        // By Fermat's little theorem; zero to a multiple of the order is still zero.
        let size = n.magnitude();
        let exponent = size.to_u64().or_else(|| (size % (PRIME - 1)).to_u64()).unwrap_or(0);
        let over = if base.over == 0 { 0 } else { raise(base.over, exponent) };
        Ok(Residue { over, under: raise(base.under, exponent) })
    }

    fn call(&mut self, function: &Function, arguments: &[Expr]) -> Result<Residue, Fault> {
        self.budget.spend(8)?;
        let mut seed = Seed::new("call").debug(function);
        match function {
            Function::Named(_) => self.opaque |= binder::series(function, arguments).is_some(),
            Function::Root if let [a, n] = arguments => {
                return self.root(a, n);
            }
            _ => self.opaque = true,
        }
        for argument in arguments {
            seed = seed.number(self.value(argument)?.settle());
        }
        Ok(symbol(seed))
    }

    /// A root is the power that it is, so that `\sqrt{x}` is `x^{1/2}`.
    fn root(&mut self, a: &Expr, n: &Expr) -> Result<Residue, Fault> {
        if matches!(n, Expr::Integer(n) if *n == BigInt::from(2))
            && let Ok(a) = exact::value(a, self.budget)
            && let Some(root) = surd::square_root(&a)
        {
            return Ok(root);
        }
        let base = self.value(a)?.settle();
        let exponent = self.value(n)?.invert()?.settle();
        self.opaque = true;
        Ok(symbol(Seed::new("power").number(base).number(exponent)))
    }
}

fn constant_residue(constant: Constant) -> Result<Residue, Fault> {
    let pi = symbol(Seed::new("pi"));
    Ok(match constant {
        Constant::Pi => pi,
        Constant::E => symbol(Seed::new("e")),
        Constant::I => Residue::whole(surd::IMAGINARY),
        Constant::Degree => Residue { over: pi.over, under: 180 },
        Constant::Infinity => return Err(Fault::Unknown),
    })
}

fn symbol(seed: Seed) -> Residue {
    Residue::whole(seed.finish() % PRIME)
}
