//! Re-spelling keeps equality, a changed number breaks it, and nothing panics.

use num_traits::One;
use proptest::prelude::*;
use proptest::strategy::Union;

use super::*;
use crate::math::expr::Constant;

fn int(n: i64) -> Expr {
    Expr::Integer(n.into())
}

fn neg(a: Expr) -> Expr {
    Expr::Negative(Box::new(a))
}

fn sum(a: Expr, b: Expr) -> Expr {
    Expr::Sum(vec![a, b])
}

fn product(a: Expr, b: Expr) -> Expr {
    Expr::Product(vec![a, b])
}

fn over(a: Expr, b: Expr) -> Expr {
    Expr::Quotient(Box::new(a), Box::new(b))
}

fn power(a: Expr, b: Expr) -> Expr {
    Expr::Power(Box::new(a), Box::new(b))
}

fn call(function: Function, a: Expr) -> Expr {
    Expr::Call(function, vec![a])
}

fn sqrt(a: Expr) -> Expr {
    Expr::Call(Function::Root, vec![a, int(2)])
}

/// A value above zero, whatever `a` is.
fn positive(a: &Expr) -> Expr {
    sum(power(a.clone(), int(2)), int(1))
}

/// Expressions that are defined and real everywhere.
fn everywhere(symbols: bool) -> impl Strategy<Value = Expr> {
    let mut leaves = vec![
        (1i64..20).prop_map(int).boxed(),
        (1i64..200).prop_map(|n| over(int(n), int(16))).boxed(),
        (2i64..40).prop_map(|n| sqrt(int(n))).boxed(),
        Just(Expr::Constant(Constant::Pi)).boxed(),
        Just(Expr::Constant(Constant::E)).boxed(),
    ];
    if symbols {
        let name = prop::sample::select(vec!["x", "y", "z"]);
        leaves.push(name.prop_map(|name| Expr::Symbol(name.into())).boxed());
    }
    Union::new(leaves).prop_recursive(4, 24, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(a, b)| sum(a, b)),
            pair.clone().prop_map(|(a, b)| sum(a, neg(b))),
            pair.clone().prop_map(|(a, b)| product(a, b)),
            pair.prop_map(|(a, b)| over(a, positive(&b))),
            (inner.clone(), 1i64..4).prop_map(|(a, n)| power(a, int(n))),
            inner.clone().prop_map(|a| sqrt(positive(&a))),
            inner.clone().prop_map(|a| call(Function::Sin, a)),
            inner.clone().prop_map(|a| call(Function::Cos, a)),
            inner.clone().prop_map(|a| call(Function::Arctan, a)),
            inner.clone().prop_map(|a| call(Function::Ln, positive(&a))),
            inner.clone().prop_map(|a| call(Function::Exp, call(Function::Sin, a))),
            inner.clone().prop_map(|a| call(Function::Abs, a)),
            inner.prop_map(|a| call(Function::Named("f".into()), a)),
        ]
    })
}

