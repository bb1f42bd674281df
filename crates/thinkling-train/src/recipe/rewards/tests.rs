use std::path::Path;

use super::*;
use crate::recipe::ModelPlace;
use crate::recipe::{Recipe, RlStage, StageKind};
use thinkling_reward::Template as Places;

/// A recipe whose only stage has these lines.
fn parse(lines: &str, sets: &[&str]) -> Result<Recipe> {
    let text = format!(
        "name='a'\nmodel.path='m'\n[[stage]]\nname='rl'\nkind='rl'\nmax_completion_tokens=100\n\
         data.kind='mini-world'\n{lines}"
    );
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    Recipe::parse(&text, Path::new("r.toml"), Path::new("/recipes"), &sets)
}

fn stage(recipe: &Recipe) -> &RlStage {
    match &recipe.stages[0].kind {
        StageKind::Rl(rl) => rl,
        other => panic!("not rl: {other:?}"),
    }
}

fn rewards(lines: &str) -> Rewards {
    let recipe = parse(lines, &[]).expect("a valid recipe");
    let text = recipe.to_toml().expect("has a TOML form");
    let again = Recipe::parse(&text, Path::new("x"), Path::new("/elsewhere"), &[]);
    assert_eq!(again.unwrap_or_else(|e| panic!("{e}\n{text}")), recipe, "{text}");
    stage(&recipe).rewards.clone()
}

/// Name and weight of each rule.
fn parts(rewards: &Rewards) -> Vec<(String, f64)> {
    let components = rewards.spec().components;
    components.iter().map(|part| (part.name.to_string(), part.weight)).collect()
}

