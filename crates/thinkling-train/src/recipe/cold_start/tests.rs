use super::*;
use crate::recipe::tests::read_back;
use crate::recipe::{Recipe, StageKind};

const HEAD: &str = "name='r'\nmodel.path='m'\n[[stage]]\nname='cold'\nkind='cold-start'\n";
const DATA: &str = "data={kind='mini-world'}\n";

fn parse(text: &str) -> Result<Recipe> {
    read_back(text, &[])
}

fn stage(keys: &str) -> ColdStartStage {
    let recipe = parse(&format!("{HEAD}{DATA}{keys}")).expect(keys);
    match &recipe.stages[0].kind {
        StageKind::ColdStart(stage) => stage.as_ref().clone(),
        other => panic!("another stage: {other:?}"),
    }
}

#[test]
fn a_stage_asks_plainly_and_waits_for_a_person_unless_the_recipe_says_otherwise() {
    let s = stage("");
    assert_eq!((s.samples(), s.layout, s.accept_all), ((4, 0), RecordLayout::Tags, false));
    assert_eq!((s.few_shot.as_ref(), s.delimiter.as_deref()), (None, None));
    assert_eq!(s.rewrite, Rewrite::None(NoRewrite::None));
    assert_eq!(stage("rewrite='none'").rewrite, s.rewrite);
    assert_eq!(s.answers.filters.max_repetition, 0.2, "the filters of rejection sampling");
    let s = stage("layout='special-token'");
    assert_eq!(s.delimiter.as_deref(), Some("|special_token|"));
    let s = stage("layout='special-token'\ndelimiter='<|sep|>'\naccept_all=true");
    assert_eq!((s.delimiter.as_deref(), s.accept_all), (Some("<|sep|>"), true));
}

#[test]
fn shares_of_a_prompts_answers_are_asked_for_behind_examples() {
    let s = stage("samples=8\nfew_shot={share=0.3, examples={kind='jsonl', path='e.jsonl'}}");
    let few_shot = s.few_shot.as_ref().expect("some");
    assert_eq!((s.samples(), few_shot.shots, &*few_shot.separator), ((6, 2), 2, "\n\n"));
    assert_eq!(s.paths(), [PathBuf::from("/recipes/e.jsonl")]);
    let s = stage("few_shot={share=1, shots=1, separator='', examples={kind='mini-world'}}");
    assert_eq!((s.samples(), s.few_shot.expect("some").separator.as_str()), ((0, 4), ""));
    assert!(s.answers.paths().next().is_none());
}

#[test]
fn a_teacher_rewrites_by_examples() {
    let s = stage(
        "rewrite={examples='w.jsonl', max_tokens=512, \
         teacher={kind='http', url='http://127.0.0.1:1/v1', model='m'}}",
    );
    let Rewrite::Teacher(keys) = &s.rewrite else { panic!("no teacher") };
    assert_eq!((keys.shots, keys.temperature, keys.max_tokens), (2, 0.6, 512));
    assert_eq!(s.paths(), [PathBuf::from("/recipes/w.jsonl")]);
    let s = stage("rewrite={max_tokens=9, teacher={kind='local', template='none'}}");
    let Rewrite::Teacher(keys) = &s.rewrite else { panic!("no teacher") };
    assert_eq!((keys.shots, keys.examples.as_ref()), (0, None));
}

#[test]
fn keys_that_cannot_be_are_refused_with_their_place() {
    for (keys, words) in [
        ("layout='xml'", "\"tags\", \"special-token\""),
        ("delimiter='|'", "stage.cold.delimiter"),
        ("few_shot={}", "stage.cold.few_shot.examples"),
        ("few_shot={examples={kind='jsonl'}}", "stage.cold.few_shot.examples.path"),
        ("few_shot={share=0.1, examples={kind='mini-world'}}", "at least one of 4 `samples`"),
        ("few_shot={shots=0, examples={kind='mini-world'}}", "stage.cold.few_shot.shots"),
        ("few_shot={shot=1, examples={kind='mini-world'}}", "nearest known key: `shots`"),
        ("rewrite='self'", "\"none\", or a table with `teacher`"),
        ("rewrite=3", "stage.cold.rewrite"),
        ("rewrite={max_tokens=9}", "stage.cold.rewrite.teacher"),
        ("rewrite={teacher={kind='local'}}", "stage.cold.rewrite.max_tokens"),
        ("rewrite={shots=1, max_tokens=9, teacher={kind='local'}}", "stage.cold.rewrite.shots"),
        ("accept_all='yes'", "stage.cold.accept_all"),
        ("mix={path='a', count=1}", "stage.cold.mix"),
        ("lr=1", "stage.cold.lr"),
    ] {
        let error = parse(&format!("{HEAD}{DATA}{keys}")).expect_err(keys).to_string();
        assert!(error.contains(words) && error.starts_with("r.toml:"), "{keys}: {error}");
    }
    let taken = format!("{HEAD}{DATA}").replace("'cold'", "'completions'");
    assert!(parse(&taken).expect_err("taken").to_string().contains("stage.completions.name"));
}

#[test]
fn a_later_stage_takes_the_records_and_the_model_that_made_them() {
    let sft = "[[stage]]\nname='sft'\nkind='sft'\ndata={kind='stage', name='cold'}\n";
    let recipe = parse(&format!("{HEAD}{DATA}{sft}")).expect("valid");
    assert_eq!(recipe.model_of(1), recipe.model_of(0));
    assert!(!recipe.stages[0].makes_model() && recipe.stages[0].makes_examples());
}
