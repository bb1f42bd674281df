use super::*;
use crate::recipe::tests::read_back;
use crate::recipe::{ModelSource, PreferencePlace, QuestionSet, Recipe, StageKind};

const HEAD: &str = "name='r'\nmodel.path='m'\n[[stage]]\nname='pairs'\nkind='preferences'\n";
const DATA: &str = "data={kind='jsonl', path='p.jsonl'}\n";
const JUDGE: &str = "judge={kind='http', url='http://127.0.0.1:1/v1', model='j'}\n";

fn parse(text: &str) -> Result<Recipe> {
    read_back(text, &[])
}

fn stage(text: &str) -> PreferencesStage {
    let recipe = parse(&format!("{HEAD}{text}")).expect(text);
    match &recipe.stages[0].kind {
        StageKind::Preferences(stage) => stage.as_ref().clone(),
        other => panic!("another stage: {other:?}"),
    }
}

#[test]
fn a_stage_judges_as_the_report_does_unless_the_recipe_says_otherwise() {
    let s = stage(&format!("{DATA}{JUDGE}"));
    assert_eq!((s.samples, s.pairs_per_prompt, s.times, s.min_readable), (4, 1, 4, 3));
    assert_eq!((s.margin, s.max_length_ratio, s.judge_temperature), (1.0, 1.1, 0.6));
    assert_eq!((s.max_completion_tokens, s.judge_max_tokens, s.problems), (128, 1024, None));
    assert_eq!((s.template, s.instructions.as_ref()), (Template::R1Zero, None));
    let PromptSource::Jsonl(file) = &s.data else { panic!("no file") };
    assert_eq!((file.prompt.as_str(), file.skip_bad), ("prompt", false));
    assert_eq!(s.paths(), [PathBuf::from("/recipes/p.jsonl")]);
    let TeacherKeys::Local(own) = s.answerer() else { panic!("no model") };
    assert_eq!((own.model, own.template), (None, Template::R1Zero));
    assert!(s.opens_its_model());
}

#[test]
fn models_and_servers_answer_and_judge() {
    let server = "teacher={kind='http', url='http://127.0.0.1:2/v1', model='t'}\n";
    let s = stage(&format!("{DATA}{JUDGE}{server}"));
    assert!(matches!(s.answerer(), TeacherKeys::Http(keys) if keys.model == "t"));
    assert!(!s.opens_its_model(), "both are servers");
    let own = "judge={kind='local', template='none'}\n";
    assert!(stage(&format!("{DATA}{own}{server}")).opens_its_model());
    let s = stage(&format!("{DATA}{server}judge={{kind='local', model.path='j'}}\n"));
    assert!(!s.opens_its_model());
    assert_eq!(s.paths(), ["/recipes/p.jsonl", "/recipes/j"].map(PathBuf::from));
    let keys = "data={kind='grown-world', set='requests', english=1}\ntimes=6\nmin_readable=6\n\
                margin=0.5\nmax_length_ratio=2\npairs_per_prompt=3\ntemplate='chat'\n\
                instructions='Which is kinder?'\nrollout={kind='engine'}\n";
    let s = stage(&format!("{JUDGE}{keys}"));
    let PromptSource::GrownWorld(questions) = &s.data else { panic!("another source") };
    assert_eq!((questions.set, questions.mix.english), (QuestionSet::Requests, 1.0));
    assert_eq!((s.times, s.min_readable, s.pairs_per_prompt), (6, 6, 3));
    assert_eq!(stage(&format!("{JUDGE}{DATA}times=2")).min_readable, 2);
}

