//! Whatever the text: no panic, and the reading of what a generator wrote is what it meant.

use std::fmt::Write;

use num_traits::ToPrimitive;
use proptest::prelude::*;

use super::super::super::expr::{Answer, Constant, Expr, Function};
use super::super::super::limits::{Budget, Limits};
use super::super::parse;
use super::read;

const PIECES: &[&str] = &[
    "\\frac",
    "{",
    "}",
    "\\{",
    "\\}",
    "(",
    ")",
    "[",
    "]",
    "\\left(",
    "\\right)",
    "\\left|",
    "\\right|",
    "|",
    "1",
    "23",
    "0.5",
    "1,250",
    "x",
    "y",
    "ab",
    "sin",
    "\\sin",
    "\\log_",
    "^",
    "_",
    "!",
    "'",
    "+",
    "-",
    "\\pm",
    "*",
    "/",
    "\\cdot ",
    ",",
    ";",
    ":",
    ".",
    "=",
    "<",
    ">",
    "\\le ",
    "\\in ",
    "\\cup ",
    "\\cap ",
    "\\setminus ",
    "\\sqrt",
    "\\sqrt[",
    "\\text{",
    "\\mathrm{",
    " ",
    "\\,",
    "\\!",
    "\\quad ",
    "$",
    "\\$",
    "%",
    "\\%",
    "^\\circ",
    "°",
    "½",
    "²",
    "√",
    "π",
    "∞",
    "中",
    "和",
    "万",
    "cm",
    " m",
    "/s",
    "and ",
    " or ",
    "the ",
    "p.m.",
    "\\lor ",
    "\\therefore ",
    "\\Pr",
    "P(",
    "X=1",
    "\\mathbf{R}",
    "{}_",
    "C_",
    "!!",
    "_{\\text{two}}",
    "\\left\\{",
    "\\right.",
    "\\begin{array}{l}",
    "\\end{array}",
    "\\text{ if }",
    "又",
    "分之",
    "百分之",
    "二十",
    "千克",
    "平方米",
    "\\Omega ",
    "\\text{k}",
    " kN",
    "\\text{s}^{-2}",
    " to ",
    "✅",
    "m\\angle ",
    "|AB| =",
    "(k\\in Z)",
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "\\begin{cases}",
    "\\end{cases}",
    "&",
    "\\\\",
    "\\",
    "\\boxed{",
    "\\over ",
    "\\choose ",
    "\\binom",
    "\\sum_{k=1}^n ",
    "\\int ",
    "dx",
    "\\lim_{x\\to 0^+}",
    "\\overline",
    "\\dot",
    "...",
    "\\mathbb",
    "\\mid ",
    "\\middle|",
    "\\not",
    "\\pmod",
    " mod ",
    "e5",
    "E-3",
    "_2",
    "_{16}",
    "A1",
    "\\angle ",
    "\\hat",
    "f(",
    "C(",
    "\\det",
    "\\min",
    "\u{200D}",
    "\u{3000}",
    "０",
    "－",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "**",
    "`",
    "\"",
    "?",
    "#",
    "~",
];

/// An arithmetic expression with a value.
#[derive(Clone, Debug)]
enum Sum {
    Number(u8),
    Add(Box<Sum>, Box<Sum>),
    Subtract(Box<Sum>, Box<Sum>),
    Multiply(Box<Sum>, Box<Sum>),
    Divide(Box<Sum>, Box<Sum>),
    Square(Box<Sum>),
    Root(Box<Sum>),
    Negate(Box<Sum>),
}

