//! Programs judged by assertions on their functions.

use thinkling_reward::code::Stage::{Compile, Passed, Run, WrongOutput};
use thinkling_reward::code::{AssertTests, CodeError, CodeTests, RunCode};

use crate::support::{asserts, run, sandbox, table};

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn right_functions_pass() {
    table(&[
        ("def f(x): return x + 1", asserts(["assert f(1) == 2", "assert f(-1) == 0"]), Passed, 2),
        (
            "def f(a, *, b=2): return a * b",
            asserts(["assert f(2) == 4 and f(2, b=3) == 6"]),
            Passed,
            1,
        ),
        ("f = lambda s: s[::-1]", asserts(["assert f('añ') == 'ña'"]), Passed, 1),
        ("def f(n): return n / 3", asserts(["assert abs(f(1) - 0.333333) < 1e-5"]), Passed, 1),
        ("def f(n): return n / 3", asserts(["assert math.isclose(f(1), 1 / 3)"]), Passed, 1),
        (
            "def f(n): return (n, [n], {n: {n}}, None, True)",
            asserts([
                "assert f(1) == (1, [1], {1: {1}}, None, True)",
                "assert type(f(1)) is tuple",
            ]),
            Passed,
            2,
        ),
        (
            "def f(n): return float('inf'), -0.0, 2 + 3j, b'\\xff', range(3), 10**5000",
            asserts(["assert f(0) == (float('inf'), 0.0, 2 + 3j, b'\\xff', range(3), 10**5000)"]),
            Passed,
            1,
        ),
        (
            "from collections import *\ndef f(s): return Counter(s)",
            asserts(["assert f('aab') == {'a': 2, 'b': 1}"]),
            Passed,
            1,
        ),
        (
            "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(x): return P(x, x)",
            asserts(["assert f(1) == (1, 1)"]),
            Passed,
            1,
        ),
        (
            "from fractions import Fraction\ndef f(a, b): return Fraction(a, b)",
            asserts(["from fractions import Fraction\nassert f(2, 4) == Fraction(1, 2)"]),
            Passed,
            1,
        ),
        ("def f(x):\n    yield from x", asserts(["assert list(f([1, 2])) == [1, 2]"]), Passed, 1),
        ("def f(x): return map(abs, x)", asserts(["assert set(f([1, -1])) == {1}"]), Passed, 1),
        ("def f(x): return lambda y: x + y", asserts(["assert f(1)(2) == 3"]), Passed, 1),
        (
            "def f(x, t): return [v for v in x if not isinstance(v, t)], t",
            asserts(["assert f([1, 'a'], int) == (['a'], int)"]),
            Passed,
            1,
        ),
        ("def f(x): print('debug', x); return x", asserts(["assert f(1) == 1"]), Passed, 1),
        (
            "if __name__ == '__main__':\n    1 / 0\ndef f(): return 1",
            asserts(["assert f() == 1"]),
            Passed,
            1,
        ),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn tests_reach_what_the_program_defines() {
    let stack = "class Stack:\n\
        \x20   def __init__(self): self.items = []\n\
        \x20   def push(self, x): self.items.append(x)\n\
        \x20   def pop(self): return self.items.pop()\n\
        \x20   def __len__(self): return len(self.items)\n\
        \x20   def __getitem__(self, i): return self.items[i]\n\
        \x20   def __contains__(self, x): return x in self.items\n\
        \x20   def __str__(self): return f'Stack({self.items})'\n\
        def total(stack): return sum(stack.items)\n";
    let make = "s = Stack(); s.push(1); s.push(2)\n";
    let with = |test: &str| asserts([format!("{make}{test}").as_str()]);
    table(&[
        (stack, with("assert s.items == [1, 2] and len(s) == 2"), Passed, 1),
        (stack, with("assert s.pop() == 2 and s.items == [1]"), Passed, 1),
        (stack, with("assert s[0] == 1 and 2 in s and 3 not in s"), Passed, 1),
        (stack, with("assert str(s) == 'Stack([1, 2])'"), Passed, 1),
        (stack, with("assert list(s) == [1, 2]"), Passed, 1),
        (stack, with("s.items = [7]\nassert total(s) == 7"), Passed, 1),
        (stack, with("assert s.pop() == 1"), WrongOutput, 0),
        ("LIMIT = 5", asserts(["assert LIMIT == 5", "assert LIMIT == 6"]), WrongOutput, 1),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn functions_that_give_nothing_work_on_their_arguments() {
    let sort = "def f(x): x.sort()";
    let nested = "def f(m):\n    for row in m: row.reverse()\n    m.append([])";
    table(&[
        (sort, asserts(["x = [2, 1]\nf(x)\nassert x == [1, 2]"]), Passed, 1),
        (
            nested,
            asserts([
                "m = [[1, 2], [3]]\nr = m[0]\nf(m)\nassert m == [[2, 1], [3], []] and r == [2, 1]",
            ]),
            Passed,
            1,
        ),
        (
            "def f(d): d['a'] = 1; d.pop('b')",
            asserts(["d = {'b': 0}\nf(d)\nassert d == {'a': 1}"]),
            Passed,
            1,
        ),
        ("def f(s): s.add(1)", asserts(["s = set()\nf(s)\nassert s == {1}"]), Passed, 1),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn functions_of_the_tests_can_be_handed_over() {
    table(&[
        (
            "def f(g, x): return [g(i) for i in x]",
            asserts(["assert f(lambda i: i * i, [1, 2]) == [1, 4]"]),
            Passed,
            1,
        ),
        (
            "def f(x, key): return sorted(x, key=key)",
            asserts(["assert f([1, -2], key=abs) == [1, -2]"]),
            Passed,
            1,
        ),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn expected_exceptions_are_those_of_python() {
    let program = "class Mine(ValueError): pass\ndef f(x):\n    raise Mine('no')";
    let expects = |kind: &str| {
        asserts([format!("try:\n    f(1)\nexcept {kind} as e:\n    assert str(e) == 'no'\nelse:\n    assert False").as_str()])
    };
    table(&[
        (program, expects("ValueError"), Passed, 1),
        (program, expects("Exception"), Passed, 1),
        (program, expects("KeyError"), Run, 0),
        ("def f(x): return x", expects("ValueError"), WrongOutput, 0),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn wrong_functions_fail_with_their_stage() {
    table(&[
        ("def f(x) return x", asserts(["assert f(1) == 1"]), Compile, 0),
        ("1 / 0\ndef f(x): return x", asserts(["assert f(1) == 1"]), Run, 0),
        ("def g(x): return x", asserts(["assert f(1) == 1"]), Run, 0),
        ("def f(): return 1", asserts(["assert f(1) == 1"]), Run, 0),
        (
            "def f(x): return x",
            asserts(["assert f(1) == 1", "assert f(1) == 2", "assert f(3) == 3"]),
            WrongOutput,
            2,
        ),
        ("def f(x): return 10 // x", asserts(["assert f(0) == 1", "assert f(5) == 2"]), Run, 1),
        ("def f(x): return [x]", asserts(["assert f(1) == (1,)"]), WrongOutput, 0),
        ("def f(x): return str(x)", asserts(["assert f(1) == 1"]), WrongOutput, 0),
        ("def f(x): return input()", asserts(["assert f(1) == ''"]), Run, 0),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn human_eval_tests_are_one_test() {
    let test = "METADATA = {}\n\n\ndef check(candidate):\n    for n in range(50):\n        assert candidate(n) == n * n\n";
    let tests = CodeTests::human_eval(test, "square");
    table(&[
        ("def square(n):\n    return n ** 2", tests.clone(), Passed, 1),
        ("def square(n):\n    return n ** 2 if n < 49 else 0", tests.clone(), WrongOutput, 0),
        ("def cube(n):\n    return n ** 3", tests, Run, 0),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn functions_named_as_a_builtin_or_as_one_of_the_library_are_the_programs() {
    let both = CodeTests::Asserts(AssertTests {
        asserts: vec!["assert sum(1, 2) == 3 and helper() == 1".to_owned()],
        entry_point: Some("sum".to_owned()),
        ..AssertTests::default()
    });
    table(&[
        ("def sum(a, b): return a + b", asserts(["assert sum(1, 2) == 3"]), Passed, 1),
        (
            "def gcd(a, b): return b and gcd(b, a % b) or a",
            asserts(["assert gcd(12, 8) == 4"]),
            Passed,
            1,
        ),
        ("def gcd(a, b): return 9", asserts(["assert gcd(12, 8) == 4"]), WrongOutput, 0),
        ("def sum(a, b): return a + b\ndef helper(): return 1", both, Passed, 1),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn tests_that_do_not_work_are_no_verdict() {
    let setup = |setup: &str| {
        CodeTests::Asserts(AssertTests {
            setup: setup.to_owned(),
            asserts: vec!["assert f(1) == 1".to_owned()],
            entry_point: None,
        })
    };
    let program = "def f(x): return x";
    assert!(run(program, &setup("import math\ny = math.pi")).is_passed());
    for tests in [setup("1 / 0"), setup("import nothing"), setup("x ="), asserts(["assert ("])] {
        let error = sandbox().run_code(program, &tests);
        assert!(matches!(error, Err(CodeError::Tests { .. })), "{error:?}");
    }
    // What the program brings about is the program's fault.
    let verdict = run("def f(x): return None", &setup("y = f(1) + 1"));
    assert_eq!((verdict.stage, verdict.passed), (WrongOutput, 0));
    let verdict = run(program, &setup("y = g(1)"));
    assert_eq!((verdict.stage, verdict.passed), (Run, 0));
}
