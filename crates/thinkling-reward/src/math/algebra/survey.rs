//! One walk over a tree before any arithmetic: how deep it is, what it holds.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::binder;
use crate::math::expr::{Constant, Expr, Function};
use crate::math::limits::{Budget, TooLarge};

/// Levels of a tree. The recursions of this module take some kilobytes of stack a level.
const MAX_LEVELS: u32 = 128;

/// Bits at which the size of a literal stops counting.
const MAX_LITERAL_BITS: u64 = 1 << 20;

/// What a tree holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    /// Nodes.
    pub(super) nodes: u32,
    /// Free symbols, each time they occur.
    pub(super) symbols: u32,
    /// Calls without a rule.
    pub(super) named: u32,
    /// Whether `\pm` occurs.
    pub(super) plus_minus: bool,
    /// Whether infinity occurs.
    pub(super) infinity: bool,
    /// Whether the imaginary unit occurs.
    pub(super) imaginary: bool,
    /// Whether a function of the parts of a complex number occurs: `Re`, `Im`, the conjugate.
    pub(super) parts: bool,
    /// Whether a logarithm without a base occurs.
    pub(super) bare_log: bool,
    /// Whether variables are bound, and not yet by names of their own.
    pub(super) binders: bool,
    /// Whether a function of integers is applied to free symbols.
    pub(super) discrete: bool,
    /// Bits of the longest literal, and of a power of literals.
    pub(super) literal_bits: u64,
}

impl Survey {
    /// Walks over `e`.
    ///
    /// # Errors
    /// Where it is too deep or has more nodes than the budget has steps.
    pub(super) fn of(e: &Expr, budget: &mut Budget<'_>) -> Result<Self, TooLarge> {
        let mut survey = Self::default();
        survey.visit(e, 0)?;
        budget.spend(survey.nodes / 8)?;
        Ok(survey)
    }

    /// What two trees hold together.
    pub(super) fn join(mut self, other: &Self) -> Self {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.symbols = self.symbols.saturating_add(other.symbols);
        self.named = self.named.saturating_add(other.named);
        self.plus_minus |= other.plus_minus;
        self.infinity |= other.infinity;
        self.imaginary |= other.imaginary;
        self.parts |= other.parts;
        self.bare_log |= other.bare_log;
        self.binders |= other.binders;
        self.discrete |= other.discrete;
        self.literal_bits = self.literal_bits.max(other.literal_bits);
        self
    }

    /// Whether it has one value: no free symbols, no calls without a rule.
    pub(super) fn constant(&self) -> bool {
        self.symbols == 0 && self.named == 0
    }

    fn visit(&mut self, e: &Expr, level: u32) -> Result<(), TooLarge> {
        if level > MAX_LEVELS {
            return Err(TooLarge);
        }
        self.nodes = self.nodes.saturating_add(1);
        match e {
            Expr::Integer(n) | Expr::Based { value: n, .. } => self.literal(n.bits()),
            Expr::Decimal(d) => self.literal(d.value.numer().bits().max(d.value.denom().bits())),
            Expr::Constant(Constant::I) => self.imaginary = true,
            Expr::Constant(Constant::Infinity) => self.infinity = true,
            Expr::Constant(_) => {}
            Expr::Symbol(name) if binder::is_bound(name) => {}
            Expr::Symbol(_) => self.symbols = self.symbols.saturating_add(1),
            Expr::PlusMinus => self.plus_minus = true,
            Expr::Negative(a) => self.visit(a, level + 1)?,
            Expr::Sum(all) | Expr::Product(all) => self.visit_all(all, level)?,
            Expr::Quotient(a, b) => {
                self.visit(a, level + 1)?;
                self.visit(b, level + 1)?;
            }
            Expr::Power(a, b) => {
                self.visit(a, level + 1)?;
                self.visit(b, level + 1)?;
                if let (Some(base), Some(exponent)) = (literal(a), literal(b)) {
                    let exponent = exponent.magnitude().to_u64().unwrap_or(u64::MAX);
                    self.literal(base.bits().saturating_mul(exponent));
                }
            }
            Expr::Call(function, arguments) => self.visit_call(function, arguments, level)?,
        }
        Ok(())
    }

    fn visit_all(&mut self, all: &[Expr], level: u32) -> Result<(), TooLarge> {
        all.iter().try_for_each(|e| self.visit(e, level + 1))
    }

    fn visit_call(
        &mut self,
        function: &Function,
        arguments: &[Expr],
        level: u32,
    ) -> Result<(), TooLarge> {
        self.binders |= binder::bound(function, arguments).is_some_and(|v| !binder::is_bound(v));
        if let Some(series) = binder::series(function, arguments) {
            self.visit(series.body, level + 1)?;
            let free = (self.symbols, self.named);
            self.visit(series.lower, level + 1)?;
            self.visit(series.upper, level + 1)?;
            self.discrete |= free != (self.symbols, self.named);
            return Ok(());
        }
        let free = (self.symbols, self.named);
        self.visit_all(arguments, level)?;
        let free = free != (self.symbols, self.named);
        match function {
            Function::Named(_) => self.named = self.named.saturating_add(1),
            Function::Re | Function::Im | Function::Conjugate => self.parts = true,
            Function::Log if arguments.len() == 1 => self.bare_log = true,
            Function::Factorial
            | Function::Binomial
            | Function::Gcd
            | Function::Lcm
            | Function::Mod => self.discrete |= free,
            _ => {}
        }
        Ok(())
    }

    fn literal(&mut self, bits: u64) {
        self.literal_bits = self.literal_bits.max(bits.min(MAX_LITERAL_BITS));
    }
}

/// An integer literal, also with a sign.
fn literal(e: &Expr) -> Option<&BigInt> {
    match e {
        Expr::Integer(n) => Some(n),
        Expr::Negative(a) => match &**a {
            Expr::Integer(n) => Some(n),
            _ => None,
        },
        _ => None,
    }
}

/// A copy of `e` with every node that `replace` knows put in place of the old one.
pub(super) fn rewrite(e: &Expr, replace: &dyn Fn(&Expr) -> Option<Expr>) -> Expr {
    if let Some(new) = replace(e) {
        return new;
    }
    let one = |e: &Expr| Box::new(rewrite(e, replace));
    let all = |list: &[Expr]| list.iter().map(|e| rewrite(e, replace)).collect();
    match e {
        Expr::Negative(a) => Expr::Negative(one(a)),
        Expr::Sum(terms) => Expr::Sum(all(terms)),
        Expr::Product(factors) => Expr::Product(all(factors)),
        Expr::Quotient(a, b) => Expr::Quotient(one(a), one(b)),
        Expr::Power(a, b) => Expr::Power(one(a), one(b)),
        Expr::Call(function, arguments) => Expr::Call(function.clone(), all(arguments)),
        _ => e.clone(),
    }
}