#[test]
fn keys_that_cannot_be_are_refused_with_their_place() {
    for (keys, words) in [
        ("samples=1", "at least 2"),
        ("temperature=0", "`temperature` is 0"),
        ("times=3", "an even number"),
        ("times=0", "stage.pairs.times"),
        ("min_readable=2", "an integer from 3 to 4"),
        ("times=6\nmin_readable=7", "an integer from 4 to 6"),
        ("margin=2", "a number below 2"),
        ("margin=-1", "stage.pairs.margin"),
        ("max_length_ratio=0.9", "stage.pairs.max_length_ratio"),
        ("pairs_per_prompt=0", "stage.pairs.pairs_per_prompt"),
        ("pair_per_prompt=1", "nearest known key: `pairs_per_prompt`"),
        ("judge_temperature=-0.1", "stage.pairs.judge_temperature"),
        ("judge_max_tokens=0", "stage.pairs.judge_max_tokens"),
        ("instructions=''", "stage.pairs.instructions"),
        ("template='xml'", "\"r1-zero\""),
        ("teacher={kind='local'}", "another model is the stage's own `model`"),
        ("rollout={kind='gpu'}", "stage.pairs.rollout.kind"),
        ("keep_per_prompt=1", "stage.pairs.keep_per_prompt"),
        ("lr=1", "stage.pairs.lr"),
    ] {
        let error = parse(&format!("{HEAD}{DATA}{JUDGE}{keys}")).expect_err(keys).to_string();
        assert!(error.contains(words) && error.starts_with("r.toml:"), "{keys}: {error}");
    }
    for (text, words) in [
        (JUDGE.to_owned(), "stage.pairs.data"),
        (DATA.to_owned(), "stage.pairs.judge"),
        (format!("{DATA}juge={{kind='local'}}"), "nearest known key: `judge`"),
        (format!("{DATA}judge={{kind='grpc'}}"), "one of \"local\", \"http\""),
        (format!("{DATA}judge={{kind='http', model='j'}}"), "stage.pairs.judge.url"),
        (format!("{DATA}judge={{kind='local', model.path='stage:no'}}"), "stage.pairs.judge.model"),
        (format!("{JUDGE}data={{kind='file', path='a'}}"), "one of \"jsonl\", \"mini-world\""),
        (format!("{JUDGE}data={{kind='jsonl'}}"), "stage.pairs.data.path"),
        (format!("{JUDGE}data={{kind='jsonl', path='a', question='q'}}"), "data.question"),
        (format!("{JUDGE}data={{kind='mini-world', prompt='q'}}"), "stage.pairs.data.prompt"),
    ] {
        let error = parse(&format!("{HEAD}{text}")).expect_err(&text).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    let taken = format!("{HEAD}{DATA}{JUDGE}").replace("'pairs'", "'metrics'");
    assert!(parse(&taken).expect_err("taken").to_string().contains("stage.metrics.name"));
}

#[test]
fn a_reward_model_takes_the_pairs_and_the_model_that_made_the_answers() {
    let reward = |data: &str, objective: &str| {
        format!(
            "{HEAD}{DATA}{JUDGE}[[stage]]\nname='rm'\nkind='reward-model'\n\
             objective='{objective}'\ndata={data}\n"
        )
    };
    let recipe = parse(&reward("{kind='stage', name='pairs'}", "pairwise")).expect("valid");
    let StageKind::RewardModel(stage) = &recipe.stages[1].kind else { panic!("another stage") };
    assert_eq!(stage.data[0].place, PreferencePlace::Stage { name: "pairs".to_owned() });
    assert!(stage.data[0].is_made_by_a_stage() && stage.data[0].path().is_none());
    let base = ModelSource::Path("/recipes/m".into());
    assert_eq!((recipe.model_of(0), recipe.model_of(1)), (base.clone(), base));
    assert_eq!(recipe.inputs_of(1), [PathBuf::from("/recipes/m")]);
    assert!(!recipe.stages[0].makes_model() && !recipe.stages[0].makes_examples());
    // A stage of this name writes no pairs, or none before does; labels are no pairs.
    let sft = "[[stage]]\nname='sft'\nkind='sft'\ndata={kind='stage', name='pairs'}\n";
    for (text, words) in [
        (
            reward("{kind='stage', name='other'}", "pairwise"),
            "an earlier stage that writes preferences (pairs)",
        ),
        (reward("{kind='stage', name='rm'}", "pairwise"), "(pairs)"),
        (reward("{kind='stage', name='pairs'}", "pointwise"), "`objective` = \"pairwise\""),
        (reward("{kind='stage'}", "pairwise"), "stage.rm.data.name"),
        (reward("{kind='stage', path='a'}", "pairwise"), "stage.rm.data"),
        (reward("{kind='jsonl', name='pairs'}", "pairwise"), "stage.rm.data.path"),
        (format!("{HEAD}{DATA}{JUDGE}{sft}"), "(there is none)"),
        (
            "name='r'\nmodel.path='m'\n[[stage]]\nname='rm'\nkind='reward-model'\n\
             objective='pairwise'\ndata={kind='stage', name='pairs'}"
                .to_owned(),
            "an earlier stage of `kind` = \"preferences\" (there is none)",
        ),
    ] {
        let error = parse(&text).expect_err(&text).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}
