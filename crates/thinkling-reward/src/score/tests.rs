use serde_json::json;

use super::*;
use crate::code::{CodeError, CodeTests, CodeVerdict, Stage};

fn scored(kind: ScoreKind, line: &Value) -> ScoredLine {
    score_line(kind, line.to_string().as_bytes(), &ScoreOptions::default())
}

#[test]
fn names_are_read_back() {
    for kind in ScoreKind::ALL {
        assert_eq!(ScoreKind::from_name(kind.as_str()), Some(kind));
    }
    assert_eq!(ScoreKind::from_name("maths"), None);
}

#[test]
fn a_line_without_what_its_kind_needs_names_the_field() {
    for (kind, field) in [
        (ScoreKind::Math, "prediction"),
        (ScoreKind::Choice, "prediction"),
        (ScoreKind::Countdown, "numbers"),
        (ScoreKind::Format, "text"),
        (ScoreKind::Language, "text"),
        (ScoreKind::Reflection, "text"),
        (ScoreKind::Repetition, "text"),
    ] {
        let answer = scored(kind, &json!({"id": 5}));
        assert_eq!((answer.verdict, &answer.id), (ScoreVerdict::Error, &json!(5)));
        assert_eq!(answer.reason, Some(format!("missing field `{field}`")));
    }
    let answer = scored(ScoreKind::Math, &json!({"prediction": "4"}));
    assert_eq!(answer.reason.as_deref(), Some("missing field `gold`"));
    let answer = scored(ScoreKind::Language, &json!({"text": "a b", "target": "xx"}));
    assert!(answer.reason.is_some_and(|reason| reason.contains("zh")), "the known ones are named");
}

#[test]
fn a_decimal_must_be_written_as_a_string() {
    let answer = scored(ScoreKind::Math, &json!({"gold": 0.5, "prediction": "0.5"}));
    assert_eq!(answer.verdict, ScoreVerdict::Error);
    assert!(answer.reason.is_some_and(|reason| reason.contains("write decimals as strings")));
}

#[test]
fn reasons_say_why_it_is_not_correct() {
    for (kind, line, verdict, word) in [
        (ScoreKind::Math, json!({"gold": "", "prediction": ""}), ScoreVerdict::GoldError, "blank"),
        (
            ScoreKind::Choice,
            json!({"gold": "red", "prediction": "A"}),
            ScoreVerdict::GoldError,
            "letter",
        ),
        (
            ScoreKind::Countdown,
            json!({"numbers": [], "goal": "1", "prediction": "1"}),
            ScoreVerdict::GoldError,
            "number",
        ),
        (ScoreKind::Format, json!({"text": "hm"}), ScoreVerdict::Wrong, "before"),
    ] {
        let answer = scored(kind, &line);
        assert_eq!(answer.verdict, verdict, "{answer:?}");
        let reason = answer.reason.unwrap_or_default();
        assert!(reason.contains(word), "{reason}");
    }
    let right = scored(ScoreKind::Math, &json!({"gold": "4", "prediction": "4"}));
    assert_eq!((right.verdict, right.reason), (ScoreVerdict::Correct, None));
}

/// Says what it is told, whatever the program.
struct Says(Result<CodeVerdict, CodeError>);

impl RunCode for Says {
    fn run_code(&self, _: &str, _: &CodeTests) -> Result<CodeVerdict, CodeError> {
        self.0.clone()
    }
}

#[test]
fn code_is_judged_by_the_runner() {
    let line =
        json!({"tests": ["assert f() == 1", "assert f() == 2"], "prediction": "def f(): ..."});
    let line = line.to_string();
    let answer = |says: &Says, code| {
        let options = ScoreOptions { runner: Some(says), code, ..ScoreOptions::default() };
        score_line(ScoreKind::Code, line.as_bytes(), &options)
    };
    let all = Says(Ok(CodeVerdict::new(Stage::Passed, 2, 2, "")));
    assert_eq!(answer(&all, CodeReward::AllOrNothing).reward, 1.0);
    let half = Says(Ok(CodeVerdict::new(Stage::WrongOutput, 1, 2, "f() is 1")));
    let scored = answer(&half, CodeReward::AllOrNothing);
    assert_eq!((scored.verdict, scored.reward), (ScoreVerdict::Wrong, 0.0));
    assert_eq!(scored.reason.as_deref(), Some("wrong output: 1 of 2 tests passed; f() is 1"));
    assert_eq!(answer(&half, CodeReward::Fraction).reward, 0.5);
    let broken = Says(Err(CodeError::Tests { message: "no f".to_owned() }));
    assert_eq!(answer(&broken, CodeReward::Fraction).verdict, ScoreVerdict::GoldError);
    let none = score_line(ScoreKind::Code, line.as_bytes(), &ScoreOptions::default());
    assert_eq!(none.verdict, ScoreVerdict::Error);
}
