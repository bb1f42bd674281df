use super::super::ParseError;
use super::{check, check_malformed, read, read_with, show};
use crate::math::limits::{Budget, Limits};
use crate::math::parse::{ParseOptions, parse};

#[test]
fn digits_are_integers_whatever_groups_them() {
    check(&[
        ("0", "0"),
        ("007", "7"),
        ("1,250", "1250"),
        ("12,345,678", "12345678"),
        ("1{,}250", "1250"),
        ("1{,}250{,}000", "1250000"),
        ("1\\,250", "1250"),
        ("1\\,250\\,000", "1250000"),
        ("1~250", "1250"),
        ("1 250", "1250"),
        ("10 000 000", "10000000"),
        ("1,\\!250", "1250"),
        ("1,\\! 250,\\! 000", "1250000"),
        ("\u{FF11}\u{FF12}", "12"),
        ("10000000000000000000000000000001", "10000000000000000000000000000001"),
        ("1\u{202F}250", "1250"),
    ]);
}

#[test]
fn commas_that_group_nothing_make_lists() {
    check(&[
        ("1,2", "list 1; 2"),
        ("1,25", "list 1; 25"),
        ("1, 250", "list 1; 250"),
        ("0,250", "list 0; 250"),
        ("1250,300", "list 1250; 300"),
        ("100,200,3", "list 100; 200; 3"),
        ("1,234, 5", "list 1234; 5"),
        ("1,2,3,4", "list 1; 2; 3; 4"),
        ("100,2,300", "list 100; 2; 300"),
    ]);
}

#[test]
fn commas_in_brackets_group_only_where_another_comma_has_space() {
    check(&[
        ("(1,250)", "(1; 250)"),
        ("[100,200]", "[100; 200]"),
        ("\\{100,200,300\\}", "{100; 200; 300}"),
        ("(1,234, 5)", "(1234; 5)"),
        ("\\frac{1,250}{3}", "(1250/3)"),
        ("\\boxed{1,250}", "1250"),
        ("\\max(1,250)", "Max(1, 250)"),
    ]);
}

#[test]
fn decimals_keep_value_digits_and_places() {
    check(&[
        ("0.5", "1/2(1,1)"),
        (".5", "1/2(1,1)"),
        ("0.50", "1/2(2,2)"),
        ("5.0", "5(2,1)"),
        ("0.0500", "1/20(3,4)"),
        ("1,000.99", "100099/100(6,2)"),
        ("0.0", "0(0,1)"),
        ("3.14159265358979323846", "157079632679489661923/50000000000000000000(21,20)"),
        ("1{,}5", "3/2(2,1)"),
    ]);
}

#[test]
fn exponents_shift_the_places() {
    check(&[
        ("6.02e23", "602000000000000000000000(3,-21)"),
        ("1.23E-4", "123/1000000(3,6)"),
        ("5e2", "500(1,-2)"),
        ("2e-3", "1/500(1,3)"),
        ("3.2\\times 10^{5}", "320000(2,-4)"),
        ("3.2 \\cdot 10^{-2}", "4/125(2,3)"),
        ("3.2*10^5", "320000(2,-4)"),
        ("3.2×10⁵", "320000(2,-4)"),
        ("7 \\times 10^3", "7000(1,-3)"),
        ("3 x 10^8", "300000000(1,-8)"),
        ("2.5E-3x", "(1/400(2,4)*x)"),
        ("2\\times 10^k", "(2*(10^k))"),
        ("2e", "(2*E)"),
        ("2e^x", "(2*(E^x))"),
        ("e^2-2e-1", "((E^2)+-(2*E)+-1)"),
        ("2e+3", "((2*E)+3)"),
    ]);
}

#[test]
fn repeating_decimals_have_the_value_of_the_whole_expansion() {
    check(&[
        ("0.\\overline{3}", "1/3...(1,1)"),
        ("0.\\bar{3}", "1/3...(1,1)"),
        ("0.1\\overline{6}", "1/6...(2,2)"),
        ("0.\\overline{142857}", "1/7...(6,6)"),
        ("0.(3)", "1/3...(1,1)"),
        ("2.1(6)", "13/6...(3,2)"),
        ("0.\\dot{3}", "1/3...(1,1)"),
        ("0.\\dot3", "1/3...(1,1)"),
        ("0.\\dot{1}4285\\dot{7}", "1/7...(6,6)"),
        ("0.333...", "1/3...(1,1)"),
        ("0.1212\\ldots", "4/33...(2,2)"),
        ("0.1666…", "1/6...(2,2)"),
        ("0.\\overline{9}", "1...(1,1)"),
    ]);
}

