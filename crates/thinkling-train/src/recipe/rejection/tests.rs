use super::*;
use crate::recipe::tests::read_back;
use crate::recipe::{ExamplePlace, FormatFilter, KeepOrder, ModelSource, Recipe, StageKind};
use thinkling_reward::Language;

const HEAD: &str = "name='r'\nmodel.path='m'\n[[stage]]\nname='rs'\nkind='rejection-sampling'\n";
const DATA: &str = "data={kind='mini-world'}\n";
const SFT: &str = "[[stage]]\nname='sft'\nkind='sft'\n";

fn parse(text: &str) -> Result<Recipe> {
    read_back(text, &[])
}

fn stage(keys: &str) -> RejectionStage {
    let recipe = parse(&format!("{HEAD}{DATA}{keys}")).expect(keys);
    match &recipe.stages[0].kind {
        StageKind::RejectionSampling(stage) => stage.as_ref().clone(),
        other => panic!("another stage: {other:?}"),
    }
}

#[test]
fn a_stage_drops_what_the_report_drops_unless_the_recipe_says_otherwise() {
    let r = stage("").answers;
    assert_eq!((r.samples, r.keep_per_prompt, r.keep), (4, 1, KeepOrder::First));
    let f = &r.filters;
    assert!(f.truncated && f.correct && f.code_blocks && r.deduplicate);
    assert_eq!((f.format, f.max_paragraph), (FormatFilter::Strict, 300));
    assert_eq!(stage("template='chat'").answers.filters.format, FormatFilter::Off);
    assert!(r.rewards().truncated_earns_nothing);
    assert!(!stage("filters={truncated=false}").answers.rewards().truncated_earns_nothing);
    let r = stage(
        "problems=7\nkeep='shortest'\naccuracy={template='boxed'}\nrollout={kind='engine'}\n\
         filters={format='think-only', language='zh', min_language=0}\n\
         decontaminate={files=['a.jsonl', '/b.json'], ngram=8}\n\
         mix=[{path='c.jsonl', share=0.25}, {path='d.jsonl', count=3, messages='turns'}]",
    );
    assert_eq!((r.answers.problems, r.answers.keep), (Some(7), KeepOrder::Shortest));
    assert_eq!(r.answers.rewards().template, thinkling_reward::Template::Boxed);
    assert_eq!(r.answers.filters.language, Some(Language::Zh));
    assert_eq!(r.mix[1].amount, MixAmount::Count(3));
    let paths = ["/recipes/a.jsonl", "/b.json", "/recipes/c.jsonl", "/recipes/d.jsonl"];
    assert_eq!(r.paths(), paths.map(PathBuf::from));
    let one = stage("mix={path='c.jsonl', count=1}");
    assert_eq!(one.mix.len(), 1);
}

#[test]
fn keys_that_cannot_be_are_refused_with_their_place() {
    for (keys, words) in [
        ("samples=0", "stage.rs.samples"),
        ("temperature=0", "`temperature` is 0"),
        ("keep='longest'", "\"first\", \"shortest\""),
        ("keep_per_prompts=1", "`keep_per_prompt`"),
        ("filters={max_repetition=2}", "stage.rs.filters.max_repetition"),
        ("filters={corect=true}", "`correct`"),
        ("filters={format='xml'}", "\"off\""),
        ("filters={language='xx'}", "stage.rs.filters.language"),
        ("accuracy={weight=1}", "stage.rs.accuracy.weight"),
        ("decontaminate={}", "stage.rs.decontaminate.files"),
        ("decontaminate={files=['a'], ngram=1}", "stage.rs.decontaminate.ngram"),
        ("mix={path='a'}", "stage.rs.mix.share"),
        ("mix={path='a', share=0.1, count=1}", "not both"),
        ("mix=[{path='a', share=0.5}, {path='b', share=0.5}]", "leave something"),
        ("mix=[{path='a', share=1}]", "stage.rs.mix.0.share"),
        ("mix=3", "stage.rs.mix"),
        ("lr=1", "stage.rs.lr"),
    ] {
        let error = parse(&format!("{HEAD}{DATA}{keys}")).expect_err(keys).to_string();
        assert!(error.contains(words) && error.starts_with("r.toml:"), "{keys}: {error}");
    }
    assert!(parse(HEAD).expect_err("no data").to_string().contains("stage.rs.data"));
    let taken = format!("{HEAD}{DATA}").replace("'rs'", "'metrics'");
    assert!(parse(&taken).expect_err("taken").to_string().contains("stage.metrics.name"));
}

#[test]
fn a_later_stage_takes_the_examples_and_the_model_that_made_them() {
    let sft = |name: &str| format!("{HEAD}{DATA}{SFT}data={{kind='stage', name='{name}'}}\n");
    let recipe = parse(&sft("rs")).expect("valid");
    let StageKind::Sft(stage) = &recipe.stages[1].kind else { panic!("not sft") };
    assert_eq!(stage.data[0].place, ExamplePlace::Stage { name: "rs".to_owned() });
    let base = ModelSource::Path("/recipes/m".into());
    assert_eq!((recipe.model_of(0), recipe.model_of(1)), (base.clone(), base));
    assert_eq!(recipe.inputs_of(1), [PathBuf::from("/recipes/m")]);
    assert_eq!(recipe.total_steps(), 0);
    // A stage of this name makes no examples, or none before does.
    for (text, words) in [
        (sft("other"), "an earlier stage that writes examples (rs)"),
        (
            format!("name='r'\nmodel.path='m'\n{SFT}data={{kind='stage', name='rs'}}"),
            "there is none",
        ),
        (format!("{HEAD}{DATA}{SFT}data={{kind='stage', path='a'}}"), "stage.sft.data.name"),
        (format!("{HEAD}{DATA}{SFT}data={{kind='jsonl', name='rs'}}"), "stage.sft.data.path"),
    ] {
        let error = parse(&text).expect_err(&text).to_string();
        assert!(error.contains(words), "{error}");
    }
}
