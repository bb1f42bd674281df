//! Steps with their times, and the table at the end.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::tally::Tally;

/// What became of a step that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Skipped,
}

/// The steps so far. A failed step does not stop the next: one run shows all that is wrong.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
    tally: Tally,
    counted: bool,
}

struct Row {
    name: String,
    time: Duration,
    result: Result<Outcome>,
}

impl Report {
    /// Runs and records one step; gives whether it passed or was skipped.
    pub(crate) fn step(
        &mut self,
        name: &str,
        run: impl FnOnce(&mut Self) -> Result<Outcome>,
    ) -> bool {
        println!("\n=== {name}");
        let start = Instant::now();
        let result = run(self);
        let time = start.elapsed();
        match &result {
            Ok(Outcome::Passed) => println!("=== {name}: passed, {}", shown(time)),
            Ok(Outcome::Skipped) => println!("=== {name}: skipped"),
            Err(e) => println!("=== {name}: FAILED, {}: {e:#}", shown(time)),
        }
        let fine = result.is_ok();
        self.rows.push(Row { name: name.to_owned(), time, result });
        fine
    }

    /// A line that is printed now and again below the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        println!("note: {text}");
        self.notes.push(text);
    }

    /// Adds the tests of one step to the sum.
    pub(crate) fn count(&mut self, tally: &Tally) {
        self.counted = true;
        self.tally.add(tally);
    }

    /// A number that is printed now and again below the table.
    pub(crate) fn figure_of(&mut self, text: String) {
        println!("figure: {text}");
        self.tally.figures.push(text);
    }

    /// What stands behind `start` in the latest figure that has it.
    pub(crate) fn figure(&self, start: &str) -> Option<String> {
        self.tally.figures.iter().rev().find_map(|text| text.strip_prefix(start)).map(str::to_owned)
    }

    /// Prints table, figures, notes, failed tests and the sum; gives whether all is well.
    pub(crate) fn finish(&self) -> bool {
        let width = self.rows.iter().map(|r| r.name.len()).max().unwrap_or(0);
        println!("\n{:width$}  {:>9}  result", "step", "time");
        for row in &self.rows {
            let result = match &row.result {
                Ok(Outcome::Passed) => "passed",
                Ok(Outcome::Skipped) => "skipped",
                Err(_) => "FAILED",
            };
            println!("{:width$}  {:>9}  {result}", row.name, shown(row.time));
        }
        let total = self.rows.iter().map(|r| r.time).sum();
        println!("{:width$}  {:>9}", "total", shown(total));

        for figure in &self.tally.figures {
            println!("figure: {figure}");
        }
        for note in &self.notes {
            println!("note: {note}");
        }
        for row in &self.rows {
            if let Err(e) = &row.result {
                println!("failed: {}: {e:#}", row.name);
            }
        }
        for test in &self.tally.failures {
            println!("failed test: {test}");
        }
        if self.counted {
            println!("{}", self.tally);
        }
        let failed = self.rows.iter().filter(|r| r.result.is_err()).count();
        if failed > 0 {
            println!("{failed} of {} steps failed", self.rows.len());
        }
        failed == 0
    }
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} m {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_whole_and_the_next_still_runs() {
        let mut report = Report::default();
        assert!(!report.step("first", |_| anyhow::bail!("broken")));
        assert!(report.step("second", |_| Ok(Outcome::Skipped)));
        assert_eq!(report.rows.len(), 2);
        assert!(!report.finish());
    }

    #[test]
    fn steps_that_passed_or_were_skipped_make_a_good_end() {
        let mut report = Report::default();
        report.step("first", |_| Ok(Outcome::Passed));
        report.step("second", |_| Ok(Outcome::Skipped));
        assert!(report.finish());
    }

    #[test]
    fn the_latest_figure_of_a_name_is_found() {
        let mut report = Report::default();
        let figures = vec!["speed: 1".to_owned(), "size: 2".to_owned()];
        report.count(&Tally { figures, ..Tally::default() });
        report.figure_of("speed: 3".to_owned());
        assert_eq!(report.figure("speed: ").as_deref(), Some("3"));
        assert_eq!(report.figure("weight: "), None);
    }

    #[test]
    fn minutes_are_minutes() {
        assert_eq!(shown(Duration::from_secs(125)), "2 m 05 s");
        assert_eq!(shown(Duration::from_millis(1500)), "1.5 s");
    }
}
