//! Pairs of answers, each with its verdict from the conventions.

use super::super::parse::parse;
use super::*;

fn check(gold: &str, given: &str, policy: &Policy) -> Option<bool> {
    let mut budget = Budget::new(&policy.limits);
    let gold = parse(gold, &mut budget).unwrap_or_else(|e| panic!("{gold}: {e}"));
    let given = parse(given, &mut budget).unwrap_or_else(|e| panic!("{given}: {e}"));
    same(&gold, &given, policy, &mut budget).ok()
}

fn assert_table(equal: bool, rows: &[(&str, &str)]) {
    let failed: Vec<_> =
        rows.iter().filter(|(a, b)| check(a, b, &Policy::default()) != Some(equal)).collect();
    assert!(failed.is_empty(), "expected equal: {equal}, got: {failed:?}");
}

/// Each pair is equal by default and differs under the policy.
fn assert_switch(change: fn(&mut Policy), rows: &[(&str, &str)]) {
    let mut changed = Policy::default();
    change(&mut changed);
    for (gold, given) in rows {
        assert_eq!(check(gold, given, &Policy::default()), Some(true), "default: {gold} {given}");
        assert_eq!(check(gold, given, &changed), Some(false), "changed: {gold} {given}");
    }
}

/// Each pair differs by default and is equal under the policy.
fn assert_switch_on(change: fn(&mut Policy), rows: &[(&str, &str)]) {
    let mut changed = Policy::default();
    change(&mut changed);
    for (gold, given) in rows {
        assert_eq!(check(gold, given, &Policy::default()), Some(false), "default: {gold} {given}");
        assert_eq!(check(gold, given, &changed), Some(true), "changed: {gold} {given}");
    }
}

#[test]
fn values_are_compared_and_not_their_shape() {
    assert_table(
        true,
        &[
            ("120", "5!"),
            ("2", r"\sqrt{4}"),
            (r"\frac{1}{2}", r"\sin 30^\circ"),
            ("0.5", r"\frac{1}{2}"),
            ("(x+1)^2", "x^2+2x+1"),
            ("2x", "x+x"),
            ("7", "7.0"),
            ("-3", "-3"),
        ],
    );
    assert_table(
        false,
        &[("120", "6!"), ("7", "7.01"), ("7", "-7"), ("x", "y"), ("x", "2x"), ("0.3333", "1/3")],
    );
}

#[test]
fn decimals_stand_for_what_they_round_from_twelve_digits_on() {
    assert_table(
        true,
        &[
            (r"\frac{1}{3}", "0.333333333333"),
            (r"\frac{2}{3}", "0.666666666667"),
            (r"\sqrt{2}", "1.41421356237"),
            (r"\pi", "3.14159265358979"),
            ("-1/3", "-0.333333333333"),
        ],
    );
    assert_table(
        false,
        &[
            (r"\frac{1}{3}", "0.33333333333"),
            (r"\frac{2}{3}", "0.666666666666"),
            (r"\sqrt{2}", "1.41421356238"),
            ("0.333333333333", "0.333333333334"),
            ("1", "0.9999999999999"),
        ],
    );
    let digits = |n: u32| Policy { rounding_digits: n, ..Policy::default() };
    for (gold, given, n, equal) in [
        (r"\frac{1}{3}", "0.33", 2, true),
        (r"\frac{1}{3}", "0.34", 2, false),
        (r"\frac{1}{3}", "0.33", 3, false),
        ("0.33", r"\frac{1}{3}", 2, true),
        (r"-\sqrt{2}", "-1.41", 3, true),
        (r"100\pi", "314", 3, false),
        (r"\frac{1}{3}", "0.333333333333", 13, false),
        (r"\frac{1}{2}", "0.5", 13, true),
    ] {
        assert_eq!(check(gold, given, &digits(n)), Some(equal), "{gold} {given} {n}");
    }
}