fn sums() -> impl Strategy<Value = Sum> {
    let leaf = (1_u8..60).prop_map(Sum::Number);
    leaf.prop_recursive(4, 24, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Sum::Add(a.into(), b.into())),
            pair.clone().prop_map(|(a, b)| Sum::Subtract(a.into(), b.into())),
            pair.clone().prop_map(|(a, b)| Sum::Multiply(a.into(), b.into())),
            pair.prop_map(|(a, b)| Sum::Divide(a.into(), b.into())),
            inner.clone().prop_map(|a| Sum::Square(a.into())),
            inner.clone().prop_map(|a| Sum::Root(a.into())),
            inner.prop_map(|a| Sum::Negate(a.into())),
        ]
    })
}

fn value(sum: &Sum) -> f64 {
    match sum {
        Sum::Number(value) => f64::from(*value),
        Sum::Add(a, b) => value(a) + value(b),
        Sum::Subtract(a, b) => value(a) - value(b),
        Sum::Multiply(a, b) => value(a) * value(b),
        Sum::Divide(a, b) => value(a) / value(b),
        Sum::Square(a) => value(a) * value(a),
        Sum::Root(a) => value(a).sqrt(),
        Sum::Negate(a) => -value(a),
    }
}

/// How an expression is written.
#[derive(Clone, Copy, Debug)]
struct Style {
    latex: bool,
    sized: bool,
    space: &'static str,
}

fn styles() -> impl Strategy<Value = Style> {
    let space = prop_oneof![Just(""), Just(" "), Just("  ")];
    (any::<bool>(), any::<bool>(), space).prop_map(|(latex, sized, space)| Style {
        latex,
        sized,
        space: if latex && space == "  " { "\\," } else { space },
    })
}

/// Writes an expression with every operand of an operator in brackets, unless it is a number.
fn write(sum: &Sum, style: Style, out: &mut String) {
    let space = style.space;
    let binary = |a: &Sum, sign: &str, b: &Sum, out: &mut String| {
        operand(a, style, out);
        let _ = write!(out, "{space}{sign}{space}");
        operand(b, style, out);
    };
    match sum {
        Sum::Number(value) => {
            let _ = write!(out, "{value}");
        }
        Sum::Add(a, b) => binary(a, "+", b, out),
        Sum::Subtract(a, b) => binary(a, "-", b, out),
        Sum::Multiply(a, b) => {
            binary(a, if style.latex { "\\cdot " } else { "*" }, b, out);
        }
        Sum::Divide(a, b) if style.latex => {
            out.push_str("\\frac{");
            write(a, style, out);
            out.push_str("}{");
            write(b, style, out);
            out.push('}');
        }
        Sum::Divide(a, b) => binary(a, "/", b, out),
        Sum::Square(a) => {
            operand(a, style, out);
            out.push_str(if style.latex { "^{2}" } else { "**2" });
        }
        Sum::Root(a) if style.latex => {
            out.push_str("\\sqrt{");
            write(a, style, out);
            out.push('}');
        }
        Sum::Root(a) => {
            out.push_str("sqrt(");
            write(a, style, out);
            out.push(')');
        }
        Sum::Negate(a) => {
            let _ = write!(out, "-{space}");
            operand(a, style, out);
        }
    }
}

fn operand(sum: &Sum, style: Style, out: &mut String) {
    let bare = matches!(sum, Sum::Number(_));
    let sized = style.latex && style.sized;
    if !bare {
        out.push_str(if sized { "\\left(" } else { "(" });
    }
    write(sum, style, out);
    if !bare {
        out.push_str(if sized { "\\right)" } else { ")" });
    }
}

/// The value of what was read, worked out on its own.
fn evaluate(expr: &Expr) -> f64 {
    match expr {
        Expr::Integer(value) => value.to_f64().unwrap(),
        Expr::Decimal(decimal) => decimal.value.to_f64().unwrap(),
        Expr::Constant(Constant::Pi) => std::f64::consts::PI,
        Expr::Negative(a) => -evaluate(a),
        Expr::Sum(terms) => terms.iter().map(evaluate).sum(),
        Expr::Product(factors) => factors.iter().map(evaluate).product(),
        Expr::Quotient(a, b) => evaluate(a) / evaluate(b),
        Expr::Power(a, b) => evaluate(a).powf(evaluate(b)),
        Expr::Call(Function::Root, arguments) => evaluate(&arguments[0]).sqrt(),
        other => panic!("{other:?}"),
    }
}

