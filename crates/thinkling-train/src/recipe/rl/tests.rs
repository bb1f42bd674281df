use super::*;
use crate::recipe::tests::read_back;
use crate::recipe::{QuestionSource, Recipe, StageKind};
use thinkling_learn::{Curriculum, LevelOrder};
use thinkling_reward::Language;

fn parse(keys: &str) -> Result<Recipe> {
    let text = format!("name='r'\nmodel.path='m'\n[[stage]]\nname='rl'\nkind='rl'\n{keys}");
    read_back(&text, &[])
}

fn stage(keys: &str) -> RlStage {
    let recipe = parse(keys).unwrap_or_else(|e| panic!("{e} in {keys}"));
    match &recipe.stages[0].kind {
        StageKind::Rl(stage) => stage.as_ref().clone(),
        other => panic!("{other:?}"),
    }
}

fn refused(keys: &str, words: &[&str]) {
    let message = parse(keys).expect_err("a bad recipe").to_string();
    words.iter().for_each(|word| assert!(message.contains(word), "no `{word}` in {message}"));
}

const SEVERAL: &str = r#"
template = "none"
rewards = { accuracy = { weight = 2 }, repetition = {} }
data = [
    { kind = "mini-world" },
    { kind = "jsonl", path = "a.train.jsonl", weight = 0.5, rewards = { format = {} } },
    { kind = "file", path = "b.json", name = "other", template = "r1-zero" },
]
"#;

fn components(rewards: &Rewards) -> Vec<(String, f64)> {
    rewards.spec().components.iter().map(|c| (c.name.to_string(), c.weight)).collect()
}

#[test]
fn several_sources_have_names_weights_templates_and_rewards() {
    let eval = r#"eval = { data = [
        { kind = "jsonl", path = "b.test.jsonl", name = "other" },
        { kind = "jsonl", path = "c.jsonl" },
        { kind = "jsonl", path = "d.jsonl", name = "mini-world", template = "chat" },
    ] }"#;
    let stage = stage(&format!("{SEVERAL}{eval}"));
    let names = |sources: &[RlSource]| -> Vec<String> {
        sources.iter().filter_map(|source| source.name.clone()).collect()
    };
    assert_eq!(names(&stage.data), ["mini-world", "a", "other"]);
    let weights: Vec<Option<f64>> = stage.data.iter().map(|source| source.weight).collect();
    assert_eq!(weights, [Some(1.0), Some(0.5), Some(1.0)]);
    let part = |name: &str, weight| (name.to_owned(), weight);
    let of = |source: &RlSource| components(stage.rewards_of(source));
    assert_eq!(of(&stage.data[0]), [part("accuracy", 2.0), part("repetition", 1.0)]);
    // A table of its own is read over what the template has by itself.
    assert_eq!(of(&stage.data[1]), [part("accuracy", 1.0), part("format", 1.0)]);
    // The stage's table over another template.
    let other = [part("accuracy", 2.0), part("format", 1.0), part("repetition", 1.0)];
    assert_eq!(of(&stage.data[2]), other);
    let places = stage.rewards_of(&stage.data[2]).spec().template;
    assert_eq!(places, thinkling_reward::Template::R1Zero);
    assert_eq!(stage.all_rewards().len(), 3);
    let templates = |sources: &[RlSource]| -> Vec<Template> {
        sources.iter().map(|source| stage.template_of(source)).collect()
    };
    assert_eq!(templates(&stage.data), [Template::None, Template::None, Template::R1Zero]);
    let evaluated = &stage.eval.as_ref().expect("an evaluation").data;
    assert_eq!(names(evaluated), ["other", "c", "mini-world"]);
    assert_eq!(templates(evaluated), [Template::R1Zero, Template::None, Template::Chat]);
    assert_eq!(of(&evaluated[0]), other);
    assert!(evaluated.iter().all(|source| source.weight.is_none()));
}

#[test]
fn one_source_stays_a_table_with_nothing_of_its_own() {
    let stage = stage("data = { kind = 'jsonl', path = 'a.jsonl' }");
    let RlSource { name, weight, template, rewards, source } = &stage.data[0];
    assert!(name.is_none() && weight.is_none() && template.is_none() && rewards.is_none());
    assert!(matches!(source, QuestionSource::Jsonl(_)));
    assert_eq!(stage.all_rewards(), [&stage.rewards]);
    let text = parse("data = { kind = 'mini-world' }").expect("valid").to_toml().expect("TOML");
    assert!(text.contains("[stage.data]\n"), "{text}");
}

#[test]
fn evaluations_take_the_held_out_problems_of_every_mini_world() {
    let data = "data = [{ kind = 'mini-world', weight = 2 }, { kind = 'mini-world', name = 'b' }]";
    let stage = stage(&format!("{data}\neval = {{}}"));
    let eval = stage.eval.as_ref().expect("an evaluation");
    let names: Vec<Option<&str>> = eval.data.iter().map(|s| s.name.as_deref()).collect();
    assert_eq!(names, [Some("mini-world"), Some("b")]);
    assert!(eval.data.iter().all(|source| source.weight.is_none()));
    refused(&format!("{SEVERAL}eval = {{}}"), &["stage.rl.eval.data", "training does not use"]);
}

