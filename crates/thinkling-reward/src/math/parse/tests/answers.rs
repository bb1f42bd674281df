use super::{check, check_malformed, read, read_with, show};
use crate::math::parse::ParseOptions;

#[test]
fn relations_keep_every_link_of_a_chain() {
    check(&[
        ("x = 5", "x = 5"),
        ("x=5=y", "x = 5 = y"),
        ("0<x<1", "0 < x < 1"),
        ("-1<x\\le 4", "-1 < x <= 4"),
        ("x >= 3", "x >= 3"),
        ("x ≥ 3", "x >= 3"),
        ("x\\geqslant 3", "x >= 3"),
        ("x \\lt 3", "x < 3"),
        ("x != 3", "x != 3"),
        ("x \\neq 3", "x != 3"),
        ("x \\not= 3", "x != 3"),
        ("x \\approx 3.1", "x ~ 31/10(2,1)"),
        ("x \\in [0,1]", "x in [0; 1]"),
        ("x \\notin \\{1\\}", "x not in {1}"),
        ("A \\subseteq B", "A subset B"),
        ("x \\to 0", "x -> 0"),
        ("x -> 0", "x -> 0"),
        ("(x,y)=(3,4)", "(x; y) = (3; 4)"),
        ("f(x)=x^2", "'f'(x) = (x^2)"),
        ("n = 3+4 = 7", "n = (3+4) = 7"),
        ("= 5", "5"),
        ("\\text{Area} = 12", "area = 12"),
        ("Percent Loss = 28\\%", "percent loss = 28 [%]"),
        ("x \\in \\mathbb{R}", "x in set R"),
        ("x in [0,1]", "x in [0; 1]"),
        ("A(r) = \\pi r^2", "'A'(r) = (pi*(r^2))"),
        ("T(m,n) = 1", "'T'(m, n) = 1"),
        ("\\operatorname{Var}(X) = 5", "'var'(X) = 5"),
        ("v^2 = u^2 + 2as", "(v^2) = ((u^2)+(2*a*s))"),
        ("ax+by=c", "((a*x)+(b*y)) = c"),
        ("the area = 5", "the area = 5"),
    ]);
    check_malformed(&["x =", "\\neq 6", "< 5", "x = = 5", "= ", "x <", "\\not 5", "x \\not\\to 3"]);
}

#[test]
fn lists_part_at_commas_semicolons_and_words() {
    check(&[
        ("1, 2, 3", "list 1; 2; 3"),
        ("1; 2; 3", "list 1; 2; 3"),
        ("1 and 2", "list 1; 2"),
        ("1 or 2", "list 1; 2"),
        ("1 \\text{ and } 2", "list 1; 2"),
        ("3, 5, \\text{ and } 7", "list 3; 5; 7"),
        ("6, 8\\text{, and }10", "list 6; 8; 10"),
        ("19, 46, and 82", "list 19; 46; 82"),
        ("$1$ and $2$ and $3$", "list 1; 2; 3"),
        ("(2,-3),(5,7)", "list (2; -3); (5; 7)"),
        ("(1,2) or (2,1)", "list (1; 2); (2; 1)"),
        ("1,2;3,4", "list list 1; 2; list 3; 4"),
        ("x=1 \\quad y=2", "list x = 1; y = 2"),
        ("A and C", "list A; C"),
        ("1、2", "list 1; 2"),
        ("1和2", "list 1; 2"),
        ("1, 2, \\ldots, n", "list 1; 2; ...; n"),
        ("5 apples and 3 pears", "list 5 [apples]; 3 [pears]"),
        ("\\boxed{1} and \\boxed{2}", "list 1; 2"),
    ]);
    check_malformed(&["1,,2", ",1", "and 2", "1 and and 2", "1 or", "\\boxed{1}\\boxed{2}"]);
}

