//! How many short programs a second the sandbox runs, on one thread and on two.
//!
//! `cargo run --release -p thinkling-sandbox --features wasmtime --example speed`, with
//! `THINKLING_WASI_PYTHON` set.
#![allow(clippy::print_stdout, reason = "this program shows numbers")]

use std::path::Path;
use std::time::{Duration, Instant};

use thinkling_reward::code::{CodeTests, RunCode};
use thinkling_sandbox::{INTERPRETER_VARIABLE, Limits, Sandbox, default_cache};

/// In the size of MBPP's tasks.
const FUNCTION: &str = "import re\n\
    def words(text, least):\n\
    \x20   found = re.findall(r'[a-z]+', text.lower())\n\
    \x20   return sorted({w for w in found if len(w) >= least})\n";

/// In the size of a contest's easiest tasks.
const SCRIPT: &str = "n = int(input())\n\
    primes = [p for p in range(2, n) if all(p % q for q in range(2, int(p ** 0.5) + 1))]\n\
    print(len(primes), sum(primes))\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let interpreter =
        std::env::var_os(INTERPRETER_VARIABLE).ok_or(thinkling_sandbox::HOW_TO_GET_IT)?;
    let start = Instant::now();
    let sandbox =
        Sandbox::open(Path::new(&interpreter), default_cache().as_deref(), Limits::DEFAULT)?;
    println!("opened in {:.2} s", start.elapsed().as_secs_f64());
    let kinds = [
        ("print(1), one pair", "print(1)", CodeTests::stdio([("", "1")])),
        (
            "primes, three pairs",
            SCRIPT,
            CodeTests::stdio([("10", "4 17"), ("100", "25 1060"), ("1000", "168 76127")]),
        ),
        (
            "a function, three assertions",
            FUNCTION,
            CodeTests::asserts([
                "assert words('The cat and the dog', 3) == ['and', 'cat', 'dog', 'the']",
                "assert words('', 1) == []",
                "assert words('a bb', 2) == ['bb']",
            ]),
        ),
    ];
    for (name, program, tests) in &kinds {
        for threads in [1, 2] {
            let before = processor_ms();
            let (count, seconds) = programs(&sandbox, program, tests, threads);
            let each = (processor_ms() - before) / count;
            let rate = count / seconds;
            println!(
                "{name}, {threads} thread(s): {rate:.0} programs/s, {each:.1} ms of processor"
            );
        }
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|l| l.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    }
    Ok(())
}

/// Processor time of this process so far, in hundredths of a second as Linux counts it; 0 elsewhere.
fn processor_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() * 10.0
}

/// Programs run, and the seconds they took.
fn programs(sandbox: &Sandbox, program: &str, tests: &CodeTests, threads: u32) -> (f64, f64) {
    const TIME: Duration = Duration::from_secs(3);
    let start = Instant::now();
    let work = || {
        let mut count = 0_u32;
        while start.elapsed() < TIME {
            let verdict = sandbox.run_code(program, tests).expect("a verdict");
            assert!(verdict.is_passed(), "{verdict:?}");
            count += 1;
        }
        count
    };
    let count: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    (f64::from(count), start.elapsed().as_secs_f64())
}
