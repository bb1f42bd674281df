use super::*;
use crate::recipe::{Recipe, RejectionStage, StageKind};
use crate::rejection::{RejectionCounts, mix_in};
use serde_json::Value;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use thinkling_learn::Measured;
use thinkling_reward::{Problem, Verdict};
use thinkling_sampling::Finish;
use thinkling_text::{ChatTemplate, Tokenizer};

/// Answers to a few questions, on disk as a stage leaves them.
struct World {
    dir: TempDir,
    questions: Vec<Question>,
    file: AnswerFile,
    answers: Answers,
}

const RIGHT: &str = " <think> We add. </think> <answer> 3 </answer>";

impl World {
    fn new(questions: &[&str], samples: usize) -> Self {
        let dir = tempdir().expect("temporary folder");
        let question = |(i, text): (usize, &&str)| Question {
            problem: Problem::number(format!("p{i}"), *text, "3"),
            prompt: vec![1],
        };
        let questions: Vec<Question> = questions.iter().enumerate().map(question).collect();
        let mut file = AnswerFile::open(&dir.path().join("answers.jsonl")).expect("made");
        let answers = file.read((questions.len(), samples)).expect("nothing yet");
        Self { dir, questions, file, answers }
    }

    /// Appends an answer that is right where it holds a 3.
    fn answer(&mut self, problem: usize, sample: usize, tokens: usize, text: &str) {
        let correct = text.contains('3');
        let line = AnswerLine {
            problem,
            sample,
            id: format!("p{problem}"),
            finish: Finish::Stop,
            verdict: if correct { Verdict::Correct } else { Verdict::Wrong },
            note: None,
            extracted: None,
            measured: Measured { correct, tokens, ..Measured::default() },
            text: text.to_owned(),
            ids: vec![0; tokens],
        };
        let answer = self.file.append(&line).expect("written");
        self.answers.add(&line, answer);
    }

    fn recipe(&self, keys: &str) -> RejectionStage {
        let text = format!(
            "name='r'\nmodel.path='m'\n[[stage]]\nname='rs'\nkind='rejection-sampling'\n\
             data={{kind='mini-world'}}\n{keys}\n"
        );
        let recipe =
            Recipe::parse(&text, Path::new("r.toml"), self.dir.path(), &[]).expect("valid");
        match &recipe.stages[0].kind {
            StageKind::RejectionSampling(stage) => stage.as_ref().clone(),
            other => panic!("another stage: {other:?}"),
        }
    }

    fn write(&self, name: &str, lines: &str) {
        std::fs::write(self.dir.path().join(name), lines).expect("written");
    }

    /// Counts, and question and answer of each example.
    fn chosen(&mut self, keys: &str) -> (RejectionCounts, Vec<[String; 2]>) {
        self.chosen_by(keys, None)
    }

    fn chosen_by(
        &mut self,
        keys: &str,
        chat: Option<&ChatTemplate>,
    ) -> (RejectionCounts, Vec<[String; 2]>) {
        let stage = self.recipe(keys);
        let json = thinkling_learn::world::tokenizer_json().to_string();
        let tokenizer = Tokenizer::from_json(json.as_bytes()).expect("a tokenizer");
        let prompts =
            Prompts { tokenizer: &tokenizer, chat, template: stage.answers.template, system: None };
        let mut choosing = Choosing::new(&stage.answers, Some(prompts)).expect("readable files");
        let (questions, answers) = (&self.questions, &self.answers);
        let mut asked = [Asked { questions, answers, file: &mut self.file }];
        let chosen = choosing.choose(&mut asked).expect("readable answers");
        let mixed = mix_in(&mut choosing, &stage.mix, 7, chosen);
        let (mixed, counts) = mixed.expect("readable files");
        let mut out = Vec::new();
        let failed = |e| TrainError::write("set", e);
        choosing.write(&mut asked, &mut out, &failed).expect("written");
        mixed.write(&stage.mix, &mut out, &failed).expect("written");
        let lines = String::from_utf8(out).expect("UTF-8");
        let text = |value: &Value| value["content"].as_str().expect("a text").to_owned();
        let turns = |line: &str| {
            let value: Value = serde_json::from_str(line).expect("JSON");
            let messages = value["messages"].as_array().expect("messages").clone();
            [text(&messages[0]), text(&messages[messages.len() - 1])]
        };
        let c = &counts.answers;
        let sum = c.dropped.total() + c.decontaminated + c.duplicates + c.surplus + c.kept;
        assert_eq!(sum, c.asked, "{c:?}");
        assert_eq!(counts.written, c.kept + counts.mixed_in);
        let turns: Vec<[String; 2]> = lines.lines().map(turns).collect();
        assert_eq!(turns.len(), counts.written);
        (counts, turns)
    }
}

