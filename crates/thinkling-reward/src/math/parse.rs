//! From LaTeX or plain text to an [`Answer`].
//!
//! The text is the whole answer: nothing in it may be left over. It is read in three steps:
//! characters of Unicode become ASCII and commands, the text becomes tokens, and a descent with a
//! depth limit builds the tree. Each step is linear in the text. Where it is no mathematics but
//! holds words, it is [`Answer::Words`].
//!
//! Left out: definitions of macros, and every command that could hide or move its argument; an
//! answer with one of them is malformed.
//!
//! Names in the tree: Greek letters without the backslash (`theta`, also of `\vartheta`), plain
//! subscripts behind `_` (`x_1`, `x_max`, `x_i,j`), accents before a space (`hat x`), figures by
//! their points (`angle ABC`), words on the left of a relation in lower case (`the area`), dots as
//! `...`.
//!
//! The arguments of [`Function::Named`](super::expr::Function::Named), in order:
//!
//! | name | arguments |
//! |---|---|
//! | `sum`, `product` | body, variable, from, to; or body alone |
//! | `integral` | integrand, variable; then from, to where written |
//! | `limit`, `limit+`, `limit-` | body, variable, target |
//! | `derivative` | function, variable |
//! | `f`, `f'`, `f^-1`, `f_1` | as in the brackets behind the name |
//! | `P`, `Pr`, `E`, `N`, `n` | an event as one symbol: `X=1` |
//! | `length` | what stands between bars on the left of an equals sign: `|AB| = 5` |
//! | `clock` | hour, minute, then second where written, then `am` or `pm` where written |
//! | `piecewise` | value and condition of each row, the rows in a fixed order |
//! | `<`, `<=`, `=`, `!=`, `in`, `and`, `or`, `otherwise` | sides of a condition |
//! | `a_` | the index, where it is no plain name or number |
//! | `norm`, `hat`, `vec`, `tilde`, .. | what stands below the accent or between the bars |

mod answers;
mod atoms;
mod bases;
mod calls;
mod choose;
mod clock;
mod commands;
mod decimals;
mod degrees;
mod emphasis;
mod events;
mod expressions;
mod factors;
mod fractions;
mod groups;
mod han;
mod height;
mod latex;
mod lexer;
mod matrices;
mod merge;
mod names;
mod numbers;
mod phrases;
mod piecewise;
mod powers;
mod prose;
mod sets;
mod symbols;
mod token;
mod unicode;
mod unit_names;
mod units;
mod vocabulary;
mod words;

#[cfg(test)]
mod tests;

use super::expr::{Answer, Expr, Quantity, RelationOp, Unit};
use super::limits::{Budget, TooLarge};
use token::{Kind, Token};

/// Why a text is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    /// Nothing but space.
    #[error("blank")]
    Blank,
    /// A limit was passed.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// It is not mathematics and not words either.
    #[error("not an answer: {0}")]
    Malformed(&'static str),
}

/// How a text is read where people differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseOptions {
    /// Whether `1,250` is 1250 rather than a list.
    pub(crate) thousands_commas: bool,
    /// Whether `1,5` is 1.5 rather than a list.
    pub(crate) decimal_comma: bool,
    /// Whether words behind a number may be its unit; if not, such a text is words.
    pub(crate) units: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { thousands_commas: true, decimal_comma: false, units: true }
    }
}

/// Reads a whole text as one answer: everything in it must be part of the answer.
///
/// # Errors
/// See [`ParseError`].
pub(crate) fn parse(text: &str, budget: &mut Budget<'_>) -> Result<Answer, ParseError> {
    parse_with(text, &ParseOptions::default(), budget)
}

/// [`parse`] under other conventions.
///
/// # Errors
/// See [`ParseError`].
pub(crate) fn parse_with(
    text: &str,
    options: &ParseOptions,
    budget: &mut Budget<'_>,
) -> Result<Answer, ParseError> {
    if text.len() > budget.limits.answer_bytes {
        return Err(TooLarge.into());
    }
    let hidden = ParseError::Malformed("character without a glyph");
    let text = unicode::normalise(text).ok_or(hidden)?;
    let text = emphasis::plain(&text);
    let text = text.as_ref();
    if text.is_empty() {
        return Err(ParseError::Blank);
    }
    let tokens = lexer::tokens(text)?;
    // A token takes a fraction of a step.
    budget.spend(u32::try_from(tokens.len() / 4).unwrap_or(u32::MAX))?;
    if tokens.len() <= 1 {
        return Err(ParseError::Blank);
    }
    let mut parser = Parser::new(text, tokens, options, budget);
    match parser.whole() {
        Err(ParseError::Malformed(why)) => prose::prose(text).ok_or(ParseError::Malformed(why)),
        Ok(answer) if parser.chained => {
            let levels = LEVELS_PER_BRACKET.saturating_mul(parser.budget.limits.depth);
            if height::is_within(&answer, levels) { Ok(answer) } else { Err(TooLarge.into()) }
        }
        result => result,
    }
}

/// Levels of the tree that operators may make of what stands in one pair of brackets.
const LEVELS_PER_BRACKET: u32 = 6;

/// A part of an answer that is still open to operators. It is small, so that a deep descent needs
/// little stack.
#[derive(Clone, Debug)]
enum Node {
    /// A value without a unit.
    Value(Box<Expr>),
    /// A matrix, which may be added and multiplied.
    Matrix(Vec<Vec<Expr>>),
    /// Words: a name to the left of a relation, an answer of their own elsewhere.
    Phrase(String),
    /// What takes no operator, or only those of sets: a group, a set, a value with its unit.
    Answer(Box<Answer>),
}

