//! The tokens of an answer.

use super::super::expr::{Constant, RelationOp, SetOp};
use super::words::Callee;

/// A token: what it is, and the bytes of the (normalised) text that it was read from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) flags: u8,
}

/// White space or a space command stands before the token.
pub(super) const SPACED: u8 = 1;
/// `\quad` or more stands before the token, which parts answers from one another.
pub(super) const WIDE: u8 = 2;
/// The token stands in `\text{..}`, `\mathrm{..}` and the like: a word there is no product.
pub(super) const TEXT: u8 = 4;
/// `\left` stands before the bracket.
pub(super) const LEFT: u8 = 8;
/// `\right` stands before the bracket.
pub(super) const RIGHT: u8 = 16;
/// `\!` stands before the token: what is spaced there is meant to be tight.
pub(super) const TIGHT: u8 = 32;
/// `\,` or `~` stands before the token.
pub(super) const THIN: u8 = 64;
/// Of a bracket: a comma directly inside it is followed by space. Of a comma: space follows.
pub(super) const LOOSE: u8 = 128;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// The end of the text.
    End,
    /// ASCII digits.
    Digits,
    /// Digits with a decimal point before or between them.
    Decimal,
    /// Digits with an exponent: `6.02e23`.
    Scientific,
    /// Digits in a base, without the subscript: `1011_2`.
    Based(u32),
    /// `½`.
    Vulgar(u8, u8),
    /// ASCII letters.
    Word,
    /// Letters of other scripts.
    Foreign,
    /// A named letter: `\theta`.
    Letter(&'static str),
    /// A named constant.
    Constant(Constant),
    /// A named function: `\sin`.
    Function(Callee),
    /// `\sum`, `\prod`, `\int`, `\lim`; the name of the call.
    Big(&'static str),
    /// An opening bracket.
    Open(Delimiter),
    /// A closing bracket.
    Close(Delimiter),
    /// `|`, which opens as well as closes.
    Bar,
    /// `\|`.
    DoubleBar,
    /// `\mid`, `\middle|`.
    Mid,
    Plus,
    Minus,
    PlusMinus,
    MinusPlus,
    Times,
    Slash,
    Caret,
    Underscore,
    Bang,
    Prime,
    Percent,
    Circle,
    DegreeSign,
    /// A currency sign.
    Money(&'static str),
    Comma,
    /// `{,}`, which parts digits but not values.
    DigitComma,
    Semicolon,
    Colon,
    Dot,
    Ellipsis,
    /// `&` between cells.
    Ampersand,
    /// `\\` between rows.
    RowEnd,
    Relation(RelationOp),
    Set(SetOp),
    /// `\lor`, which parts as "or" does.
    Or,
    /// `\land`.
    And,
    /// `\not`, before a relation.
    Not,
    Fraction,
    Binomial,
    /// `\sqrt`.
    Root,
    /// `√`, `∛`, `∜`: the index. Other than of `\sqrt` its operand is a whole number.
    RootSign(u8),
    Over,
    Choose,
    /// `\overline`, `\bar`: a conjugate, or repeating digits.
    Overline,
    /// `\dot`: an accent, or repeating digits.
    DotAccent,
    /// An accent, which makes another name.
    Accent(&'static str),
    /// `\angle`, `\triangle`: a sign before the names of points.
    Figure(&'static str),
    /// `\mathbb`.
    Blackboard,
    /// `\mathbb{R}`.
    NumberSet(char),
    /// `\mathbf{R}`: a set of numbers or a vector.
    BoldSet(char),
    EmptySet,
    /// `\bmod`, `\mod`.
    Mod,
    /// `\pmod`.
    ParenMod,
    /// `\begin{..}`.
    Begin(Environment),
    /// `\end{..}`.
    Finish,
    /// Any other character.
    Other,
}

/// A pair of brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    Round,
    Square,
    /// `\{`.
    Brace,
    /// `{` of TeX.
    Group,
    /// `{` behind `\boxed`.
    Boxed,
    Angle,
    Floor,
    Ceil,
    /// `\lvert`.
    Vert,
    /// `\lVert`.
    DoubleVert,
}

/// What stands between `\begin` and `\end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Environment {
    Matrix,
    /// A matrix with its columns described: `\begin{array}{cc}`.
    Array,
    Determinant,
    /// Rows that are answers of their own.
    Rows,
    /// Rows, of a value with its condition each or as above.
    Cases,
}
