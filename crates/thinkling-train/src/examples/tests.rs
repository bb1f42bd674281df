use super::*;
use crate::model_io::StoredModel;
use crate::recipe::StageKind;
use std::path::Path;

/// A vocabulary of small letters, digits and `+-=.?`, with `<s>` and `</s>`.
fn tokenizer() -> Tokenizer {
    // Cargo runs tests in the package's folder.
    let json = std::fs::read("../../tests/golden/qwen2/tokenizer.json").expect("a golden");
    Tokenizer::from_json(&json).expect("a tokenizer")
}

fn chat() -> ChatTemplate {
    let source = "{% for m in messages %}<s>{{ m.role }} {{ m.content }}</s>{% endfor %}\
                  {% if add_generation_prompt %}<s>assistant {% endif %}";
    ChatTemplate::new(source, None, None).expect("a template")
}

fn stage(text: &str, keys: &str) -> (SftStage, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("temporary folder");
    std::fs::write(dir.path().join("a.jsonl"), text).expect("written");
    let recipe =
        format!("name='a'\nmodel.path='m'\n[[stage]]\nname='s'\nkind='sft'\nbatch=1\n{keys}\n");
    let recipe = match keys.contains("data") {
        true => recipe,
        false => recipe + "data={kind='jsonl', path='a.jsonl'}\n",
    };
    let recipe = Recipe::parse(&recipe, Path::new("r.toml"), dir.path(), &[]).expect("valid");
    let StageKind::Sft(stage) = &recipe.stages[0].kind else { panic!("not sft") };
    (stage.as_ref().clone(), dir)
}

fn read(text: &str, keys: &str) -> Result<Examples> {
    let (stage, _dir) = stage(text, keys);
    let (tokenizer, chat) = (tokenizer(), chat());
    let end = tokenizer.token_to_id("</s>");
    let side = TextSide { tokenizer: &tokenizer, chat: Some(&chat), end, context: 1024 };
    read_examples(&stage, Path::new(""), "s", 3, side)
}

fn line(prompt: &str, completion: &str) -> String {
    format!("{{\"prompt\":\"{prompt}\",\"completion\":\"{completion}\"}}\n")
}

/// Text of the trained tokens, and of all of them.
fn texts(tokenizer: &Tokenizer, example: &Example) -> (String, String) {
    let marked = example.ids().iter().zip(example.trained());
    let trained: Vec<u32> = marked.filter(|(_, t)| **t).map(|(id, _)| *id).collect();
    (tokenizer.decode(&trained, false), tokenizer.decode(example.ids(), false))
}

#[test]
fn what_the_assistant_writes_is_trained_and_nothing_else() {
    let turns = r#"{"messages":[{"role":"user","content":"two plus two?"},{"role":"assistant","content":"it is four."},{"role":"user","content":"plus one?"},{"role":"assistant","content":"five."},{"role":"user","content":"so?"}]}"#;
    let examples = read(turns, "").expect("examples");
    let (trained, all) = texts(&tokenizer(), &examples.trained[0]);
    assert_eq!(trained, "it is four.</s>five.</s>");
    assert_eq!(
        all,
        "<s>user two plus two?</s><s>assistant it is four.</s><s>user plus one?</s>\
         <s>assistant five.</s>",
        "what follows the last answer is left out"
    );
}

#[test]
fn plain_templates_end_an_answer_with_the_models_end_token() {
    let text = line("two?", "it is two.");
    let none = read(&text, "template='none'").expect("examples");
    let (trained, all) = texts(&tokenizer(), &none.trained[0]);
    assert_eq!((trained.as_str(), all.as_str()), ("it is two.</s>", "two?it is two.</s>"));
    let zero = read(&text, "template='r1-zero'").expect("examples");
    let (trained, _) = texts(&tokenizer(), &zero.trained[0]);
    assert_eq!(trained, " it is two.</s>", "the model writes the first space");
    let two = r#"{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"b"}]}"#;
    let error = read(two, "template='none'").expect_err("the wrong turns").to_string();
    assert!(error.contains("a.jsonl:1: ") && error.contains("got: assistant, user"), "{error}");
}

