use super::*;
use proptest::prelude::*;
use thinkling_grpo::{KlEstimator, LossType, ScaleRewards};

const FULL: &str = r#"name = "quick"
seed = 11

[model]
hidden_size = 64
num_hidden_layers = 2
num_attention_heads = 4
num_key_value_heads = 2
intermediate_size = 128

[[stage]]
name = "base"
kind = "pretrain"
steps = 20
lr = 2e-3
schedule = "cosine"
sequence_length = 128
data = { kind = "text", path = "corpus/a.txt" }

[[stage]]
name = "rl"
kind = "rl"
preset = "r1-zero"
lr = 1e-4
steps = 40
minibatches = 2
delta = 12
data = { kind = "mini-world", sums = [1, 1, 0, 0, 0], countdown = 0 }
eval = { problems = 10, every = 5 }
rewards = { format = { rule = "tag-count", weight = 0.5 }, language = { target = "zh", clip = [0, 1] }, length = {}, judge = { command = ["python3", "judge.py"], timeout_s = 5 } }

[[stage]]
name = "gsm8k"
kind = "rl"
truncated_reward = 0
data = { kind = "jsonl", path = "/data/train.jsonl", format = "gsm8k" }

[stage.model]
path = "stage:base"

[stage.rewards]
accuracy = { weight = 0, template = "boxed", policy = { percent_is_fraction = false } }
repetition = { ngram = 20, clip = [-0.5, 0] }
overlong = { cache_tokens = 10 }
served = { url = "http://127.0.0.1:8000/score", clip = [-1, 1] }

[[stage]]
name = "world"
kind = "pretrain"

[stage.data]
kind = "mini-world"
slip = 0.5
mix = { english = 1 }
"#;

/// A recipe in the folder `/recipes`, which reads as the same again once it is written out.
pub(in crate::recipe) fn read_back(text: &str, sets: &[String]) -> Result<Recipe> {
    let recipe = Recipe::parse(text, Path::new("r.toml"), Path::new("/recipes"), sets)?;
    let written = recipe.to_toml()?;
    let again = Recipe::parse(&written, Path::new("x"), Path::new("/elsewhere"), &[]);
    assert_eq!(again.unwrap_or_else(|e| panic!("{e}\n{written}")), recipe, "{written}");
    Ok(recipe)
}

fn parse(text: &str, sets: &[&str]) -> Result<Recipe> {
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    Recipe::parse(text, Path::new("r.toml"), Path::new("/recipes"), &sets)
}

fn full() -> Recipe {
    parse(FULL, &[]).expect("a valid recipe")
}

fn rl<'a>(recipe: &'a Recipe, name: &str) -> &'a RlStage {
    let stage = recipe.stages.iter().find(|stage| stage.name == name).expect("the stage is there");
    match &stage.kind {
        StageKind::Rl(rl) => rl,
        other => panic!("not rl: {other:?}"),
    }
}

