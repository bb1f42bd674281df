//! Notations of single fields: events, angles, choices, pieces, times, units, other scripts.

use super::{check, check_malformed, read, show};
use crate::math::expr::Answer;

#[test]
fn events_in_brackets_are_part_of_a_name() {
    check(&[
        ("P(X=1)=\\frac14", "'P'(X=1) = (1/4)"),
        ("P(X = 1) = 1/4", "'P'(X=1) = (1/4)"),
        ("P(A\\cap B)=1", "'P'(A\\capB) = 1"),
        ("P(A ∩ B)=1", "'P'(A\\capB) = 1"),
        ("P(A|B)=1", "'P'(A|B) = 1"),
        ("P(A\\mid B)=1", "'P'(A|B) = 1"),
        ("P(X \\ge 2) = 0.3", "'P'(X>=2) = 3/10(1,1)"),
        ("\\Pr(X>3) = 1", "'Pr'(X>3) = 1"),
        ("Pr(X>3) = 1", "'Pr'(X>3) = 1"),
        ("\\mathbb{P}(X>3) = 1", "'P'(X>3) = 1"),
        ("\\mathbb{E}(X) = 3", "'E'(X) = 3"),
        ("\\mathrm{P}(X<0) = 1", "'P'(X<0) = 1"),
        ("P(\\text{heads}) = \\frac12", "'P'(heads) = (1/2)"),
        ("P(\\text{two heads}) = 1", "'P'(twoheads) = 1"),
        ("P(A \\text{ or } B) = 1", "'P'(AorB) = 1"),
        ("n(A\\cup B) = 7", "'n'(A\\cupB) = 7"),
        ("P(X=1)P(Y=2) = 1", "('P'(X=1)*'P'(Y=2)) = 1"),
        ("P(x) = x^2", "'P'(x) = (x^2)"),
        ("P(A) = 1", "'P'(A) = 1"),
        ("P(|x|)", "'P'(Abs(x))"),
        ("n(n+1)", "(n*(n+1))"),
    ]);
    check_malformed(&["P(X=1", "P(X=) = (", "q(X=1)=2"]);
}

#[test]
fn angles_and_lengths_are_names() {
    check(&[
        ("m\\angle A = 5", "angle A = 5"),
        ("m∠ABC = 5", "angle ABC = 5"),
        ("\\angle ABC = 5^\\circ", "angle ABC = 5 [deg]"),
        ("2m\\angle A", "(2*angle A)"),
        ("|AB| = 5", "'length'((A*B)) = 5"),
        ("\\left|AB\\right| = 5", "'length'((A*B)) = 5"),
        ("|\\overrightarrow{AB}| = 5", "'length'('vec'((A*B))) = 5"),
        ("|x| = 5", "Abs(x) = 5"),
        ("|AB|", "Abs((A*B))"),
        ("|AB| = |CD|", "Abs((A*B)) = Abs((C*D))"),
        ("2|AB| = 5", "(2*Abs((A*B))) = 5"),
    ]);
}

#[test]
fn minutes_and_seconds_are_parts_of_a_degree() {
    check(&[
        ("45^\\circ 30'", "(45+(30/60)) [deg]"),
        ("45^{\\circ}30^{\\prime}", "(45+(30/60)) [deg]"),
        ("45°30′", "(45+(30/60)) [deg]"),
        ("45^\\circ 30' 15''", "(45+(30/60)+(15/3600)) [deg]"),
        ("45°30′15″", "(45+(30/60)+(15/3600)) [deg]"),
        ("45^\\circ 30' 15\"", "(45+(30/60)+(15/3600)) [deg]"),
        ("45° 15''", "(45+(15/3600)) [deg]"),
        ("-45°30'", "-(45+(30/60)) [deg]"),
        ("\\angle A = 45°30'", "angle A = (45+(30/60)) [deg]"),
    ]);
    check_malformed(&["45^\\circ 75'", "x^\\circ 30'", "45^\\circ 30", "45^\\circ 30''30'"]);
}