impl Node {
    fn value(value: Expr) -> Self {
        Self::Value(Box::new(value))
    }

    fn answer(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }

    fn quantity(value: Expr, unit: Unit) -> Self {
        Self::answer(Answer::Value(Quantity { value, unit: Some(unit) }))
    }

    fn into_answer(self) -> Answer {
        match self {
            Self::Value(value) => Answer::Value(Quantity { value: *value, unit: None }),
            Self::Matrix(rows) => Answer::Matrix(rows),
            Self::Phrase(words) => Answer::Words(words),
            Self::Answer(answer) => *answer,
        }
    }

    fn as_value(&self) -> Option<&Expr> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    fn into_boxed(self) -> Parse<Box<Expr>> {
        match self {
            Self::Value(value) => Ok(value),
            _ => malformed("no value where one is needed"),
        }
    }

    fn into_value(self) -> Parse<Expr> {
        self.into_boxed().map(|value| *value)
    }
}

type Parse<T> = Result<T, ParseError>;

fn malformed<T>(why: &'static str) -> Parse<T> {
    Err(ParseError::Malformed(why))
}

/// What the brackets around the current place mean for it.
#[derive(Clone, Copy, Default)]
struct Context {
    /// A `|` behind an operand closes.
    bar: bool,
    /// A `|` or `:` behind an operand begins the condition of a set.
    builder: bool,
    /// A `>` closes.
    angle: bool,
    /// A `[` behind an operand may close.
    french: bool,
    /// `dx` ends the integrand.
    integral: bool,
    /// The argument of a command: a letter in it is no unit.
    argument: bool,
    /// A comma before three digits parts members rather than thousands.
    members: bool,
}

struct Parser<'t, 'p, 'b> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    options: &'p ParseOptions,
    budget: &'p mut Budget<'b>,
    depth: u32,
    nodes: u32,
    context: Context,
    /// `i` is an index here, not the imaginary unit.
    index_i: bool,
    /// Terms of the sum read last.
    terms: usize,
    /// A unit read before its value or in the middle of it.
    unit: Option<Unit>,
    /// No thousands begin before this token.
    no_groups: usize,
    /// The braces of TeX read last: the first token and the one behind the last.
    group: (usize, usize),
    /// Something wraps what wraps its operand without a bracket, so that depth says little.
    chained: bool,
    /// Products of matrices.
    products: u32,
    /// The end of a row parts answers here.
    rows: bool,
    /// Whether the limit just read is one from a side.
    side_of_limit: Option<&'static str>,
}

const END: Token = Token { kind: Kind::End, start: 0, end: 0, flags: 0 };

impl<'t, 'p, 'b> Parser<'t, 'p, 'b> {
    fn new(
        text: &'t str,
        tokens: Vec<Token>,
        options: &'p ParseOptions,
        budget: &'p mut Budget<'b>,
    ) -> Self {
        Self {
            text,
            tokens,
            at: 0,
            options,
            budget,
            depth: 0,
            nodes: 0,
            context: Context::default(),
            index_i: false,
            terms: 1,
            unit: None,
            no_groups: 0,
            group: (0, 0),
            chained: false,
            products: 0,
            rows: false,
            side_of_limit: None,
        }
    }

    /// The whole text as mathematics.
    fn whole(&mut self) -> Parse<Answer> {
        // "= 5" and "=> 5" say no more than "5".
        if let Kind::Relation(RelationOp::Equal | RelationOp::Approximately | RelationOp::Arrow) =
            self.kind()
        {
            self.advance();
        }
        let answer = self.list()?;
        match self.kind() {
            Kind::End => Ok(answer),
            _ => malformed("something is left over"),
        }
    }

    fn token_at(&self, at: usize) -> Token {
        self.tokens.get(at).copied().unwrap_or(END)
    }

    fn token(&self) -> Token {
        self.token_at(self.at)
    }

    fn kind(&self) -> Kind {
        self.token().kind
    }

    /// The kind of the token some places ahead.
    fn ahead(&self, places: usize) -> Kind {
        self.token_at(self.at + places).kind
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    /// Takes the token if it is of this kind.
    fn take(&mut self, kind: Kind) -> bool {
        let taken = self.kind() == kind;
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, kind: Kind) -> Parse<()> {
        if self.take(kind) {
            Ok(())
        } else {
            malformed("unbalanced brackets or an operator missing")
        }
    }

    /// The text of a token.
    fn source(&self, token: Token) -> &'t str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    /// Counts a node of the tree.
    fn count(&mut self) -> Parse<()> {
        self.nodes += 1;
        if self.nodes > self.budget.limits.nodes {
            return Err(TooLarge.into());
        }
        Ok(())
    }

    /// Reads something one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= self.budget.limits.depth {
            return Err(TooLarge.into());
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads something one level deeper, between brackets that mean `context`.
    fn inside<T>(
        &mut self,
        context: Context,
        read: impl FnOnce(&mut Self) -> Parse<T>,
    ) -> Parse<T> {
        let around = std::mem::replace(&mut self.context, context);
        let unit = self.unit.take();
        let result = self.deeper(read);
        self.context = around;
        self.unit = unit;
        result
    }
}