fn message(text: &str, sets: &[&str]) -> String {
    let error = parse(text, sets).expect_err("a bad recipe");
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

#[test]
fn a_whole_recipe_is_read() {
    let recipe = full();
    assert_eq!((recipe.name.as_str(), recipe.seed, recipe.stages.len()), ("quick", 11, 4));
    let ModelSource::New(model) = &recipe.model else { panic!("{:?}", recipe.model) };
    assert_eq!(
        (model.head_dim, model.num_key_value_heads, model.tie_word_embeddings),
        (16, 2, true)
    );
    let StageKind::Pretrain(base) = &recipe.stages[0].kind else { panic!("not pretrain") };
    assert_eq!((base.training.lr, base.training.beta2, base.batch), (2e-3, 0.95, 16));
    assert_eq!(base.data, TextSource::Text { path: "/recipes/corpus/a.txt".into() });
    assert_eq!(recipe.total_steps(), 20 + 40 + 100 + 100);
    assert_eq!(recipe.model_of(0), recipe.model);
    assert_eq!(recipe.model_of(1), ModelSource::Stage("base".into()));
    assert_eq!(recipe.model_of(2), ModelSource::Stage("base".into()));
    let StageKind::Pretrain(world) = &recipe.stages[3].kind else { panic!("not pretrain") };
    let TextSource::MiniWorld(corpus) = &world.data else { panic!("{:?}", world.data) };
    assert_eq!((corpus.slip, corpus.mix.english), (0.5, 1.0));
    let paths = ["/recipes/corpus/a.txt", "/data/train.jsonl"].map(PathBuf::from);
    assert_eq!(recipe.input_paths(), paths);
    assert_eq!(recipe.stage_seed(0), recipe.seed);
    let seeds: std::collections::BTreeSet<u64> = (0..4).map(|i| recipe.stage_seed(i)).collect();
    assert_eq!(seeds.len(), 4, "stages must not share random streams");
}

/// Values of the R1-Zero row of the report's table (v2), a rollout being 8,192 outputs.
#[test]
fn the_preset_is_the_reports_row() {
    let text = "name='z'\nmodel.path='m'\n[[stage]]\nname='rl'\nkind='rl'\npreset='r1-zero'\n\
                data.kind='mini-world'";
    let recipe = parse(text, &[]).expect("valid");
    let r = rl(&recipe, "rl");
    assert_eq!((r.training.lr, r.training.steps, r.kl_coef), (3e-6, 10_400, 0.001));
    assert_eq!((r.clip_eps_low, r.clip_eps_high, r.temperature), (10.0, 10.0, 1.0));
    assert_eq!((r.group_size, r.questions_per_step, r.completions_per_step()), (16, 32, 512));
    assert_eq!((r.max_completion_tokens, r.ref_replace_every), (32_768, 400));
    assert_eq!((r.minibatches, r.inner_epochs), (16, 1));
    assert_eq!(r.questions_per_rollout() * r.group_size, 8_192);
    assert_eq!((r.steps_per_rollout(), r.rollouts()), (16, 650));
    assert_eq!((r.kl_estimator, r.loss_type), (KlEstimator::K3, LossType::Grpo));
    assert_eq!((r.template, r.scale_rewards), (Template::R1Zero, ScaleRewards::Group));
}

#[test]
fn keys_of_the_recipe_win_over_the_preset_wherever_they_stand() {
    let recipe = full();
    let r = rl(&recipe, "rl");
    assert_eq!((r.training.lr, r.training.steps, r.minibatches), (1e-4, 40, 2));
    assert_eq!((r.kl_coef, r.group_size, r.delta), (0.001, 16, Some(12.0)));
    let text = "name='z'\nmodel.path='m'\n[[stage]]\nlr=1\nname='rl'\nkind='rl'\n\
                data.kind='mini-world'\npreset='r1-zero'";
    assert_eq!(rl(&parse(text, &[]).expect("valid"), "rl").training.lr, 1.0);
}

#[test]
fn an_evaluation_takes_the_stages_length_and_problems_unless_it_says_otherwise() {
    let recipe = full();
    let r = rl(&recipe, "rl");
    let eval = r.eval.as_ref().expect("an evaluation");
    assert_eq!((eval.problems, eval.every, eval.max_tokens), (10, 5, 32_768));
    assert_eq!(eval.data, r.data);
    let message = message(FULL, &["stage.gsm8k.eval.problems=3"]);
    assert!(message.contains("stage.gsm8k.eval.data"), "{message}");
    let sets = ["stage.gsm8k.eval={data={kind='jsonl',path='t.jsonl'}}"];
    assert!(parse(FULL, &sets).is_ok());
}

#[test]
fn a_files_layout_need_not_be_named() {
    let sets = ["stage.gsm8k.data={kind='file',path='math.json',skip_bad=true}"];
    let recipe = parse(FULL, &sets).expect("valid");
    let file = PathBuf::from("/recipes/math.json");
    let data = QuestionSource::File(FileSource { path: file.clone(), skip_bad: true });
    assert_eq!(rl(&recipe, "gsm8k").data[0].source, data);
    assert!(recipe.input_paths().contains(&file));
    let message = message(FULL, &["stage.gsm8k.data={kind='file',path='a',answer='b'}"]);
    assert!(message.contains("answer"), "{message}");
}

#[test]
fn the_resolved_recipe_reads_as_the_same_again() {
    assert_eq!(read_back(FULL, &[]).expect("valid"), full());
}

/// Every key that is written out is one that `--set` reaches, under the very path.
#[test]
fn every_resolved_key_can_be_set() {
    fn walk(path: &str, value: &toml::Value, found: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    walk(&format!("{path}.{key}"), value, found);
                }
            }
            toml::Value::Array(items) if items.iter().all(toml::Value::is_table) => {
                for (index, item) in items.iter().enumerate() {
                    walk(&format!("{path}.{index}"), item, found);
                }
            }
            _ => found.push(format!("{}={value}", path.trim_start_matches('.'))),
        }
    }
    let recipe = full();
    let value: toml::Value =
        toml::from_str(&recipe.to_toml().expect("has a TOML form")).expect("valid TOML");
    let mut sets = Vec::new();
    walk("", &value, &mut sets);
    assert!(sets.len() > 100, "{}", sets.len());
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    assert_eq!(parse(FULL, &sets).expect("every key is known"), recipe);
}

