//! Programs judged by what they write.

use thinkling_reward::code::Stage::{Compile, Passed, Run, WrongOutput};

use crate::support::{run, stdio, table};

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn programs_that_write_what_is_expected_pass() {
    table(&[
        ("print(1)", stdio([("", "1\n")]), Passed, 1),
        (
            "print(sum(map(int, input().split())))",
            stdio([("1 2", "3"), ("5 6\n", "11")]),
            Passed,
            2,
        ),
        (
            "import sys\nsys.stdout.write(sys.stdin.read()[::-1])",
            stdio([("abc", "cba")]),
            Passed,
            1,
        ),
        ("for line in open(0):\n    print(len(line))", stdio([("a\nbb\n", "2\n3\n")]), Passed, 1),
        ("if __name__ == '__main__':\n    print('main')", stdio([("", "main")]), Passed, 1),
        ("import sys\nprint(1)\nsys.exit(0)", stdio([("", "1")]), Passed, 1),
        ("print(1)\nexit()", stdio([("", "1")]), Passed, 1),
        ("import os, sys\nprint(1, flush=True)\nos._exit(0)", stdio([("", "1")]), Passed, 1),
        ("import atexit\natexit.register(print, 2)\nprint(1)", stdio([("", "1\n2")]), Passed, 1),
        ("print('é'), print(input())", stdio([("日本", "é\n日本")]), Passed, 1),
        ("import sys\nprint('note', file=sys.stderr)\nprint(1)", stdio([("", "1")]), Passed, 1),
        ("print(10**5000 % 7, len(str(2**20000)))", stdio([("", "2 6021")]), Passed, 1),
        ("import time\ntime.sleep(1)\nprint(1)", stdio([("", "1")]), Passed, 1),
        ("import os\nprint(dict(os.environ))", stdio([("", "{}")]), Passed, 1),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn each_fault_has_its_stage() {
    table(&[
        ("print(1", stdio([("", "1")]), Compile, 0),
        ("\tprint(1)\n  print(2)", stdio([("", "1"), ("", "2")]), Compile, 0),
        ("print('\0')", stdio([("", "1")]), Compile, 0),
        ("This is no program.", stdio([("", "1")]), Compile, 0),
        ("print(2)", stdio([("", "1")]), WrongOutput, 0),
        ("print(1)\nprint(2)", stdio([("", "1")]), WrongOutput, 0),
        ("", stdio([("", "1")]), WrongOutput, 0),
        ("print(1)\n1/0", stdio([("", "1")]), Run, 0),
        ("print(1)\nraise SystemExit(1)", stdio([("", "1")]), Run, 0),
        ("import sys\nprint(1)\nsys.exit('no')", stdio([("", "1")]), Run, 0),
        ("import os\nprint(1, flush=True)\nos._exit(3)", stdio([("", "1")]), Run, 0),
        ("import os\nprint(1, flush=True)\nos.abort()", stdio([("", "1")]), Run, 0),
        ("print(input())\ninput()", stdio([("1", "1")]), Run, 0),
        ("import numpy\nprint(1)", stdio([("", "1")]), Run, 0),
        (
            "import sys\nsys.stdout.buffer.write(b'\\xff')",
            stdio([("", "\u{FFFD}")]),
            WrongOutput,
            0,
        ),
    ]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn some_of_the_pairs_may_pass_and_the_first_that_fails_is_told() {
    let program = "n = int(input())\nprint(10 // n)";
    let verdict = run(program, &stdio([("5", "2"), ("0", "0"), ("3", "4"), ("1", "10")]));
    assert_eq!((verdict.stage, verdict.passed, verdict.total), (Run, 2, 4));
    assert!(verdict.message.starts_with("ZeroDivisionError"), "{}", verdict.message);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn cached_functions_and_deep_ones_have_room_to_recurse() {
    let program = "import functools, sys\n\
        @functools.cache\n\
        def f(n): return n and 1 + f(n - 1)\n\
        def g(n): return n and 1 + g(n - 1)\n\
        print(f(900), g(900))\n\
        sys.setrecursionlimit(10**6)\n\
        print(g(50_000))";
    table(&[(program, stdio([("", "900 900\n50000")]), Passed, 1)]);
}