#[test]
fn numbers_of_choices_have_several_notations() {
    for text in
        ["{}_5C_2", "_5C_2", "^5C_2", "{}^5C_2", "{}_{5}C_{2}", "C(5,2)", "C_5^2", "C_{5}^{2}"]
    {
        assert_eq!(show(&read(text).unwrap()), "Binomial(5, 2)", "{text}");
    }
    check(&[
        ("_nC_r", "Binomial(n, r)"),
        ("3\\cdot{}_4C_2", "(3*Binomial(4, 2))"),
        ("{}_4C_2{}_3C_1", "(Binomial(4, 2)*Binomial(3, 1))"),
        ("{}_5P_2", "(Factorial(5)/Factorial((5+-2)))"),
        ("8!!", "((2^4)*Factorial(4))"),
        ("7!!", "(Factorial(8)/((2^4)*Factorial(4)))"),
        ("n!!", "'double factorial'(n)"),
        ("C_2^5", "(C_2^5)"),
        ("C_1^n", "(C_1^n)"),
    ]);
    check_malformed(&["_4", "^2", "{}_4", "_4D_2", "_4C", "_4C^2"]);
}

#[test]
fn pieces_do_not_depend_on_commas_and_words() {
    let pieces = "'piecewise'(-x, '<'(x, 0), x, '<='(0, x))";
    for text in [
        "\\begin{cases}x & x\\ge0\\\\-x & x<0\\end{cases}",
        "\\begin{cases}-x & x<0\\\\x & x\\ge0\\end{cases}",
        "\\begin{cases} x, & x \\ge 0 \\\\ -x, & x<0 \\end{cases}",
        "\\begin{cases} x & \\text{if } x\\geq 0,\\\\ -x & \\text{if } x<0.\\end{cases}",
        "\\begin{cases} x & \\text{for } 0 \\le x;\\\\ -x & \\text{when }x<0\\\\ \\end{cases}",
        "\\begin{cases} x, x\\ge 0 \\\\ -x, x<0 \\end{cases}",
        "\\begin{cases} x \\text{ if } x\\ge 0 \\\\ -x \\text{ if } x<0 \\end{cases}",
        "\\left\\{\\begin{array}{ll}x & x\\ge0\\\\-x & x<0\\end{array}\\right.",
        "\\begin{dcases}x, & 当 x≥0 时\\\\-x, & 当 x<0 时\\end{dcases}",
    ] {
        assert_eq!(show(&read(text).unwrap()), pieces, "{text}");
    }
    check(&[
        (
            "f(x)=\\begin{cases}1 & x=0\\\\ 0 & \\text{otherwise}\\end{cases}",
            "'f'(x) = 'piecewise'(1, '='(x, 0), 0, 'otherwise'())",
        ),
        (
            "\\begin{cases}1 & 0\\le x<1\\\\ 0 & x<0 \\text{ or } x\\ge 1\\end{cases}",
            "'piecewise'(1, '<= <'(0, x, 1), 0, 'or'('<'(x, 0), '<='(1, x)))",
        ),
        ("\\begin{cases}x=1\\\\y=2\\end{cases}", "list x = 1; y = 2"),
        ("\\begin{cases}x&=1\\\\y&=2\\end{cases}", "list x = 1; y = 2"),
        ("\\begin{cases}1\\\\2\\end{cases}", "list 1; 2"),
        ("\\begin{cases}x=1,\\\\y=2.\\end{cases}", "list x = 1; y = 2"),
        ("\\begin{cases}x+y=1,\\\\x-y=2\\end{cases}", "list (x+y) = 1; (x+-y) = 2"),
    ]);
    check_malformed(&[
        "\\begin{cases}x & x\\ge0\\\\-x & x<\\end{cases}",
        "\\left\\{\\begin{array}{l}1 & x<0\\end{array}\\right\\}",
    ]);
}

