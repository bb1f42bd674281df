//! Programs that do not solve the task and want to pass all the same.

use thinkling_reward::code::{AssertTests, CodeTests, RunCode};

use crate::support::{asserts, hasty, run, stdio};

/// Fails every honest constant, and tests that a program can compare in its own way.
fn square() -> CodeTests {
    asserts([
        "assert f(7) == 49",
        "assert f(-3) == 9 and not f(5) != 25",
        "assert abs(f(11) - 121) < 1e-6",
        "assert sorted([f(2), f(1)]) == [1, 4]",
        "assert f(6) in [36] and len([f(1)]) == 1 and isinstance(f(9), int)",
        "assert all(f(i) == i * i for i in range(5, 9))",
        "assert math.isclose(f(13), 169)",
        "assert str(f(12)) == '144'",
    ])
}

#[track_caller]
fn never_passes(programs: &[&str]) {
    let hasty = hasty();
    for program in programs {
        let verdict = hasty.run_code(program, &square()).expect("a verdict");
        assert_eq!(verdict.passed, 0, "{verdict:?} of\n{program}");
        assert!(!verdict.is_passed());
    }
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn the_tests_of_this_file_pass_a_right_program() {
    let verdict = run("def f(x): return x * x", &square());
    assert!(verdict.is_passed(), "{verdict:?}");
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn ending_early_passes_nothing() {
    never_passes(&[
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "raise SystemExit",
        "raise KeyboardInterrupt",
        "def f(x): raise SystemExit(0)",
        "import os\ndef f(x): os._exit(0)",
        "import os\ndef f(x): os.abort()",
        "def f(x): raise GeneratorExit",
        "def f(x): raise AssertionError",
        "def f(x): raise StopIteration",
        "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): exit()",
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn printing_what_the_judge_says_passes_nothing() {
    never_passes(&[
        "print('P\\n' * 8)",
        "import os\nos.write(1, b'P\\n' * 8)\nos._exit(0)",
        "import os\nos.write(2, b'P\\n' * 8)\nos._exit(0)",
        "def f(x):\n    print('P', flush=True)\n    return 0",
        "import os\nos.write(2, b'[\"ready\",[\"f\"]]\\n' + b'[\"value\",true]\\n' * 99)",
        "import os\nos.write(2, b'[\"ready\",[\"f\"]]\\n[\"value\",{\"h\":0}]\\n' * 99)",
        "import os\nos.write(2, b'[\"ready\",[\"f\"]]\\n' + b'[\"callback\",0,[]]\\n' * 99)",
        "import os\nos.write(2, b'null\\n[]\\n{}\\n\\xff\\n')",
        "import os\nos.write(2, b'[' * 10**6 + b'\\n')",
        "import os\nos.write(2, b'x' * 10**8)",
        "import os\nwhile True: os.write(2, b'x' * 10**6)",
        "import _thinkling\n_thinkling.judge()",
        "import _thinkling\n_thinkling.stdio()",
        "import _thinkling\n_thinkling.tell = lambda *a: None\n_thinkling.encode = lambda *a: True\ndef f(x): return 1",
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn values_that_call_themselves_equal_pass_nothing() {
    let same =
        "__eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = lambda s, o: True";
    let more = "__bool__ = lambda s: True\n    __hash__ = lambda s: 0\n    __sub__ = __rsub__ = __abs__ = lambda s, o=0: s\n    __len__ = lambda s: 1\n    __float__ = lambda s: 169.0";
    for base in [
        "object",
        "int",
        "float",
        "str",
        "list",
        "tuple",
        "dict",
        "set",
        "frozenset",
        "bytes",
        "complex",
    ] {
        let program = format!(
            "class A({base}):\n    {same}\n    {more}\n    __class__ = int\ndef f(x): return A()"
        );
        never_passes(&[&program]);
    }
    never_passes(&[
        "import unittest.mock\ndef f(x): return unittest.mock.ANY",
        "import unittest.mock\nf = unittest.mock.MagicMock()",
        "class M(type):\n    __eq__ = lambda s, o: True\n    __hash__ = lambda s: 0\nclass A(metaclass=M): pass\ndef f(x): return A",
        "import fractions\nclass F(fractions.Fraction):\n    __eq__ = lambda s, o: True\ndef f(x): return F(1, 3)",
        "import decimal\ndef f(x): return decimal.Decimal('nan')",
        "def f(x): return float('nan')",
        "def f(x): return [[]] * 10**6",
        "def f(x):\n    a = []\n    a.append(a)\n    return a",
        "def f(x):\n    a = []\n    for _ in range(10**5): a = [a]\n    return a",
        "def f(x): return f",
        "def f(x): return (i for i in [x * x])",
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn replacing_what_the_tests_use_passes_nothing() {
    never_passes(&[
        "import builtins\nbuiltins.abs = builtins.sorted = lambda *a: 0\nbuiltins.all = lambda *a: True\ndef f(x): return 0",
        "def abs(x): return 0\ndef sorted(x): return [1, 4]\ndef all(x): return True\ndef isinstance(*a): return True\ndef str(x): return '144'\ndef len(x): return 1\ndef f(x): return 0",
        "class math:\n    isclose = lambda *a: True\ndef f(x): return 0",
        "import math\nmath.isclose = lambda *a: True\ndef f(x): return 0",
        "import sys\nsys.modules['math'] = None\ndef f(x): return 0",
        "AssertionError = ValueError\n__debug__ if True else 0\ndef f(x): return 0",
        "import builtins\nbuiltins.AssertionError = type('A', (BaseException,), {})\ndef f(x): return 0",
        "import builtins\nbuiltins.__build_class__ = builtins.compile = builtins.exec = None\ndef f(x): return 0",
        "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\ndef f(x): return 0",
        "import sys\nsys.excepthook = sys.unraisablehook = lambda *a: None\ndef f(x): return 0",
        "import sys\nfr = sys._getframe()\nwhile fr:\n    fr.f_globals.clear()\n    fr = fr.f_back\ndef f(x): return 0",
        "import gc\nfor o in gc.get_objects():\n    if isinstance(o, dict) and 'check' in o: o['check'] = print\ndef f(x): return 0",
        "import json\njson.dumps = lambda *a, **k: '[\"value\",true]'\ndef f(x): return 0",
        "import os\nos.read = lambda *a: b''\ndef f(x): return 0",
        "def f(x):\n    try:\n        assert x == 0\n    finally:\n        return 0",
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn clearing_the_arguments_passes_nothing() {
    let tests = asserts([
        "x = [3, 1, 2]\nassert f(x) == sorted(x)",
        "d = {'a': 1}\nassert f(d) == sorted(d)",
    ]);
    for program in
        ["def f(x):\n    x.clear()\n    return []", "def f(x):\n    x *= 0\n    return x"]
    {
        assert_eq!(run(program, &tests).passed, 0, "{program}");
    }
    assert!(run("def f(x): return sorted(x)", &tests).is_passed());
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn helpers_of_the_tests_cannot_be_replaced() {
    let tests = CodeTests::Asserts(AssertTests {
        setup: "def poly(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))".to_owned(),
        asserts: vec!["assert abs(poly([1, 2], root([1, 2]))) < 1e-6".to_owned()],
        entry_point: Some("root".to_owned()),
    });
    assert!(run("def root(xs): return -xs[0] / xs[1]", &tests).is_passed());
    let forged = "def poly(xs, x): return 0\ndef root(xs): return 1";
    assert_eq!(run(forged, &tests).passed, 0);
    // `Counter` on both sides, and both the program's.
    let tests = asserts(["assert Counter(f('ab')) == Counter('ba')"]);
    let import = "from collections import Counter\n";
    assert!(run(&format!("{import}def f(s): return s"), &tests).is_passed());
    assert_eq!(run("def Counter(s): return 0\ndef f(s): return 0", &tests).passed, 0);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn tests_that_catch_too_much_do_not_let_an_ended_program_pass() {
    let tests = asserts(["try:\n    f(1)\nexcept:\n    pass", "assert True"]);
    assert_eq!(run("import os\ndef f(x): os._exit(0)", &tests).passed, 0);
    assert!(run("def f(x): raise ValueError", &tests).is_passed());
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn output_of_another_task_passes_nothing() {
    let tests = stdio([("3 4", "7"), ("1 1", "2")]);
    for program in [
        "",
        "print()",
        "print(input())",
        "import sys\nsys.exit(0)",
        "print('P')",
        "print('passed', 'ok', True)",
        "print(7, 2)",
        "import sys\nsys.stdout = open(0)",
        "import sys\nsys.stdout.isatty = sys.stdout.write = lambda *a: 7",
        "import _thinkling\n_thinkling.judge()",
    ] {
        assert_eq!(run(program, &tests).passed, 0, "{program}");
    }
}
