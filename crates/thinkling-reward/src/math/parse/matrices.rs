//! Environments: matrices and determinants, rows of equations; arithmetic on matrices.

use super::super::expr::Expr;
use super::expressions::negative;
use super::lexer::is_wide;
use super::token::{Environment, Kind};
use super::{Context, Node, Parse, Parser, malformed};

/// Determinants of more rows are refused: their expansion grows with the factorial.
const LARGEST_DETERMINANT: usize = 4;

type Rows = Vec<Vec<Expr>>;

impl Parser<'_, '_, '_> {
    /// What stands between `\begin` and `\end`, from `\begin` on.
    pub(super) fn environment(&mut self, environment: Environment) -> Parse<Node> {
        self.inside(Context::default(), |parser| {
            parser.advance();
            match environment {
                Environment::Cases => match parser.piecewise()? {
                    Some(node) => Ok(node),
                    None => parser.answers_in_rows(),
                },
                Environment::Rows => parser.answers_in_rows(),
                Environment::Determinant => {
                    let rows = parser.rows()?;
                    Ok(Node::value(determinant(&rows)?))
                }
                Environment::Matrix | Environment::Array => Ok(Node::Matrix(parser.rows()?)),
            }
        })
    }

    /// Rows of cells up to the end of the environment, all of one length.
    fn rows(&mut self) -> Parse<Rows> {
        let mut rows: Rows = Vec::new();
        let around = std::mem::replace(&mut self.rows, false);
        loop {
            if self.take(Kind::Finish) {
                break;
            }
            let mut row = vec![self.cell()?];
            while self.take(Kind::Ampersand) {
                row.push(self.cell()?);
            }
            rows.push(row);
            if !self.take(Kind::RowEnd) && self.kind() != Kind::Finish {
                return malformed("matrix with something between its cells");
            }
        }
        self.rows = around;
        let width = rows.first().map_or(0, Vec::len);
        if width == 0 || rows.iter().any(|row| row.len() != width) {
            return malformed("matrix with rows of different length");
        }
        Ok(rows)
    }

    fn cell(&mut self) -> Parse<Expr> {
        self.count()?;
        if is_wide(self.token()) {
            return malformed("wide space in a matrix");
        }
        self.sum()?.into_value()
    }

    /// Answers line by line: one answer where a line goes on with a relation, a list otherwise.
    fn answers_in_rows(&mut self) -> Parse<Node> {
        self.drop_alignment();
        let around = std::mem::replace(&mut self.rows, true);
        let answer = self.list()?;
        self.rows = around;
        // The full stop of a sentence that ends with the rows.
        self.take(Kind::Dot);
        self.expect(Kind::Finish)?;
        Ok(Node::answer(answer))
    }

    /// Takes out what only aligns: `&`, and the end of a line that the next goes on with.
    fn drop_alignment(&mut self) {
        let from = self.at;
        let mut inner = 0_u32;
        let mut end = from;
        while let Some(token) = self.tokens.get(end) {
            match token.kind {
                Kind::Begin(_) => inner += 1,
                Kind::Finish if inner == 0 => break,
                Kind::Finish => inner -= 1,
                _ => {}
            }
            end += 1;
        }
        let mut at = from;
        let mut inner = 0_u32;
        let mut kept = Vec::with_capacity(end - from);
        while at < end {
            let token = self.token_at(at);
            match token.kind {
                Kind::Begin(_) => inner += 1,
                Kind::Finish => inner = inner.saturating_sub(1),
                _ => {}
            }
            at += 1;
            if inner == 0 && token.kind == Kind::Ampersand {
                continue;
            }
            if inner == 0 && token.kind == Kind::RowEnd {
                let mut next = at;
                while self.token_at(next).kind == Kind::Ampersand && next < end {
                    next += 1;
                }
                let goes_on = matches!(self.token_at(next).kind, Kind::Relation(_));
                let separated = kept.last().is_some_and(|token: &super::token::Token| {
                    matches!(token.kind, Kind::Comma | Kind::Semicolon)
                });
                if goes_on || separated || next >= end {
                    continue;
                }
            }
            kept.push(token);
        }
        self.tokens.splice(from..end, kept);
    }
}

