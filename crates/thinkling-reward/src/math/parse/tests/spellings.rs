//! Texts that are spellings of one another have one tree.

use super::{read, show};

#[test]
fn spellings_of_one_answer_have_one_tree() {
    for group in [
        &[
            "\\frac{1}{2}",
            "\\frac12",
            "\\dfrac{1}{2}",
            "\\tfrac12",
            "\\cfrac{1}{2}",
            "1/2",
            "½",
            "{1\\over2}",
            "1⁄2",
            "\\nicefrac{1}{2}",
            "\\\\frac{1}{2}",
            "\\frac {1} {2}",
            "\\sfrac12",
            "１/２",
            "\\displaystyle\\frac{1}{2}",
            "1÷2",
        ][..],
        &["x^2", "x^{2}", "x²", "x**2", "x ^ 2", "x^{{2}}", "{x}^2", "𝑥²"],
        &[
            "2x+1",
            "2*x+1",
            "2\\cdot x+1",
            "2 x + 1",
            "2\\times x + 1",
            "2·x+1",
            "2×x+1",
            "2\\,x\\;+\\;1",
            "\\left(2x\\right)+1",
            "2\\! x+1",
            "{2x}+{1}",
        ],
        &["\\sqrt{2}", "\\sqrt2", "√2", "√(2)", "sqrt(2)", "\\sqrt {2}", "\\sqrt[2]{2}", "sqrt 2"],
        &[
            "(0,1]",
            "\\left(0,1\\right]",
            "( 0 , 1 ]",
            "(0; 1]",
            "\\bigl(0,1\\bigr]",
            "（0，1]",
            "\\left(0, 1 \\right]",
        ],
        &["x\\le 2", "x <= 2", "x≤2", "x \\leq 2", "x\\leqslant2", "x ⩽ 2", "x=<2"],
        &["\\{1,2\\}", "{1,2}", "\\lbrace1,2\\rbrace", "\\left\\{1, 2\\right\\}", "\\{ 1 ; 2 \\}"],
        &[
            "45^\\circ",
            "45^{\\circ}",
            "45°",
            "45 degrees",
            "45\\text{ degrees}",
            "45\\degree",
            "45\\ \\text{degrees}",
            "45 ^ \\circ",
        ],
        &["\\alpha+\\beta", "α+β", "alpha+beta", "\\alpha + \\beta"],
        &[
            "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
            "\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}",
            "\\left(\\begin{array}{cc}1&2\\\\3&4\\end{array}\\right)",
            "\\begin{smallmatrix}1&2\\\\3&4\\\\\\end{smallmatrix}",
            "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
        ],
        &["\\sin^{-1} x", "\\arcsin x", "arcsin(x)", "asin(x)", "\\sin^{-1}(x)", "arcsin x"],
        &["\\log_2 8", "\\log_{2} 8", "\\log_2(8)", "log_2(8)", "log2(8)", "\\log_{2}{8}"],
        &[
            "|x|",
            "\\lvert x\\rvert",
            "\\left|x\\right|",
            "\\vert x \\vert",
            "\\left\\vert x\\right\\vert",
            "abs(x)",
            "\\left| x \\right|",
        ],
        &[
            "(-\\infty,2)\\cup(3,\\infty)",
            "(-∞,2)∪(3,∞)",
            "(-inf, 2) U (3, infinity)",
            "\\left(-\\infty,2\\right)\\cup\\left(3,\\infty\\right)",
        ],
        &[
            "1,2,3",
            "1, 2, 3",
            "1; 2; 3",
            "1, 2 and 3",
            "1, 2, and 3",
            "1 and 2 and 3",
            "$1$, $2$ and $3$",
            "1,\\ 2,\\ 3",
            "1 \\text{ or } 2 \\text{ or } 3",
            "1，2，3",
        ],
        &["3:4", "3 : 4", "3\\colon 4", "3∶4", "3：4"],
        &[
            "\\text{no solution}",
            "no solution",
            "No Solution.",
            "\\textbf{no solution}",
            "\\text{No}\\text{ solution}",
            "\\mbox{no solution}",
        ],
        &["5\\text{ cm}^2", "5 cm^2", "5 \\mathrm{cm}^2", "5\\,\\text{cm}^{2}", "5 cm²", "5cm^2"],
        &["1\\pm\\sqrt2", "1±√2", "1 \\pm \\sqrt{2}", "1 +/- sqrt(2)"],
        &["e^{2x}", "e^(2x)", "\\mathrm{e}^{2x}", "e^{2 x}", "e**(2x)"],
        &["x_1+x_2", "x_{1}+x_{2}", "x₁+x₂"],
        &["f(x)=x^2", "f \\left( x \\right) = x^{2}", "f(x) = x²"],
        &["10!", "10 !", "{10}!", "(10)!"],
        &["\\lfloor x\\rfloor", "⌊x⌋", "floor(x)", "\\left\\lfloor x \\right\\rfloor"],
        &["-5", "−5", "- 5", "–5", "－5", "{-5}", "(-5)"],
        &["2\\frac{1}{2}", "2\\frac12", "2 1/2", "2½", "2 \\frac{1}{2}", "2\\,\\frac{1}{2}"],
        &["1011_2", "1011_{2}", "(1011)_2", "1011₂", "\\text{1011}_2"],
    ] {
        let first = read(group[0]).unwrap();
        for text in &group[1..] {
            let answer = read(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(show(&answer), show(&first), "{text:?} and {:?}", group[0]);
            assert_eq!(answer, first, "{text:?} and {:?}", group[0]);
        }
    }
}

#[test]
fn texts_that_differ_by_a_sign_or_digit_have_other_trees() {
    for (one, other) in [
        ("\\frac{1}{2}", "\\frac{1}{3}"),
        ("x^2", "x_2"),
        ("2x+1", "2x-1"),
        ("(0,1]", "[0,1]"),
        ("(0,1)", "\\{0,1\\}"),
        ("x\\le 2", "x<2"),
        ("3:4", "4:3"),
        ("42", "42\\%"),
        ("42", "\\$42"),
        ("\\sin x^2", "\\sin^2 x"),
        ("\\log_2 3", "\\log_3 2"),
        ("1,250", "1,25"),
        ("1250", "1.250"),
        ("0.3", "0.\\overline{3}"),
        ("1011_2", "1011_3"),
        ("f(x)", "f(y)"),
        ("AB", "ab"),
        ("\\sqrt[3]{2}", "3\\sqrt{2}"),
        ("x_1", "x_{11}"),
        ("-2^2", "(-2)^2"),
        ("\\pm 2", "2"),
        ("2\\frac12", "2\\cdot\\frac12"),
    ] {
        assert_ne!(read(one).unwrap(), read(other).unwrap(), "{one:?} and {other:?}");
    }
}