#[test]
fn sources_that_do_not_fit_are_named() {
    refused("data = []", &["stage.rl.data", "at least one table"]);
    refused("data = 3", &["stage.rl.data", "a table"]);
    let two = |a: &str, b: &str| format!("data = [{{ {a} }}, {{ {b} }}]");
    let world = "kind = 'mini-world'";
    refused(&two(world, world), &["stage.rl.data.1.name", "no other source"]);
    refused(&two(world, "kind = 'jsonl', path = 'a b'"), &["data.1.name", "letters"]);
    refused(&two(world, "kind = 'jsonl', path = 'a', weight = 0"), &["data.1.weight", "above 0"]);
    refused(&two(world, "kind = 'jsonl', path = 'a', wait = 0"), &["data.1.wait", "unknown key"]);
    let eval =
        "data = { kind = 'mini-world' }\neval = { data = { kind = 'mini-world', weight = 1 } }";
    refused(eval, &["stage.rl.eval.data.weight"]);
}

#[test]
fn a_curriculum_goes_by_levels_or_pass_rates() {
    let data = "data = { kind = 'mini-world' }\n";
    let of = |keys: &str| {
        let stage = stage(&format!("steps = 50\n{data}curriculum = {{ {keys} }}"));
        stage.curriculum.expect("a curriculum").curriculum()
    };
    let natural = Curriculum::Level { steps: 25, order: LevelOrder::Natural };
    assert_eq!(of("by = 'level'"), natural);
    let listed = LevelOrder::Listed(vec!["a".to_owned(), "b".to_owned()]);
    let expected = Curriculum::Level { steps: 9, order: listed };
    assert_eq!(of("by = 'level', steps = 9, order = ['a', 'b']"), expected);
    let rates = Curriculum::PassRate { low: 0.05, high: 0.5, outside: 0.1 };
    assert_eq!(of("by = 'pass-rate', high = 0.5"), rates);
    let wrong = |keys: &str| format!("{data}curriculum = {{ {keys} }}");
    refused(&wrong("steps = 4"), &["stage.rl.curriculum.by"]);
    refused(&wrong("by = 'level', low = 0.1"), &["stage.rl.curriculum.low", "unknown key"]);
    refused(&wrong("by = 'pass-rate', low = 0.8, high = 0.2"), &["low", "at most `high`"]);
}

/// The report's first RL stage on the cold start: R1-Zero's row, clip width 10, and the language
/// reward summed with the others.
#[test]
fn the_reasoning_preset_adds_the_language_reward() {
    let data = "data = { kind = 'mini-world' }\n";
    let reasoning = stage(&format!("preset = 'reasoning'\n{data}"));
    let zero = stage(&format!("preset = 'r1-zero'\n{data}"));
    let part = |name: &str| (name.to_owned(), 1.0);
    assert_eq!(components(&zero.rewards), ["accuracy", "format"].map(part));
    assert_eq!(components(&reasoning.rewards), ["accuracy", "format", "language"].map(part));
    let r = &reasoning;
    assert_eq!(
        (r.training.lr, r.kl_coef, r.temperature, r.clip_eps_high),
        (3e-6, 0.001, 1.0, 10.0)
    );
    assert_eq!((r.max_completion_tokens, r.ref_replace_every), (32_768, 400));
    let same = RlStage { preset: zero.preset, rewards: zero.rewards.clone(), ..reasoning.clone() };
    assert_eq!(same, zero);
    // A table of rewards keeps it unless it says otherwise.
    let keys = |rewards: &str| {
        let stage = stage(&format!("preset = 'reasoning'\n{data}rewards = {{ {rewards} }}"));
        components(&stage.rewards)
    };
    assert_eq!(keys("format = { weight = 0 }"), ["accuracy", "language"].map(part));
    assert_eq!(keys("language = { weight = 0 }"), ["accuracy", "format"].map(part));
    let target = stage(&format!(
        "preset = 'reasoning'\n{data}rewards = {{ language = {{ target = 'zh' }} }}"
    ));
    let language = target.rewards.language.expect("a language reward");
    assert_eq!((language.weight, language.rule.target), (1.0, Some(Language::Zh)));
}

#[test]
fn the_entropy_bonus_is_a_part_of_the_objective() {
    let data = "data = { kind = 'mini-world' }\n";
    assert_eq!(stage(data).objective().entropy_coef, 0.0);
    assert_eq!(stage(&format!("entropy_coef = 0.01\n{data}")).objective().entropy_coef, 0.01);
    refused(&format!("entropy_coef = -0.1\n{data}"), &["stage.rl.entropy_coef", "at least 0"]);
}
