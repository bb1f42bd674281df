//! What an answer says: the tree that the parser builds and that equality compares.

use num_bigint::BigInt;
use num_rational::BigRational;

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// A value with the unit it was written with: `5`, `\frac{x}{2}`, `12\text{ cm}`, `28\%`.
    Value(Quantity),
    /// Words that are no mathematics, in lower case, wrappers and outer space gone: `friday`.
    Words(String),
    /// A chain of relations: `x = 5`, `0 < x \le 3`. `ops[i]` stands between `terms[i]` and
    /// `terms[i + 1]`, so there is one term more than operators. A term is a value, a list, a
    /// group or a set.
    Relation {
        /// The sides.
        terms: Vec<Answer>,
        /// The operators between them.
        ops: Vec<RelationOp>,
    },
    /// Members between brackets, at least two of them, or one in `\{..\}`: `(1,2)` is point or
    /// interval as the other side needs, `[0,1)` an interval, `\{1,2\}` a set.
    Group {
        /// The bracket before.
        open: Bracket,
        /// The bracket behind.
        close: Bracket,
        /// The members, in the order written.
        items: Vec<Answer>,
    },
    /// Values without brackets around them, by commas, semicolons, "and", "or": `1, 2 and 3`.
    List(Vec<Answer>),
    /// `3:4` or `1:2:3`.
    Ratio(Vec<Answer>),
    /// Rows of a matrix or of a column vector.
    Matrix(Vec<Vec<Expr>>),
    /// A set made of two: `A \cup B`.
    SetOperation {
        /// Which.
        op: SetOp,
        /// The operands, two or more, in order.
        operands: Vec<Answer>,
    },
    /// `\emptyset`, `\{\}`.
    EmptySet,
    /// The set of real numbers and its like: `\mathbb{R}`, `\mathbb Z`; the letter.
    NumberSet(char),
    /// A set by its members' condition: `\{x : x > 2\}`, `\{x \mid 0 < x\}`.
    SetBuilder {
        /// Before the bar.
        member: Box<Answer>,
        /// Behind the bar.
        condition: Box<Answer>,
    },
}

/// A value and its unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantity {
    /// The value, without the unit.
    pub(crate) value: Expr,
    /// The unit as written, wrappers gone; `None` where there is none.
    pub(crate) unit: Option<Unit>,
}

/// What stands beside a value and is no part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// `%`, `\%`, `percent`, `pct`.
    Percent,
    /// `^\circ`, `°`, `degrees`.
    Degree,
    /// A currency sign or word: `\$`, `€`, `dollars`.
    Money(String),
    /// Any other: `cm`, `m^2`, `apples`, in lower case but for the prefix of a million (`Mw`), with
    /// negative powers as quotients (`m/s^2`).
    Other(String),
}

/// A relation between two terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelationOp {
    /// `=`.
    Equal,
    /// `\ne`.
    NotEqual,
    /// `<`.
    Less,
    /// `\le`.
    LessEqual,
    /// `>`.
    Greater,
    /// `\ge`.
    GreaterEqual,
    /// `\approx`.
    Approximately,
    /// `\in`.
    In,
    /// `\notin`.
    NotIn,
    /// `\subset`, `\subseteq`.
    Subset,
    /// `\equiv`, also with `\pmod` (which the parser keeps as a call of [`Function::Mod`]).
    Congruent,
    /// `\to`, `\mapsto`, `\implies` and the like.
    Arrow,
}

/// A bracket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bracket {
    /// `(` or `)`.
    Round,
    /// `[` or `]`; the outward brackets of `]0,1[` arrive as [`Bracket::Round`].
    Square,
    /// `\{` or `\}`, and `{` with several members.
    Brace,
    /// `\langle` or `\rangle`: a vector.
    Angle,
}