/// The same value in other words; `choice` says which, anew at every node.
fn respell(e: &Expr, choice: &mut impl FnMut(usize) -> usize) -> Expr {
    let e = match e {
        Expr::Negative(a) => neg(respell(a, choice)),
        Expr::Sum(all) => Expr::Sum(all.iter().map(|e| respell(e, choice)).collect()),
        Expr::Product(all) => Expr::Product(all.iter().map(|e| respell(e, choice)).collect()),
        Expr::Quotient(a, b) => over(respell(a, choice), respell(b, choice)),
        Expr::Power(a, n) => power(respell(a, choice), (**n).clone()),
        Expr::Call(Function::Root, all) => sqrt(respell(&all[0], choice)),
        Expr::Call(function, all) => call(function.clone(), respell(&all[0], choice)),
        _ => e.clone(),
    };
    match (e, choice(4)) {
        (Expr::Sum(all), 0) => Expr::Sum(all.into_iter().rev().collect()),
        (Expr::Sum(all), 1) => neg(Expr::Sum(all.into_iter().map(neg).collect())),
        (Expr::Sum(all), 2) => {
            let parts = all.into_iter().map(|e| over(product(int(3), e), int(3)));
            parts.reduce(sum).unwrap_or_else(|| int(0))
        }
        (Expr::Product(all), 0) => Expr::Product(all.into_iter().rev().collect()),
        (Expr::Product(all), 1) => all.into_iter().reduce(product).unwrap_or_else(|| int(1)),
        (Expr::Product(all), 2) => distribute(all),
        (Expr::Quotient(a, b), 0) => over(product(int(6), *a), product(*b, int(6))),
        (Expr::Quotient(a, b), 1) => product(*a, power(*b, int(-1))),
        (Expr::Quotient(a, b), 2) => over(neg(*a), neg(*b)),
        (Expr::Power(a, n), 0) if *n == int(2) => product((*a).clone(), *a),
        (Expr::Power(a, n), 1) if *n == int(3) => product(power((*a).clone(), int(2)), *a),
        (Expr::Call(Function::Root, mut all), 0) => power(all.remove(0), over(int(1), int(2))),
        (Expr::Call(Function::Root, mut all), 1) => {
            over(sqrt(product(int(12), all.remove(0))), product(int(2), sqrt(int(3))))
        }
        (Expr::Call(function, mut all), pick) => respell_call(function, all.remove(0), pick),
        (Expr::Integer(n), 0) => Expr::Sum(vec![Expr::Integer(n + 5), int(-5)]),
        (Expr::Integer(n), 1) => over(Expr::Integer(n * 7), int(7)),
        (e, _) => e,
    }
}

/// `a (b + c)` as `a b + a c`.
fn distribute(mut factors: Vec<Expr>) -> Expr {
    let Some(at) = factors.iter().position(|e| matches!(e, Expr::Sum(_))) else {
        return Expr::Product(factors);
    };
    let Expr::Sum(terms) = factors.remove(at) else { return int(0) };
    let product = |term: Expr| {
        let mut all = factors.clone();
        all.insert(0, term);
        Expr::Product(all)
    };
    Expr::Sum(terms.into_iter().map(product).collect())
}

fn respell_call(function: Function, a: Expr, pick: usize) -> Expr {
    let half = |a: &Expr| over(a.clone(), int(2));
    let quarter = |a: Expr| sum(over(Expr::Constant(Constant::Pi), int(2)), neg(a));
    match (function, pick) {
        (Function::Root, _) => sqrt(a),
        (Function::Sin, 0) => call(Function::Cos, quarter(a)),
        (Function::Sin, 1) => {
            let (sin, cos) = (call(Function::Sin, half(&a)), call(Function::Cos, half(&a)));
            Expr::Product(vec![int(2), sin, cos])
        }
        (Function::Cos, 0) => call(Function::Sin, quarter(a)),
        (Function::Cos, 1) => {
            let sin = call(Function::Sin, half(&a));
            sum(int(1), neg(product(int(2), power(sin, int(2)))))
        }
        (Function::Arctan, 0) => neg(call(Function::Arctan, neg(a))),
        (Function::Ln, 0) => neg(call(Function::Ln, over(int(1), a))),
        (Function::Ln, 1) => sum(call(Function::Ln, product(int(2), a)), neg(ln_of_two())),
        (Function::Exp, 0) => power(Expr::Constant(Constant::E), a),
        (Function::Exp, 1) => power(call(Function::Exp, half(&a)), int(2)),
        (Function::Abs, 0) => sqrt(power(a, int(2))),
        (Function::Abs, 1) => call(Function::Abs, neg(a)),
        (function, _) => call(function, a),
    }
}

fn ln_of_two() -> Expr {
    call(Function::Ln, int(2))
}

