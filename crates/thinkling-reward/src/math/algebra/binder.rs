//! Sums, products, integrals and limits: calls without a rule whose first argument has a
//! variable of its own.
//!
//! The parser writes `\sum_{k=1}^n a_k` as a call of `sum` with the arguments `a_k, k, 1, n`,
//! products likewise, `\int_a^b` as `integral` with four arguments, and limits as `limit`,
//! `limit+` and `limit-` with three. An integral without bounds keeps its variable free.

use crate::math::expr::{Expr, Function};

use super::survey::rewrite;

/// What the name of a bound variable begins with after [`rename`]: no parser writes it.
const MARK: char = '\u{1}';

/// A sum or a product.
pub(super) struct Series<'a> {
    pub(super) body: &'a Expr,
    pub(super) variable: &'a str,
    pub(super) lower: &'a Expr,
    pub(super) upper: &'a Expr,
    /// Whether the terms are multiplied.
    pub(super) product: bool,
}

/// The parts of a sum or a product.
pub(super) fn series<'a>(function: &Function, arguments: &'a [Expr]) -> Option<Series<'a>> {
    let Function::Named(name) = function else { return None };
    let product = match name.as_str() {
        "sum" => false,
        "product" => true,
        _ => return None,
    };
    match arguments {
        [body, Expr::Symbol(variable), lower, upper] => {
            Some(Series { body, variable, lower, upper, product })
        }
        _ => None,
    }
}

/// The variable that a call binds.
pub(super) fn bound<'a>(function: &Function, arguments: &'a [Expr]) -> Option<&'a str> {
    let Function::Named(name) = function else { return None };
    match (name.as_str(), arguments) {
        ("sum" | "product" | "integral", [_, Expr::Symbol(variable), _, _])
        | ("limit" | "limit+" | "limit-", [_, Expr::Symbol(variable), _]) => Some(variable),
        _ => None,
    }
}

/// Whether a name is one that [`rename`] gave.
pub(super) fn is_bound(name: &str) -> bool {
    name.starts_with(MARK)
}

/// Gives the bound variables names by their depth, so that `\sum_k a_k` is `\sum_j a_j`.
pub(super) fn rename(e: &Expr) -> Expr {
    rename_at(e, 0)
}

fn rename_at(e: &Expr, depth: u32) -> Expr {
    rewrite(e, &|e| {
        let Expr::Call(function, arguments) = e else { return None };
        let old = bound(function, arguments).filter(|name| !is_bound(name))?;
        let new = Expr::Symbol(format!("{MARK}{depth}"));
        let renamed = |e: &Expr| {
            rewrite(e, &|e| match e {
                Expr::Symbol(name) if name == old => Some(new.clone()),
                _ => None,
            })
        };
        let mut parts = arguments.iter();
        let body = rename_at(&renamed(parts.next()?), depth + 1);
        let mut all = vec![body, new.clone()];
        all.extend(parts.skip(1).map(|e| rename_at(e, depth)));
        Some(Expr::Call(function.clone(), all))
    })
}