/// An operation on sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetOp {
    /// `\cup`.
    Union,
    /// `\cap`.
    Intersection,
    /// `\setminus`, and `\backslash` or `-` between sets.
    Difference,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// A literal without a decimal point: `42`, `1{,}250`.
    Integer(BigInt),
    /// A literal with a decimal point or an exponent: `0.50`, `6.02e23`.
    Decimal(Decimal),
    /// Digits in a base other than ten: `1011_2`.
    Based {
        /// Its value.
        value: BigInt,
        /// Its digits as written.
        digits: String,
        /// The base, 2 to 36.
        base: u32,
    },
    /// A constant.
    Constant(Constant),
    /// A free variable, with accents and simple subscripts in its name: `x`, `\theta`, `x_1`.
    Symbol(String),
    /// `-a`.
    Negative(Box<Expr>),
    /// `a + b + ...`; a difference has [`Expr::Negative`] terms.
    Sum(Vec<Expr>),
    /// `a \cdot b ...`, also by juxtaposition.
    Product(Vec<Expr>),
    /// `a / b`.
    Quotient(Box<Expr>, Box<Expr>),
    /// `a^b`.
    Power(Box<Expr>, Box<Expr>),
    /// A function of its arguments.
    Call(Function, Vec<Expr>),
    /// The unknown sign of `\pm`, as a factor +1 or -1, the same in the whole answer; `\mp` is
    /// its [`Expr::Negative`].
    PlusMinus,
}

/// A decimal literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// Its exact value; of a repeating decimal the value of the infinite expansion.
    pub(crate) value: BigRational,
    /// Digits from the first that is not zero to the last written: 3 in `0.0500`.
    pub(crate) significant: u32,
    /// Digits behind the point, less the exponent: 4 in `0.0500`, -2 in `5e2`.
    pub(crate) places: i64,
    /// Whether it stands for an infinite expansion: `0.\overline{3}`.
    pub(crate) repeating: bool,
}

/// A constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Constant {
    /// 3.14159...
    Pi,
    /// 2.71828...
    E,
    /// The imaginary unit.
    I,
    /// Without a sign, the positive one.
    Infinity,
    /// pi / 180, of a degree sign inside an expression: `\sin 30^\circ`.
    Degree,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Function {
    /// `\sqrt[n]{a}`: arguments `a, n`, with `n = 2` where none is written.
    Root,
    /// `|a|`, also of a complex number.
    Abs,
    /// `\lfloor a \rfloor`.
    Floor,
    /// `\lceil a \rceil`.
    Ceil,
    /// `n!`.
    Factorial,
    /// `\binom{n}{k}`: arguments `n, k`.
    Binomial,
    /// `\gcd(a, ...)`.
    Gcd,
    /// `\lcm(a, ...)`.
    Lcm,
    /// `\min(a, ...)`.
    Min,
    /// `\max(a, ...)`.
    Max,
    /// `a \bmod m`: arguments `a, m`.
    Mod,
    /// `\exp a`.
    Exp,
    /// `\ln a`, and `\log a` without a base: arguments `a`. By convention natural for `\ln`; see
    /// [`Function::Log`].
    Ln,
    /// `\log_b a`: arguments `a, b`, or only `a` where no base is written.
    Log,
    /// `\sin`; the others likewise.
    Sin,
    /// `\cos`.
    Cos,
    /// `\tan`.
    Tan,
    /// `\cot`.
    Cot,
    /// `\sec`.
    Sec,
    /// `\csc`.
    Csc,
    /// `\arcsin`, `\sin^{-1}`.
    Arcsin,
    /// `\arccos`.
    Arccos,
    /// `\arctan`.
    Arctan,
    /// `\operatorname{arccot}`.
    Arccot,
    /// `\operatorname{arcsec}`.
    Arcsec,
    /// `\operatorname{arccsc}`.
    Arccsc,
    /// `\sinh`.
    Sinh,
    /// `\cosh`.
    Cosh,
    /// `\tanh`.
    Tanh,
    /// `\operatorname{arsinh}`, `\sinh^{-1}`.
    Arsinh,
    /// `\operatorname{arcosh}`.
    Arcosh,
    /// `\operatorname{artanh}`.
    Artanh,
    /// `\operatorname{Re}`.
    Re,
    /// `\operatorname{Im}`.
    Im,
    /// `\overline{z}` or `\bar z` of a value: the complex conjugate.
    Conjugate,
    /// Anything that has a name and arguments but no rule here: `f(x)`, `F_{k-1}`, sums,
    /// products, integrals, limits and derivatives with their parts in order. Equal only to the
    /// same name with equal arguments.
    Named(String),
}
