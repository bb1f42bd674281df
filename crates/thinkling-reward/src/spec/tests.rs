use super::*;
use crate::problem::GoldError;
use crate::record::{Reason, RewardRecord, Tools, Verdict, reward};

const GOOD: &str = "<think> Twenty and 所以 </think> <answer> 42 </answer>";

fn sum() -> Problem {
    Problem::number("p", "What is 19 + 23?", "42")
}

/// A spec of one component.
fn only(rule: Rule) -> RewardSpec {
    RewardSpec { components: vec![ComponentSpec::new("it", rule)], ..RewardSpec::default() }
}

fn counted(text: &str, tokens: usize) -> Completion<'_> {
    Completion { tokens: Some(tokens), ..Completion::whole(text) }
}

fn value(rule: Rule, completion: &Completion<'_>) -> f64 {
    reward(&sum(), completion, &only(rule)).unwrap().value("it").unwrap()
}

fn language(target: Option<Language>) -> Rule {
    Rule::Language(LanguageRule { target })
}

#[test]
fn the_default_is_the_reports_sum_of_accuracy_and_strict_format() {
    let spec = RewardSpec::default();
    let parts: Vec<(&str, f64)> = spec.components.iter().map(|c| (&*c.name, c.weight)).collect();
    assert_eq!(parts, [("accuracy", 1.0), ("format", 1.0)]);
    assert_eq!(spec.validate(), Ok(()));
    assert_eq!(RewardSpec::of(Template::None).components.len(), 1);
}

#[test]
fn each_rule_has_its_own_value() {
    let whole = counted(GOOD, 50);
    assert_eq!(value(Rule::Accuracy(AccuracyRule::default()), &whole), 1.0);
    let format = |rule| Rule::Format(FormatComponent { rule });
    assert_eq!(value(format(FormatRule::Strict), &whole), 1.0);
    assert_eq!(value(format(FormatRule::TagCount), &counted("<think>a</think>", 5)), 0.5);
    assert_eq!(value(format(FormatRule::ThinkOnly), &counted("<think>a</think>b", 5)), 1.0);
    // Two words of English, two Han characters.
    assert_eq!(value(language(Some(Language::Zh)), &whole), 0.5);
    let repetition = RepetitionRule { ngram: 2, max_penalty: -1.0 };
    // From the third word on, every pair was there before: four of the six words repeat.
    let repeated = value(Rule::Repetition(repetition), &counted("a b a b a b", 6));
    assert!((repeated + 4.0 / 6.0).abs() < 1e-12, "{repeated}");
    let length = CosineLength::new(100);
    // Half of the way: the mean of both ends, 2 and 1 where right, -10 and 0 where wrong.
    assert!((value(Rule::Length(length), &whole) - 1.5).abs() < 1e-12);
    assert!((value(Rule::Length(length), &counted("41", 50)) + 5.0).abs() < 1e-12);
    let overlong = SoftOverlong { max_tokens: 60, cache_tokens: 20 };
    assert_eq!(value(Rule::Overlong(overlong), &whole), -0.5);
}

#[test]
fn language_is_measured_wherever_the_thinking_stands_and_not_in_the_answer() {
    for (text, share) in [
        ("<think> eins two </think> <answer> 所以 </answer>", 0.0),
        ("so two <answer> 所以 </answer>", 0.0),
        ("所以 <think></think> <answer> 4 </answer>", 1.0),
        ("<think> 所以", 1.0),
        ("<answer> 所以 </answer>", 0.0),
    ] {
        assert_eq!(value(language(Some(Language::Zh)), &Completion::whole(text)), share, "{text}");
    }
}

#[test]
fn without_a_target_the_problems_language_counts_and_none_is_an_error() {
    let spec = only(language(None));
    let mut problem = sum();
    let missing = RewardError::NoLanguage { component: "it".to_owned(), id: "p".to_owned() };
    assert_eq!(reward(&problem, &Completion::whole(GOOD), &spec), Err(missing.clone()));
    assert_eq!(spec.check_problem(&problem, &Tools::default()), Err(missing));
    problem.language = Some(Language::Zh);
    assert_eq!(spec.check_problem(&problem, &Tools::default()), Ok(()));
    assert_eq!(reward(&problem, &Completion::whole(GOOD), &spec).unwrap().total, 0.5);
}

#[test]
fn a_length_that_nobody_counted_is_an_error() {
    for rule in [Rule::Length(CosineLength::new(9)), Rule::Overlong(SoftOverlong::default())] {
        let error = reward(&sum(), &Completion::whole(GOOD), &only(rule)).unwrap_err();
        assert_eq!(error, RewardError::NoTokens { component: "it".to_owned() });
    }
}

fn everything() -> RewardSpec {
    let mut spec = RewardSpec::default();
    spec.components.extend([
        ComponentSpec::new(LANGUAGE, language(Some(Language::Zh))),
        ComponentSpec::new(REPETITION, Rule::Repetition(RepetitionRule::default())),
        ComponentSpec::new(LENGTH, Rule::Length(CosineLength::new(100))),
        ComponentSpec::new(OVERLONG, Rule::Overlong(SoftOverlong::default())),
    ]);
    spec
}

#[test]
fn the_total_is_the_weighted_sum_of_what_is_recorded() {
    let mut spec = everything();
    spec.components[2].weight = 3.0;
    spec.components[4].weight = 0.5;
    spec.components[4].clip = Some([-1.0, 1.0]);
    let record = reward(&sum(), &counted(GOOD, 50), &spec).unwrap();
    let names: Vec<&str> = record.components.iter().map(|c| &*c.name).collect();
    assert_eq!(names, [ACCURACY, FORMAT, LANGUAGE, REPETITION, LENGTH, OVERLONG]);
    // 1 + 1 + 3 * 0.5 + 0 + 0.5 * min(1.5, 1) + 0
    assert!((record.total - 4.0).abs() < 1e-12, "{record:?}");
    assert!(record.component(LENGTH).unwrap().clipped);
    let clipped = record.components.iter().filter(|c| c.clipped).count();
    assert_eq!(clipped, 1);
}