fn named(parts: &[(&str, f64)]) -> Vec<(String, f64)> {
    parts.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

#[test]
fn without_the_table_the_rewards_are_the_reports() {
    for lines in ["", "preset='r1-zero'", "rewards={}"] {
        assert_eq!(rewards(lines).spec(), RewardSpec::default(), "{lines}");
    }
    for lines in ["template='none'", "template='chat'"] {
        assert_eq!(rewards(lines).spec(), RewardSpec::of(Places::None), "{lines}");
    }
}

#[test]
fn writing_one_component_changes_only_that_one() {
    for (lines, expected) in [
        ("rewards.accuracy.weight=2", &[("accuracy", 2.0), ("format", 1.0)][..]),
        ("rewards.format={weight=0}", &[("accuracy", 1.0)]),
        ("rewards.accuracy={weight=0}", &[("format", 1.0)]),
        ("rewards.language={}", &[("accuracy", 1.0), ("format", 1.0), ("language", 1.0)]),
        ("rewards.language={weight=0}", &[("accuracy", 1.0), ("format", 1.0)]),
        (
            "rewards={overlong={weight=0.5},length={},repetition={}}",
            &[
                ("accuracy", 1.0),
                ("format", 1.0),
                ("repetition", 1.0),
                ("length", 1.0),
                ("overlong", 0.5),
            ],
        ),
        ("template='none'\nrewards.format={}", &[("accuracy", 1.0), ("format", 1.0)]),
        ("template='none'\nrewards.format={weight=0.5}", &[("accuracy", 1.0), ("format", 0.5)]),
    ] {
        assert_eq!(parts(&rewards(lines)), named(expected), "{lines}");
    }
}

#[test]
fn each_rule_takes_its_keys_and_lengths_take_the_stages() {
    let rule = |lines: &str, name: &str| {
        let spec = rewards(lines).spec();
        spec.components.into_iter().find(|part| part.name == name).expect(name).rule
    };
    let format = |rule| Rule::Format(FormatComponent { rule });
    assert_eq!(rule("rewards.format.rule='tag-count'", "format"), format(FormatRule::TagCount));
    assert_eq!(rule("rewards.format.rule='think-only'", "format"), format(FormatRule::ThinkOnly));
    let language = |target| Rule::Language(LanguageRule { target });
    assert_eq!(rule("rewards.language={}", "language"), language(None));
    let zh = rule("rewards.language={target='zh'}", "language");
    assert_eq!(zh, language(Some(Language::Zh)));
    let repetition = RepetitionRule { ngram: 3, max_penalty: -2.0 };
    let lines = "rewards.repetition={ngram=3,max_penalty=-2}";
    assert_eq!(rule(lines, "repetition"), Rule::Repetition(repetition));
    let length = CosineLength { exceeded: -1.0, ..CosineLength::new(100) };
    assert_eq!(rule("rewards.length={exceeded=-1}", "length"), Rule::Length(length));
    let length = CosineLength { wrong_at_zero: 0.0, ..CosineLength::new(50) };
    let lines = "rewards.length={max_tokens=50,wrong_at_zero=0}";
    assert_eq!(rule(lines, "length"), Rule::Length(length));
    for (keys, max_tokens, cache_tokens) in
        [("", 100, 20), ("max_tokens=50", 50, 10), ("cache_tokens=0", 100, 0)]
    {
        let overlong = Rule::Overlong(SoftOverlong { max_tokens, cache_tokens });
        assert_eq!(rule(&format!("rewards.overlong={{{keys}}}"), "overlong"), overlong);
    }
    let fraction = rule("rewards.accuracy.code='fraction'", "accuracy");
    let Rule::Accuracy(AccuracyRule { code: CodeReward::Fraction, policy }) = fraction else {
        panic!("{fraction:?}")
    };
    assert_eq!(policy, Policy::default());
}

#[test]
fn the_policy_has_a_key_for_each_convention() {
    let lines =
        "rewards.accuracy.policy={percent_is_fraction=false,rounding_digits=6,several='last'}";
    let changed = rewards(lines).accuracy.rule.policy;
    let expected = Policy {
        percent_is_fraction: false,
        rounding_digits: 6,
        several: thinkling_reward::math::Several::Last,
        ..Policy::default()
    };
    assert_eq!(changed, expected);
    // Conventions nobody changed are not written out.
    let text = parse("", &[]).expect("valid").to_toml().expect("has a TOML form");
    assert!(!text.contains("policy"), "{text}");
}

#[test]
fn places_follow_the_template_unless_they_are_written() {
    for (lines, places) in [
        ("", Places::R1Zero),
        ("template='chat'", Places::None),
        ("template='chat'\nrewards.accuracy.template='boxed'", Places::Boxed),
        ("rewards.accuracy.template='none'", Places::None),
    ] {
        assert_eq!(rewards(lines).spec().template, places, "{lines}");
        assert_eq!(rewards(lines).accuracy_spec().template, places, "{lines}");
    }
}

#[test]
fn an_evaluation_asks_for_the_answer_alone() {
    let rewards = rewards(
        "rewards={accuracy={weight=0,policy={chains=false}},language={target='en'},x={url='http://h'}}",
    );
    let spec = rewards.accuracy_spec();
    let policy = Policy { chains: false, ..Policy::default() };
    let rule = Rule::Accuracy(AccuracyRule { policy, ..AccuracyRule::default() });
    assert_eq!(spec.components, [ComponentSpec::new(ACCURACY, rule)]);
}

#[test]
fn rewards_from_outside_have_names_of_their_own() {
    let rewards = rewards(
        "rewards={judge={command=['python3','judge.py'],weight=0.5,timeout_s=2.5,clip=[0,1]},\
         served={url='http://127.0.0.1:8000/score'},off={url='http://h',weight=0},\
         here={command=['./a'],dir='/b'}}",
    );
    let names: Vec<&str> = rewards.active_external().map(|(name, _)| name).collect();
    assert_eq!(names, ["here", "judge", "served"]);
    assert_eq!(rewards.bounded(), ["judge"]);
    let command = vec!["python3".to_owned(), "judge.py".to_owned()];
    let source = ExternalSource::Command { command, dir: "/recipes".into() };
    let judge = ExternalReward { weight: 0.5, clip: Some([0.0, 1.0]), timeout_s: 2.5, source };
    assert_eq!(rewards.external["judge"], judge);
    assert_eq!(
        (rewards.external["served"].weight, rewards.external["served"].timeout_s),
        (1.0, 30.0)
    );
    let ExternalSource::Command { dir, .. } = &rewards.external["here"].source else {
        panic!("a command")
    };
    assert_eq!(dir, Path::new("/b"));
}

#[test]
fn set_reaches_every_component() {
    let sets = [
        "stage.rl.rewards.language.weight=0.1",
        "stage.rl.rewards.format.weight=0",
        "stage.rl.rewards.judge.command=['python3', 'judge.py']",
        "stage.rl.rewards.judge.timeout_s=7",
        "stage.rl.rewards.accuracy.policy.chains=false",
    ];
    let recipe = parse("", &sets).expect("valid");
    let rewards = &stage(&recipe).rewards;
    assert_eq!(parts(rewards), named(&[("accuracy", 1.0), ("language", 0.1)]));
    assert_eq!(rewards.external["judge"].timeout_s, 7.0);
    assert!(!rewards.accuracy.rule.policy.chains);
}

#[test]
fn what_cannot_be_meant_is_told_with_its_key() {
    for (lines, expected) in [
        (
            "rewards.languge={weight=1}",
            "r.toml:8: unknown key `stage.rl.rewards.languge`, nearest known key: `language`",
        ),
        (
            "rewards.judge={weight=1}",
            "r.toml:8: missing key `stage.rl.rewards.judge.command`, expected: a program with its arguments, `url`, or `model`",
        ),
        (
            "rewards.judge={comand=['x']}",
            "r.toml:8: unknown key `stage.rl.rewards.judge.comand`, nearest known key: `command`",
        ),
        (
            "rewards.judge={command=['x'],wieght=1}",
            "r.toml:8: unknown key `stage.rl.rewards.judge.wieght`, nearest known key: `weight`",
        ),
        (
            "rewards.accuracy={wieght=1}",
            "r.toml:8: unknown key `stage.rl.rewards.accuracy.wieght`, nearest known key: `weight`",
        ),
        (
            "rewards.accuracy.policy={chain=true}",
            "r.toml:8: unknown key `stage.rl.rewards.accuracy.policy.chain`, nearest known key: `chains`",
        ),
        (
            "rewards.accuracy.policy={chains=1}",
            "r.toml:8: bad value for `stage.rl.rewards.accuracy.policy.chains`, expected: true or false, got: integer 1",
        ),
        (
            "rewards.format.rule='stict'",
            "r.toml:8: bad value for `stage.rl.rewards.format.rule`, expected: one of \"strict\", \"tag-count\", \"think-only\" (nearest: \"strict\"), got: string \"stict\"",
        ),
        (
            "rewards.format.weight=-1",
            "r.toml:8: bad value for `stage.rl.rewards.format.weight`, expected: a number of at least 0, got: integer -1",
        ),
        (
            "rewards.format.clip=[1,0]",
            "r.toml:8: bad value for `stage.rl.rewards.format.clip`, expected: two numbers, the lower first, got: array of 2",
        ),
        (
            "rewards.format=1",
            "r.toml:8: bad value for `stage.rl.rewards.format`, expected: a table, got: integer 1",
        ),
        (
            "rewards.judge={command='python3 judge.py'}",
            "r.toml:8: bad value for `stage.rl.rewards.judge.command`, expected: an array of strings that are not empty, got: string \"python3 judge.py\"",
        ),
        (
            "rewards.judge={command=[]}",
            "r.toml:8: bad value for `stage.rl.rewards.judge.command`, expected: an array of strings that are not empty, got: array of 0",
        ),
        (
            "rewards.judge={url='https://example.org/score'}",
            "r.toml:8: bad value for `stage.rl.rewards.judge.url`, expected: an address that begins with `http://` (https is not supported), got: string \"https://example.org/score\"",
        ),
        (
            "rewards.judge={url='http:///score'}",
            "r.toml:8: bad value for `stage.rl.rewards.judge.url`, expected: an address that begins with `http://` (https is not supported), got: string \"http:///score\"",
        ),
        (
            "rewards.judge={url='http://h',command=['x']}",
            "r.toml:8: bad value for `stage.rl.rewards.judge.url`, expected: `command` or `url`, not both, got: string \"http://h\"",
        ),
        (
            "rewards.judge={url='http://h',dir='/x'}",
            "r.toml:8: bad value for `stage.rl.rewards.judge.dir`, expected: no folder beside `url`, got: string \"/x\"",
        ),
        (
            "rewards.judge={url='http://h',timeout_s=0}",
            "r.toml:8: bad value for `stage.rl.rewards.judge.timeout_s`, expected: a number above 0 up to 86400, got: integer 0",
        ),
        (
            "rewards.judge_clipped={url='http://h'}",
            "r.toml:8: bad value for `stage.rl.rewards.judge_clipped`, expected: a name of letters, digits, `-` and `_` that ends not in _clipped, got: table",
        ),
        (
            "rewards={accuracy={weight=0},format={weight=0}}",
            "r.toml:8: bad value for `stage.rl.rewards`, expected: values that fit together, got: no component with a weight above 0",
        ),
    ] {
        let error = parse(lines, &[]).expect_err(lines);
        assert_eq!(error.exit_code(), 2, "{error}");
        assert_eq!(error.to_string(), expected, "{lines}");
    }
    let language = parse("rewards.language={target='xx'}", &[]).expect_err("no such language");
    assert!(language.to_string().contains("\"en\", \"zh\""), "{language}");
    let several =
        parse("rewards.accuracy.policy={several='some'}", &[]).expect_err("no such value");
    assert!(several.to_string().contains("refuse"), "{several}");
}

#[test]
fn programs_have_no_number_behind_four_marks() {
    let data = |task: &str| {
        format!(
            "name='a'\nmodel.path='m'\n[[stage]]\nname='rl'\nkind='rl'\n\
             data={{kind='jsonl',path='d',format='gsm8k',task='{task}'}}"
        )
    };
    let read = |task| Recipe::parse(&data(task), Path::new("r"), Path::new("/"), &[]);
    for task in ["math", "number"] {
        assert!(read(task).is_ok(), "{task}");
    }
    for task in ["choice", "exact", "code"] {
        let error = read(task).expect_err(task).to_string();
        assert!(error.contains("`stage.rl.data.task`, expected: \"math\""), "{error}");
    }
}

/// A recipe whose last stage is rewarded by what the first trained.
fn judged(lines: &str) -> Result<Recipe> {
    let text = format!(
        "name='a'\nmodel.path='m'\n[[stage]]\nname='judge'\nkind='reward-model'\n\
         objective='pairwise'\ndata={{kind='jsonl', path='a.jsonl'}}\n[[stage]]\nname='rl'\n\
         kind='rl'\ndata.kind='mini-world'\n{lines}"
    );
    Recipe::parse(&text, Path::new("r.toml"), Path::new("/recipes"), &[])
}

#[test]
fn a_reward_by_a_model_joins_for_the_last_steps() {
    let preference = "rewards.preference={model='stage:judge', read='response'}\n\
                      rewards.safety={model='other', clip=[0, 1], weight=0.5, last_steps=30}";
    for (preset, steps, joins) in [
        ("steps=100", 100, [0, 70]),
        ("preset='all-scenarios'", 1700, [1300, 1670]),
        ("preset='all-scenarios'\nsteps=300", 300, [0, 270]),
    ] {
        let recipe = judged(&format!("{preset}\n{preference}")).expect("a valid recipe");
        let text = recipe.to_toml().expect("has a TOML form");
        let again = Recipe::parse(&text, Path::new("x"), Path::new("/elsewhere"), &[]);
        assert_eq!(again.unwrap_or_else(|e| panic!("{e}\n{text}")), recipe, "{text}");
        let StageKind::Rl(rl) = &recipe.stages[1].kind else { panic!("not rl") };
        let models: Vec<(&str, &ModelReward)> = rl.rewards.active_models().collect();
        assert_eq!(
            models.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["preference", "safety"]
        );
        let after: Vec<u64> =
            models.iter().map(|(_, m)| m.joins_after(rl.training.steps)).collect();
        assert_eq!((rl.training.steps, after), (steps, joins.to_vec()), "{preset}");
        assert_eq!(models[0].1.model, ModelPlace::Stage("judge".into()));
        assert_eq!(models[1].1.model, ModelPlace::Path("/recipes/other".into()));
        assert_eq!((models[1].1.clip, models[1].1.weight), (Some([0.0, 1.0]), 0.5));
        // What reads the folder checks that it is there.
        assert!(recipe.inputs_of(1).contains(&"/recipes/other".into()));
    }
}

#[test]
fn the_last_stages_preset_adds_the_language_and_a_lower_temperature() {
    let recipe = judged("preset='all-scenarios'").expect("a valid recipe");
    let StageKind::Rl(rl) = &recipe.stages[1].kind else { panic!("not rl") };
    assert_eq!((rl.temperature, rl.training.steps, rl.training.lr), (0.7, 1700, 3e-6));
    assert_eq!((rl.kl_coef, rl.clip_eps_high, rl.ref_replace_every), (0.001, 10.0, 400));
    assert_eq!(parts(&rl.rewards), named(&[("accuracy", 1.0), ("format", 1.0), ("language", 1.0)]));
    let recipe = judged("preset='all-scenarios'\nrewards.language.weight=0").expect("valid");
    let StageKind::Rl(rl) = &recipe.stages[1].kind else { panic!("not rl") };
    assert_eq!(parts(&rl.rewards), named(&[("accuracy", 1.0), ("format", 1.0)]));
}

#[test]
fn a_stage_after_a_reward_model_starts_from_what_that_started_from() {
    use crate::recipe::ModelSource;
    let recipe = judged("").expect("a valid recipe");
    assert_eq!(recipe.model_of(1), ModelSource::Path("/recipes/m".into()));
    let error = judged("model.path='stage:judge'").expect_err("refused").to_string();
    assert!(error.contains("not a reward model"), "{error}");
    let error = judged("rewards.preference={model='stage:rl'}").expect_err("refused").to_string();
    assert!(error.contains("an earlier reward model (judge)"), "{error}");
}
