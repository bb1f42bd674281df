use super::*;
use crate::code::{CodeReward, CodeTests, CodeVerdict, Stage};
use crate::problem::Task;
use crate::spec::{ACCURACY, FORMAT, Rule};

const GOOD: &str = "<think> 19 + 23 = 42 </think> <answer> 42 </answer>";

fn sum() -> Problem {
    Problem::number("p", "What is 19 + 23?", "42")
}

fn tries() -> Problem {
    Problem::countdown("c", "Make 30 of 16, 15, 1.", vec![16, 15, 1], "30")
}

fn record(problem: &Problem, text: &str) -> RewardRecord {
    reward(problem, &Completion::whole(text), &RewardSpec::default()).unwrap()
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
    let mut spec = RewardSpec::default();
    (spec.components[0].weight, spec.components[1].weight) = (2.0, 0.25);
    let record = reward(&sum(), &Completion::whole(GOOD), &spec).unwrap();
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
    let cut = Completion { truncated: true, ..Completion::whole(GOOD) };
    let record = reward(&sum(), &cut, &RewardSpec::default()).unwrap();
    assert_eq!(record.total, 0.0);
    assert_eq!(record.value(FORMAT), Some(0.0));
    assert_eq!(record.verdict, Verdict::Unverifiable { reason: Reason::Truncated });
    let spec = RewardSpec { truncated_earns_nothing: false, ..RewardSpec::default() };
    assert_eq!(reward(&sum(), &cut, &spec).unwrap().total, 2.0);
}