#[test]
fn units_are_dropped_but_never_mixed_up() {
    assert_table(
        true,
        &[
            (r"5\text{ cm}", "5"),
            ("5", r"5\text{ cm}"),
            (r"5\text{ cm}", r"5\text{ centimeters}"),
            (r"12\text{ cm}^2", "12"),
            (r"\$18", "18"),
            ("18", "18 dollars"),
            (r"45^\circ", "45"),
            ("90 degrees", "90"),
            (r"5\text{ apples}", r"5\text{ pears}"),
        ],
    );
    assert_table(
        false,
        &[
            (r"5\text{ cm}", r"5\text{ m}"),
            (r"1\text{ m}", r"100\text{ cm}"),
            (r"2\text{ hours}", r"2\text{ minutes}"),
            (r"5\text{ cm}", "6"),
            ("5 dollars", "5 cents"),
            (r"50\text{ N}", r"50\text{ kN}"),
            (r"25^\circ\text{C}", r"25^\circ\text{F}"),
            (r"5\text{ cm}^2", r"5\text{ cm}^3"),
            (r"45^\circ", r"45\%"),
            ("5元", "5角"),
        ],
    );
    assert_switch(|p| p.drop_units = false, &[(r"5\text{ cm}", "5"), (r"\$18", "18")]);
    assert_switch_on(
        |p| p.convert_units = true,
        &[(r"1\text{ m}", r"100\text{ cm}"), (r"2\text{ hours}", r"120\text{ minutes}")],
    );
}

#[test]
fn per_cent_is_number_and_hundredth() {
    assert_table(
        true,
        &[
            (r"28\%", "28%"),
            (r"28\%", "28"),
            ("28", r"28\%"),
            (r"28\%", "0.28"),
            ("0.28", r"28\%"),
            (r"12.5\%", r"\frac{1}{8}"),
        ],
    );
    assert_table(false, &[("0.28", "28"), ("28", "0.28"), (r"28\%", "2.8"), (r"28\%", r"0.28\%")]);
    assert_switch(|p| p.percent_is_number = false, &[(r"28\%", "28"), ("28", r"28\%")]);
    assert_switch(|p| p.percent_is_fraction = false, &[(r"28\%", "0.28"), ("0.28", r"28\%")]);
    assert_switch(|p| p.degrees_are_radians = false, &[(r"45^\circ", r"\frac{\pi}{4}")]);
}

#[test]
fn shapes_may_be_asked_for() {
    assert_switch(
        |p| p.any_shape = false,
        &[("120", "5!"), ("2", r"\sqrt{4}"), ("1", r"\sin^2x+\cos^2x")],
    );
    assert_switch(|p| p.unreduced = false, &[(r"\frac12", r"\frac24"), ("2", r"\frac42")]);
    assert_switch(|p| p.based_values = false, &[("11", "1011_2"), ("1011_2", "11")]);
    let strict =
        Policy { any_shape: false, unreduced: false, based_values: false, ..Policy::default() };
    for (gold, given) in
        [(r"\frac12", "0.5"), ("x+1", "1+x"), (r"\frac34", r"\frac{3}{4}"), ("1011_2", "1011_2")]
    {
        assert_eq!(check(gold, given, &strict), Some(true), "{gold} {given}");
    }
}