#[test]
fn unknown_keys_name_line_and_nearest_key() {
    for (line, replaced, by, key, nearest) in [
        (2, "seed = 11", "sede = 11", "sede", "seed"),
        (5, "hidden_size = 64", "hiden_size = 64", "model.hiden_size", "hidden_size"),
        (15, "lr = 2e-3", "lrr = 2e-3", "stage.base.lrr", "lr"),
        (18, "path = \"corpus", "paht = \"corpus", "stage.base.data.paht", "path"),
        (13, "kind = \"pretrain\"", "kin = \"pretrain\"", "stage.base.kin", "kind"),
        (29, "problems", "problem", "stage.rl.eval.problem", "problems"),
    ] {
        assert!(FULL.contains(replaced), "{replaced}");
        let message = message(&FULL.replacen(replaced, by, 1), &[]);
        let expected =
            format!("r.toml:{line}: unknown key `{key}`, nearest known key: `{nearest}`");
        assert_eq!(message, expected);
    }
}

#[test]
fn wrong_types_and_ranges_name_line_key_expected_and_got() {
    for (replaced, by, expected) in [
        (
            "seed = 11",
            "seed = -1",
            "r.toml:2: bad value for `seed`, expected: an integer of at least 0, got: integer -1",
        ),
        (
            "steps = 20",
            "steps = 0",
            "r.toml:14: bad value for `stage.base.steps`, expected: an integer of at least 1, got: integer 0",
        ),
        (
            "steps = 20",
            "steps = 2.5",
            "r.toml:14: bad value for `stage.base.steps`, expected: an integer of at least 1, got: float 2.5",
        ),
        (
            "lr = 2e-3",
            "lr = \"fast\"",
            "r.toml:15: bad value for `stage.base.lr`, expected: a number of at least 0, got: string \"fast\"",
        ),
        (
            "lr = 2e-3",
            "lr = nan",
            "r.toml:15: bad value for `stage.base.lr`, expected: a number of at least 0, got: float NaN",
        ),
        (
            "\"cosine\"",
            "\"cosin\"",
            "r.toml:16: bad value for `stage.base.schedule`, expected: one of \"constant\", \"cosine\" (nearest: \"cosine\"), got: string \"cosin\"",
        ),
        (
            "delta = 12",
            "delta = 3",
            "r.toml:27: bad value for `stage.rl.delta`, expected: a number above 11, got: integer 3",
        ),
        (
            "[1, 1, 0, 0, 0]",
            "[1, 1]",
            "r.toml:28: bad value for `stage.rl.data.sums`, expected: an array of 5 numbers, got: array of 2",
        ),
        (
            "sums = [1, 1, 0, 0, 0]",
            "sums = [0, 0, 0, 0, 0]",
            "r.toml:28: bad value for `stage.rl.data`, expected: values that fit together, got: weights of sums and countdown cannot be drawn from, expected: finite, none negative, a positive sum",
        ),
        (
            "num_key_value_heads = 2",
            "num_key_value_heads = 3",
            "r.toml:8: bad value for `model.num_key_value_heads`, expected: a divisor of `num_attention_heads`, got: integer 3",
        ),
        (
            "name = \"rl\"",
            "name = \"base\"",
            "r.toml:21: bad value for `stage.base.name`, expected: a name that no earlier stage has, got: string \"base\"",
        ),
        (
            "\"stage:base\"",
            "\"stage:rll\"",
            "r.toml:39: bad value for `stage.gsm8k.model.path`, expected: `stage:` and the name of an earlier stage (base, rl), got: string \"stage:rll\"",
        ),
    ] {
        assert!(FULL.contains(replaced), "{replaced}");
        assert_eq!(message(&FULL.replacen(replaced, by, 1), &[]), expected);
    }
}

#[test]
fn missing_keys_name_the_table_that_lacks_them() {
    for (removed, expected) in [
        ("name = \"quick\"\n", "r.toml:1: missing key `name`, expected: a string"),
        (
            "hidden_size = 64\n",
            "r.toml:4: missing key `model.hidden_size`, expected: an integer of at least 1",
        ),
        (
            "kind = \"pretrain\"\n",
            "r.toml:11: missing key `stage.base.kind`, expected: one of \"pretrain\", \"sft\", \"rl\", \"rejection-sampling\", \"cold-start\", \"distill\", \"preferences\", \"reward-model\", \"eval\"",
        ),
        (
            "data = { kind = \"text\", path = \"corpus/a.txt\" }\n",
            "r.toml:11: missing key `stage.base.data`, expected: a table",
        ),
    ] {
        assert!(FULL.contains(removed), "{removed}");
        assert_eq!(message(&FULL.replacen(removed, "", 1), &[]), expected);
    }
    assert_eq!(
        message("name='a'\nmodel.path='m'", &[]),
        "r.toml:1: missing key `stage`, expected: one or more [[stage]]"
    );
    assert!(message("name='a'\nmodel.path='m'\nstage=[]", &[]).contains("one or more [[stage]]"));
    assert!(message("name='a'\nmodel.path='stage:x'\n[[stage]]\nname='b'\nkind='rl'\ndata.kind='mini-world'", &[]).contains("no stage runs before"));
}