#[test]
fn connectives_of_conditions_are_kept() {
    check(&[
        ("k<-2 \\lor k>2", "(k < -2 u k > 2)"),
        ("k<-2 \\vee k>2", "(k < -2 u k > 2)"),
        ("k<-2 \\text{ or } k>2", "(k < -2 u k > 2)"),
        ("k<-2 或 k>2", "(k < -2 u k > 2)"),
        ("k<-2, or k>2", "(k < -2 u k > 2)"),
        ("k<-2 or k=2", "(k < -2 u k in {2})"),
        ("k>-2 \\land k<2", "list k > -2; k < 2"),
        ("k>-2 ∧ k<2", "list k > -2; k < 2"),
        ("x=1 \\lor x=2", "list x = 1; x = 2"),
        ("42 \\lor 43", "list 42; 43"),
        ("k<-2, k>2", "list k < -2; k > 2"),
        ("2k\\pi (k\\in\\mathbb{Z})", "list (2*k*pi); k in set Z"),
        ("x = 2k\\pi (k\\in\\mathbb{Z})", "list x = (2*k*pi); k in set Z"),
        ("2k\\pi（k∈Z）", "list (2*k*pi); k in set Z"),
        ("x\\in R", "x in set R"),
        ("k \\in N^*", "k in set N^*"),
        ("P \\in C", "P in C"),
    ]);
    check_malformed(&["\\lor 1", "1 \\lor", "k (k\\in)", "2(k\\in\\mathbb{Z})3"]);
}

#[test]
fn bold_letters_are_sets_where_nothing_stands_beside_them() {
    check(&[
        ("\\mathbf{R}", "set R"),
        ("\\mathbf{Z}", "set Z"),
        ("x \\in \\mathbf{R}", "x in set R"),
        ("\\mathbf{R}\\setminus\\{0\\}", "(set R \\ {0})"),
        ("k \\in \\mathbf{N}^+", "k in set N^+"),
        ("\\mathbf{C}", "C"),
        ("\\mathbf{B}", "B"),
        ("\\mathbf{R} = 3", "R = 3"),
        ("2\\mathbf{R}", "(2*R)"),
        ("\\mathbf{42}", "42"),
    ]);
}

#[test]
fn signs_of_a_conclusion_stand_before_an_answer() {
    for text in [
        "∴ 12",
        "\\therefore 12",
        "=> 12",
        "→ 12",
        "$\\Rightarrow 12$",
        "\\implies 12",
        "✅ **12**",
        "✔️ 12",
        "👉 12",
        "\\left. 12 \\right.",
        "\\left. 12 \\right",
    ] {
        assert_eq!(show(&read(text).unwrap()), "12", "{text}");
    }
    check(&[
        ("\\therefore x = 12", "x = 12"),
        ("3 × 4 = **12**", "(3*4) = 12"),
        ("2**3", "(2^3)"),
        ("2**3**2", "(2^(3^2))"),
    ]);
    check_malformed(&["12 \\therefore", "∴", "\\left. 12 \\right x", "❌ 12", "3 × 4 = **12"]);
}

#[test]
fn ratios_bases_and_functions_have_words() {
    check(&[
        ("3 \\text{ to } 4", "3 : 4"),
        ("3 to 4", "3 : 4"),
        ("1 to 2 to 3", "1 : 2 : 3"),
        ("3比4", "3 : 4"),
        ("1011_{\\text{two}}", "1011_2=11"),
        ("132_{five}", "132_5=42"),
        ("132_\\text{five}", "132_5=42"),
        ("(132)_{\\text{five}}", "132_5=42"),
        ("2a_{16}", "2A_16=42"),
        ("x + 2a_{16}", "(x+(2*a_16))"),
        ("3a_{11}", "(3*a_11)"),
        ("\\text{GCD}(12,18)", "Gcd(12, 18)"),
        ("\\operatorname{LCM}(12,20)", "Lcm(12, 20)"),
        ("MAX(1,2)", "Max(1, 2)"),
        ("6.02 x 10^23", "602000000000000000000000(3,-21)"),
        ("A^{-1}", "(A^-1)"),
        ("A^T", "(A^T)"),
        ("A^{\\top}", "(A^T)"),
    ]);
    for text in ["from 3 to 4", "go to 4", "3 to"] {
        assert!(matches!(read(text), Ok(Answer::Words(_))), "{text}");
    }
}