#[test]
fn a_relation_goes_on_over_the_values_behind_it() {
    check(&[
        ("x=5, y=6", "list x = 5; y = 6"),
        ("x = 1, 2", "x = list 1; 2"),
        ("x = 1 \\text{ or } 2", "x = list 1; 2"),
        ("x = 1 or x = 2", "list x = 1; x = 2"),
        ("x, y = 1, 2", "list x; y = list 1; 2"),
        ("x=1,2,y=3", "list x = list 1; 2; y = 3"),
        ("(x,y)=(1,2),(2,1)", "(x; y) = list (1; 2); (2; 1)"),
        ("x<1 or x>2", "(x < 1 u x > 2)"),
        ("x<1, 2", "list x < 1; 2"),
        ("x \\ne 0, 1", "x != list 0; 1"),
        ("x = 2\\pi k, k \\in \\mathbb{Z}", "list x = (2*pi*k); k in set Z"),
    ]);
}

#[test]
fn brackets_make_points_intervals_and_groupings() {
    check(&[
        ("(3,4)", "(3; 4)"),
        ("(1,2,3)", "(1; 2; 3)"),
        ("(0,1]", "(0; 1]"),
        ("[0,1)", "[0; 1)"),
        ("[0,1]", "[0; 1]"),
        ("]0,1[", "(0; 1)"),
        ("[0,1[", "[0; 1)"),
        ("]0,1]", "(0; 1]"),
        ("\\left[0,1\\right)", "[0; 1)"),
        ("\\left]0,1\\right[", "(0; 1)"),
        ("(-\\infty, 2]", "(-inf; 2]"),
        ("[-5,+\\infty)", "[-5; inf)"),
        ("(0;1)", "(0; 1)"),
        ("（3，4）", "(3; 4)"),
        ("\\langle 1,2\\rangle", "<1; 2>"),
        ("<1, 2>", "<1; 2>"),
        ("(5)", "5"),
        ("((5))", "5"),
        ("[x+1]", "(x+1)"),
        ("{42}", "42"),
        ("[[1,2],[3,4]]", "[[1; 2]; [3; 4]]"),
        ("(\\frac{3}{5},\\frac{8}{3}]", "((3/5); (8/3)]"),
    ]);
    check_malformed(&["(1,2", "1,2)", "(1]", "()", "[]", "(,1)", "(1,)", "(1,2}", "<1,2", "]0,1"]);
}

#[test]
fn braces_make_sets_of_several_or_escaped_members() {
    check(&[
        ("\\{1,2,3\\}", "{1; 2; 3}"),
        ("{1,2,3}", "{1; 2; 3}"),
        ("\\left\\{1,2\\right\\}", "{1; 2}"),
        ("\\lbrace 1,2\\rbrace", "{1; 2}"),
        ("\\{2\\}", "{2}"),
        ("{{1},{2}}", "{{1}; {2}}"),
        ("\\{\\pm 1\\}", "{(pm*1)}"),
        ("\\{(1,2),(3,4)\\}", "{(1; 2); (3; 4)}"),
        ("\\{a=1, b=2\\}", "{a = 1; b = 2}"),
        ("\\{\\}", "{}"),
        ("\\emptyset", "{}"),
        ("∅", "{}"),
        ("\\mathbb{R}", "set R"),
        ("\\mathbb Z", "set Z"),
        ("ℝ", "set R"),
        ("all real numbers", "set R"),
        ("the empty set", "{}"),
    ]);
    check_malformed(&["\\{1,2", "\\{1,2)", "{1,2", "1}", "\\}"]);
}

#[test]
fn sets_combine_and_have_conditions() {
    check(&[
        ("[1,3]\\cup[2,5]", "([1; 3] u [2; 5])"),
        ("(-∞,2) ∪ (3,∞)", "((-inf; 2) u (3; inf))"),
        ("(-∞,2) U (3,∞)", "((-inf; 2) u (3; inf))"),
        ("A \\cup B \\cup C", "(A u B u C)"),
        ("A \\cup B \\cap C", "(A u (B n C))"),
        ("\\{1,2\\}\\cap\\{2,3\\}", "({1; 2} n {2; 3})"),
        ("\\mathbb{R}\\setminus\\{0\\}", "(set R \\ {0})"),
        ("\\mathbb{R} - \\{0\\}", "(set R \\ {0})"),
        ("{1,2} \\setminus {2}", "({1; 2} \\ {2})"),
        ("\\{x : x > 2\\}", "{x where x > 2}"),
        ("\\{x \\mid x > 2\\}", "{x where x > 2}"),
        ("\\{x | |x| < 2\\}", "{x where Abs(x) < 2}"),
        ("\\{x \\in \\mathbb{R} : x>2\\}", "{x in set R where x > 2}"),
        ("\\left\\{x \\,\\middle|\\, x>2\\right\\}", "{x where x > 2}"),
        ("x \\in (0,1)\\cup(2,3)", "x in ((0; 1) u (2; 3))"),
    ]);
    check_malformed(&["1 \\cup 2", "[1,2] \\cup", "\\{x : \\}", "(0,1) + 2", "(0,1)(2,3)"]);
}

