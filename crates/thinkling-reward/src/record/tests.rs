use super::*;

const GOOD: &str = "<think> 19 + 23 = 42 </think> <answer> 42 </answer>";

fn sum() -> Problem {
    Problem::number("p", "What is 19 + 23?", "42")
}

fn tries() -> Problem {
    Problem::countdown("c", "Make 30 of 16, 15, 1.", vec![16, 15, 1], "30")
}

fn record(problem: &Problem, text: &str) -> RewardRecord {
    reward(problem, &Completion::whole(text), &RewardConfig::default()).unwrap()
}

/// Accuracy, format, total.
fn parts(problem: &Problem, text: &str) -> (f64, f64, f64) {
    let record = record(problem, text);
    (record.value(ACCURACY).unwrap(), record.value(FORMAT).unwrap(), record.total)
}

#[test]
fn accuracy_and_format_are_earned_apart() {
    assert_eq!(parts(&sum(), GOOD), (1.0, 1.0, 2.0));
    assert_eq!(parts(&sum(), "<think>a</think><answer>43</answer>"), (0.0, 1.0, 1.0));
    assert_eq!(parts(&sum(), "So <answer>42</answer>"), (1.0, 0.0, 1.0));
    assert_eq!(parts(&sum(), "42"), (0.0, 0.0, 0.0));
}

#[test]
fn weights_scale_the_parts_and_not_their_values() {
    let config =
        RewardConfig { accuracy_weight: 2.0, format_weight: 0.25, ..RewardConfig::default() };
    let record = reward(&sum(), &Completion::whole(GOOD), &config).unwrap();
    assert_eq!(record.total, 2.25);
    assert_eq!((record.value(ACCURACY), record.value(FORMAT)), (Some(1.0), Some(1.0)));
}

#[test]
fn thinking_never_counts() {
    for text in [
        "<think>42</think><answer>see above</answer>",
        "<think><answer>42</answer></think>",
        "<think><answer>42</answer>",
        "<answer><think>42</think></answer>",
    ] {
        assert!(!record(&sum(), text).verdict.is_correct(), "{text}");
        let judgement = judge(&sum(), text, Template::None).unwrap();
        assert!(!judgement.verdict.is_correct(), "{text}");
    }
}

#[test]
fn truncated_completions_earn_nothing_unless_asked() {
    let cut = Completion { text: GOOD, truncated: true };
    let record = reward(&sum(), &cut, &RewardConfig::default()).unwrap();
    assert_eq!(record.total, 0.0);
    assert_eq!(record.value(FORMAT), Some(0.0));
    assert_eq!(record.verdict, Verdict::Unverifiable { reason: Reason::Truncated });
    let config = RewardConfig { truncated_earns_nothing: false, ..RewardConfig::default() };
    assert_eq!(reward(&sum(), &cut, &config).unwrap().total, 2.0);
}

#[test]
fn a_gold_that_does_not_parse_is_an_error_before_anything_else() {
    for gold in ["", " ", "forty", "1/2", "$5", "4 2"] {
        let problem = Problem::number("p", "q", gold);
        let text = format!("<think>a</think><answer>{gold}</answer>");
        let cut = Completion { text: &text, truncated: true };
        let error = reward(&problem, &cut, &RewardConfig::default()).unwrap_err();
        assert!(matches!(error, GoldError::Number { .. }), "{gold:?}: {error}");
        assert!(format_free_correct(&problem, &text).is_err());
        assert!(problem.check_gold().is_err());
    }
    let problem = Problem::countdown("c", "q", vec![], "30");
    assert!(matches!(problem.check_gold(), Err(GoldError::Countdown { .. })));
    assert!(tries().check_gold().is_ok());
}

#[test]
fn countdown_is_judged_in_the_block() {
    let text = "<think> 16+1 no </think> <answer> 16 + 15 - 1 = 30 </answer>";
    assert_eq!(parts(&tries(), text), (1.0, 1.0, 2.0));
    assert_eq!(record(&tries(), text).extracted.as_deref(), Some("16 + 15 - 1 = 30"));
    let text = "<think> 16+15-1 </think> <answer> 30 </answer>";
    assert_eq!(record(&tries(), text).verdict, Verdict::Wrong);
}

#[test]
fn without_template_the_last_value_outside_thinking_counts() {
    let config = RewardConfig { template: Template::None, ..RewardConfig::default() };
    for (text, total) in [
        ("First 19, then the answer is 42.", 1.0),
        ("<think>7</think> 42", 1.0),
        ("7 </think> 42", 1.0),
        ("42 </think> none", 0.0),
        ("42 <think> 7", 1.0),
        ("42, no, 43", 0.0),
        ("0+42", 0.0),
    ] {
        let record = reward(&sum(), &Completion::whole(text), &config).unwrap();
        assert_eq!(record.total, total, "{text}");
        assert_eq!(record.value(FORMAT), None);
    }
}

#[test]
fn the_format_free_reading_ignores_tags() {
    for (text, correct) in [
        (GOOD, true),
        ("<think> 19 + 23 = 42", true),
        ("42 <answer>", true),
        ("<think>42</think><answer>41</answer>", false),
        ("none", false),
    ] {
        assert_eq!(format_free_correct(&sum(), text), Ok(correct), "{text}");
    }
    let text = "<think> Try 16+15=31, 31-1=30, yes: 16+15-1 <answer> 30";
    assert_eq!(format_free_correct(&tries(), text), Ok(true));
    assert_eq!(format_free_correct(&tries(), "16+15-1 then 31-1"), Ok(false));
}

#[test]
fn a_record_is_one_flat_json_object_and_survives_it() {
    let record = record(&sum(), "<think>a</think><answer>42x</answer>");
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"components":[{"name":"accuracy","value":0.0,"weight":1.0},"#,
            r#"{"name":"format","value":1.0,"weight":1.0}],"total":1.0,"#,
            r#""verdict":"unverifiable","reason":"not_a_plain_number","#,
            r#""extracted":"42x","note":null}"#
        )
    );
    assert_eq!(serde_json::from_str::<RewardRecord>(&json).unwrap(), record);
}

#[test]
fn long_answers_are_cut_in_the_record() {
    let text = format!("<answer>{}</answer>", "é ".repeat(5000));
    let record = record(&Problem::countdown("c", "q", vec![1], "1"), &text);
    assert_eq!(record.extracted.unwrap().chars().count(), MAX_EXTRACTED);
}

#[test]
fn unusable_weights_are_told() {
    assert_eq!(RewardConfig::default().validate(), Ok(()));
    for weight in [f64::NAN, f64::INFINITY, -1.0] {
        let config = RewardConfig { format_weight: weight, ..RewardConfig::default() };
        let error = config.validate().unwrap_err();
        assert!(error.to_string().starts_with("unusable format_weight"), "{error}");
    }
}