#[test]
fn a_gold_that_does_not_parse_is_an_error_before_anything_else() {
    for gold in ["", " ", "forty", "1/2", "$5", "4 2"] {
        let problem = Problem::number("p", "q", gold);
        let text = format!("<think>a</think><answer>{gold}</answer>");
        let cut = Completion { truncated: true, ..Completion::whole(&text) };
        let error = reward(&problem, &cut, &RewardSpec::default()).unwrap_err();
        assert!(matches!(error, RewardError::Gold(GoldError::Number { .. })), "{gold:?}: {error}");
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
    let spec = RewardSpec::of(Template::None);
    for (text, total) in [
        ("First 19, then the answer is 42.", 1.0),
        ("<think>7</think> 42", 1.0),
        ("7 </think> 42", 1.0),
        ("42 </think> none", 0.0),
        ("42 <think> 7", 1.0),
        ("42, no, 43", 0.0),
        ("0+42", 0.0),
    ] {
        let record = reward(&sum(), &Completion::whole(text), &spec).unwrap();
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
fn each_kind_of_task_is_judged_by_its_own_rule() {
    let block = |answer: &str| format!("<think>so</think><answer>{answer}</answer>");
    let task = |task| Problem::new("p", "q", task);
    let gold = || "B".to_owned();
    for (problem, right, wrong) in [
        (Problem::math("m", "q", "1/2"), "0.5", "0.6"),
        (task(Task::Choice { gold: gold() }), "(B)", "C"),
        (task(Task::Exact { gold: gold() }), " B ", "b"),
    ] {
        assert_eq!(problem.check_gold(), Ok(()));
        assert_eq!(parts(&problem, &block(right)), (1.0, 1.0, 2.0), "{right}");
        assert_eq!(parts(&problem, &block(wrong)), (0.0, 1.0, 1.0), "{wrong}");
        let free = |answer: &str| format_free_correct(&problem, &format!("<think>x\n{answer}"));
        assert_eq!(free(right), Ok(true), "{right}");
        assert_eq!(free(wrong), Ok(false), "{wrong}");
    }
    for blank in [
        Problem::math("m", "q", " "),
        task(Task::Choice { gold: " ".to_owned() }),
        task(Task::Exact { gold: " ".to_owned() }),
        task(Task::Code { tests: CodeTests::asserts(Vec::<String>::new()) }),
    ] {
        assert!(blank.check_gold().is_err(), "{blank:?}");
        assert!(reward(&blank, &Completion::whole(" "), &RewardSpec::default()).is_err());
        assert!(format_free_correct(&blank, " ").is_err());
    }
}

/// Passes as many tests as the program has letters `y`.
struct CountsY;

impl RunCode for CountsY {
    fn run_code(&self, program: &str, tests: &CodeTests) -> Result<CodeVerdict, CodeError> {
        if program.contains("crash") {
            return Err(CodeError::Runner { message: "no memory".to_owned() });
        }
        let passed = program.matches('y').count();
        Ok(CodeVerdict::new(Stage::WrongOutput, passed, tests.len(), "got 3"))
    }
}

#[test]
fn a_program_earns_all_or_the_share_of_its_tests() {
    let tests = CodeTests::asserts(["a", "b", "c", "d"]);
    let problem = Problem::new("p", "q", Task::Code { tests });
    let tools = Tools { runner: Some(&CountsY) };
    let mut spec = RewardSpec::default();
    let text = |program: &str| format!("<think>so</think><answer>{program}</answer>");
    let reward = |spec: &RewardSpec, program: &str| {
        let text = text(program);
        let record = spec.reward(&problem, &Completion::whole(&text), &tools).unwrap();
        (record.value(ACCURACY).unwrap(), record.verdict, record.note)
    };
    let wrong = "WrongOutput, 1 of 4 tests passed: got 3";
    assert_eq!(reward(&spec, "y"), (0.0, Verdict::Wrong, Some(wrong.into())));
    assert_eq!(reward(&spec, "yyyy"), (1.0, Verdict::Correct, None));
    let nothing = Verdict::Unverifiable { reason: Reason::NoAnswer };
    assert_eq!(reward(&spec, " ").1, nothing);
    let code = CodeReward::Fraction;
    spec.components[0].rule = Rule::Accuracy(AccuracyRule { code, ..AccuracyRule::default() });
    assert_eq!(reward(&spec, "y").0, 0.25);
    assert_eq!(spec.format_free_correct(&problem, "yyyy", &tools), Ok(true));

    let crashed = text("crash");
    let error = spec.reward(&problem, &Completion::whole(&crashed), &tools).unwrap_err();
    assert!(matches!(error, RewardError::Runner { .. }), "{error}");
}

#[test]
fn code_without_a_runner_is_an_error_before_any_completion() {
    let tests = CodeTests::asserts(["assert f() == 1"]);
    let problem = Problem::new("p", "q", Task::Code { tests });
    let spec = RewardSpec::default();
    let missing = RewardError::NoRunner { id: "p".to_owned() };
    assert_eq!(spec.check_problem(&problem, &Tools::default()), Err(missing.clone()));
    assert_eq!(spec.check_problem(&problem, &Tools { runner: Some(&CountsY) }), Ok(()));
    for truncated in [false, true] {
        let completion = Completion { truncated, ..Completion::whole("y") };
        assert_eq!(reward(&problem, &completion, &spec), Err(missing.clone()));
    }
    assert_eq!(judge(&problem, "y", Template::None), Err(missing));
}

#[test]
fn a_part_from_outside_joins_the_total() {
    let mut record = record(&sum(), GOOD);
    record.add(Component::new("judge", 0.5, 3.0, None));
    assert_eq!(record.total, 3.5);
    record.add(Component::new("style", 7.0, 0.5, Some([-1.0, 1.0])));
    assert_eq!((record.total, record.value("style")), (4.0, Some(1.0)));
    assert!(record.component("style").unwrap().clipped);
    assert!(!record.component("judge").unwrap().clipped);
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["components"][2].get("clipped"), None);
    assert_eq!(json["components"][3]["clipped"], true);
    assert_eq!(serde_json::from_value::<RewardRecord>(json).unwrap(), record);
}

#[test]
fn bounds_move_a_value_to_the_nearer_one() {
    let held = |value, clip| {
        let part = Component::new("x", value, 1.0, clip);
        (part.value, part.clipped)
    };
    for (value, clip, expected) in [
        (0.5, None, (0.5, false)),
        (0.5, Some([0.0, 1.0]), (0.5, false)),
        (1.0, Some([0.0, 1.0]), (1.0, false)),
        (1.5, Some([0.0, 1.0]), (1.0, true)),
        (-1.5, Some([0.0, 1.0]), (0.0, true)),
        (f64::INFINITY, Some([0.0, 1.0]), (1.0, true)),
        // Swapped bounds are refused by a spec; here they must not panic.
        (0.5, Some([1.0, 0.0]), (1.0, true)),
    ] {
        assert_eq!(held(value, clip), expected, "{value} {clip:?}");
    }
    let (value, clipped) = held(f64::NAN, Some([0.0, 1.0]));
    assert!(value.is_nan() && !clipped);
}