#[test]
fn colons_make_ratios_and_clear_times() {
    check(&[
        ("3:4", "3 : 4"),
        ("3 : 4 : 5", "3 : 4 : 5"),
        ("V_1:V_2=11:21", "V_1 : V_2 = 11 : 21"),
        ("\\sqrt2:1", "Root(2, 2) : 1"),
        ("12:00", "'clock'(12, 0)"),
        ("7:05", "'clock'(7, 5)"),
        ("8:34 pm", "'clock'(8, 34, pm)"),
        ("8\\!:\\!34 \\text{ p.m.}", "'clock'(8, 34, pm)"),
        ("11:21", "11 : 21"),
        ("5 pm", "'clock'(5, 0, pm)"),
        ("5 p.m.", "'clock'(5, 0, pm)"),
        ("5pm", "(5*p*m)"),
    ]);
    check_malformed(&["3:", ":4", "(1,2):3"]);
}

#[test]
fn environments_make_matrices_and_lists() {
    check(&[
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "matrix 1, 2 | 3, 4"),
        ("\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}", "matrix 1, 2 | 3, 4"),
        ("\\left[\\begin{matrix}1\\\\2\\end{matrix}\\right]", "matrix 1 | 2"),
        ("\\left(\\begin{array}{cc}1&2\\\\3&4\\\\\\end{array}\\right)", "matrix 1, 2 | 3, 4"),
        ("\\begin{pmatrix}x\\\\y\\end{pmatrix}", "matrix x | y"),
        ("\\\\begin{pmatrix}1\\\\\\\\2\\\\end{pmatrix}", "matrix 1 | 2"),
        ("\\begin{pmatrix}1\\\\[2pt]2\\end{pmatrix}", "matrix 1 | 2"),
        ("\\begin{cases}x=1\\\\y=2\\end{cases}", "list x = 1; y = 2"),
        ("\\begin{aligned}x&=1+1\\\\&=2\\end{aligned}", "x = (1+1) = 2"),
        ("\\begin{align*}y=2\\end{align*}", "y = 2"),
        ("A = \\begin{pmatrix}1\\end{pmatrix}", "A = matrix 1"),
    ]);
    check_malformed(&[
        "\\begin{pmatrix}1&2\\\\3\\end{pmatrix}",
        "\\begin{pmatrix}1",
        "1\\end{pmatrix}",
        "\\begin{pmatrix}\\end{pmatrix}",
        "\\begin{verbatim}1\\end{verbatim}",
        "1 & 2",
        "1 \\\\ 2",
    ]);
}

#[test]
fn units_stand_beside_the_value() {
    check(&[
        ("20\\text{ cm}", "20 [cm]"),
        ("20 cm", "20 [cm]"),
        ("20cm", "20 [cm]"),
        ("15\\mbox{ cm}^2", "15 [cm^2]"),
        ("20 cm²", "20 [cm^2]"),
        ("5 m/s", "5 [m/s]"),
        ("9.8\\,\\mathrm{m}/\\mathrm{s}^2", "49/5(2,1) [m/s^2]"),
        ("5\\frac{\\text{m}}{\\text{s}}", "5 [m/s]"),
        ("45 \\text{ miles per hour}", "45 [miles per hour]"),
        ("34\\text{ sq. units}", "34 [sq units]"),
        ("3 apples", "3 [apples]"),
        ("\\frac{270}7\\text{ degrees}", "(270/7) [deg]"),
        ("40厘米", "40 [厘米]"),
        ("12\\sqrt{3}\\text{ feet}", "(12*Root(3, 2)) [feet]"),
        ("9\\text{ min}", "9 [min]"),
        ("5th", "5 [th]"),
        ("22nd", "22 [nd]"),
        ("2rd", "(2*r*d)"),
        ("6 meters squared", "6 [meters squared]"),
        ("0.5\\,\\mu\\mathrm{m}", "1/2(1,1) [um]"),
        ("5^{\\text{th}}", "5 [th]"),
        ("7/8 of the pizza", "(7/8) [of the pizza]"),
        ("x = 5\\text{ cm}", "x = 5 [cm]"),
        ("(3\\text{ cm}, 4\\text{ cm})", "(3 [cm]; 4 [cm])"),
        ("5m", "(5*m)"),
        ("5 x", "(5*x)"),
    ]);
}

