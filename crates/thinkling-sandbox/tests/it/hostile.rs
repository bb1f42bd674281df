//! Programs that take more than they may, or what they may not.

use thinkling_reward::code::Stage::{Memory, Run, Timeout, WrongOutput};
use thinkling_reward::code::{CodeVerdict, RunCode, Stage};
use thinkling_sandbox::Sandbox;

use crate::support::{asserts, hasty, sandbox, stdio, table};

/// The verdicts of both kinds of tests on a program that would pass if `body` came to its end.
fn both(body: &str, sandbox: &Sandbox) -> [CodeVerdict; 2] {
    let body = body.replace('\n', "\n    ");
    let program = format!("def f():\n    global x\n    {body}\n    return 1\n");
    let printing = format!("{program}print(f())");
    [
        sandbox.run_code(&printing, &stdio([("", "1")])).unwrap(),
        sandbox.run_code(&program, &asserts(["assert f() == 1"])).unwrap(),
    ]
}

#[track_caller]
fn end_at(stages: &[Stage], sandbox: &Sandbox, bodies: &[&str]) {
    for body in bodies {
        for verdict in both(body, sandbox) {
            assert_eq!(verdict.passed, 0, "{body}");
            assert!(stages.contains(&verdict.stage), "{verdict:?} of {body}");
        }
    }
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn the_frame_of_these_tests_lets_honest_programs_pass() {
    for verdict in both("pass", sandbox()) {
        assert!(verdict.is_passed(), "{verdict:?}");
    }
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn endless_work_reaches_the_deadline() {
    end_at(
        &[Timeout],
        &hasty(),
        &[
            "while True: pass",
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
            "sum(range(10**12))",
            "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
            "import itertools, collections\ncollections.deque(itertools.count(), maxlen=0)",
            "import time\ntime.sleep(10**6)",
            "import select\nselect.select([], [], [], 10**6)",
            "import threading\nthreading.Event().wait(10**6)",
            "while True: open(0, closefd=False).read()",
        ],
    );
    // In C, and with memory in play.
    end_at(&[Timeout, Memory], &hasty(), &["10**10**8", "str(3**10**8)"]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn too_much_memory_is_refused() {
    end_at(
        &[Memory],
        sandbox(),
        &[
            "'x' * 10**9",
            "bytearray(10**9)",
            "[0] * 10**9",
            "x = []\nwhile True: x.append(bytes(10**6))",
            "x = 'a'\nwhile True: x += x",
        ],
    );
    // Caught, the program goes on, and then what it gives counts.
    for verdict in both("try: bytearray(10**9)\nexcept MemoryError: pass", sandbox()) {
        assert!(verdict.is_passed(), "{verdict:?}");
    }
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn floods_of_output_are_stopped() {
    end_at(
        &[WrongOutput],
        sandbox(),
        &[
            "while True: print('x' * 1000)",
            "import sys\nwhile True: sys.stderr.write('x' * 1000)",
            "import os\nwhile True: os.write(1, b'x' * 10**6)",
        ],
    );
    // Just below and just above the limit, with the right answer at the end.
    let limit = sandbox().limits().output_bytes;
    let lines = |count: usize| format!("print('x' * {})\nprint(1)", count - 3);
    let expected = format!("{}\n1", "x".repeat(limit - 3));
    table(&[(lines(limit).as_str(), stdio([("", expected.as_str())]), Stage::Passed, 1)]);
    let expected = format!("{}\n1", "x".repeat(limit - 2));
    table(&[(lines(limit + 1).as_str(), stdio([("", expected.as_str())]), WrongOutput, 0)]);
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn endless_recursion_ends_the_program_only() {
    end_at(
        &[Run, Memory, Timeout],
        &hasty(),
        &[
            "f()",
            "import sys\nsys.setrecursionlimit(10**9)\nf()",
            "import functools\ng = functools.cache(lambda n: g(n + 1))\ng(0)",
            "class A:\n    def __repr__(self): return repr(self)\nrepr(A())",
            "class A:\n    def __getattr__(self, n): return getattr(self, n + 'x')\nA().a",
            "x = []\nfor _ in range(10**6): x = [x]\nrepr(x)",
            "eval('(' * 10**5 + ')' * 10**5)",
            "eval('-' * 10**6 + '1')",
            "import json\njson.loads('[' * 10**6)",
            "import re\nre.compile('(' * 10**5 + ')' * 10**5)",
            "import pickle\nx = []\nfor _ in range(10**6): x = [x]\npickle.dumps(x)",
        ],
    );
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn processes_threads_and_sockets_do_not_exist() {
    end_at(
        &[Run],
        sandbox(),
        &[
            "import os\nwhile True: os.fork()",
            "import os\nos.system('true')",
            "import subprocess\nsubprocess.run(['true'])",
            "import subprocess\nsubprocess.Popen('true', shell=True)",
            "import os\nos.execv('/bin/true', ['true'])",
            "import os\nos.kill(1, 9)",
            "import threading\nthreading.Thread(target=print).start()",
            "import multiprocessing\nmultiprocessing.Process(target=print).start()",
            "import socket\nsocket.socket()",
            "import socket\nsocket.create_connection(('127.0.0.1', 80))",
            "import socket\nsocket.getaddrinfo('localhost', 80)",
            "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')",
            "import ctypes\nctypes.CDLL(None)",
            "import mmap",
        ],
    );
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn files_outside_the_interpreter_do_not_exist() {
    end_at(
        &[Run],
        sandbox(),
        &[
            "open('/etc/passwd').read()",
            "open('/proc/self/environ').read()",
            "open('../../../../../../etc/passwd').read()",
            "open('/usr/local/../../etc/passwd').read()",
            "import os\nos.listdir('/')",
            "import os\nos.listdir('/etc')",
            "import os\nos.listdir('.')",
            "open('x', 'w').write('x')",
            "open('/tmp/x', 'w').write('x')",
            "open('/usr/local/lib/x', 'w').write('x')",
            "import tempfile\ntempfile.TemporaryFile()",
            "import os\nos.mkdir('/tmp')",
            "import os\nos.unlink('/usr/local/lib/python3.12/os.py')",
            "import os\nos.symlink('/etc', '/usr/local/lib/x')",
            "import os\nos.environ['HOME']",
            "import os\nfor fd in range(3, 1000): os.read(fd, 1)",
        ],
    );
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn an_interpreter_that_crashes_ends_the_program_only() {
    end_at(
        &[Run, Timeout, Memory],
        sandbox(),
        &[
            "import os\nos.abort()",
            "import faulthandler\nfaulthandler._sigabrt()",
            "import faulthandler\nfaulthandler._stack_overflow()",
            "import _testcapi\n_testcapi.crash_no_current_thread()",
            "import sys\nsys.setrecursionlimit(1)\nf()",
            "import signal\nsignal.raise_signal(signal.SIGKILL)",
        ],
    );
    // And the next program does not notice.
    for verdict in both("pass", sandbox()) {
        assert!(verdict.is_passed(), "{verdict:?}");
    }
}

#[test]
#[ignore = "needs the interpreter that THINKLING_WASI_PYTHON names"]
fn streams_that_are_closed_pass_nothing() {
    for program in [
        "import sys\nsys.stdout.close()\nprint(1)",
        "print(1)\nimport os\nos.close(1)",
        "import os\nos.close(1); os.close(2); os.close(0)\nprint(1)",
        "import sys\nsys.stdin.close()\nprint(1)\ninput()",
        "import os\nos.close(0)\nprint(1)\ninput()",
        "import os, sys\nos.dup2(1, 2)\nos.dup2(2, 0)\nprint(1)",
    ] {
        let verdict = hasty().run_code(program, &stdio([("2", "1")])).unwrap();
        assert_eq!(verdict.passed, 0, "{verdict:?} of {program}");
    }
    // The program's functions are called over streams as well.
    for program in ["import os\nos.close(0)", "import os\nos.close(2)", "import os\nos.dup2(1, 2)"]
    {
        let program = format!("{program}\ndef f(): return 1");
        let verdict = hasty().run_code(&program, &asserts(["assert f() == 1"])).unwrap();
        assert!(verdict.stage != WrongOutput, "{verdict:?} of {program}");
    }
}
