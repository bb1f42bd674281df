use super::{check, check_malformed};

#[test]
fn fractions_take_what_tex_gives_them() {
    check(&[
        ("\\frac{1}{2}", "(1/2)"),
        ("\\frac12", "(1/2)"),
        ("\\frac1{72}", "(1/72)"),
        ("\\frac{a}b", "(a/b)"),
        ("\\frac ab", "(a/b)"),
        ("\\frac34i", "((3/4)*I)"),
        ("\\frac{1}23", "((1/2)*3)"),
        ("\\frac\\pi2", "(pi/2)"),
        ("\\frac{\\sqrt3}2", "(Root(3, 2)/2)"),
        ("\\cfrac{1}{1+\\cfrac{1}{2}}", "(1/(1+(1/2)))"),
        ("a\\over b", "(a/b)"),
        ("{a+1 \\over b}", "((a+1)/b)"),
        ("\\frac{3}{-4}", "(3/-4)"),
        ("3/-4", "(3/-4)"),
        ("a/b/c", "(a/(b*c))"),
        ("a/b*c", "((a/b)*c)"),
        ("1÷2", "(1/2)"),
        ("⅔", "(2/3)"),
        ("1⁄2", "(1/2)"),
    ]);
    check_malformed(&["\\frac{1}", "\\frac{}{2}", "\\frac", "1/", "/2", "\\frac12\\over"]);
}

#[test]
fn juxtaposed_factors_bind_tighter_than_a_slash() {
    check(&[
        ("2x", "(2*x)"),
        ("xy", "(x*y)"),
        ("2\\pi r", "(2*pi*r)"),
        ("2(x+1)", "(2*(x+1))"),
        ("(x+1)(x-1)", "((x+1)*(x+-1))"),
        ("x(x+1)", "(x*(x+1))"),
        ("a(b+c)", "(a*(b+c))"),
        ("2[x+1]", "(2*(x+1))"),
        ("a/bc", "(a/(b*c))"),
        ("3x/4y", "((3*x)/(4*y))"),
        ("1/2x", "((1/2)*x)"),
        ("3/4\\pi", "((3/4)*pi)"),
        ("1/(2x)", "(1/(2*x))"),
        ("\\pi/4 x", "((pi/4)*x)"),
        ("n(n+1)/2", "((n*(n+1))/2)"),
        ("3x^2y", "(3*(x^2)*y)"),
        ("2\\cdot-3", "(2*-3)"),
        ("2*x", "(2*x)"),
        ("x½", "(x*(1/2))"),
        ("2x2", "(2*x*2)"),
    ]);
}

#[test]
fn signs_bind_looser_than_powers_and_products() {
    check(&[
        ("-2^2", "-(2^2)"),
        ("-2x", "-(2*x)"),
        ("-x+1", "(-x+1)"),
        ("x-1", "(x+-1)"),
        ("x - -1", "(x+1)"),
        ("5-(-3)", "(5+--3)"),
        ("+5", "5"),
        ("−5", "-5"),
        ("\\pm 2", "(pm*2)"),
        ("1\\pm\\sqrt2", "(1+(pm*Root(2, 2)))"),
        ("\\mp 3", "-(pm*3)"),
        ("±2x", "(pm*2*x)"),
        ("+/-5", "(pm*5)"),
    ]);
}

#[test]
fn exponents_are_groups_or_whole_numbers() {
    check(&[
        ("x^2", "(x^2)"),
        ("2^{10}", "(2^10)"),
        ("2^10", "(2^10)"),
        ("x^23y", "((x^23)*y)"),
        ("2**3", "(2^3)"),
        ("2^-3", "(2^-3)"),
        ("e^-x", "(E^-x)"),
        ("e^xy", "((E^x)*y)"),
        ("x^{1/2}", "(x^(1/2))"),
        ("x^1/2", "((x^1)/2)"),
        ("2^{2^2}", "(2^(2^2))"),
        ("2^3^2", "(2^(3^2))"),
        ("x²", "(x^2)"),
        ("x⁻¹", "(x^-1)"),
        ("xⁿ⁺¹", "(x^(n+1))"),
        ("2^\\pi", "(2^pi)"),
        ("2^{\\frac13}", "(2^(1/3))"),
        ("(x+1)^2", "((x+1)^2)"),
        ("x^(n+1)", "(x^(n+1))"),
        ("e^{i\\pi}", "(E^(I*pi))"),
    ]);
    check_malformed(&["x^", "^2", "x^{}", "x^+"]);
}