#[test]
fn of_good_answers_so_many_are_kept_as_the_recipe_says() {
    let mut world = World::new(&["1 + 2?", "0 + 3?"], 4);
    world.answer(0, 2, 5, &RIGHT.replace("add", "sum"));
    world.answer(0, 0, 9, &RIGHT.replace('3', "4"));
    world.answer(0, 1, 9, RIGHT);
    world.answer(0, 3, 5, &RIGHT.replace("We", "I"));
    for sample in 0..4 {
        world.answer(1, sample, 4, "<think> none");
    }
    let (counts, turns) = world.chosen("");
    assert_eq!(
        (counts.answers.asked, counts.answers.correct, counts.answers.kept, counts.answers.surplus),
        (8, 3, 1, 2)
    );
    assert_eq!((counts.answers.dropped.incorrect, counts.answers.problems_without_kept), (5, 1));
    assert_eq!(turns, [["1 + 2?".to_owned(), RIGHT[1..].to_owned()]], "the first, one blank off");
    let (counts, turns) = world.chosen("keep='shortest'\nkeep_per_prompt=2");
    assert_eq!((counts.answers.kept, counts.answers.surplus), (2, 1));
    assert!(turns[0][1].contains("sum") && turns[1][1].contains("I add"), "{turns:?}");
    let (counts, _) = world.chosen("filters={correct=false, format='off'}\nkeep_per_prompt=9");
    assert_eq!(
        (counts.answers.kept, counts.answers.duplicates),
        (5, 3),
        "of four equal ones the first"
    );
    let (counts, _) =
        world.chosen("filters={correct=false, format='off'}\nkeep_per_prompt=9\ndeduplicate=false");
    assert_eq!(
        (counts.answers.kept, counts.answers.duplicates, counts.answers.problems_without_kept),
        (8, 0, 0)
    );
}

#[test]
fn a_prompt_that_stands_twice_in_the_data_counts_once() {
    let mut world = World::new(&["1 + 2?", "1  + 2?"], 1);
    world.answer(0, 0, 5, RIGHT);
    world.answer(1, 0, 5, &RIGHT.replace("We", "I"));
    let (counts, _) = world.chosen("");
    assert_eq!(
        (counts.answers.kept, counts.answers.surplus, counts.answers.problems_without_kept),
        (1, 1, 0)
    );
    let mut world = World::new(&["1 + 2?", "1  + 2?"], 1);
    world.answer(0, 0, 5, RIGHT);
    world.answer(1, 0, 5, &RIGHT.replace("add", " add"));
    assert_eq!(world.chosen("keep_per_prompt=2").0.answers.duplicates, 1);
}

