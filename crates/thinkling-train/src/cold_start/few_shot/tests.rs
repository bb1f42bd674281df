use super::*;
use crate::recipe::{ColdStartStage, Recipe, StageKind, Template};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use thinkling_reward::Problem;
use thinkling_text::{ChatTemplate, Tokenizer};

fn stage(dir: &Path, keys: &str) -> ColdStartStage {
    let text = format!(
        "name='r'\nmodel.path='m'\n[[stage]]\nname='cold'\nkind='cold-start'\n\
         data={{kind='mini-world'}}\nfew_shot={{{keys}}}\n"
    );
    let recipe = Recipe::parse(&text, Path::new("r.toml"), dir, &[]).expect("valid");
    match &recipe.stages[0].kind {
        StageKind::ColdStart(stage) => stage.as_ref().clone(),
        other => panic!("another stage: {other:?}"),
    }
}

/// A stage whose examples are in a file of these lines.
fn with_file(lines: &str, keys: &str) -> (TempDir, ColdStartStage) {
    let dir = tempdir().expect("temporary folder");
    fs::write(dir.path().join("e.jsonl"), lines).expect("written examples");
    let stage = stage(dir.path(), &format!("examples={{kind='jsonl', path='e.jsonl'}}, {keys}"));
    (dir, stage)
}

fn line(question: &str, reply: &str) -> String {
    serde_json::json!({"prompt": question, "completion": reply}).to_string() + "\n"
}

fn questions(asked: &[(&str, Option<Language>)]) -> Vec<Question> {
    asked
        .iter()
        .map(|(text, language)| {
            let mut problem = Problem::number("p", *text, "3");
            problem.language = *language;
            Question { problem, prompt: Vec::new() }
        })
        .collect()
}

/// The texts of the few-shot prompts.
fn prompts_of(
    stage: &ColdStartStage,
    asked: &[(&str, Option<Language>)],
    template: Template,
    context: usize,
) -> Result<Vec<String>> {
    let json = thinkling_learn::world::tokenizer_json().to_string();
    let tokenizer = Tokenizer::from_json(json.as_bytes()).expect("a tokenizer");
    let chat = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
    let chat = ChatTemplate::new(chat, None, None).expect("a template");
    let prompts = Prompts { tokenizer: &tokenizer, chat: Some(&chat), template, system: None };
    let shots = Shots::read(stage.few_shot.as_ref().expect("few-shot"), 3)?;
    let room = Room { stage: "cold", context, answer: 64 };
    let made = shots.questions(&questions(asked), prompts, room)?;
    Ok(made.iter().map(|q| tokenizer.decode(&q.prompt, false)).collect())
}

#[test]
fn examples_stand_before_the_question_as_rollouts_would_have_made_them() {
    let (_dir, stage) = with_file(&line("1+1=?", "2"), "shots=1, separator='<eos>'");
    let one = |template| prompts_of(&stage, &[("1+2=?", None)], template, 256).expect("fits");
    let r1_zero = thinkling_text::r1_zero_prompt;
    let expected = format!("{} 2<eos>{}", r1_zero("1+1=?"), r1_zero("1+2=?"));
    assert_eq!(one(Template::R1Zero), [expected]);
    assert_eq!(one(Template::None), ["1+1=?2<eos>1+2=?"]);
    let turns = one(Template::Chat).concat().replace("<unk>", "");
    assert!(turns.contains("1+1=?") && turns.ends_with("1+2=?"), "{turns}");
}

#[test]
fn examples_are_drawn_by_the_seed_in_the_questions_language_and_never_the_question() {
    let mut lines = String::new();
    for i in 0..6 {
        lines += &line(&format!("What is {i}+1?"), "So we take the step and check it");
        lines += &line(&format!("{i}+1等于多少"), "先算一下然后检查");
    }
    let (_dir, stage) = with_file(&lines, "separator=', '");
    let asked = [
        ("What is 0+1?", Some(Language::En)),
        ("1+1等于多少", Some(Language::Zh)),
        ("What is 2+1?", None),
        ("2+2等于多少", Some(Language::De)),
    ];
    let texts = prompts_of(&stage, &asked, Template::None, 256).expect("fits");
    assert_eq!(prompts_of(&stage, &asked, Template::None, 256).expect("fits"), texts);
    let shots = |text: &String, question: &str| text.strip_suffix(question).map(str::to_owned);
    let english = shots(&texts[0], "What is 0+1?").expect("the question comes last");
    assert!(!english.contains("等于") && !english.contains("0+1"), "{english}");
    let chinese = shots(&texts[1], "1+1等于多少").expect("the question comes last");
    assert!(!chinese.contains("What"), "{chinese}");
    let many: Vec<(&str, Option<Language>)> = vec![("9+1等于多少", Some(Language::Zh)); 20];
    let drawn = prompts_of(&stage, &many, Template::None, 256).expect("fits");
    assert!(drawn.iter().collect::<BTreeSet<_>>().len() > 5, "other ones for other prompts");
}

#[test]
fn a_prompt_that_leaves_no_room_for_an_answer_is_told_with_both_lengths() {
    let (_dir, stage) = with_file(&line("1+1=?", &"1+1=2,".repeat(20)), "shots=1");
    let error = prompts_of(&stage, &[("1+2=?", None)], Template::None, 150).expect_err("too long");
    let text = error.to_string();
    assert_eq!(error.exit_code(), 2);
    for words in ["has 132 tokens", "is 64", "context of 150", "got: 196", "few_shot.shots"] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    assert!(prompts_of(&stage, &[("1+2=?", None)], Template::None, 196).is_ok());
}

#[test]
fn files_without_enough_examples_or_with_other_lines_are_named() {
    let read = |lines: &str| {
        let (_dir, stage) = with_file(lines, "shots=2");
        let error = Shots::read(stage.few_shot.as_ref().expect("few-shot"), 1).expect_err(lines);
        assert_eq!(error.exit_code(), 3);
        error.to_string()
    };
    assert!(read(&line("a", "b")).contains("at least the 2 of `few_shot.shots`, got: 1"));
    let three = "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},\
        {\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"a\"}]}\n";
    assert!(read(three).contains("e.jsonl:1"));
    let missing = stage(Path::new("/nowhere"), "examples={kind='jsonl', path='e.jsonl'}");
    let error = Shots::read(missing.few_shot.as_ref().expect("few-shot"), 1).expect_err("missing");
    assert_eq!(error.exit_code(), 2);
}