#[test]
fn roots_take_their_operand() {
    check(&[
        ("\\sqrt2", "Root(2, 2)"),
        ("\\sqrt{2}", "Root(2, 2)"),
        ("\\sqrt{x^2+1}", "Root(((x^2)+1), 2)"),
        ("\\sqrt[3]{2}", "Root(2, 3)"),
        ("\\sqrt[n]{a+b}", "Root((a+b), n)"),
        ("\\sqrt2x", "(Root(2, 2)*x)"),
        ("√2", "Root(2, 2)"),
        ("√12", "Root(12, 2)"),
        ("√(2)", "Root(2, 2)"),
        ("2√3", "(2*Root(3, 2))"),
        ("∛8", "Root(8, 3)"),
        ("sqrt(2)", "Root(2, 2)"),
        ("sqrt(3)/2", "(Root(3, 2)/2)"),
        ("cbrt(8)", "Root(8, 3)"),
        ("\\sqrt\\frac12", "Root((1/2), 2)"),
    ]);
    check_malformed(&["\\sqrt", "\\sqrt{}", "\\sqrt[3]", "√"]);
}

#[test]
fn factorials_and_binomials_are_calls() {
    check(&[
        ("5!", "Factorial(5)"),
        ("(n+1)!", "Factorial((n+1))"),
        ("2n!", "(2*Factorial(n))"),
        ("k!!", "'double factorial'(k)"),
        ("5!=120", "Factorial(5) = 120"),
        ("\\binom{5}{2}", "Binomial(5, 2)"),
        ("\\dbinom52", "Binomial(5, 2)"),
        ("{n \\choose k}", "Binomial(n, k)"),
        ("C(5,2)", "Binomial(5, 2)"),
    ]);
    check_malformed(&["!5", "!", "\\binom{5}"]);
}

#[test]
fn bars_floors_and_ceilings_close_what_they_open() {
    check(&[
        ("|x|", "Abs(x)"),
        ("|x-1|+|x+1|", "(Abs((x+-1))+Abs((x+1)))"),
        ("2|x|", "(2*Abs(x))"),
        ("|x||y|", "(Abs(x)*Abs(y))"),
        ("||x||", "Abs(Abs(x))"),
        ("\\left|3+4i\\right|", "Abs((3+(4*I)))"),
        ("\\lvert x\\rvert", "Abs(x)"),
        ("\\vert x\\vert", "Abs(x)"),
        ("\\|v\\|", "'norm'(v)"),
        ("\\lfloor 3.7 \\rfloor", "Floor(37/10(2,1))"),
        ("\\left\\lceil x\\right\\rceil", "Ceil(x)"),
        ("⌊x⌋", "Floor(x)"),
        ("floor(x)", "Floor(x)"),
    ]);
    check_malformed(&["|x", "x|", "\\lfloor x", "\\lfloor x \\rceil", "|x|y|"]);
}

#[test]
fn functions_take_brackets_or_the_product_behind_them() {
    check(&[
        ("\\sin x", "Sin(x)"),
        ("\\sin 2x", "Sin((2*x))"),
        ("\\sin 2x \\cos 3x", "(Sin((2*x))*Cos((3*x)))"),
        ("\\sin(x)y", "(Sin(x)*y)"),
        ("\\sin{x}", "Sin(x)"),
        ("\\sin\\left[x\\right]", "Sin(x)"),
        ("\\sin\\frac{\\pi}{3}", "Sin((pi/3))"),
        ("\\sin\\pi/6", "Sin((pi/6))"),
        ("\\sin x/2", "(Sin(x)/2)"),
        ("\\sin x + 1", "(Sin(x)+1)"),
        ("\\sin x(x+1)", "(Sin(x)*(x+1))"),
        ("\\sin \\cos x", "Sin(Cos(x))"),
        ("\\sin -x", "Sin(-x)"),
        ("\\sin x^2", "Sin((x^2))"),
        ("\\sin(x)^2", "(Sin(x)^2)"),
        ("sin(pi/2)", "Sin((pi/2))"),
        ("7*sin(pi*x/5)+1", "((7*Sin(((pi*x)/5)))+1)"),
        ("sinx", "Sin(x)"),
        ("\\operatorname{lcm}(4,6)", "Lcm(4, 6)"),
        ("\\mathrm{lcm}(4,6)", "Lcm(4, 6)"),
        ("gcd(12, 18)", "Gcd(12, 18)"),
        ("\\max\\left(x, y\\right)", "Max(x, y)"),
        ("\\min\\{1,2\\}", "Min(1, 2)"),
        ("\\exp(-x^2)", "Exp(-(x^2))"),
        ("\\ln|x| + C", "(Ln(Abs(x))+C)"),
        ("2\\operatorname{cis}\\theta", "(2*(E^(I*theta)))"),
    ]);
    check_malformed(&["\\sin", "\\sin^x", "\\sin^2", "\\gcd", "\\max x", "sqrt", "\\log_2"]);
}

