//! `thinkling bench --profile`: the time of each operation.

use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Instant;
use thinkling_cpu::profile;
use thinkling_engine::DispatchTime;
use thinkling_train::bench::PassTimes;

/// Begins to measure.
pub(crate) fn start() {
    profile::start(|| {
        static START: OnceLock<Instant> = OnceLock::new();
        u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
    });
}

/// Calls and seconds a step of each piece, longest first.
fn pieces(steps: usize) -> Vec<(&'static str, f64, f64)> {
    let steps = steps.max(1) as f64;
    let mut pieces: Vec<_> = profile::take()
        .into_iter()
        .map(|(name, piece)| {
            (name, piece.calls as f64 / steps, piece.nanoseconds as f64 / steps / 1e9)
        })
        .collect();
    pieces.sort_by(|a, b| b.2.total_cmp(&a.2));
    pieces
}

/// `{name: {calls, seconds}}` a step.
pub(crate) fn json(steps: usize) -> Value {
    let entry = |(name, calls, seconds): (&str, f64, f64)| {
        (name.to_owned(), json!({"calls": calls, "seconds": seconds}))
    };
    Value::Object(pieces(steps).into_iter().map(entry).collect())
}

/// The same as a table, with the share of a step of `step_s` seconds.
pub(crate) fn table(steps: usize, step_s: f64) -> String {
    let mut text = format!("\n{:<20} {:>8} {:>9} {:>6}\n", "operation", "calls", "ms", "share");
    for (name, calls, seconds) in pieces(steps) {
        let share = 100.0 * seconds / step_s;
        text += &format!("{name:<20} {calls:>8.0} {:>9.2} {share:>5.1}%\n", seconds * 1e3);
    }
    text + "a step; `decode: products` and `decode: attention` are parts of `decode: all`, and where\n\
            threads take rows of their own, the time of every thread"
}

/// Tables of the dispatches of a pass on a GPU.
pub(crate) fn passes(times: &PassTimes) -> String {
    let table = |title: &str, times: &[DispatchTime]| {
        let all: f64 = times.iter().map(|time| time.seconds).sum();
        let mut text = format!(
            "\n\n{title}: {:.3} ms\n{:<22} {:>10} {:>8} {:>6}\n",
            all * 1e3,
            "dispatch",
            "dispatches",
            "us each",
            "share"
        );
        for DispatchTime { name, dispatches, seconds } in times {
            let each = seconds / *dispatches as f64 * 1e6;
            let share = 100.0 * seconds / all;
            text += &format!("{name:<22} {dispatches:>10} {each:>8.1} {share:>5.1}%\n");
        }
        text
    };
    table(&format!("pass over {} prompt tokens", times.prompt_rows), &times.prompt)
        + &table("pass that draws", &times.decode)
        + "by the GPU's clock, each dispatch waiting for the one before it"
}
