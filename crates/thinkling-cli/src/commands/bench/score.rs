//! `thinkling bench score`: microseconds of a check, gold and prediction parsed each time.

use crate::failure::Failure;
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use thinkling_reward::score::{ScoreKind, ScoreOptions, score_line};

/// Passes over the lines; of each line the median counts, so that a pause of the machine in one
/// pass is not taken for the line's own.
const PASSES: usize = 7;

pub(crate) fn run(path: &Path, as_json: bool) -> Result<(), Failure> {
    let fail = |e| Failure::usage(format!("cannot read {}: {e}", path.display()));
    let bytes = std::fs::read(path).map_err(fail)?;
    let lines: Vec<&[u8]> =
        bytes.split(|&b| b == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.is_empty() {
        return Err(Failure::usage(format!("no lines in {}", path.display())));
    }
    let options = ScoreOptions::default();
    let mut times = vec![[0.0; PASSES]; lines.len()];
    let mut total_s = [0.0; PASSES];
    for pass in 0..PASSES {
        let start = Instant::now();
        for (line, times) in lines.iter().zip(&mut times) {
            let clock = Instant::now();
            std::hint::black_box(score_line(ScoreKind::Math, line, &options));
            times[pass] = clock.elapsed().as_secs_f64() * 1e6;
        }
        total_s[pass] = start.elapsed().as_secs_f64();
    }
    let mut each: Vec<f64> = times.iter_mut().map(|t| median(t)).collect();
    each.sort_by(f64::total_cmp);
    let at = |share: f64| each[((each.len() - 1) as f64 * share).round() as usize];
    let per_second = lines.len() as f64 / median(&mut total_s);
    if as_json {
        println!(
            "{}",
            json!({
                "name": "score", "lines": lines.len(), "median_us": at(0.5), "p99_us": at(0.99),
                "p999_us": at(0.999), "max_us": at(1.0), "lines_per_s": per_second,
            })
        );
    } else {
        println!("{} lines, {PASSES} passes, one thread", lines.len());
        println!(
            "median {:.1} us, 99 % {:.1} us, 99.9 % {:.1} us, slowest {:.1} us",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
        println!("{per_second:.0} lines/s");
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
