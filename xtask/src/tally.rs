//! Sums what the test binaries say.

use std::fmt;

/// How many tests passed, failed or were ignored, over all test binaries of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// Names of the tests that failed; of Node.js's with what went wrong.
    pub(crate) failures: Vec<String>,
    /// Lines that begin with `figure: `: what a test measured and one wants to read at the end.
    pub(crate) figures: Vec<String>,
    /// Whether the lines that come now say why the last test failed.
    pub(crate) saying_why: bool,
}

impl Tally {
    /// Reads one line of a test binary's output.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            // "ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in .."
            for part in rest.split(['.', ';']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(what), None) = (words.next(), words.next(), words.next())
                else {
                    continue;
                };
                let Ok(number) = number.parse::<u64>() else {
                    continue;
                };
                match what {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.ignored += number,
                    _ => {}
                }
            }
        } else if let Some(figure) = line.trim_start().strip_prefix("figure: ") {
            self.figures.push(figure.to_owned());
        } else if let Some(rest) = line.strip_prefix("test ") {
            // `FAIL` is what the browser's tests say.
            let failed = [" ... FAILED", " ... FAIL"];
            let name = failed.iter().find_map(|end| rest.strip_suffix(end));
            self.failures.extend(name.map(str::to_owned));
        }
    }

    /// Reads one line of what Node.js's test runner says (TAP).
    pub(crate) fn read_tap(&mut self, line: &str) {
        let line = line.trim_start();
        let name = |rest: &str| rest.split_once(" - ").map_or(rest, |(_, name)| name).to_owned();
        if let Some(rest) = line.strip_prefix("not ok ") {
            self.failed += 1;
            self.failures.push(name(rest));
        } else if let (Some(why), Some(failure)) =
            (line.strip_prefix("error: "), self.failures.last_mut())
        {
            self.saying_why = why == "|-";
            if !self.saying_why {
                *failure += &format!(": {}", why.trim_matches('\''));
            }
        } else if self.saying_why {
            // The key after the block ends it.
            self.saying_why =
                !["code: ", "name: ", "stack: "].iter().any(|key| line.starts_with(key));
            if let (true, Some(failure)) =
                (self.saying_why && !line.is_empty(), self.failures.last_mut())
            {
                *failure += &format!("\n    {line}");
            }
        } else if let Some(rest) = line.strip_prefix("ok ") {
            match rest.contains(" # SKIP") {
                true => self.ignored += 1,
                false => self.passed += 1,
            }
        } else if let Some(figure) = line.strip_prefix("# figure: ") {
            self.figures.push(figure.to_owned());
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend_from_slice(&other.failures);
        self.figures.extend_from_slice(&other.figures);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_tests_are_counted() {
        let mut tally = Tally::default();
        for line in [
            "TAP version 13",
            "# figure: 3 tokens/s",
            "# Subtest: a page loads",
            "ok 1 - a page loads",
            "  ---",
            "not ok 2 - a page fails",
            "  ---",
            "  error: |-",
            "    Expected values to be equal:",
            "    ",
            "    1 !== 2",
            "  code: 'ERR_ASSERTION'",
            "ok 3 - no model # SKIP",
            "# fail 1",
        ] {
            tally.read_tap(line);
        }
        assert_eq!((tally.passed, tally.failed, tally.ignored), (1, 1, 1));
        let why = "a page fails\n    Expected values to be equal:\n    1 !== 2";
        assert_eq!(tally.failures, [why]);
        assert_eq!(tally.figures, ["3 tokens/s"]);
    }

    #[test]
    fn binaries_are_summed_and_failures_named() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test tags::nested ... ok",
            "test tags::open ... FAILED",
            "test tags::slow ... ignored, slow: real weights",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 7 filtered out; \
             finished in 1.25s",
            "test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 0.00s",
        ] {
            tally.read(line);
        }
        assert_eq!((tally.passed, tally.failed, tally.ignored), (41, 1, 1));
        assert_eq!(tally.failures, ["tags::open"]);
        assert!(tally.figures.is_empty());
        assert_eq!(tally.to_string(), "41 passed, 1 failed, 1 ignored");
    }

    #[test]
    fn the_browser_s_failures_and_what_was_measured_are_read() {
        let mut tally = Tally::default();
        tally.read("test web::a_line ... FAIL");
        tally.read("test web::another ... ok");
        tally.read("    figure: speed, browser: 7.5 us");
        tally.read(
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 filtered out; finished in 0.1s",
        );
        assert_eq!((tally.passed, tally.failed), (1, 1));
        assert_eq!(tally.failures, ["web::a_line"]);
        assert_eq!(tally.figures, ["speed, browser: 7.5 us"]);
    }
}
