//! The conventions on which people and other programs differ, each with a switch.
//!
//! Left out, because the parser settles them before any comparison: that `\{1,2\}` and `{1,2}`
//! are sets while `{42}` is grouping, that a comma before three digits is a thousands mark, and
//! that a doubled backslash is a single one where a command follows.

use serde::{Deserialize, Serialize};

use super::limits::Limits;

/// What several different answers in the place that counts are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Several {
    /// They earn nothing, unless together they are the gold's list or set.
    #[default]
    Refuse,
    /// The last one counts.
    Last,
}

/// Which conventions hold. The default is the table of the [module](super).
///
/// ```
/// use thinkling_reward::Template;
/// use thinkling_reward::math::{Gold, Policy, Prediction, verify};
///
/// let default = Policy::default();
/// let strict = Policy { percent_is_fraction: false, ..Policy::default() };
/// let judge = |policy| verify(Gold("0.28"), Prediction("28%"), Template::None, policy);
/// assert!(judge(&default)?.verdict.is_correct());
/// assert!(!judge(&strict)?.verdict.is_correct());
/// # Ok::<(), thinkling_reward::math::MathGoldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// A prediction that is an answer from its first to its last character is the answer:
    /// `42x` is no 42, `1, 2` is both.
    pub whole: bool,
    /// "The answer is 5", "Answer: 5", "#### 5", "答案是5", "Réponse : 5" are read.
    pub anchors: bool,
    /// The last `$..$`, `\(..\)`, `\[..\]` is read where there is no box and no anchor.
    pub math_spans: bool,
    /// The last number, or the one asserted option letter, is read where there is nothing else.
    pub last_number: bool,
    /// What several different boxes, anchors or values of one answer block are worth.
    pub several: Several,
    /// Several answers in one place may together be the gold's list or set: `\boxed{1}` and
    /// `\boxed{-2}` for `1,-2`.
    pub answers_join: bool,
    /// A last box that is never closed is read to the end of its line: `\boxed{42`.
    pub unclosed_box: bool,
    /// What stands inside `<think>` counts too.
    pub thinking_counts: bool,
    /// Text that defines or hides something (`\newcommand`, `\phantom`, `\iffalse`) earns
    /// nothing.
    pub refuse_macros: bool,
    /// A prediction ends at the first end-of-turn token that was left in it: `42<|im_end|>`.
    pub end_tokens: bool,
    /// The same characters as the gold are correct, also where the answer is too large to
    /// compute: `9^{9^{9^9}}`.
    pub identity: bool,

    /// A value in any shape: `5!` for 120, `\sin 30^\circ` for 1/2. Otherwise a gold that is a
    /// number asks for a number or fraction.
    pub any_shape: bool,
    /// Fractions that are not in lowest terms: `2/4` for `1/2`.
    pub unreduced: bool,
    /// Significant digits from which on a decimal stands for a value that it rounds, such as
    /// `0.333333333333` for 1/3.
    pub rounding_digits: u32,
    /// `\approx` is read: `x \approx 11` for 11, and `\sqrt2 \approx 1.41` is `\sqrt2`.
    pub approximations: bool,
    /// Units, currency and degree signs are dropped: `5 cm`, `\$5` and `5^\circ` for 5. Where both
    /// sides have a known unit it must be the same, in any spelling. Otherwise both sides must
    /// have the same unit.
    pub drop_units: bool,
    /// Lengths, masses, times and the like are converted: `100 cm` for `1 m`.
    pub convert_units: bool,
    /// A per cent sign on one side is dropped: `28%` for 28.
    pub percent_is_number: bool,
    /// A per cent sign on one side is a hundredth: `28%` for 0.28.
    pub percent_is_fraction: bool,
    /// An angle in degrees is the same angle in multiples of pi: `45^\circ` for `\pi/4`.
    pub degrees_are_radians: bool,
    /// `3,5` may be the decimal 3.5.
    pub decimal_comma: bool,
    /// Digits in a base have the value that they stand for: `1011_2` for 11.
    pub based_values: bool,

    /// A list without brackets may come in another order: `2, 1` for `1, 2`.
    pub list_any_order: bool,
    /// A list without brackets is the set of its members: `1, 2` for `\{1, 2\}`.
    pub list_is_set: bool,
    /// A list without brackets is the tuple of its members: `3, 4` for `(3, 4)`.
    pub list_is_tuple: bool,
    /// A set of one member is that member: `\{5\}` for 5.
    pub singleton_is_member: bool,
    /// Rows, columns and tuples are one: `\begin{pmatrix}1\\2\end{pmatrix}` for `(1,2)`.
    pub vector_is_tuple: bool,
    /// `1 \pm \sqrt 2` is the list of both values.
    pub plus_minus: bool,
    /// An inequality in one variable is its interval: `0<x<1` for `(0,1)`.
    pub inequality_is_interval: bool,
    /// A ratio is what it reduces to: `6:8` for `3:4`.
    pub proportional_ratios: bool,
    /// A ratio of two is a fraction: `3:4` for `3/4`.
    pub ratio_is_fraction: bool,

    /// A name before `=` or `\in` is dropped: `x = 5` for 5, `f(x) = x^2` for `x^2`.
    pub left_sides: bool,
    /// Equations are equal up to moving terms and scaling: `2x = 2y` for `x - y = 0`.
    pub equivalent_equations: bool,
    /// Of a chain of equations the last link counts: `n = 3+4 = 7` for 7.
    pub chains: bool,
    /// A chain counts though one of its links is false: `x = 5+5+1 = 7` for 7.
    pub false_links: bool,

    /// Words are compared without case: `Friday` for `friday`.
    pub words_any_case: bool,
    /// Option letters are compared without case: `b` for `B`.
    pub letters_any_case: bool,
    /// An option letter may come with its text: `B. Red` for `B`, and the other way round.
    pub letter_with_text: bool,

    /// How much one check may read and compute.
    #[serde(skip)]
    pub limits: Limits,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            whole: true,
            anchors: true,
            math_spans: true,
            last_number: true,
            several: Several::Refuse,
            answers_join: true,
            unclosed_box: false,
            thinking_counts: false,
            refuse_macros: true,
            end_tokens: true,
            identity: true,
            any_shape: true,
            unreduced: true,
            rounding_digits: 12,
            approximations: true,
            drop_units: true,
            convert_units: false,
            percent_is_number: true,
            percent_is_fraction: true,
            degrees_are_radians: true,
            decimal_comma: false,
            based_values: true,
            list_any_order: true,
            list_is_set: true,
            list_is_tuple: true,
            singleton_is_member: true,
            vector_is_tuple: true,
            plus_minus: true,
            inequality_is_interval: true,
            proportional_ratios: true,
            ratio_is_fraction: false,
            left_sides: true,
            equivalent_equations: true,
            chains: true,
            false_links: false,
            words_any_case: true,
            letters_any_case: true,
            letter_with_text: true,
            limits: Limits::default(),
        }
    }
}