#[test]
fn money_and_percent_are_units() {
    check(&[
        ("\\$20", "20 [money $]"),
        ("$20", "20 [money $]"),
        ("-\\$20", "-20 [money $]"),
        ("\\$1,250.50", "2501/2(6,2) [money $]"),
        ("€5", "5 [money €]"),
        ("5€", "5 [money €]"),
        ("20 dollars", "20 [money dollars]"),
        ("\\$20 and \\$30", "list 20 [money $]; 30 [money $]"),
        ("$20 and $30", "list 20 [money $]; 30 [money $]"),
        ("28\\%", "28 [%]"),
        ("28 %", "28 [%]"),
        ("28 percent", "28 [%]"),
        ("28 pct", "28 [%]"),
        ("28％", "28 [%]"),
        ("33\\frac13\\%", "(33+(1/3)) [%]"),
        ("3元", "3 [money 元]"),
    ]);
    check_malformed(&["\\$", "\\%", "5 % 6", "% 6\n5"]);
}

#[test]
fn wrappers_slips_and_full_stops_around_an_answer_are_nothing() {
    for text in [
        "42",
        " 42 ",
        "$42$",
        "$$42$$",
        "\\(42\\)",
        "\\[ 42 \\]",
        "\\\\(42\\\\)",
        "~42~",
        "42.",
        "$42$.",
        "$42.$",
        "42,",
        "42;",
        "42\\",
        "42\\\\",
        "\\boxed{42}",
        "$\\boxed{42}$.",
        "\\boxed{42.}",
        "\\fbox{42}",
        "\\text{42}",
        "\\mathbf{42}",
        "{42}",
        "{{42}}",
        "(42)",
        "\\displaystyle 42",
        "\\left(42\\right)",
        "\\bigl(42\\bigr)",
        "**42**",
        "`42`",
        "42\n",
        "\\,42\\;",
        "\\!42",
        "42。",
        "\u{FEFF}42",
        "\\boxed{\\boxed{42}}",
        "\\textbf{42}",
    ] {
        assert_eq!(show(&read(text).unwrap()), "42", "{text:?}");
    }
}

#[test]
fn what_hides_or_defines_is_malformed() {
    check_malformed(&[
        "\\phantom{1}42",
        "\\newcommand{\\a}{42}\\a",
        "\\def\\a{42}\\a",
        "\\hspace{1cm}42",
        "\\rule{1pt}{1pt}42",
        "\\color{white}42",
        "\\label{42}",
        "\\iffalse 6\\fi",
        "\\footnote{6}",
        "\\unknown",
        "\u{202E}24\u{202C}",
        "4\u{200D}2",
        "4\u{200B}2",
        "\\boxed 42",
        "\\left42",
    ]);
}

#[test]
fn unbalanced_brackets_are_malformed() {
    check_malformed(&[
        "(2,3",
        "2,3)",
        "{2",
        "2}",
        "\\{2",
        "\\left(2",
        "\\(2",
        "2\\)",
        "\\[2\\)",
        "(2]}",
        "\\text{2",
        "\\boxed{2",
        "((2)",
        "yes)",
        "(maybe",
        "\\frac{1}{2",
        "[yes",
    ]);
}

#[test]
fn units_may_be_left_to_the_words() {
    let options = ParseOptions { units: false, ..ParseOptions::default() };
    assert_eq!(show(&read_with("20 apples", &options).unwrap()), "\"20 apples\"");
    assert_eq!(show(&read_with("20", &options).unwrap()), "20");
}