/// The mask of a model that people use, by hand: SmolLM2's template and vocabulary.
#[test]
fn the_mask_of_smollm2_covers_answer_and_end_of_turn() {
    let Some(path) = std::env::var_os("THINKLING_SMOLLM2_GGUF") else { return };
    let model = StoredModel::open(Path::new(&path)).expect("the model");
    let tokenizer = model.tokenizer.as_ref().expect("a tokenizer");
    let side = TextSide { tokenizer, chat: model.chat.as_ref(), end: None, context: 2048 };
    let messages = [
        Message::new("user", "What is 17 + 25?"),
        Message::new("assistant", "It is 42."),
        Message::new("user", "Twice?"),
        Message::new("assistant", "84"),
    ];
    let example = side.example(&messages, None, Template::Chat).expect("an example");
    let (trained, all) = texts(tokenizer, &example);
    assert_eq!(trained, "It is 42.<|im_end|>\n84<|im_end|>\n");
    assert!(all.ends_with("<|im_start|>assistant\n84<|im_end|>\n"), "{all}");
    let whole = model.chat.as_ref().expect("a template").render(&messages, false).expect("text");
    assert_eq!(all, whole);
}

#[test]
fn a_bad_line_ends_the_run_or_is_counted() {
    let text = format!("{}{{\"prompt\":\"a\"}}\nx\n{}", line("a", "b"), line("c", "d"));
    let error = read(&text, "").expect_err("a bad line");
    assert_eq!(error.exit_code(), 3);
    let message = error.to_string();
    assert!(message.contains("a.jsonl:2: ") && message.contains("field `completion`"), "{error}");
    let examples = read(&text, "skip_bad=true").expect("examples");
    assert_eq!((examples.counts.skipped, examples.counts.examples), (2, 2));
    let words = examples.counts.words();
    assert!(
        words.contains("2 bad lines passed over") && words.contains("a.jsonl:2: field"),
        "{words}"
    );
    let error = read("x\n", "skip_bad=true").expect_err("nothing is left").to_string();
    assert!(error.contains("no example is left"), "{error}");
}

#[test]
fn long_examples_are_dropped_or_cut_and_counted() {
    let long = line("a", &"b c d ".repeat(30));
    let text = format!("{}{long}{}", line("a", "b"), line(&"a b ".repeat(40), "c"));
    let dropped = read(&text, "max_tokens=40").expect("examples");
    assert_eq!((dropped.counts.dropped, dropped.counts.cut, dropped.trained.len()), (2, 0, 1));
    // Of the third nothing of the assistant's is within the limit.
    let cut = read(&text, "max_tokens=40\noverlong='cut'").expect("examples");
    assert_eq!((cut.counts.dropped, cut.counts.cut, cut.trained.len()), (1, 1, 2));
    assert_eq!(cut.trained[1].ids().len(), 40);
    assert!(
        cut.sequences
            .iter()
            .all(|s| { s.iter().map(|&i| cut.trained[i].ids().len()).sum::<usize>() <= 40 })
    );
}

#[test]
fn held_out_prompts_are_the_same_for_every_order_and_never_trained() {
    let lines: Vec<String> = (0..200).map(|i| line(&format!("what is {i}?"), "it is.")).collect();
    let keys = "eval={share=0.2}";
    // Each prompt twice: both are on one side.
    let text = lines.concat() + &lines.concat();
    let forth = read(&text, keys).expect("examples");
    let back: String = lines.iter().rev().cloned().collect();
    let back = read(&back, keys).expect("examples");
    let prompts = |examples: &[Example]| -> std::collections::BTreeSet<Vec<u32>> {
        examples.iter().map(|e| e.ids().to_vec()).collect()
    };
    let (held_out, trained) = (prompts(&forth.held_out), prompts(&forth.trained));
    assert_eq!(prompts(&back.held_out), held_out);
    assert!(held_out.is_disjoint(&trained));
    assert_eq!(forth.held_out.len() + forth.trained.len(), 400);
    // 200 draws with p = 0.2: four standard deviations are 23.
    assert!((17..=63).contains(&held_out.len()), "{}", held_out.len());
}

#[test]
fn weights_repeat_examples_and_packing_counts_them() {
    let dir = "data=[{kind='jsonl', path='a.jsonl', weight=2.5}]";
    let text: String = (0..100).map(|i| line(&format!("what is {i}?"), "two.")).collect();
    let examples = read(&text, dir).expect("examples");
    let counts = &examples.counts;
    assert_eq!(examples.trained.len(), 100);
    assert!((230..=270).contains(&counts.examples), "{}", counts.examples);
    let placed: usize = examples.sequences.iter().map(Vec::len).sum();
    assert_eq!(placed, counts.examples);
    assert_eq!(counts.sequences, examples.sequences.len());
    let full = counts.tokens as f64 / (1024 * counts.sequences) as f64;
    assert!((counts.packing_efficiency - full).abs() < 1e-12 && full > 0.5, "{full}");
    assert_eq!(counts.steps, 2 * counts.sequences as u64, "two passes in steps of one sequence");
    let apart = read(&text, &format!("packing=false\n{dir}")).expect("examples");
    assert_eq!(apart.counts.sequences, apart.counts.examples);
}