#[test]
fn units_are_products_of_powers() {
    check(&[
        ("9.8\\,\\text{m}\\,\\text{s}^{-2}", "49/5(2,1) [m/s^2]"),
        ("9.8\\,\\mathrm{m\\,s^{-2}}", "49/5(2,1) [m/s^2]"),
        ("3\\times 10^{8}\\ \\mathrm{m\\,s^{-1}}", "300000000(1,-8) [m/s]"),
        ("5\\text{ kg}\\cdot\\text{m}^2\\text{s}^{-3}", "5 [kg m^2/s^3]"),
        ("5\\text{ s}^{-1}", "5 [/s]"),
        ("6\\text{ J}\\cdot\\text{s}", "6 [j*s]"),
        ("6\\,\\frac{\\text{m}}{\\text{s}^2}", "6 [m/s^2]"),
        ("10\\ \\Omega", "10 [ohm]"),
        ("10Ω", "10 [ohm]"),
        ("10\\ \\text{k}\\Omega", "10 [kohm]"),
        ("10\\,\\text{M}\\Omega", "10 [Mohm]"),
        ("10 ohms", "10 [ohms]"),
        ("2\\times10^3\\ \\Omega", "2000(1,-3) [ohm]"),
        ("5\\,\\mu\\text{m}", "5 [um]"),
        ("50 N", "50 [n]"),
        ("50 kN", "50 [kn]"),
        ("50\\text{ kN}", "50 [kn]"),
        ("3\\text{ mW}", "3 [mw]"),
        ("3\\text{ MW}", "3 [Mw]"),
        ("3\\text{ MPa}", "3 [Mpa]"),
        ("25^\\circ\\text{C}", "25 [°c]"),
        ("25℉", "25 [°f]"),
        ("5千克", "5 [千克]"),
        ("3千米/小时", "3 [千米/小时]"),
        ("3千元", "(3*1000) [money 元]"),
        ("8平方米", "8 [米^2]"),
        ("8立方厘米", "8 [厘米^3]"),
        ("5角", "5 [money 角]"),
        ("￥120", "120 [money ¥]"),
        ("\\Omega", "Omega"),
        ("2\\Omega+1", "((2*Omega)+1)"),
        ("x^2\\Omega", "((x^2)*Omega)"),
        ("2N", "(2*N)"),
        ("x N", "(x*N)"),
        ("2kN", "(2*k*N)"),
        ("2 N + 1", "((2*N)+1)"),
    ]);
}

#[test]
fn letters_of_units_are_names_in_products() {
    check(&[
        ("hmg", "(h*m*g)"),
        ("nm", "(n*m)"),
        ("\\text{nm}", "\"nm\""),
        ("5 nm", "5 [nm]"),
        ("\\frac{GMm}{r^2}", "((G*M*m)/(r^2))"),
        ("G\\frac{Mm}{r^2}", "(G*((M*m)/(r^2)))"),
        ("GmM/r^2", "((G*m*M)/(r^2))"),
        ("\\sqrt{\\frac{2 h}{g}}", "Root(((2*h)/g), 2)"),
        ("\\sqrt{2 h / g}", "Root(((2*h)/g), 2)"),
        ("\\frac12h(a+b)", "((1/2)*h*(a+b))"),
        ("h(x+1)", "'h'((x+1))"),
        ("h(a)", "'h'(a)"),
        ("\\frac{100 !}{50 ! 50 !}", "(Factorial(100)/(Factorial(50)*Factorial(50)))"),
        ("x_{\\max}", "x_max"),
        ("x_{\\text{max}}", "x_max"),
        ("\\triangle A B C", "triangle ABC"),
        ("\\angle ABC", "angle ABC"),
        ("\\$12\\text{ per hour}", "12 [money $ per hour]"),
        ("12 cents per hour", "12 [money cents per hour]"),
    ]);
}

#[test]
fn han_numerals_are_numbers() {
    check(&[
        ("五分之二", "(2/5)"),
        ("百分之二十", "20 [%]"),
        ("百分之20", "20 [%]"),
        ("千分之五", "(5/1000)"),
        ("一又二分之一", "(1+(1/2))"),
        ("二十五", "25"),
        ("三个", "3 [个]"),
        ("十分钟", "10 [分钟]"),
        ("x=五分之二", "x = (2/5)"),
        ("5分之2", "(2/5)"),
        ("5分之二", "(2/5)"),
        ("2又二分之一", "(2+(1/2))"),
        ("五分之", "\"五分之\""),
        ("一样", "\"一样\""),
        ("三角形", "\"三角形\""),
        ("十分", "\"十分\""),
        ("2又", "\"2又\""),
        ("5以上", "\"5以上\""),
        ("12的平方", "\"12的平方\""),
        ("百分之百多", "\"百分之百多\""),
    ]);
}
