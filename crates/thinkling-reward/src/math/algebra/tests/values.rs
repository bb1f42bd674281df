//! Tables of numbers: rational, surds, constants, decimals, order.

use super::*;

#[test]
fn rational_values_are_compared_exactly() {
    all_equal(&[
        ("1/2", "0.5"),
        ("2/4", "1/2"),
        ("-3/4", "3/(-4)"),
        ("0.1+0.2", "0.3"),
        ("2^100", "1267650600228229401496703205376"),
        ("10!", "3628800"),
        ("20!", "2432902008176640000"),
        ("2^(-2)", "0.25"),
        ("1/(1+1/2)", "2/3"),
        ("sqrt(4)", "2"),
        ("root(8,3)", "2"),
        ("root(-8,3)", "-2"),
        ("(-8)^(1/3)", "-2"),
        ("8^(2/3)", "4"),
        ("binom(5,2)", "10"),
        ("binom(10,3)", "120"),
        ("binom(-2,3)", "-4"),
        ("floor(3.7)", "3"),
        ("floor(-3.7)", "-4"),
        ("ceil(3.2)", "4"),
        ("|0-5|", "5"),
        ("gcd(12,18)", "6"),
        ("lcm(4,6)", "12"),
        ("gcd(-8,4,-2)", "2"),
        ("lcm(-32)", "32"),
        ("gcd(0,5)", "5"),
        ("gcd(3.6,2.4)", "6/5"),
        ("lcm(1/2,3)", "3"),
        ("lcm(2.4,3.6)", "36/5"),
        ("min(3,1,2)", "1"),
        ("max(3,1,2)", "3"),
        ("mod(-7,3)", "2"),
        ("log(8,2)", "3"),
        ("log(2,8)", "1/3"),
        ("sin(30*deg)", "1/2"),
        ("cos(pi)", "-1"),
        ("sec(0)", "1"),
        ("tan(pi/4)", "1"),
        ("ln(1)", "0"),
        ("exp(0)", "1"),
        ("0", "-0"),
        ("100!/98!", "9900"),
        ("10^20+1", "100000000000000000001"),
    ]);
    none_equal(&[
        ("10^20", "10^20+1"),
        ("100!/98!", "9901"),
        ("1/3", "0.3333"),
        ("1", "0.999999999999999999999"),
        ("10^(-9)", "0"),
        ("10^(-30)", "2*10^(-30)"),
        ("0.1234567890123456", "0.1234567890123457"),
        ("10000000000000000000001", "10000000000000000000000"),
        ("21!", "20!"),
        ("1/0", "1"),
        ("1/0", "2/0"),
        ("0/0", "0"),
    ]);
}

#[test]
fn surds_and_constants_are_compared_by_value() {
    all_equal(&[
        ("sqrt(12)", "2*sqrt(3)"),
        ("4*sqrt(2)", "sqrt(32)"),
        ("1/sqrt(2)", "sqrt(2)/2"),
        ("1/sqrt(2)", "sqrt(0.5)"),
        ("(sqrt(5)-1)/2", "2/(1+sqrt(5))"),
        ("2/(2+sqrt(5))", "2*sqrt(5)-4"),
        ("sqrt(3-2*sqrt(2))", "sqrt(2)-1"),
        ("sqrt(2)+sqrt(3)", "sqrt(5+2*sqrt(6))"),
        ("root(2,3)", "2^(1/3)"),
        ("root(7+5*sqrt(2),3)", "1+sqrt(2)"),
        ("root(2+sqrt(5),3)+root(2-sqrt(5),3)", "1"),
        ("sqrt(2)*sqrt(8)", "4"),
        ("sqrt(-4)", "2*i"),
        ("2*pi", "pi*2"),
        ("pi/6", "(1/6)*pi"),
        ("e^16-1", "-1+exp(16)"),
        ("exp(i*pi)", "-1"),
        ("e^(i*pi)", "-1"),
        ("|3+4*i|", "5"),
        ("1/(1+i)", "(1-i)/2"),
        ("i^2", "-1"),
        ("(1+i)^8", "16"),
        ("sqrt(i)", "(1+i)/sqrt(2)"),
        ("sin(pi/3)", "sqrt(3)/2"),
        ("cos(pi/5)", "(1+sqrt(5))/4"),
        ("cos(36*deg)", "(1+sqrt(5))/4"),
        ("tan(pi/12)", "2-sqrt(3)"),
        ("arctan(1)", "pi/4"),
        ("arcsin(1/2)", "pi/6"),
        ("arccos(-1/2)", "2*pi/3"),
        ("4*arctan(1/5)-arctan(1/239)", "pi/4"),
        ("arctan(1)+arctan(2)+arctan(3)", "pi"),
        ("ln(8)", "3*ln(2)"),
        ("log(27,9)", "3/2"),
        ("log(6,2)", "1+log(3,2)"),
        ("2^(log(3,2))", "3"),
        ("e^(ln(5))", "5"),
        ("sinh(ln(2))", "3/4"),
        ("arsinh(3/4)", "ln(2)"),
        ("floor(sqrt(2)*sqrt(2))", "2"),
        ("floor(pi)", "3"),
        ("2^(0.5)", "sqrt(2)"),
        ("0.5*pi", "pi/2"),
        ("re(3+4*i)", "3"),
        ("im(3+4*i)", "4"),
        ("conj(3+4*i)", "3-4*i"),
        ("i^i", "e^(-pi/2)"),
        ("1000000*sqrt(2)/1000000", "sqrt(2)"),
    ]);
    none_equal(&[
        ("sqrt(12)", "3*sqrt(2)"),
        ("sqrt(12)", "sqrt(21)"),
        ("sqrt(3-2*sqrt(2))", "1-sqrt(2)"),
        ("4*sqrt(2)", "root(2,4)"),
        ("2", "(1+sqrt(5))/2"),
        ("log(3,2)", "log(2,3)"),
        ("2*i", "-2*i"),
        ("42", "42*i"),
        ("42", "42*pi"),
        ("pi", "22/7"),
        ("pi", "3.14159"),
        ("e^(pi*sqrt(163))", "262537412640768744"),
        ("sqrt(2)+10^(-300)", "sqrt(2)"),
        ("e^(-200)", "0"),
        ("e^(-200)", "2*e^(-200)"),
        ("sqrt(2)*10^(-30)", "sqrt(3)*10^(-30)"),
        ("sqrt(10^30+1)", "10^15"),
        ("sin(pi/3)", "cos(pi/3)"),
        ("tan(90*deg)", "10^100"),
        ("tan(90*deg)", "tan(pi/2)"),
        ("ln(0)", "-oo"),
        ("1/(sqrt(2)*sqrt(2)-2)", "1"),
        ("(-1)^(1/2)", "-1"),
    ]);
}

