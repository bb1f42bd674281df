use super::*;
use crate::cold_start::record::split;
use crate::recipe::{ColdStartStage, Recipe, Rewrite, StageKind};
use std::fs;
use tempfile::{TempDir, tempdir};
use thinkling_reward::{RewardSpec, Tools};

const EXAMPLES: &str = r#"{"question":"1+1?","original":"1 1 2","thinking":"I add.","summary":"2."}
{"question":"2+2?","original":"2 2 4","thinking":"I count.","summary":"4."}
"#;

fn stage(keys: &str) -> (TempDir, ColdStartStage) {
    let dir = tempdir().expect("temporary folder");
    fs::write(dir.path().join("w.jsonl"), EXAMPLES).expect("written examples");
    let text = format!(
        "name='r'\nmodel.path='m'\n[[stage]]\nname='cold'\nkind='cold-start'\n\
         data={{kind='mini-world'}}\nfilters={{max_repetition=0.1, repetition_ngram=4}}\n\
         rewrite={{max_tokens=99, teacher={{kind='local'}}, {keys}}}\n"
    );
    let recipe = Recipe::parse(&text, Path::new("r.toml"), dir.path(), &[]).expect("valid");
    match &recipe.stages[0].kind {
        StageKind::ColdStart(stage) => (dir, stage.as_ref().clone()),
        other => panic!("another stage: {other:?}"),
    }
}

fn rewriting(stage: &ColdStartStage) -> Rewriting<'_> {
    let Rewrite::Teacher(keys) = &stage.rewrite else { panic!("no teacher") };
    Rewriting::new(keys, &stage.answers, 3).expect("readable")
}

fn record() -> Record {
    let texts = split("<think>1 2 3</think><answer>3</answer>").expect("both");
    Record { problem: 0, way: "plain", texts, original: None }
}

fn questions() -> Vec<Question> {
    vec![Question { problem: Problem::number("p", "What is 1+2?", "3"), prompt: vec![1] }]
}

#[test]
fn a_request_has_instructions_examples_and_the_trajectory_in_one_message() {
    let (_dir, stage) = stage("examples='w.jsonl', shots=1");
    let conversations = rewriting(&stage).conversations(&[record()], &questions());
    let [messages] = conversations.as_slice() else { panic!("one each") };
    let [message] = messages.as_slice() else { panic!("one message") };
    let text = &message.content;
    assert_eq!(text.matches("Question: ").count(), 2, "{text}");
    assert!(text.contains("first person") && text.contains("inside <answer> </answer>"), "{text}");
    let end = "Question: What is 1+2?\nReasoning:\n<think>1 2 3</think><answer>3</answer>\n\n\
               Rewritten:\n";
    assert!(text.ends_with(end), "{text}");
    let (_dir, other) = super::tests::stage("instructions='Be brief.'");
    let conversations = rewriting(&other).conversations(&[record()], &questions());
    assert!(conversations[0][0].content.starts_with("Be brief. State the answer"));
}

#[test]
fn what_fails_a_check_is_dropped_and_counted_by_it() {
    let (_dir, stage) = stage("");
    let spec = RewardSpec::default();
    let judge = Judge { rewards: &spec, tools: Tools::default() };
    let made = |text: &str, finish: Finish| {
        let reply =
            Reply { finish, tokens: 9, prompt_tokens: 9, text: text.to_owned(), ids: Vec::new() };
        let made = rewriting(&stage).rewritten(vec![record()], &[vec![reply]], &questions(), judge);
        made.expect("judged")
    };
    let good = "<think>First I add one and two.</think> It is three: <answer> 3 </answer>";
    let (records, counts) = made(good, Finish::Stop);
    assert_eq!((counts.asked, counts.kept), (1, 1));
    assert_eq!(records[0].original, Some(record().texts));
    assert!(records[0].texts.summary.contains("It is three"), "{records:?}");
    type Count = fn(&RewriteCounts) -> usize;
    let cases: [(&str, Finish, Count); 7] = [
        ("I add one and two.", Finish::Stop, |c| c.unreadable),
        ("<think>I add</think>  ", Finish::Stop, |c| c.unreadable),
        ("<think>I add the two</think> That is it.", Finish::Stop, |c| c.unstated),
        ("<think>I add</think> So <answer>4</answer>", Finish::Stop, |c| c.dropped.incorrect),
        ("<think>I add one and", Finish::Length, |c| c.dropped.truncated),
        (good, Finish::Length, |c| c.dropped.truncated),
        (
            "<think>I add one and two, I add one and two, I add one and two.</think> \
             <answer>3</answer>",
            Finish::Stop,
            |c| c.dropped.repetition,
        ),
    ];
    for (text, finish, count) in cases {
        let (records, counts) = made(text, finish);
        assert_eq!((records.len(), counts.kept, count(&counts)), (0, 0, 1), "{text}: {counts:?}");
    }
}

#[test]
fn examples_that_lack_a_field_or_are_too_few_are_named() {
    let (dir, stage) = stage("examples='w.jsonl'");
    let path = dir.path().join("w.jsonl");
    let Rewrite::Teacher(keys) = &stage.rewrite else { panic!("no teacher") };
    fs::write(&path, EXAMPLES.replace("summary", "sum")).expect("written");
    let error = Rewriting::new(keys, &stage.answers, 3).expect_err("no summary").to_string();
    assert!(error.contains("w.jsonl:1") && error.contains("`summary`"), "{error}");
    fs::write(&path, EXAMPLES.lines().next().expect("one")).expect("written");
    let error = Rewriting::new(keys, &stage.answers, 3).expect_err("one is too few");
    assert!(error.to_string().contains("at least the 2 of `rewrite.shots`, got: 1"), "{error}");
}