#[test]
fn set_wins_and_its_errors_name_the_argument() {
    let recipe = parse(
        FULL,
        &["stage.rl.lr=5e-5", "stage.1.steps=7", "name=2026", "stage.rl.eval.every=0", "seed=3"],
    )
    .expect("valid");
    let r = rl(&recipe, "rl");
    assert_eq!((r.training.lr, r.training.steps), (5e-5, 7));
    assert_eq!((recipe.name.as_str(), recipe.seed), ("2026", 3));
    for (set, expected) in [
        (
            "stage.rl.lrr=1",
            "--set stage.rl.lrr=1: unknown key `stage.rl.lrr`, nearest known key: `lr`",
        ),
        (
            "stages.rl.lr=1",
            "--set stages.rl.lr=1: unknown key `stages`, nearest known key: `stage`",
        ),
        (
            "stage.rk.lr=1",
            "--set stage.rk.lr=1: no entry `rk`, nearest name: `rl` (or a number from 0 to 3)",
        ),
        (
            "stage.rl.lr=fast",
            "--set stage.rl.lr=fast: bad value for `stage.rl.lr`, expected: a number of at least 0, got: string \"fast\"",
        ),
        ("lr", "--set lr: expected: KEY=VALUE with a dotted key"),
        (
            "model.path=x",
            "r.toml:5: bad value for `model.hidden_size`, expected: no key of a new model beside `path`, got: integer 64",
        ),
    ] {
        assert_eq!(message(FULL, &[set]), expected);
    }
}