#[test]
fn small_differences_are_seen_at_every_magnitude() {
    none_equal(&[
        ("0.123456789012345", "0.123456789012346"),
        ("1.00000000000001", "1"),
        ("123456789012345", "123456789012346"),
        ("10^(-30)", "1.000000000000001*10^(-30)"),
        ("10^300", "10^300+1"),
        ("10^(-300)", "0"),
        ("sqrt(2)*(1+10^(-15))", "sqrt(2)"),
        ("pi+10^(-20)", "pi"),
        ("pi*10^(-40)", "e*10^(-40)"),
        ("ln(2)+10^(-60)", "ln(2)"),
        ("sin(1)*10^(-100)", "sin(1)*10^(-100)*1.000000000000001"),
        ("e^(-300)", "e^(-301)"),
        ("x+10^(-20)", "x"),
        ("x*(1+10^(-15))", "x"),
        ("ln(x)*(1+10^(-30))", "ln(x)"),
        ("cos(x)+2^(-100)", "cos(x)"),
    ]);
}

#[test]
fn decimals_with_twelve_digits_stand_for_the_value_that_they_round() {
    all_equal(&[
        ("sqrt(17)", "4.123105625617661"),
        ("100/7", "14.285714285714286"),
        ("pi", "3.14159265359"),
        ("1/3", "0.333333333333"),
        ("2/3", "0.666666666667"),
        ("-2/3", "-0.666666666667"),
        ("sqrt(2)*10^(-5)", "1.41421356237*10^(-5)"),
        ("1/2^40", "0.000000000000909494701772928"),
    ]);
    none_equal(&[
        ("pi", "3.1415926536"),
        ("pi", "3.14159265358"),
        ("1/3", "0.33333333333"),
        ("2/3", "0.666666666666"),
        ("2/3", "0.66666666666666666"),
        ("1/3", "-0.333333333333"),
        ("sqrt(17)", "4.123105625617662"),
        ("0.3333333333333333", "0.333333333333"),
        ("2^100", "1267650600228.00*10^18"),
        ("0.333333333333*pi", "pi/3"),
    ]);
}

#[test]
fn a_repeating_decimal_is_the_fraction() {
    let third = Expr::Decimal(Decimal {
        value: BigRational::new(1.into(), 3.into()),
        significant: 1,
        places: 1,
        repeating: true,
    });
    assert_eq!(ask(&third, &read("1/3")), Ok(true));
    assert_eq!(ask(&third, &read("0.333333333333")), Ok(true));
    assert_eq!(ask(&third, &read("0.3333")), Ok(false));
}

#[test]
fn based_literals_have_their_value() {
    let based = Expr::Based { value: 11.into(), digits: "1011".into(), base: 2 };
    assert_eq!(ask(&based, &read("11")), Ok(true));
    assert_eq!(ask(&based, &read("22/2")), Ok(true));
    assert_eq!(ask(&based, &read("1011")), Ok(false));
}

#[test]
fn real_constants_have_an_order() {
    use Ordering::{Equal, Greater, Less};
    for (a, b, expected) in [
        ("1", "2", Some(Less)),
        ("1/3", "0.3333", Some(Greater)),
        ("2/4", "1/2", Some(Equal)),
        ("sqrt(2)", "1.41421356237", Some(Greater)),
        ("pi", "22/7", Some(Less)),
        ("pi^4+pi^5", "e^6", Some(Less)),
        ("sqrt(12)", "2*sqrt(3)", Some(Equal)),
        ("e^(pi*sqrt(163))", "262537412640768744", Some(Less)),
        ("10^(-100)*pi", "0", Some(Greater)),
        ("oo", "10^100", Some(Greater)),
        ("-oo", "-pi", Some(Less)),
        ("-oo", "oo", Some(Less)),
        ("oo", "2*oo", Some(Equal)),
        ("|3+4*i|", "5", Some(Equal)),
        ("i^2", "-1", Some(Equal)),
        ("(-8)^(1/3)", "-3", Some(Greater)),
        ("x", "1", None),
        ("i", "0", None),
        ("sqrt(-1)", "2", None),
        ("1/0", "1", None),
        ("f(1)", "1", None),
        ("pm*1", "0", None),
        ("log(3)", "2", Some(Less)),
        ("log(9)", "2", None),
    ] {
        let limits = Limits::default();
        let forth = order(&read(a), &read(b), &mut Budget::new(&limits));
        assert_eq!(forth, Ok(expected), "{a} and {b}");
        let back = order(&read(b), &read(a), &mut Budget::new(&limits));
        assert_eq!(back, Ok(expected.map(Ordering::reverse)), "{b} and {a}");
    }
}