#[test]
fn exponents_of_functions_stand_behind_the_name() {
    check(&[
        ("\\sin^2 x", "(Sin(x)^2)"),
        ("sin²θ", "(Sin(theta)^2)"),
        ("\\sin^{-1} x", "Arcsin(x)"),
        ("\\tan^{-1}(1)", "Arctan(1)"),
        ("\\cosh^{-1}(a)", "Arcosh(a)"),
        ("\\cosh^{-2}(a)", "(Cosh(a)^-2)"),
        ("\\arcsinh(a)", "Arsinh(a)"),
        ("arctan(1)", "Arctan(1)"),
        ("asin(x)", "Arcsin(x)"),
        ("\\log^2 x", "(Log(x)^2)"),
    ]);
}

#[test]
fn logarithms_keep_their_base() {
    check(&[
        ("\\log_2 8", "Log(8, 2)"),
        ("\\log_28", "Log(8, 2)"),
        ("\\log_{10}100", "Log(100, 10)"),
        ("\\log_10 100", "Log(100, 10)"),
        ("log2(8)", "Log(8, 2)"),
        ("log_2(8)", "Log(8, 2)"),
        ("\\log x", "Log(x)"),
        ("\\ln x", "Ln(x)"),
        ("\\lg x", "Log(x, 10)"),
        ("\\log_b{xy}", "Log((x*y), b)"),
    ]);
}

#[test]
fn constants_are_known_by_their_names() {
    check(&[
        ("\\pi", "pi"),
        ("π", "pi"),
        ("pi", "pi"),
        ("e", "E"),
        ("\\mathrm{e}", "E"),
        ("i", "I"),
        ("3+4\\mathrm{i}", "(3+(4*I))"),
        ("\\infty", "inf"),
        ("-∞", "-inf"),
        ("+\\infty", "inf"),
        ("inf", "inf"),
        ("infinity", "inf"),
        ("E", "E"),
        ("e_1", "e_1"),
    ]);
}

#[test]
fn degrees_are_a_unit_outside_and_a_factor_inside() {
    check(&[
        ("45^\\circ", "45 [deg]"),
        ("45^{\\circ}", "45 [deg]"),
        ("45°", "45 [deg]"),
        ("45\\degree", "45 [deg]"),
        ("45º", "45 [deg]"),
        ("45 degrees", "45 [deg]"),
        ("45\\text{ degrees}", "45 [deg]"),
        ("\\sin 30^\\circ", "Sin((30*deg))"),
        ("\\cos(6^\\circ)", "Cos((6*deg))"),
        ("180^\\circ - x^\\circ", "(180+-x) [deg]"),
        ("(180-x)^\\circ", "(180+-x) [deg]"),
        ("25°C", "25 [°c]"),
        ("(6,235^\\circ)", "(6; 235 [deg])"),
    ]);
}

#[test]
fn names_carry_primes_indices_and_accents() {
    check(&[
        ("x_1", "x_1"),
        ("x_{12}", "x_12"),
        ("x₁", "x_1"),
        ("a_n", "a_n"),
        ("a_{n+1}", "'a_'((n+1))"),
        ("F_{k-1}", "'F_'((k+-1))"),
        ("x_{\\text{max}}", "x_max"),
        ("\\lambda_{i,j}^2", "(lambda_i,j^2)"),
        ("\\lambda^2_{i,j}", "(lambda_i,j^2)"),
        ("x'", "x'"),
        ("\\hat{x}", "hat x"),
        ("\\vec v", "vec v"),
        ("\\theta", "theta"),
        ("θ", "theta"),
        ("theta", "theta"),
        ("\\varphi", "phi"),
        ("\\bar{z}", "Conjugate(z)"),
        ("\\overline{AB}", "(A*B)"),
        ("\\mathbf{v}", "v"),
        ("\\angle ABC", "angle ABC"),
    ]);
}