/// The value of a matrix between bars.
pub(super) fn determinant(rows: &[Vec<Expr>]) -> Parse<Expr> {
    let size = rows.len();
    if size > LARGEST_DETERMINANT || rows.iter().any(|row| row.len() != size) {
        return malformed("determinant of more rows than four, or not square");
    }
    let columns: Vec<usize> = (0..size).collect();
    minor(rows, &columns).ok_or(super::ParseError::Malformed("determinant of nothing"))
}

/// The determinant of the rows in these columns, as many as rows, by the first row.
fn minor(rows: &[Vec<Expr>], columns: &[usize]) -> Option<Expr> {
    let (first, below) = rows.split_first()?;
    if let [column] = columns {
        return first.get(*column).cloned();
    }
    let mut terms = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        let rest: Vec<usize> = columns.iter().filter(|other| *other != column).copied().collect();
        let term = Expr::Product(vec![first.get(*column)?.clone(), minor(below, &rest)?]);
        terms.push(if place % 2 == 0 { term } else { negative(term) });
    }
    Some(Expr::Sum(terms))
}

pub(super) fn sum(left: Rows, right: Rows) -> Parse<Rows> {
    let width = |rows: &Rows| rows.first().map_or(0, Vec::len);
    if left.len() != right.len() || width(&left) != width(&right) {
        return malformed("sum of matrices of different shape");
    }
    let add = |(a, b)| match a {
        Expr::Sum(mut terms) => {
            terms.push(b);
            Expr::Sum(terms)
        }
        a => Expr::Sum(vec![a, b]),
    };
    Ok(left.into_iter().zip(right).map(|(a, b)| a.into_iter().zip(b).map(add).collect()).collect())
}

pub(super) fn scaled(scalar: &Expr, rows: Rows) -> Rows {
    let scale = |cell| Expr::Product(vec![scalar.clone(), cell]);
    rows.into_iter().map(|row| row.into_iter().map(scale).collect()).collect()
}

pub(super) fn product(left: &Rows, right: &Rows) -> Parse<Rows> {
    let inner = right.len();
    let width = right.first().map_or(0, Vec::len);
    if left.iter().any(|row| row.len() != inner) {
        return malformed("product of matrices that do not fit");
    }
    if left.len().saturating_mul(width).saturating_mul(inner) > 512 {
        return Err(super::TooLarge.into());
    }
    let cell = |row: &Vec<Expr>, column: usize| {
        let terms = row.iter().zip(right).filter_map(|(a, below)| {
            below.get(column).map(|b| Expr::Product(vec![a.clone(), b.clone()]))
        });
        Expr::Sum(terms.collect())
    };
    Ok(left.iter().map(|row| (0..width).map(|column| cell(row, column)).collect()).collect())
}

/// Adds the nodes of a value to `nodes`; whether they stay within the limit.
pub(super) fn within(value: &Expr, nodes: &mut u32, limit: u32) -> bool {
    *nodes += 1;
    *nodes <= limit
        && match value {
            Expr::Negative(inner) => within(inner, nodes, limit),
            Expr::Sum(parts) | Expr::Product(parts) | Expr::Call(_, parts) => {
                parts.iter().all(|part| within(part, nodes, limit))
            }
            Expr::Quotient(a, b) | Expr::Power(a, b) => {
                within(a, nodes, limit) && within(b, nodes, limit)
            }
            _ => true,
        }
}

/// The answer of a matrix that stands alone in bars: `\left| \begin{array}..\end{array} \right|`.
pub(super) fn in_bars(node: Node) -> Parse<Expr> {
    match node {
        Node::Matrix(rows) => determinant(&rows),
        node => node.into_value(),
    }
}
