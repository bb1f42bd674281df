//! What texts are read as. The trees are written in a short notation, see [`show`].

mod answers;
mod expressions;
mod notations;
mod numbers;
mod properties;
mod prose;
mod spellings;

use super::super::expr::{Answer, Bracket, Constant, Expr, Function, RelationOp, SetOp, Unit};
use super::super::limits::{Budget, Limits};
use super::{ParseError, ParseOptions, parse, parse_with};

fn read(text: &str) -> Result<Answer, ParseError> {
    let limits = Limits::default();
    parse(text, &mut Budget::new(&limits))
}

fn read_with(text: &str, options: &ParseOptions) -> Result<Answer, ParseError> {
    let limits = Limits::default();
    parse_with(text, options, &mut Budget::new(&limits))
}

/// Checks each text against its tree in the notation of [`show`].
fn check(rows: &[(&str, &str)]) {
    for (text, tree) in rows {
        match read(text) {
            Ok(answer) => assert_eq!(show(&answer), *tree, "{text:?}"),
            Err(error) => panic!("{text:?}: {error}, expected: {tree}"),
        }
    }
}

/// Checks that no text is an answer.
fn check_malformed(texts: &[&str]) {
    for text in texts {
        let answer = read(text);
        assert!(
            matches!(answer, Err(ParseError::Malformed(_))),
            "{text:?}: {:?}",
            answer.map(|answer| show(&answer))
        );
    }
}

/// A tree as text: `(a+-b)` a sum with a negative term, `(a*b)`, `(a/b)`, `(a^b)`, `f(x)`; of a
/// decimal its value and in brackets significant digits and places; `"word"`; of an answer with
/// several parts these in the brackets that it has, separated by `;`.
fn show(answer: &Answer) -> String {
    let all = |items: &[Answer], mark: &str| items.iter().map(show).collect::<Vec<_>>().join(mark);
    match answer {
        Answer::Value(quantity) => match &quantity.unit {
            None => show_value(&quantity.value),
            Some(Unit::Percent) => format!("{} [%]", show_value(&quantity.value)),
            Some(Unit::Degree) => format!("{} [deg]", show_value(&quantity.value)),
            Some(Unit::Money(name)) => format!("{} [money {name}]", show_value(&quantity.value)),
            Some(Unit::Other(name)) => format!("{} [{name}]", show_value(&quantity.value)),
        },
        Answer::Words(words) => format!("{words:?}"),
        Answer::Relation { terms, ops } => {
            let mut text = String::new();
            for (place, term) in terms.iter().enumerate() {
                if let Some(op) = place.checked_sub(1).and_then(|before| ops.get(before)) {
                    text += &format!(" {} ", relation(*op));
                }
                text += &show(term);
            }
            text
        }
        Answer::Group { open, close, items } => {
            let bracket = |bracket, of: [&'static str; 4]| match bracket {
                Bracket::Round => of[0],
                Bracket::Square => of[1],
                Bracket::Brace => of[2],
                Bracket::Angle => of[3],
            };
            let open = bracket(*open, ["(", "[", "{", "<"]);
            let close = bracket(*close, [")", "]", "}", ">"]);
            format!("{open}{}{close}", all(items, "; "))
        }
        Answer::List(items) => format!("list {}", all(items, "; ")),
        Answer::Ratio(items) => all(items, " : "),
        Answer::Matrix(rows) => {
            let row = |row: &Vec<Expr>| row.iter().map(show_value).collect::<Vec<_>>().join(", ");
            format!("matrix {}", rows.iter().map(row).collect::<Vec<_>>().join(" | "))
        }
        Answer::SetOperation { op, operands } => {
            let sign = match op {
                SetOp::Union => " u ",
                SetOp::Intersection => " n ",
                SetOp::Difference => " \\ ",
            };
            format!("({})", all(operands, sign))
        }
        Answer::EmptySet => "{}".to_owned(),
        Answer::NumberSet(letter) => format!("set {letter}"),
        Answer::SetBuilder { member, condition } => {
            format!("{{{} where {}}}", show(member), show(condition))
        }
    }
}

fn relation(op: RelationOp) -> &'static str {
    match op {
        RelationOp::Equal => "=",
        RelationOp::NotEqual => "!=",
        RelationOp::Less => "<",
        RelationOp::LessEqual => "<=",
        RelationOp::Greater => ">",
        RelationOp::GreaterEqual => ">=",
        RelationOp::Approximately => "~",
        RelationOp::In => "in",
        RelationOp::NotIn => "not in",
        RelationOp::Subset => "subset",
        RelationOp::Congruent => "==",
        RelationOp::Arrow => "->",
    }
}

fn show_value(value: &Expr) -> String {
    let all = |parts: &[Expr], mark: &str| {
        format!("({})", parts.iter().map(show_value).collect::<Vec<_>>().join(mark))
    };
    match value {
        Expr::Integer(value) => value.to_string(),
        Expr::Decimal(decimal) => {
            let mark = if decimal.repeating { "..." } else { "" };
            format!("{}{mark}({},{})", decimal.value, decimal.significant, decimal.places)
        }
        Expr::Based { value, digits, base } => format!("{digits}_{base}={value}"),
        Expr::Constant(Constant::Pi) => "pi".to_owned(),
        Expr::Constant(Constant::E) => "E".to_owned(),
        Expr::Constant(Constant::I) => "I".to_owned(),
        Expr::Constant(Constant::Infinity) => "inf".to_owned(),
        Expr::Constant(Constant::Degree) => "deg".to_owned(),
        Expr::Symbol(name) => name.clone(),
        Expr::Negative(inner) => format!("-{}", show_value(inner)),
        Expr::Sum(terms) => all(terms, "+"),
        Expr::Product(factors) => all(factors, "*"),
        Expr::Quotient(over, under) => format!("({}/{})", show_value(over), show_value(under)),
        Expr::Power(base, exponent) => format!("({}^{})", show_value(base), show_value(exponent)),
        Expr::Call(Function::Named(name), arguments) => {
            format!("'{name}'{}", all(arguments, ", "))
        }
        Expr::Call(function, arguments) => format!("{function:?}{}", all(arguments, ", ")),
        Expr::PlusMinus => "pm".to_owned(),
    }
}