/// Choices from a list that starts anew at its end.
fn chooser(choices: Vec<usize>) -> impl FnMut(usize) -> usize {
    let mut rest = choices.into_iter().cycle();
    move |n| rest.next().unwrap_or(0) % n
}

fn verdict(a: &Expr, b: &Expr) -> Result<bool, TooLarge> {
    equal(a, b, &mut Budget::new(&Limits::default()))
}

/// Any tree at all, most of them nonsense.
pub(super) fn anything() -> impl Strategy<Value = Expr> {
    use Function as F;
    let functions = vec![
        F::Abs,
        F::Floor,
        F::Ceil,
        F::Factorial,
        F::Binomial,
        F::Gcd,
        F::Lcm,
        F::Min,
        F::Max,
        F::Mod,
        F::Exp,
        F::Ln,
        F::Log,
        F::Sin,
        F::Tan,
        F::Csc,
        F::Arcsin,
        F::Arccos,
        F::Arccot,
        F::Arcsec,
        F::Sinh,
        F::Tanh,
        F::Arcosh,
        F::Artanh,
        F::Re,
        F::Im,
        F::Conjugate,
        F::Root,
        F::Named("f".into()),
    ];
    let constants =
        vec![Constant::Pi, Constant::E, Constant::I, Constant::Infinity, Constant::Degree];
    let leaf = prop_oneof![
        (-3i64..60).prop_map(int),
        any::<i64>().prop_map(int),
        (0u32..400).prop_map(|n| Expr::Integer(BigInt::one() << n)),
        (-999i64..999).prop_map(|n| over(int(n), int(100))),
        prop::sample::select(constants).prop_map(Expr::Constant),
        prop::sample::select(vec!["x", "n"]).prop_map(|name| Expr::Symbol(name.into())),
        Just(Expr::PlusMinus),
    ];
    leaf.prop_recursive(6, 40, 3, move |inner| {
        let several = prop::collection::vec(inner.clone(), 0..4);
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            several.clone().prop_map(Expr::Sum),
            several.clone().prop_map(Expr::Product),
            inner.clone().prop_map(neg),
            (prop::sample::select(vec!["sum", "product"]), inner.clone(), -2i64..3, inner)
                .prop_map(|(name, body, from, to)| {
                    let all = vec![body, Expr::Symbol("n".into()), int(from), to];
                    Expr::Call(Function::Named(name.into()), all)
                }),
            pair.clone().prop_map(|(a, b)| over(a, b)),
            pair.prop_map(|(a, b)| power(a, b)),
            (prop::sample::select(functions.clone()), several)
                .prop_map(|(function, all)| Expr::Call(function, all)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_respelled_constant_keeps_its_value(
        e in everywhere(false),
        choices in prop::collection::vec(0usize..12, 1..40),
    ) {
        let other = respell(&e, &mut chooser(choices));
        prop_assert_eq!(verdict(&e, &other), Ok(true));
        prop_assert_eq!(verdict(&other, &e), Ok(true));
    }

    #[test]
    fn a_respelled_function_keeps_its_value(
        e in everywhere(true),
        choices in prop::collection::vec(0usize..12, 1..40),
    ) {
        let other = respell(&e, &mut chooser(choices));
        prop_assert_eq!(verdict(&e, &other), Ok(true));
    }

    #[test]
    fn another_term_changes_the_value(
        e in everywhere(true),
        choices in prop::collection::vec(0usize..12, 1..40),
        (n, digits) in (1i64..10, 0u32..15),
    ) {
        // Added to a function of some size, so that what is added is seen beside it.
        let other = respell(&e, &mut chooser(choices));
        let more = over(int(n), Expr::Integer(BigInt::from(10).pow(digits)));
        prop_assert_eq!(verdict(&e, &sum(other, more)), Ok(false));
    }

    #[test]
    fn a_changed_digit_of_a_long_number_is_seen(
        digits in prop::collection::vec(0u8..10, 1..60),
        at in any::<prop::sample::Index>(),
        point in any::<prop::sample::Index>(),
        change in 1u8..10,
    ) {
        let mut other = digits.clone();
        let at = at.index(digits.len());
        other[at] = (other[at] + change) % 10;
        let text = |digits: &[u8], point: Option<usize>| {
            let mut text: String = digits.iter().map(|d| char::from(b'0' + d)).collect();
            if let Some(point) = point {
                text.insert(point, '.');
            }
            text
        };
        let point = point.index(digits.len());
        for point in [None, Some(point)] {
            let (a, b) = (text(&digits, point), text(&other, point));
            let (a, b) = (reader::number(&a), reader::number(&b));
            prop_assert_eq!(verdict(&a, &b), Ok(false));
            let surd = |e: &Expr| product(e.clone(), sqrt(int(2)));
            prop_assert_eq!(verdict(&surd(&a), &surd(&b)), Ok(false));
            let line = |e: &Expr| sum(e.clone(), Expr::Symbol("x".into()));
            prop_assert_eq!(verdict(&line(&a), &line(&b)), Ok(false));
        }
    }

    #[test]
    fn a_common_factor_changes_no_fraction(
        (n, d, k) in (any::<i64>(), 1i64.., 1i64..),
    ) {
        let fraction = |n: BigInt, d: BigInt| over(Expr::Integer(n), Expr::Integer(d));
        let (n, d, k) = (BigInt::from(n), BigInt::from(d), BigInt::from(k));
        let a = fraction(n.clone(), d.clone());
        prop_assert_eq!(verdict(&a, &fraction(&n * &k, &d * &k)), Ok(true));
        prop_assert_eq!(verdict(&a, &fraction(-&n * &k, -&d * &k)), Ok(true));
        prop_assert_eq!(verdict(&a, &fraction(&n * &k + 1i32, &d * &k)), Ok(false));
    }

    #[test]
    fn a_rationalised_denominator_keeps_the_value((a, b) in (2i64..1000, 2i64..1000)) {
        prop_assume!(a != b);
        let (ra, rb) = (sqrt(int(a)), sqrt(int(b)));
        let left = over(int(1), sum(ra.clone(), rb.clone()));
        let right = over(sum(ra.clone(), neg(rb.clone())), int(a - b));
        prop_assert_eq!(verdict(&left, &right), Ok(true));
        let wrong = over(sum(ra, neg(rb)), int(a - b + 1));
        prop_assert_eq!(verdict(&left, &wrong), Ok(false));
    }

    #[test]
    fn a_nested_surd_is_its_sum((a, b) in (1i64..500, 1i64..500)) {
        // sqrt(a + b + 2 sqrt(a b)) = sqrt(a) + sqrt(b)
        let nested = sqrt(sum(int(a + b), product(int(2), sqrt(int(a * b)))));
        let flat = sum(sqrt(int(a)), sqrt(int(b)));
        prop_assert_eq!(verdict(&nested, &flat), Ok(true));
        prop_assert_eq!(verdict(&nested, &sum(sqrt(int(a)), sqrt(int(b + 1)))), Ok(false));
    }

    #[test]
    fn no_tree_panics_and_the_sides_may_be_swapped(a in anything(), b in anything()) {
        let (forth, back) = (verdict(&a, &b), verdict(&b, &a));
        if let (Ok(forth), Ok(back)) = (forth, back) {
            prop_assert_eq!(forth, back);
        }
        prop_assert_eq!(verdict(&a, &a.clone()), Ok(true));
        let limits = Limits::default();
        let forth = order(&a, &b, &mut Budget::new(&limits));
        let back = order(&b, &a, &mut Budget::new(&limits));
        if let (Ok(Some(forth)), Ok(Some(back))) = (forth, back) {
            prop_assert_eq!(forth, back.reverse());
        }
        let _ = proportional(&a, &b, &mut Budget::new(&limits));
    }
}