#[test]
fn names_on_the_left_are_dropped() {
    assert_table(
        true,
        &[
            ("5", "x = 5"),
            ("x = 5", "5"),
            ("x = 5", "5 = x"),
            ("x^2", "f(x) = x^2"),
            ("2n+1", "a_n = 2n+1"),
            ("6", "AB = 6"),
            ("(3,4)", "(x,y) = (3,4)"),
            ("1, 2", "x = 1, x = 2"),
            ("y = x^2", "f(x) = x^2"),
            (r"[0,1)", r"x \in [0,1)"),
            (r"\frac14", r"\cos A = \frac14"),
            ("5", r"|AB| = 5"),
            ("5", r"m\angle A = 5^\circ"),
            ("x = 5", r"\text{Area} = 5"),
            ("x = 2, x = -3", "x_1 = 2, x_2 = -3"),
            (r"x \in [0,1)", r"[0,1)"),
        ],
    );
    assert_table(
        false,
        &[
            ("5", "x = 6"),
            ("x = 5", "y = 5"),
            ("6", "x + 1 = 7"),
            ("7", "2x = 14"),
            ("x = 6", "x = x"),
            ("y = 2x+1", "y = y"),
            ("5", "|x| = 5"),
            ("x = 1, y = 2", "y = 1, y = 2"),
            ("x = 2, x = 3", "y = 2, x = 3"),
            ("y = 2x+1", "0 = 0"),
        ],
    );
    assert_switch(|p| p.left_sides = false, &[("5", "x = 5"), ("x^2", "f(x) = x^2")]);
}

#[test]
fn equations_are_equal_up_to_moving_and_scaling() {
    assert_table(
        true,
        &[
            ("x^2+y^2=1", "x^2+y^2-1=0"),
            ("3x-2y=6", r"y=\frac{3x-6}{2}"),
            ("x-y=0", "2x=2y"),
            ("x+y=1", "1=y+x"),
            ("a<b<c", "c>b>a"),
            (r"x\equiv 3\pmod 7", r"x\equiv 10\pmod 7"),
            ("x^2+C", "x^2+c"),
        ],
    );
    assert_table(
        false,
        &[
            ("x^2+y^2=1", "x^2-y^2=1"),
            ("3x-2y=6", "3x+2y=6"),
            ("x+y=1", "x+y=2"),
            ("x+y=1", "x+z=1"),
            ("x+y=1", r"x+y\ne 1"),
            ("a<b<c", "a>b>c"),
            (r"x\equiv 3\pmod 7", r"x\equiv 3\pmod 5"),
            (r"x\equiv 3\pmod 7", r"x\equiv 4\pmod 7"),
            (r"2\pmod 5", r"2\pmod 6"),
            ("x^2+C", "x^2+x"),
        ],
    );
    assert_switch(|p| p.equivalent_equations = false, &[("x^2+y^2=1", "x^2+y^2-1=0")]);
}

#[test]
fn the_last_link_of_a_true_chain_counts() {
    assert_table(
        true,
        &[
            ("7", "n = 3+4 = 7"),
            ("2", r"\sqrt{4} = 2"),
            ("8", "2^3 = 8"),
            (r"\sqrt{2}", r"\sqrt{2} \approx 1.414"),
            ("11", r"x \approx 11"),
            ("7", r"x - 2 = 5 \Rightarrow x = 7"),
        ],
    );
    assert_table(
        false,
        &[
            ("7", "n = 3+5 = 7"),
            ("3", r"\sqrt{4} = 3"),
            ("2", r"\sqrt{4} = 3"),
            ("7", "x = 7 = 8"),
            ("8", "x = 7 = 8"),
            ("5", r"5 \approx 6"),
        ],
    );
    assert_switch(|p| p.chains = false, &[("7", "n = 3+4 = 7"), ("2", r"\sqrt{4} = 2")]);
    assert_switch(|p| p.approximations = false, &[("11", r"x \approx 11")]);
    assert_switch_on(|p| p.false_links = true, &[("7", "n = 3+5 = 7"), ("8", "x = 7 = 8")]);
}

