use thinkling_reward::Template;
use thinkling_reward::math::Policy;

use super::*;
use crate::judge::Kind;

fn judge(kind: Kind) -> Judge {
    Judge { kind, template: Template::None, policy: Policy::default() }
}

fn reward(measure: Measure) -> Reward {
    let (column, numbers_column, gold_errors) = (None, None, GoldErrors::Raise);
    Reward { name: "tested".into(), measure, column, numbers_column, gold_errors }
}

fn sample(text: &str, kind: Kind, gold: &str) -> Sample {
    Sample { text: text.into(), task: kind.task(gold.into()), tokens: Some(0), ..Sample::default() }
}

#[test]
fn answers_of_every_kind_are_judged() {
    for (kind, gold, right, wrong) in [
        (Kind::Math, "1/2", r"so \boxed{0.5}", r"\boxed{0.4}"),
        (Kind::Math, "48 / 2 = 24\n#### 72", "The answer is 72.", "The answer is 24."),
        (Kind::Number, "1,250", "It costs 1250.", "It costs 125."),
        (Kind::Choice, "B", "The answer is (B).", "The answer is (C)."),
        (Kind::Exact, "knave", "<think>knight?</think> knave", "knight"),
    ] {
        let batch = [sample(right, kind, gold), sample(wrong, kind, gold)];
        let scored = reward(Measure::Accuracy(judge(kind))).score(&batch).unwrap();
        assert_eq!(scored, [Some(1.0), Some(0.0)], "{kind:?} {gold}");
    }
    let task = Task::Countdown { numbers: vec![16, 15, 1], target: "30".into() };
    let counted =
        |text: &str| Sample { text: text.into(), task: Some(task.clone()), ..Sample::default() };
    let batch = [counted("16 + 15 - 1"), counted("16 + 15")];
    let scored = reward(Measure::Accuracy(judge(Kind::Countdown))).score(&batch).unwrap();
    assert_eq!(scored, [Some(1.0), Some(0.0)]);
}

#[test]
fn a_sample_without_gold_has_no_reward() {
    let batch = [sample("4", Kind::Math, "4"), Sample::default()];
    let scored = reward(Measure::Accuracy(judge(Kind::Math))).score(&batch).unwrap();
    assert_eq!(scored, [Some(1.0), None]);
}

#[test]
fn an_unreadable_gold_names_its_row_or_is_skipped() {
    let batch = [sample("4", Kind::Math, "4"), sample("4", Kind::Math, " ")];
    let mut accuracy = reward(Measure::Accuracy(judge(Kind::Math)));
    let said = accuracy.score(&batch).unwrap_err().to_string();
    assert!(said.contains("1 of the batch") && said.contains("blank gold"), "{said}");
    accuracy.gold_errors = GoldErrors::Skip;
    assert_eq!(accuracy.score(&batch).unwrap(), [Some(1.0), None]);
}

#[test]
fn lengths_are_those_of_the_samples() {
    let with = |tokens| Sample { tokens: Some(tokens), ..sample("4", Kind::Math, "4") };
    let length = Measure::Length(judge(Kind::Math), CosineLength::new(100));
    let scored = reward(length).score(&[with(0), with(100)]).unwrap();
    assert_eq!(scored, [Some(2.0), Some(-10.0)]);
    let rule = SoftOverlong { max_tokens: 100, cache_tokens: 50 };
    let scored = reward(Measure::Overlong(rule)).score(&[with(50), with(75), with(101)]).unwrap();
    assert_eq!(scored, [Some(0.0), Some(-0.5), Some(-1.0)]);
}

#[test]
fn the_language_of_the_reasoning_leaves_the_answer_out() {
    let text = "<think> Twenty and 所以 </think> <answer> 四十二 </answer>";
    let sample = Sample { text: text.into(), ..Sample::default() };
    let of = |whole| {
        let measure = Measure::Language { target: Some(Language::En), whole };
        reward(measure).score(std::slice::from_ref(&sample)).unwrap()[0].unwrap()
    };
    assert_eq!(of(false), 0.5);
    assert!(of(true) < 0.5);
}

#[test]
fn a_panic_is_an_error_in_words() {
    let said = guarded::<()>(|| panic!("no {}", "way")).unwrap_err();
    assert_eq!(said, RewardsError::Fault { what: "no way".into() });
}

#[test]
fn a_reward_outlives_its_process() {
    let mut kept = reward(Measure::Length(judge(Kind::Choice), CosineLength::new(9)));
    kept.column = Some("gold".into());
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<Reward>(&text).unwrap(), kept);
}
