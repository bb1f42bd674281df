use super::*;
use crate::recipe::tests::read_back;
use crate::recipe::{Recipe, StageKind};

const HEAD: &str = "name='r'\nmodel.path='m'\n\
                    [[stage]]\nname='base'\nkind='pretrain'\ndata={kind='mini-world'}\n\
                    [[stage]]\nname='kept'\nkind='rejection-sampling'\ndata={kind='mini-world'}\n\
                    [[stage]]\nname='judge'\nkind='reward-model'\nobjective='pairwise'\n\
                    data={kind='jsonl', path='p.jsonl'}\n\
                    [[stage]]\nname='final'\nkind='eval'\n";
const MODELS: &str = "models=['m', 'stage:base', '/other/b.gguf']\n";
const DATA: &str = "data=['grown-world', 'gsm8k/test.jsonl']\n";

fn parse(keys: &str) -> Result<Recipe> {
    read_back(&format!("{HEAD}{keys}"), &[])
}

fn stage(keys: &str) -> EvalStage {
    match &parse(&format!("{MODELS}{DATA}{keys}")).expect(keys).stages[3].kind {
        StageKind::Eval(stage) => stage.as_ref().clone(),
        other => panic!("another stage: {other:?}"),
    }
}

#[test]
fn models_and_data_have_names_and_the_protocol_is_the_reports() {
    let k = stage("");
    let names: Vec<String> = k.models.iter().map(ModelPlace::name).collect();
    assert_eq!(names, ["m", "base", "b.gguf"]);
    assert_eq!(k.models[1], ModelPlace::Stage("base".to_owned()));
    let names: Vec<&str> = k.data.iter().map(|data| data.name.as_str()).collect();
    assert_eq!(names, ["grown-world", "test"]);
    assert_eq!(k.data[1].place(), "/recipes/gsm8k/test.jsonl");
    let paths = ["/recipes/m", "/other/b.gguf", "/recipes/gsm8k/test.jsonl"];
    assert_eq!(k.paths(), paths.map(PathBuf::from));
    let judges = stage("judges=['stage:judge', 'other']").judges;
    assert_eq!(judges.iter().map(ModelPlace::name).collect::<Vec<_>>(), ["judge", "other"]);
    assert_eq!((k.samples, k.temperature, k.top_p, k.problems), (4, 0.6, 0.95, None));
    assert_eq!((k.answer, k.format), (AnswerTemplate::R1Zero, FormatRule::Strict));
    let k = stage("template='chat'\nproblems=5");
    assert_eq!((k.answer, k.format), (AnswerTemplate::None, FormatRule::ThinkOnly));
    assert_eq!(k.problems, Some(5));
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    for (keys, words) in [
        (DATA.to_owned(), "stage.final.models"),
        (MODELS.to_owned(), "stage.final.data"),
        (format!("models=['stage:none']\n{DATA}"), "an earlier stage (base, kept, judge)"),
        (format!("models=['stage:judge']\n{DATA}"), "not a reward model"),
        (format!("models=['stage:kept']\n{DATA}"), "a stage that trains a model, not `kept`"),
        (format!("models=['a/m', 'b/m']\n{DATA}"), "one `m` alone"),
        (format!("{MODELS}data=['a/t.jsonl', 'b/t.json']"), "one `t` alone"),
        (format!("{MODELS}{DATA}judges=['stage:base']"), "an earlier reward model (judge)"),
        (format!("{MODELS}{DATA}temperature=0"), "`temperature` is 0"),
        (format!("{MODELS}{DATA}sample=2"), "`samples`"),
    ] {
        let error = parse(&keys).expect_err(&keys).to_string();
        assert!(error.contains(words), "no `{words}` in {error}");
    }
}
