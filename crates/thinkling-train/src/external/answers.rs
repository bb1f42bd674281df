//! The answers to one batch, while they come in.

use serde::Deserialize;
use serde_json::Value;

/// Characters of a wrong line that a message shows.
const SHOWN: usize = 120;

/// The answers to completions of consecutive ids.
pub(super) struct Answers {
    first: u64,
    values: Vec<Option<f64>>,
    missing: usize,
}

impl Answers {
    pub(super) fn new(first: u64, count: usize) -> Self {
        Self { first, values: vec![None; count], missing: count }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// How many answers are there and how many are to come, in words.
    pub(super) fn progress(&self) -> String {
        format!("{} of {} answers came", self.values.len() - self.missing, self.values.len())
    }

    /// All values, once [complete](Self::is_complete).
    pub(super) fn into_values(self) -> Vec<f64> {
        self.values.into_iter().flatten().collect()
    }

    /// Takes a line; blank ones are passed over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<(), String> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let bad = |what: &str| {
            let text = String::from_utf8_lossy(line);
            let start: String = text.trim().chars().take(SHOWN).collect();
            let more = if text.trim().chars().count() > SHOWN { ".." } else { "" };
            format!("{what}, expected: {{\"id\":..,\"reward\":..}}, got: {start:?}{more}")
        };
        let value: Value =
            serde_json::from_slice(line).map_err(|_| bad("a line that is not JSON"))?;
        if !value.is_object() {
            return Err(bad("a line that is no object"));
        }
        let answer: Answer =
            Answer::deserialize(&value).map_err(|e| bad(&format!("a wrong answer ({e})")))?;
        let unknown = || bad("an answer with an id that was not asked for");
        let index = answer.id.checked_sub(self.first).ok_or_else(unknown)?;
        let slot = usize::try_from(index).ok().and_then(|index| self.values.get_mut(index));
        let slot = slot.ok_or_else(unknown)?;
        if let Some(error) = answer.error {
            return Err(format!("it reported for id {}: {error}", answer.id));
        }
        match answer.reward {
            Some(reward) if !reward.is_finite() => Err(bad("a reward that is not finite")),
            Some(_) if slot.is_some() => Err(bad("a second answer to one id")),
            Some(reward) => {
                *slot = Some(reward);
                self.missing -= 1;
                Ok(())
            }
            None => Err(bad("an answer without a reward")),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    #[serde(default)]
    reward: Option<f64>,
    #[serde(default)]
    error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_any_order_with_blank_lines_and_further_fields() {
        let mut answers = Answers::new(7, 3);
        for line in [
            r#"{"id":8,"reward":-1.5,"why":"short"}"#,
            " \r",
            r#"{"reward":2,"id":9,"error":null}"#,
        ] {
            answers.take(line.as_bytes()).unwrap();
        }
        assert!(!answers.is_complete());
        assert_eq!(answers.progress(), "2 of 3 answers came");
        answers.take(br#"{"id":7,"reward":0}"#).unwrap();
        assert!(answers.is_complete());
        assert_eq!(answers.into_values(), [0.0, -1.5, 2.0]);
    }

    #[test]
    fn every_wrong_answer_is_told() {
        let long = format!("loading {}", "x".repeat(500));
        for (line, words) in [
            ("loading the model", "a line that is not JSON"),
            (long.as_str(), ".."),
            ("{\"id\":7,\"reward\":NaN}", "not JSON"),
            ("{\"id\":7,\"reward\":1e999}", "not JSON"),
            ("[7,1]", "no object"),
            ("{\"reward\":1}", "missing field `id`"),
            ("{\"id\":7}", "without a reward"),
            ("{\"id\":7,\"reward\":null}", "without a reward"),
            ("{\"id\":7,\"reward\":\"1\"}", "wrong answer"),
            ("{\"id\":\"7\",\"reward\":1}", "wrong answer"),
            ("{\"id\":6,\"reward\":1}", "not asked for"),
            ("{\"id\":9,\"reward\":1}", "not asked for"),
            ("{\"id\":18446744073709551615,\"reward\":1}", "not asked for"),
            ("{\"id\":8,\"reward\":1}", "second answer"),
            ("{\"id\":7,\"reward\":1,\"error\":\"no memory\"}", "for id 7: no memory"),
        ] {
            let mut answers = Answers::new(7, 2);
            answers.take(br#"{"id":8,"reward":1}"#).unwrap();
            let error = answers.take(line.as_bytes()).unwrap_err();
            assert!(error.contains(words) && error.len() < 300, "{line}: {error}");
        }
        assert!(Answers::new(0, 1).take(b"\xff\xfe").is_err());
    }
}