#[test]
fn prompts_of_an_evaluation_are_dropped_with_all_their_answers() {
    let long = "Tom has 1 apple and his sister gives him 2 more, how many apples has he?";
    let mut world = World::new(&["1 + 2?", long, "2 + 1?"], 2);
    for problem in 0..3 {
        world.answer(problem, 0, 5, RIGHT);
        world.answer(problem, 1, 5, if problem == 0 { "no" } else { RIGHT });
    }
    world.write(
        "test.jsonl",
        "{\"question\":\"1+2?\",\"answer\":\"#### 3\"}\n\
         {\"question\":\"Once tom has 1 apple, and his sister gives him 2 more: how many?\",\
         \"answer\":\"#### 3\"}\n",
    );
    let (counts, turns) = world.chosen("decontaminate={files=['test.jsonl'], ngram=8}");
    assert_eq!(
        (counts.answers.decontaminated, counts.answers.dropped.incorrect),
        (3, 1),
        "good answers alone"
    );
    assert_eq!((turns[0][0].as_str(), turns.len()), ("2 + 1?", 1));
    assert_eq!(counts.answers.problems_without_kept, 2);
    // They share 13 words in a row and no more.
    for (ngram, dropped) in [(13, 3), (14, 1)] {
        let keys = format!("decontaminate={{files=['test.jsonl'], ngram={ngram}}}");
        assert_eq!(world.chosen(&keys).0.answers.decontaminated, dropped, "{ngram}");
    }
}

#[test]
fn other_conversations_are_mixed_in_by_the_seed() {
    let mut world = World::new(&["1 + 2?", "2 + 1?", "0 + 3?"], 1);
    (0..3).for_each(|problem| world.answer(problem, 0, 5, RIGHT));
    let line = |i: usize| format!("{{\"prompt\":\"Say {i}.\",\"completion\":\"{i}\"}}\n");
    let mut lines: String = (0..20).map(line).collect();
    // One that is there already, one of the stage's own, one of the evaluation.
    lines += &line(4);
    lines += &format!("{{\"prompt\":\"1 + 2?\",\"completion\":\"{RIGHT}\"}}\n");
    world.write("other.jsonl", &lines);
    world.write("test.jsonl", "{\"question\":\"say 5.\",\"answer\":\"#### 5\"}\n");
    let keys = "decontaminate={files=['test.jsonl']}\nmix={path='other.jsonl', share=0.7}";
    let (counts, turns) = world.chosen(keys);
    let mix = &counts.mix[0];
    assert_eq!((mix.read, mix.decontaminated, mix.duplicates), (22, 1, 2));
    assert_eq!((mix.wanted, mix.taken, counts.mixed_in, counts.written), (7, 7, 7, 10));
    assert!(turns[..3].iter().all(|turn| turn[0].contains('+')), "{turns:?}");
    let said: Vec<usize> = turns[3..].iter().map(|turn| turn[1].parse().expect("i")).collect();
    assert!(said.is_sorted() && !said.contains(&5), "{said:?}");
    assert_ne!(said, (0..7).collect::<Vec<_>>(), "drawn, not the first ones");
    assert_eq!(world.chosen(keys).1, turns, "the same seed draws the same");
    let (counts, _) = world.chosen("mix={path='other.jsonl', count=100}");
    assert_eq!((counts.mix[0].wanted, counts.mix[0].taken), (100, 20));
    assert!(counts.words().contains("100 wanted"), "{}", counts.words());
}

#[test]
fn what_a_prompt_opens_is_a_part_of_the_example() {
    let chat = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}\
                {% if add_generation_prompt %}[assistant]<think>\n{% endif %}";
    let chat = ChatTemplate::new(chat, None, None).expect("a template");
    let mut world = World::new(&["1 + 2?"], 1);
    world.answer(0, 0, 5, "We add.\n```\n</think> 3");
    let keys = "template='chat'\nfilters={format='think-only', code_blocks=false}";
    let (_, turns) = world.chosen_by(keys, Some(&chat));
    assert_eq!(turns[0][1], "<think>\nWe add.\n```\n</think> 3");
    let (counts, _) = world.chosen_by("template='chat'", Some(&chat));
    assert_eq!(counts.answers.dropped.code_block, 1);
}

#[test]
fn words_tell_what_became_of_all() {
    let mut world = World::new(&["1 + 2?"], 2);
    world.answer(0, 0, 5, RIGHT);
    world.answer(0, 1, 5, "no");
    let words = world.chosen("").0.words();
    assert_eq!(
        words,
        "2 answers to 1 prompts, 1 of them right; 1 dropped: not right; 1 kept; 1 examples written"
    );
}
