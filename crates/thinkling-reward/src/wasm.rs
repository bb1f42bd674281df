//! The rules for JavaScript (feature `wasm`): JSON lines in, JSON lines out, as in
//! [`score`](crate::score).
//!
//! The functions take and give strings, so that one crossing of the border serves a whole file.
//! Mistakes of the caller (a rule, template or policy that does not exist) are thrown as `Error`;
//! a line that cannot be read is no such mistake and gets its own answer.
//!
//! Left out: running programs, so that every line of `code` has the verdict `error`; clocks, so
//! that `us` is null.
//!
//! ```js
//! import init, { score, scoreLines } from "./thinkling_reward.js";
//! await init();
//! const line = JSON.stringify({ gold: "1/2", prediction: "\\boxed{0.5}" });
//! JSON.parse(score("math", line)).reward; // 1
//! ```

use wasm_bindgen::prelude::{JsError, wasm_bindgen};

use crate::math::Policy;
use crate::record::Template;
use crate::score::{ScoreKind, ScoreOptions, ScoreTemplate, score_line};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A rule: which fields a line must have is said at each.
 * - `math`, `choice`: `gold`, `prediction`
 * - `countdown`: `numbers`, `goal`, `prediction`
 * - `format`, `reflection`, `repetition`: `text`
 * - `language`: `text`, `target`
 * - `code`: `tests`, `prediction`; programs are not run here, so its lines are errors
 *
 * `prediction_b64` may stand for `prediction`, and `text_b64` for `text`.
 */
export type ScoreKind =
  | "math" | "choice" | "countdown" | "code" | "format" | "language" | "reflection" | "repetition";

/** Which places of a prediction count: all, only the answer block, only a box. */
export type ScoreTemplate = "none" | "r1-zero" | "boxed";

/** An answer, once parsed. */
export interface ScoredLine {
  /** The line's `id`, as it was; null where it had none. */
  id: unknown;
  verdict: "correct" | "wrong" | "unverifiable" | "gold_error" | "error";
  reward: number;
  /** The answer as read, where there is one. */
  extracted: string | null;
  /** Why it is not correct, in words. */
  reason: string | null;
  us: null;
}
"#;

/// Scores one JSON line and gives one JSON line: a `ScoredLine`.
///
/// Throws an `Error` where the rule, the template or the policy does not exist.
#[wasm_bindgen]
pub fn score(
    #[wasm_bindgen(unchecked_param_type = "ScoreKind", param_description = "the rule")] kind: &str,
    #[wasm_bindgen(param_description = "a JSON object with the fields of the rule")] line: &str,
    #[wasm_bindgen(
        unchecked_optional_param_type = "ScoreTemplate",
        param_description = "which places of a prediction count; `none` where it is left out"
    )]
    template: Option<String>,
    #[wasm_bindgen(
        js_name = policyJson,
        unchecked_optional_param_type = "string",
        param_description = "switches of `math` and `choice` that differ from `defaultPolicy()`"
    )]
    policy: Option<String>,
) -> Result<String, JsError> {
    let scorer = Scorer::new(kind, template.as_deref(), policy.as_deref()).map_err(thrown)?;
    scorer.line(line).map_err(thrown)
}

/// Scores JSON lines and gives as many JSON lines in their order, each with a line break.
///
/// An empty line is a line too. Throws as `score` does, before any line is scored.
#[wasm_bindgen(js_name = scoreLines)]
pub fn score_lines(
    #[wasm_bindgen(unchecked_param_type = "ScoreKind", param_description = "the rule")] kind: &str,
    #[wasm_bindgen(param_description = "JSON objects, one a line")] lines: &str,
    #[wasm_bindgen(
        unchecked_optional_param_type = "ScoreTemplate",
        param_description = "which places of a prediction count; `none` where it is left out"
    )]
    template: Option<String>,
    #[wasm_bindgen(
        js_name = policyJson,
        unchecked_optional_param_type = "string",
        param_description = "switches of `math` and `choice` that differ from `defaultPolicy()`"
    )]
    policy: Option<String>,
) -> Result<String, JsError> {
    let scorer = Scorer::new(kind, template.as_deref(), policy.as_deref()).map_err(thrown)?;
    scorer.lines(lines).map_err(thrown)
}

