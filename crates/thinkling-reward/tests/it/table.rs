//! One table of lines with their answers for the host and for the browser: both score it, hold it
//! against the expected answers, and hold a fingerprint of all they said against each other.
//!
//! A row has the rule as `kind`, the `line` (as `raw` text where it is no JSON), a `template`
//! where there is one, and what must come back: `verdict`, `reward`, and where the definitions
//! settle them `extracted` and `reason`.

use serde_json::Value;
use thinkling_reward::Template;
use thinkling_reward::score::{ScoreKind, ScoreOptions, ScoreTemplate, score_line};

const TABLE: &str = include_str!("table.jsonl");

/// A row of the table.
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) template: Option<String>,
    /// What is scored.
    pub(crate) line: String,
    expected: Value,
}

/// The rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    let row = |text: &str| {
        let row: Value = serde_json::from_str(text).expect("a row is JSON");
        let text = |field: &str| row[field].as_str().map(str::to_owned);
        Row {
            kind: text("kind").expect("a row has a kind"),
            template: text("template"),
            line: text("raw").unwrap_or_else(|| row["line"].to_string()),
            expected: row,
        }
    };
    TABLE.lines().map(row).collect()
}

impl Row {
    /// What is wrong with an answer to this row, in words.
    pub(crate) fn fault(&self, answer: &str) -> Option<String> {
        let said: Value = match serde_json::from_str(answer) {
            Ok(said) => said,
            Err(e) => return Some(format!("{}: no JSON: {e}: {answer}", self.line)),
        };
        let same = |field: &&str| match &self.expected[*field] {
            Value::Null => true,
            Value::Number(number) => number.as_f64() == said[*field].as_f64(),
            other => *other == said[*field],
        };
        let id_kept = said["id"] == self.expected["line"]["id"];
        let fine = ["verdict", "reward", "extracted", "reason"].iter().all(same) && id_kept;
        (!fine).then(|| format!("{}, got: {answer}", self.expected))
    }

    /// A line like this one with one byte of it left out or doubled: an input nobody thought of.
    fn mutated(&self, at: usize) -> Vec<u8> {
        let mut bytes = self.line.clone().into_bytes();
        if let Some(place) = (at / 2).checked_rem(bytes.len()) {
            if at.is_multiple_of(2) {
                bytes.remove(place);
            } else {
                bytes.insert(place, bytes[place]);
            }
        }
        bytes
    }

    fn score(&self, line: &[u8]) -> String {
        let kind = ScoreKind::from_name(&self.kind).expect("a row names a rule");
        let template = match self.template.as_deref() {
            None => Template::None,
            Some("r1-zero") => Template::R1Zero,
            Some("boxed") => Template::Boxed,
            Some(other) => panic!("a row has the template {other}"),
        };
        let options = ScoreOptions { template: ScoreTemplate(template), ..Default::default() };
        serde_json::to_string(&score_line(kind, line, &options)).expect("an answer is JSON")
    }
}

/// The answer to each row.
#[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "the browser asks line by line"))]
pub(crate) fn answers(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.score(row.line.as_bytes())).collect()
}

/// Microseconds that each row takes, from the fastest to the slowest. Each is the best of some
/// samples, so that what else the machine does counts little. `now_ms` is a clock in milliseconds;
/// a sample is long beside the tenth of a millisecond to which browsers round.
pub(crate) fn microseconds(rows: &[Row], now_ms: impl Fn() -> f64) -> Vec<f64> {
    const SAMPLES: u32 = 4;
    const SAMPLE_MS: f64 = 3.0;
    let time = |row: &Row, passes: u32| {
        let start = now_ms();
        for _ in 0..passes {
            assert!(!row.score(row.line.as_bytes()).is_empty());
        }
        now_ms() - start
    };
    let best = |row: &Row| {
        let mut passes = 1;
        while passes < 1 << 20 && time(row, passes) < SAMPLE_MS {
            passes *= 2;
        }
        let best_ms = (0..SAMPLES).map(|_| time(row, passes)).fold(f64::INFINITY, f64::min);
        best_ms * 1000.0 / f64::from(passes)
    };
    let mut times: Vec<f64> = rows.iter().map(best).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The times in words.
pub(crate) fn summary(times: &[f64]) -> String {
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    format!("median {median:.2} us a line, mean {mean:.2}, slowest {slowest:.0}")
}

/// A fingerprint of the answers to all rows and to some thousand changed ones. It is the same on
/// every machine, whatever the width of its words.
pub(crate) fn fingerprint(rows: &[Row]) -> String {
    // FNV-1a, 64 bits.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |answer: String| {
        for byte in answer.bytes().chain([b'\n']) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for row in rows {
        add(row.score(row.line.as_bytes()));
        for at in (0..2 * row.line.len()).step_by(3) {
            add(row.score(&row.mutated(at)));
        }
    }
    format!("{hash:016x}")
}
