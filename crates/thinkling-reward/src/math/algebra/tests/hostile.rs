//! What is too large, too deep or too long is answered, or refused, within the budget.

use super::*;

#[test]
fn deep_trees_neither_overflow_the_stack_nor_hang() {
    let one = || Expr::Integer(1.into());
    type Wrap = fn(Expr) -> Expr;
    let wrap: [(&str, Wrap); 8] = [
        ("negative", |e| Expr::Negative(Box::new(e))),
        ("sum", |e| Expr::Sum(vec![Expr::Symbol("x".into()), e])),
        ("product", |e| Expr::Product(vec![Expr::Integer(2.into()), e])),
        ("over", |e| Expr::Quotient(Box::new(e), Box::new(Expr::Integer(3.into())))),
        ("under", |e| Expr::Quotient(Box::new(Expr::Integer(3.into())), Box::new(e))),
        ("base", |e| Expr::Power(Box::new(e), Box::new(Expr::Symbol("n".into())))),
        ("exponent", |e| Expr::Power(Box::new(Expr::Symbol("n".into())), Box::new(e))),
        ("call", |e| Expr::Call(Function::Sin, vec![e])),
    ];
    let limits = Limits::default();
    for (name, wrap) in wrap {
        for levels in [60, 126, 10_000] {
            let nested = (0..levels).fold(one(), |e, _| wrap(e));
            let other = (0..levels).fold(read("2-1"), |e, _| wrap(e));
            let answer = equal(&nested, &other, &mut Budget::new(&limits));
            if levels == 60 && !name.starts_with("exponent") && name != "base" {
                assert_eq!(answer, Ok(true), "{name}");
            }
            if levels == 10_000 {
                assert_eq!(answer, Err(TooLarge), "{name}");
            }
            let _ = order(&nested, &other, &mut Budget::new(&limits));
            let _ = proportional(&nested, &other, &mut Budget::new(&limits));
            if levels == 10_000 {
                // Dropping recurs too, and is not what is asked here.
                std::mem::forget((nested, other));
            }
        }
    }
}

fn repeated(n: usize, between: &str, part: impl Fn(usize) -> String) -> String {
    (1..=n).map(part).collect::<Vec<_>>().join(between)
}

fn nested(n: usize, before: &str, core: &str, behind: &str) -> String {
    format!("{}{core}{}", before.repeat(n), behind.repeat(n))
}

#[test]
fn numbers_that_cannot_be_written_down_are_refused_or_told_apart_without_them() {
    for (a, b, expected) in [
        ("9^(9^(9^9))", "7", Err(TooLarge)),
        ("9^(9^(9^9))", "9^(9^(9^9))+1", Err(TooLarge)),
        ("9^(9^(9^9))", "9^(9^(9^9))", Ok(true)),
        ("9^(9^9)", "7", Ok(false)),
        ("9^(9^9)", "3^(2*9^9)", Ok(true)),
        ("9^(9^9)", "9^(9^9)+1", Ok(false)),
        ("1/9^(9^9)", "0", Ok(false)),
        ("x^(10^18)", "x^(10^18+1)", Ok(false)),
        ("(10^6)!", "7", Err(TooLarge)),
        ("(10^6)!/(10^6-1)!", "10^6", Err(TooLarge)),
        ("exp(exp(exp(10)))", "7", Err(TooLarge)),
        ("exp(exp(20))", "7", Ok(false)),
        ("gcd(7^11000-1,7^9999-1)", "6", Ok(false)),
        ("sqrt(7^11000)", "7^5500", Ok(true)),
        ("log(7^11000,7^10)", "1100", Ok(true)),
        ("floor(10^5000*sqrt(2))", "7", Err(TooLarge)),
        ("sin(10^300)", "sin(10^300+0*pi)", Ok(true)),
        ("sin(10^10000)", "1", Err(TooLarge)),
        ("(1+1/10^9)^(10^9)", "e", Ok(false)),
        ("(1+sqrt(2))^(10^8)", "(1+sqrt(2))^(10^8)+1", Ok(false)),
        ("(x+y+z)^1000", "(z+x+y)^1000", Ok(true)),
        ("(x+y+z)^1000", "(z+x+y)^1000+1", Ok(false)),
    ] {
        assert_eq!(ask(&read(a), &read(b)), expected, "{a} and {b}");
    }
}

#[test]
fn long_and_nested_formulas_are_answered() {
    for (a, b) in [
        (
            repeated(1_000, "+", |k| format!("sin({k}*x)")),
            repeated(1_000, "+", |k| format!("sin(x*{k})")),
        ),
        (
            repeated(1_000, "*", |k| format!("(x+{k})")),
            repeated(1_000, "*", |k| format!("({k}+x)")),
        ),
        (repeated(500, "+", |k| format!("1/{k}")), repeated(500, "+", |k| format!("2/({k}*2)"))),
        (nested(40, "sin(", "x", ")"), nested(40, "sin(", "2*x-x", ")")),
        (nested(40, "sqrt(2+", "0", ")"), "2*cos(pi/2^41)".to_owned()),
        (nested(60, "f(", "x+x", ")"), nested(60, "f(", "2*x", ")")),
        (nested(60, "1/(1+", "1", ")"), "2504730781961/4052739537881".to_owned()),
    ] {
        assert_eq!(ask(&read(&a), &read(&b)), Ok(true), "{a}");
    }
}

#[test]
fn work_without_end_stops_at_the_budget() {
    for text in [
        repeated(1_000, "+", |k| format!("arctan({k}/3)")) + "-1000*pi/2",
        repeated(1_000, "+", |k| format!("{}!", 3_200 - k)),
        repeated(1_000, "+", |k| format!("7^{}", 11_000 - k)),
        repeated(1_000, "+", |k| format!("sqrt(101)*7^{}", 11_000 - k)),
        repeated(1_000, "+", |k| format!("binom(9999,{k})")),
        repeated(300, "+", |k| format!("sin(7^{})", 1_000 - k)),
        nested(60, "exp(", "x", ")"),
        nested(60, "2^(", "x", ")"),
    ] {
        // One or the other: what counts is that it comes back, and that one is not the value.
        assert_ne!(ask(&read(&text), &read("1")), Ok(true));
    }
}