/// The switches of `math` and `choice` with their defaults, as a JSON object.
#[wasm_bindgen(js_name = defaultPolicy)]
pub fn default_policy() -> Result<String, JsError> {
    serde_json::to_string(&Policy::default()).map_err(thrown)
}

fn thrown(error: impl std::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}

/// What the two functions share, without JavaScript, so that it is tested on any machine.
struct Scorer {
    kind: ScoreKind,
    options: ScoreOptions<'static>,
}

impl Scorer {
    fn new(kind: &str, template: Option<&str>, policy: Option<&str>) -> Result<Self, String> {
        let template = match template {
            None => Template::None,
            Some(name) => Template::from_name(name).ok_or_else(|| {
                let known = Template::ALL.map(Template::as_str).join(", ");
                format!("unknown template, expected: {known}, got: {name:?}")
            })?,
        };
        let policy = match policy {
            None => Policy::default(),
            Some(json) => {
                serde_json::from_str(json).map_err(|e| format!("unreadable policy: {e}"))?
            }
        };
        let kind = ScoreKind::from_name(kind).ok_or_else(|| {
            let known = ScoreKind::ALL.map(ScoreKind::as_str).join(", ");
            format!("unknown rule, expected: {known}, got: {kind:?}")
        })?;
        let template = ScoreTemplate(template);
        Ok(Self { kind, options: ScoreOptions { template, policy, ..ScoreOptions::default() } })
    }

    fn line(&self, line: &str) -> Result<String, serde_json::Error> {
        serde_json::to_string(&score_line(self.kind, line.as_bytes(), &self.options))
    }

    fn lines(&self, lines: &str) -> Result<String, serde_json::Error> {
        let mut out = String::with_capacity(lines.len());
        for line in lines.lines() {
            out.push_str(&self.line(line)?);
            out.push('\n');
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: &str, template: Option<&str>, policy: Option<&str>) -> String {
        Scorer::new(kind, template, policy).err().unwrap_or_default()
    }

    #[test]
    fn a_mistake_of_the_caller_says_what_is_expected() {
        assert_eq!(
            said("maths", None, None),
            "unknown rule, expected: math, choice, countdown, code, format, language, reflection, \
             repetition, got: \"maths\""
        );
        assert_eq!(
            said("math", Some("zero"), None),
            "unknown template, expected: none, r1-zero, boxed, got: \"zero\""
        );
        for policy in ["", "[", "7", r#"{"wholly": true}"#, r#"{"whole": 1}"#] {
            assert!(
                said("math", None, Some(policy)).starts_with("unreadable policy: "),
                "{policy}"
            );
        }
    }

    #[test]
    fn a_policy_names_only_what_differs() {
        let scorer = Scorer::new("math", None, Some(r#"{"percent_is_fraction": false}"#)).unwrap();
        let only = Policy { percent_is_fraction: false, ..Policy::default() };
        assert_eq!(scorer.options.policy, only);
    }

    #[test]
    fn every_line_has_its_answer_also_an_empty_one() {
        let scorer = Scorer::new("repetition", None, None).unwrap();
        let out = scorer.lines("{\"id\":1,\"text\":\"a\"}\n\r\n{\"id\":3,\"text\":\"b\"}").unwrap();
        assert!(out.ends_with('\n'));
        let ids: Vec<_> = out
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].clone())
            .collect();
        assert_eq!(ids, [1.into(), serde_json::Value::Null, 3.into()]);
        assert_eq!(scorer.lines("").unwrap(), "");
    }
}