#[test]
fn mixed_numbers_are_sums_and_improper_ones_products() {
    check(&[
        ("2\\frac12", "(2+(1/2))"),
        ("2\\frac{1}{2}", "(2+(1/2))"),
        ("2\\frac1{12}", "(2+(1/12))"),
        ("2\\frac{1}2", "(2+(1/2))"),
        ("2\\tfrac12", "(2+(1/2))"),
        ("2 1/2", "(2+(1/2))"),
        ("2½", "(2+(1/2))"),
        ("-2\\frac12", "-(2+(1/2))"),
        ("2\\frac{3}{2}", "(2*(3/2))"),
        ("2\\frac{x}{3}", "(2*(x/3))"),
        ("2\\cdot\\frac12", "(2*(1/2))"),
        ("x\\frac12", "(x*(1/2))"),
        ("3\\frac{1}{2}x", "((3+(1/2))*x)"),
    ]);
}

#[test]
fn bases_keep_value_and_digits() {
    check(&[
        ("1011_2", "1011_2=11"),
        ("1011_{2}", "1011_2=11"),
        ("204_5", "204_5=54"),
        ("1A_{16}", "1A_16=26"),
        ("2E1_{16}", "2E1_16=737"),
        ("FF_{16}", "FF_16=255"),
        ("\\text{FF}_{16}", "FF_16=255"),
        ("(1011)_2", "1011_2=11"),
        ("24_{10}", "24"),
        ("3a_{11}", "(3*a_11)"),
        ("A_{16}", "A_16"),
        ("\\frac{10_2}{11_2}", "(10_2=2/11_2=3)"),
    ]);
    check_malformed(&["1021_2", "19_8", "(129)_8", "5_1"]);
}

#[test]
fn scale_words_multiply() {
    check(&[
        ("2 million", "(2*1000000)"),
        ("3.5 billion", "(7/2(2,1)*1000000000)"),
        ("42万", "(42*10000)"),
        ("3亿元", "(3*100000000) [money 元]"),
        ("\\$5 million", "(5*1000000) [money $]"),
    ]);
}

#[test]
fn no_part_of_an_unreadable_number_counts() {
    check_malformed(&[
        "1.2.3",
        "12 34",
        "5 6",
        "1 2 3",
        "3 0.5",
        "1..2.",
        "--",
        "-",
        "+",
        ". 5",
        "0.\\overline{}",
        "0.\\dot{}",
        "1,,2",
        "1 2/",
        "0.()",
        "1\\,25",
        "6{7}",
        "{6}{7}",
        "6{}7",
        "6{{7}}",
        "6\\text{}7",
        "6\\mathbf{7}",
        "6\\boxed{7}",
        "0.\\overline{3}5",
    ]);
}

#[test]
fn a_decimal_comma_is_read_where_asked_for() {
    let options = ParseOptions { decimal_comma: true, ..ParseOptions::default() };
    for (text, tree) in [("1,5", "3/2(2,1)"), ("1,250", "1250"), ("(1,5; 2)", "(3/2(2,1); 2)")] {
        assert_eq!(show(&read_with(text, &options).unwrap()), tree, "{text}");
    }
    let options = ParseOptions { thousands_commas: false, ..ParseOptions::default() };
    assert_eq!(show(&read_with("1,250", &options).unwrap()), "list 1; 250");
}

#[test]
fn too_many_digits_are_too_large() {
    let limits = Limits { digits: 50, ..Limits::default() };
    for text in ["9".repeat(51), format!("0.{}", "9".repeat(51)), "1e51".into(), "1e-51".into()] {
        let result = parse(&text, &mut Budget::new(&limits));
        assert!(matches!(result, Err(ParseError::TooLarge(_))), "{text}");
    }
    assert!(parse(&"9".repeat(50), &mut Budget::new(&limits)).is_ok());
    let long = "7".repeat(9_000);
    assert_eq!(show(&read(&long).unwrap()), long);
}