#[test]
fn a_truncated_completion_gains_nothing_and_keeps_its_penalties() {
    let cut = Completion { truncated: true, ..counted(GOOD, 100) };
    let parts = |record: &RewardRecord| -> Vec<f64> {
        record.components.iter().map(|part| part.value).collect()
    };
    let mut spec = everything();
    spec.components[5].rule = Rule::Overlong(SoftOverlong { max_tokens: 100, cache_tokens: 20 });
    // The cosine reward at its limit is the paper's -10, the overlong one -1.
    let record = reward(&sum(), &cut, &spec).unwrap();
    assert_eq!(parts(&record), [0.0, 0.0, 0.0, 0.0, -10.0, -1.0]);
    assert_eq!(record.verdict, Verdict::Unverifiable { reason: Reason::Truncated });
    // Bounds do not give back what a cut completion must not have.
    spec.components[0].clip = Some([0.5, 1.0]);
    assert_eq!(reward(&sum(), &cut, &spec).unwrap().value(ACCURACY), Some(0.0));
    spec.components[0].clip = None;
    spec.truncated_earns_nothing = false;
    let record = reward(&sum(), &cut, &spec).unwrap();
    assert_eq!(parts(&record), [1.0, 1.0, 0.5, 0.0, -10.0, -1.0]);
}

#[test]
fn no_component_hides_a_gold_that_cannot_be_read() {
    let spec = only(language(Some(Language::En)));
    let error = reward(&Problem::number("p", "q", ""), &Completion::whole(""), &spec).unwrap_err();
    assert!(matches!(error, RewardError::Gold(GoldError::Number { .. })), "{error}");
}

#[test]
fn the_policy_of_the_accuracy_component_is_the_one_that_counts() {
    let mut spec = RewardSpec::of(Template::R1Zero);
    let problem = Problem::math("p", "q", "Friday");
    let text = "<think>so</think><answer>friday</answer>";
    assert_eq!(reward(&problem, &Completion::whole(text), &spec).unwrap().total, 2.0);
    let policy = Policy { words_any_case: false, ..Policy::default() };
    spec.components[0].rule = Rule::Accuracy(AccuracyRule { policy, ..AccuracyRule::default() });
    assert_eq!(reward(&problem, &Completion::whole(text), &spec).unwrap().total, 1.0);
    let free = spec.format_free_correct(&problem, "friday", &Tools::default());
    assert_eq!(free, Ok(false));
}

#[test]
fn unsound_specs_are_told() {
    type Change = fn(&mut RewardSpec);
    let changes: [(Change, &str); 11] = [
        (|s| s.components[1].weight = f64::NAN, "unusable weight of `format`"),
        (|s| s.components[1].weight = f64::INFINITY, "unusable weight of `format`"),
        (|s| s.components[1].weight = -1.0, "unusable weight of `format`"),
        (|s| s.components[0].clip = Some([1.0, 0.0]), "unusable bounds of `accuracy`"),
        (|s| s.components[0].clip = Some([0.0, f64::NAN]), "unusable bounds of `accuracy`"),
        (|s| s.components[0].clip = Some([f64::NEG_INFINITY, 0.0]), "unusable bounds"),
        (|s| s.components[0].name = " ".into(), "unusable name"),
        (|s| s.components[0].name = FORMAT.into(), "unusable name"),
        (|s| s.components.clear(), "no component with a weight above 0"),
        (|s| s.components.iter_mut().for_each(|c| c.weight = 0.0), "no component with a weight"),
        (
            |s| {
                let length = CosineLength { exceeded: f64::NAN, ..CosineLength::new(9) };
                s.components.push(ComponentSpec::new(LENGTH, Rule::Length(length)));
            },
            "unusable number in the rule of `length`",
        ),
    ];
    for (change, words) in changes {
        let mut spec = RewardSpec::default();
        change(&mut spec);
        let error = spec.validate().unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
        // Unsound as it is, no completion makes it panic.
        let _ = reward(&sum(), &counted(GOOD, 50), &spec);
    }
    assert_eq!(everything().validate(), Ok(()));
}

#[test]
fn a_spec_survives_json_and_unknown_keys_do_not_pass() {
    let json = serde_json::to_string(&everything()).unwrap();
    assert_eq!(serde_json::from_str::<RewardSpec>(&json).unwrap(), everything());
    let short = r#"{"components": [
        {"name": "accuracy", "rule": {"kind": "accuracy"}},
        {"name": "speaks", "rule": {"kind": "language", "target": "zh"}, "weight": 0.5}]}"#;
    let spec: RewardSpec = serde_json::from_str(short).unwrap();
    assert_eq!((spec.template, spec.components[0].weight), (Template::R1Zero, 1.0));
    assert_eq!(spec.components[1].rule, language(Some(Language::Zh)));
    for bad in [
        r#"{"component": []}"#,
        r#"{"components": [{"name": "a", "rule": {"kind": "accuracy"}, "wieght": 1}]}"#,
        r#"{"components": [{"name": "a", "rule": {"kind": "language", "tagret": "zh"}}]}"#,
        r#"{"components": [{"name": "a", "rule": {"kind": "reflection"}}]}"#,
    ] {
        assert!(serde_json::from_str::<RewardSpec>(bad).is_err(), "{bad}");
    }
}