#[test]
fn usual_names_of_functions_are_applied() {
    check(&[
        ("f(x)", "'f'(x)"),
        ("f(x+1)", "'f'((x+1))"),
        ("f(2,3)", "'f'(2, 3)"),
        ("f'(x)", "'f''(x)"),
        ("f^{-1}(x)", "'f^-1'(x)"),
        ("f^2(x)", "('f'(x)^2)"),
        ("f_1(x)", "'f_1'(x)"),
        ("p(x)", "'p'(x)"),
        ("y(t)", "'y'(t)"),
        ("f{\\left(x\\right)}", "'f'(x)"),
        ("a(b)", "(a*b)"),
        ("k(k+1)", "(k*(k+1))"),
        ("x(2)", "(x*2)"),
    ]);
}

#[test]
fn sums_integrals_and_limits_keep_their_parts() {
    check(&[
        ("\\sum_{k=1}^{n} k^2", "'sum'((k^2), k, 1, n)"),
        ("\\sum_{i=1}^n i", "'sum'(i, i, 1, n)"),
        ("\\sum_{n=0}^\\infty \\frac{1}{n!} + 1", "('sum'((1/Factorial(n)), n, 0, inf)+1)"),
        ("\\prod_{k=1}^n k", "'product'(k, k, 1, n)"),
        ("\\int_0^1 x^2 \\,dx", "'integral'((x^2), x, 0, 1)"),
        ("\\int x+1\\,\\mathrm{d}x", "'integral'((x+1), x)"),
        ("\\int_0^{2\\pi} \\sin t\\, dt", "'integral'(Sin(t), t, 0, (2*pi))"),
        ("\\lim_{x\\to 0} \\frac{\\sin x}{x}", "'limit'((Sin(x)/x), x, 0)"),
        ("\\lim_{x\\to 0^+} x", "'limit+'(x, x, 0)"),
        ("\\frac{dy}{dx}", "'derivative'(y, x)"),
        ("\\frac{d}{dx} x^2", "'derivative'((x^2), x)"),
        ("\\frac{\\partial f}{\\partial x}", "'derivative'(f, x)"),
    ]);
    check_malformed(&["\\sum_{k}^n k", "\\int x", "\\lim x", "\\sum_{k=1} k", "\\int_0 x dx"]);
}

#[test]
fn remainders_are_calls_of_what_stands_before() {
    check(&[
        ("7 \\bmod 3", "Mod(7, 3)"),
        ("7 mod 3", "Mod(7, 3)"),
        ("x \\equiv 3 \\pmod{7}", "x == Mod(3, 7)"),
        ("x ≡ 3 (mod 7)", "x == Mod(3, 7)"),
        ("x \\equiv 3 (\\bmod 7)", "x == Mod(3, 7)"),
    ]);
}

#[test]
fn determinants_and_sums_of_matrices_are_worked_out() {
    check(&[
        ("\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}", "((1*4)+-(2*3))"),
        ("\\det\\begin{pmatrix}a&b\\\\c&d\\end{pmatrix}", "((a*d)+-(b*c))"),
        ("2\\begin{pmatrix}1\\\\2\\end{pmatrix}", "matrix (2*1) | (2*2)"),
        (
            "\\begin{pmatrix}1\\\\2\\end{pmatrix}+\\begin{pmatrix}3\\\\4\\end{pmatrix}",
            "matrix (1+3) | (2+4)",
        ),
        (
            "\\begin{pmatrix}1&2\\end{pmatrix}\\begin{pmatrix}3\\\\4\\end{pmatrix}",
            "matrix ((1*3)+(2*4))",
        ),
    ]);
    check_malformed(&[
        "\\begin{pmatrix}1\\\\2\\end{pmatrix}+1",
        "\\begin{pmatrix}1\\\\2\\end{pmatrix}\\begin{pmatrix}1\\\\2\\end{pmatrix}",
        "\\begin{vmatrix}1&2\\end{vmatrix}",
    ]);
}