fn written(sum: &Sum, style: Style) -> String {
    let mut text = String::new();
    write(sum, style, &mut text);
    text
}

fn agree(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_characters_are_answered(text in "\\PC{0,80}") {
        let _ = read(&text);
    }

    #[test]
    fn any_splice_of_pieces_is_answered(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)
    ) {
        let _ = read(&pieces.concat());
    }

    #[test]
    fn small_limits_are_kept_by_any_splice(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)
    ) {
        let limits = Limits { nodes: 12, depth: 3, digits: 4, steps: 50, ..Limits::default() };
        if let Ok(answer) = parse(&pieces.concat(), &mut Budget::new(&limits)) {
            prop_assert!(super::super::height::is_within(&answer, 200));
        }
    }

    #[test]
    fn what_is_written_is_what_is_read(sum in sums(), style in styles()) {
        let text = written(&sum, style);
        let Ok(Answer::Value(quantity)) = read(&text) else {
            return Err(TestCaseError::fail(format!("{text}: {:?}", read(&text))));
        };
        prop_assert!(quantity.unit.is_none());
        prop_assert!(agree(evaluate(&quantity.value), value(&sum)), "{text}");
    }

    #[test]
    fn spaces_and_sized_brackets_change_no_tree(sum in sums()) {
        let style = Style { latex: true, sized: false, space: "" };
        let plain = read(&written(&sum, style));
        for (sized, space) in [(false, " "), (true, ""), (true, "\\,"), (true, " \\; ")] {
            let text = written(&sum, Style { latex: true, sized, space });
            prop_assert_eq!(&read(&text), &plain, "{}", text);
        }
    }

    #[test]
    fn wrappers_change_no_tree(sum in sums(), style in styles()) {
        let text = written(&sum, style);
        let plain = read(&text);
        for (before, behind) in
            [("$", "$"), ("\\(", "\\)"), ("\\[ ", " \\]"), ("\\boxed{", "}"), (" ", " ."), ("{", "}")]
        {
            let wrapped = format!("{before}{text}{behind}");
            prop_assert_eq!(&read(&wrapped), &plain, "{}", wrapped);
        }
    }
}

#[test]
fn long_repetitions_are_answered_within_the_limits() {
    let limits = Limits::default();
    for piece in PIECES {
        for before in ["", "1", "x=", "(", "\\{", "\\begin{matrix}"] {
            let text = format!("{before}{}", piece.repeat(4_000 / piece.len()));
            if let Ok(answer) = parse(&text, &mut Budget::new(&limits)) {
                assert!(super::super::height::is_within(&answer, 6 * 64), "{piece}");
            }
        }
    }
}

#[test]
fn deep_nesting_is_too_large_and_never_overflows() {
    for (open, close) in [
        ("{", "}"),
        ("(", ")"),
        ("\\left(", "\\right)"),
        ("\\sqrt{", "}"),
        ("\\{", "\\}"),
        ("|(", ")|"),
        ("2^{", "}"),
        ("\\boxed{", "}"),
        ("\\sin(", ")"),
        ("\\frac{1}{", "}"),
        ("f(", ")"),
        ("\\lfloor ", "\\rfloor "),
        ("a_{1+", "}"),
    ] {
        let times = 15_000 / (open.len() + close.len());
        let text = format!("{}7{}", open.repeat(times), close.repeat(times));
        assert!(read(&text).is_err(), "{open}");
        let text = format!("{}7{}", open.repeat(10), close.repeat(10));
        assert!(read(&text).is_ok(), "{open}: {:?}", read(&text));
    }
    assert!(read(&"{".repeat(20_000)).is_err());
}