#[test]
fn lists_sets_and_tuples_have_their_own_order() {
    assert_table(
        true,
        &[
            ("1, 2, 3", "1, 2, 3"),
            ("1, 2, 3", "3, 1, 2"),
            ("1, 2", r"1 \text{ and } 2"),
            (r"\{1,2,3\}", r"\{3,2,1\}"),
            (r"\{1,2\}", r"\{1,2,2\}"),
            (r"\{1,2,3\}", "{1,2,3}"),
            (r"\{1,2\}", "2, 1"),
            (r"\{(1,2),(3,4)\}", r"\{(3,4),(1,2)\}"),
            ("(1,2),(3,4)", "(3,4),(1,2)"),
            ("(1,2,3)", "(1.0, 2, 3)"),
            ("(3,4)", "3, 4"),
            ("5", r"\{5\}"),
            (r"\{a,b\}", r"\{b,a\}"),
            ("k=1, n=2", "n=2, k=1"),
        ],
    );
    assert_table(
        false,
        &[
            ("1, 2, 3", "1, 2"),
            ("1, 2", "1, 2, 3"),
            ("1, 2", "1, 1"),
            ("1", "1, 2"),
            ("1, 2", "1"),
            (r"\{1,2\}", r"\{1,2,3\}"),
            (r"\{1,2\}", "(1,2)"),
            ("(1,2)", "(2,1)"),
            ("(1,2,3)", "(1,2)"),
            ("(1,2),(3,4)", "(1,2),(4,3)"),
            ("(3,4)", "4, 3"),
            ("(3,4]", "3, 4"),
            ("[3,4]", "3, 4"),
            ("k=1, n=2", "n=1, k=2"),
        ],
    );
    assert_switch(|p| p.list_any_order = false, &[("1, 2, 3", "3, 1, 2")]);
    assert_switch(|p| p.list_is_set = false, &[(r"\{1,2\}", "1, 2"), ("1, 2", r"\{1,2\}")]);
    assert_switch(|p| p.list_is_tuple = false, &[("(3,4)", "3, 4")]);
    assert_switch(|p| p.singleton_is_member = false, &[("5", r"\{5\}")]);
}

#[test]
fn plus_minus_is_both_values() {
    assert_table(
        true,
        &[
            (r"1\pm\sqrt2", r"1+\sqrt2, 1-\sqrt2"),
            (r"1-\sqrt2, 1+\sqrt2", r"x = 1\pm\sqrt2"),
            (r"\{-1,1\}", r"\{\pm 1\}"),
            (r"\pm 6", r"\pm 6"),
            (r"\pm 6", "6, -6"),
            (r"3, \pm 1", "1, -1, 3"),
        ],
    );
    assert_table(
        false,
        &[("2", r"\pm 2"), (r"\pm 2", "2"), (r"1\pm\sqrt2", r"2\pm\sqrt2"), (r"\pm 2", "2, 2")],
    );
    assert_switch(|p| p.plus_minus = false, &[(r"\pm 6", "6, -6")]);
}

#[test]
fn inequalities_are_their_intervals() {
    assert_table(
        true,
        &[
            ("(0,1)", "0<x<1"),
            ("0<x<1", "(0,1)"),
            ("0<x<1", "1>x>0"),
            ("[0,1)", r"0\le x<1"),
            (r"x\le 2", r"(-\infty,2]"),
            (r"(-\infty,3)", "x<3"),
            ("x>3", "2x>6"),
            ("x<1", "-x>-1"),
            ("x>3", "3<x"),
            ("0<f(x)<1", "(0,1)"),
            (r"[-1,1]", r"|x|\le 1"),
            (r"x<-1 \text{ or } x>1", r"(-\infty,-1)\cup(1,\infty)"),
            (r"x\ne 3", r"(-\infty,3)\cup(3,\infty)"),
            (r"x+y<3", r"2x+2y<6"),
            (r"x\neq 3", r"x\ne 3"),
            (r"\{x : x>2\}", r"(2,\infty)"),
        ],
    );
    assert_table(
        false,
        &[
            ("0<x<1", "[0,1]"),
            (r"x\ge 3", "x>3"),
            ("x>3", "x<3"),
            ("x>3", "y>3"),
            ("6", "x>5"),
            (r"6", r"x\ne 6"),
            ("x+y<3", "x+y>3"),
            ("x^2<4", r"(-\infty,4)"),
            ("-1<x", r"-1\le x"),
        ],
    );
    assert_switch(
        |p| p.inequality_is_interval = false,
        &[("(0,1)", "0<x<1"), ("x<3", r"(-\infty,3)")],
    );
}

