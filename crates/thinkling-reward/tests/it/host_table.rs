//! The shared table on the host.

#![expect(clippy::print_stdout, reason = "`cargo xtask` reads what is printed")]

use std::time::Instant;

use crate::table::{answers, fingerprint, microseconds, rows, summary};

#[test]
fn each_row_of_the_shared_table_has_its_answer() {
    let rows = rows();
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let answers = answers(&rows);
    let faults: Vec<String> =
        rows.iter().zip(&answers).filter_map(|(row, answer)| row.fault(answer)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_shared_table_is_timed_and_has_a_fingerprint() {
    let rows = rows();
    let print = fingerprint(&rows);
    assert_eq!(print, fingerprint(&rows), "the same lines have the same answers");
    println!("figure: fingerprint of the shared table, host: {print}");
    let start = Instant::now();
    let times = microseconds(&rows, || start.elapsed().as_secs_f64() * 1000.0);
    println!("figure: shared table of {} lines, host: {}", rows.len(), summary(&times));
}