#[test]
fn paths_of_a_file_start_at_its_folder_and_paths_of_set_where_the_call_was_made() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = dir.path().join("r.toml");
    let text = "name='a'\nmodel.path='./base'\n[[stage]]\nname='s'\nkind='pretrain'\n\
                data={kind='text', path='../c.txt'}";
    fs::write(&file, text).expect("written");
    let recipe = Recipe::load(&file, &[]).expect("valid");
    assert_eq!(recipe.input_paths(), [dir.path().join("base"), dir.path().join("../c.txt")]);
    let recipe = Recipe::load(&file, &["model.path=other/base".into()]).expect("valid");
    let here = std::env::current_dir().expect("a current folder");
    assert_eq!(recipe.model, ModelSource::Path(here.join("other/base")));
    let error = Recipe::load(&dir.path().join("absent.toml"), &[]).expect_err("missing");
    assert!(matches!(error, TrainError::NotFound { what: "recipe", .. }), "{error}");
    fs::write(&file, b"name = '\xff'").expect("written");
    assert_eq!(Recipe::load(&file, &[]).expect_err("not text").exit_code(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// A cut file is read or refused with a call-is-wrong error, never a panic.
    #[test]
    fn truncated_recipes_do_not_panic(cut in 0..FULL.len()) {
        if let Err(error) = parse(&FULL[..cut], &[]) {
            prop_assert_eq!(error.exit_code(), 2);
        }
    }

    /// So is a file with some of its characters changed, doubled or dropped.
    #[test]
    fn mutated_recipes_do_not_panic(
        changes in prop::collection::vec((0..FULL.len(), "[ -~\\n\u{e9}\u{4e2d}]{0,3}", 0_usize..6), 1..6),
    ) {
        let mut text: Vec<char> = FULL.chars().collect();
        for (at, new, dropped) in changes {
            let at = at.min(text.len());
            let end = (at + dropped).min(text.len());
            text.splice(at..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        match parse(&text, &[]) {
            Err(error) => prop_assert_eq!(error.exit_code(), 2),
            Ok(recipe) => {
                let again = parse(&recipe.to_toml().expect("has a TOML form"), &[]);
                prop_assert_eq!(again.expect("reads again"), recipe);
            }
        }
    }

    /// A value of any type in the place of any other is read or refused.
    #[test]
    fn values_of_any_type_do_not_panic(
        line in 0..FULL.lines().count(),
        value in prop::sample::select(vec![
            "1", "-1", "0", "99999999999999999999", "9223372036854775807", "1e308", "-inf", "nan",
            "true", "\"\"", "\"x\"", "[]", "[1]", "[[1]]", "{}", "{ kind = 1 }", "1979-05-27",
            "[{}]", "{ a.b.c = 1 }",
        ]),
    ) {
        let change = |(i, text): (usize, &str)| match text.split_once(" = ") {
            Some((key, _)) if i == line => format!("{key} = {value}\n"),
            _ => format!("{text}\n"),
        };
        let text: String = FULL.lines().enumerate().map(change).collect();
        if let Err(error) = parse(&text, &[]) {
            prop_assert_eq!(error.exit_code(), 2);
        }
    }

    /// `--set` takes whatever a shell hands it.
    #[test]
    fn any_set_argument_is_no_panic(argument in "(stage|model|rl|0|lr|data|\\.|=|\\PC){0,12}") {
        if let Err(error) = parse(FULL, &[&argument]) {
            prop_assert_eq!(error.exit_code(), 2);
        }
    }
}

const SFT: &str = "name='z'\nmodel.path='m'\n[[stage]]\nname='s'\nkind='sft'\n";

fn sft(text: &str, sets: &[&str]) -> SftStage {
    let recipe = parse(&format!("{SFT}{text}"), sets).expect("valid");
    match &recipe.stages[0].kind {
        StageKind::Sft(stage) => stage.as_ref().clone(),
        other => panic!("not sft: {other:?}"),
    }
}

#[test]
fn a_supervised_stage_has_the_reports_course_and_reads_back() {
    let one = "data={kind='jsonl', path='a.jsonl'}\n";
    let stage = sft(one, &[]);
    assert_eq!(
        (stage.training.lr, stage.training.schedule),
        (5e-5, thinkling_learn::Decay::Cosine)
    );
    assert_eq!((stage.training.min_lr_ratio, stage.epochs, stage.training.steps), (0.1, 2.0, 0));
    assert_eq!((stage.template, stage.packing, stage.lora.is_none()), (Template::Chat, true, true));
    let many = "data=[{kind='jsonl', path='a.jsonl', weight=2}, {kind='jsonl', path='b.json', \
                format='gsm8k'}]\nlora={targets=['v','q_proj','q']}\neval={}\nsteps=7\n";
    let stage = sft(many, &["stage.s.lora.rank=8"]);
    assert_eq!(stage.data[1].fields.prompt, "question");
    assert_eq!(stage.data[0].weight, 2.0);
    let lora = stage.lora.as_ref().expect("adapters");
    assert_eq!((lora.rank, &lora.targets[..]), (8, &[Target::Q, Target::V][..]));
    for text in [one, many] {
        let recipe = parse(&format!("{SFT}{text}"), &[]).expect("valid");
        let written = recipe.to_toml().expect("TOML");
        assert_eq!(parse(&written, &[]).expect("reads back"), recipe, "{written}");
    }
    let paths = ["/recipes/a.jsonl", "/recipes/b.json"].map(PathBuf::from);
    let recipe = parse(&format!("{SFT}{many}"), &[]).expect("valid");
    assert_eq!(recipe.input_paths()[1..], paths);
}

#[test]
fn adapters_and_examples_that_cannot_be_are_refused_with_their_key() {
    let data = "data={kind='jsonl', path='a'}\n";
    for (text, words) in [
        ("lora={dropout=0.1}", "stage.s.lora.dropout"),
        ("lora={rank=0}", "stage.s.lora.rank"),
        ("lora={targets=['lm_head']}", "all-linear"),
        ("lora={targets=[]}", "stage.s.lora.targets"),
        ("lora={ranks=4}", "`rank`"),
        ("max_tokens=1", "stage.s.max_tokens"),
        ("eval={share=1}", "stage.s.eval.share"),
        ("epochs=0", "stage.s.epochs"),
    ] {
        let message = message(&format!("{SFT}{data}{text}\n"), &[]);
        assert!(message.contains(words), "{message}");
    }
    for (data, words) in [
        ("", "stage.s.data"),
        ("data=[]\n", "stage.s.data"),
        ("data=[{kind='jsonl', path='a', wight=1}]\n", "stage.s.data.0.wight"),
        ("data=[{kind='jsonl', path='a'}, 3]\n", "stage.s.data.1"),
    ] {
        let message = message(&format!("{SFT}{data}"), &[]);
        assert!(message.contains(words), "{message}");
    }
    let all = sft(&format!("{data}lora={{targets='all-linear'}}\n"), &[]);
    assert_eq!(all.lora.expect("adapters").targets.len(), 7);
}