#[test]
fn intervals_are_sets_of_points() {
    assert_table(
        true,
        &[
            ("[1,5]", r"[1,3]\cup[2,5]"),
            (r"[0,0.5)\cup(0.5,1]", r"[0,1]\setminus\{0.5\}"),
            ("(1,2]", r"[0,2]\cap(1,3)"),
            (r"\{2\}", r"\{1,2\}\cap\{2,3\}"),
            (r"\{1,2,3\}", r"\{1,2\}\cup\{3\}"),
            (r"[0,3]", r"\{1,2\}\cup[0,3]"),
            (r"[0,1]\cup[2,3]", r"[2,3]\cup[0,1]"),
            (r"\emptyset", r"\varnothing"),
            (r"\mathbb{R}", r"(-\infty,\infty)"),
            (r"\mathbb{R}\setminus\{0\}", r"(-\infty,0)\cup(0,\infty)"),
            (r"(-\infty,\sqrt2]", r"(-\infty,2^{1/2}]"),
            (r"(a,b)\cup(c,d)", r"(c,d)\cup(a,b)"),
        ],
    );
    assert_table(
        false,
        &[
            ("[0,1)", "[0,1]"),
            ("(0,1)", "[0,1)"),
            ("(-1,2)", "[-1,2]"),
            (r"(0,1)\cup(1,2)", "(0,2)"),
            (r"(0,\infty)", r"[0,\infty)"),
            (r"\mathbb{R}", r"(0,\infty)"),
            (r"\emptyset", "0"),
            ("6", "[5,6]"),
            ("42", r"[42,\infty)"),
        ],
    );
}

#[test]
fn ratios_are_proportional() {
    assert_table(
        true,
        &[("3:4", "3 : 4"), ("3:4", "6:8"), ("1:2:3", "2:4:6"), ("1:2", r"\frac12:1")],
    );
    assert_table(
        false,
        &[("3:4", "4:3"), ("1:2:3", "1:2"), ("2:3:5", "2:5:3"), ("12:00", "1:00"), ("3:4", "3:5")],
    );
    assert_switch(|p| p.proportional_ratios = false, &[("3:4", "6:8")]);
    assert_switch_on(|p| p.ratio_is_fraction = true, &[("3:4", "0.75"), (r"\frac34", "3:4")]);
}

#[test]
fn matrices_are_compared_by_entries() {
    let column = r"\begin{pmatrix}1\\2\end{pmatrix}";
    let row = r"\begin{pmatrix}1&2\end{pmatrix}";
    let square = r"\begin{pmatrix}1&2\\3&4\end{pmatrix}";
    assert_table(
        true,
        &[
            (square, r"\begin{bmatrix}1&2\\3&4\end{bmatrix}"),
            (square, r"\begin{pmatrix}1&\sqrt4\\3&4\end{pmatrix}"),
            (column, "(1,2)"),
            ("(1,2)", column),
            (row, "(1,2)"),
        ],
    );
    assert_table(
        false,
        &[
            (square, r"\begin{pmatrix}1&2\\3&5\end{pmatrix}"),
            (square, r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
            (column, row),
            (column, "(2,1)"),
            (column, r"\{1,2\}"),
        ],
    );
    assert_switch(|p| p.vector_is_tuple = false, &[(column, "(1,2)"), ("(1,2)", row)]);
}

#[test]
fn words_are_compared_by_letters() {
    assert_table(
        true,
        &[(r"\text{Friday}", "friday"), (r"\text{no solution}", r"\text{No Solution}")],
    );
    assert_table(false, &[(r"\text{even}", r"\text{uneven}"), (r"\text{even}", r"\text{odd}")]);
}
