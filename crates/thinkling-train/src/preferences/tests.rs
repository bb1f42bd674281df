use super::*;
use crate::model_io::LoadedModel;
use crate::recipe::{Recipe, StageKind};
use std::collections::BTreeSet;
use std::path::Path;
use thinkling_model::{Decoder, selftest};
use thinkling_text::{ChatTemplate, Tokenizer};

/// A tokenizer of small letters, digits and signs, with a template of marked turns.
fn model() -> LoadedModel {
    // Cargo runs tests in the package's folder.
    let json = std::fs::read("../../tests/golden/qwen2/tokenizer.json").expect("a golden");
    let source = "{% for m in messages %}<s>{{ m.role }} {{ m.content }}</s>{% endfor %}\
                  {% if add_generation_prompt %}<s>assistant {% endif %}";
    LoadedModel {
        decoder: Decoder::init(&selftest::config(), 1, &burn::tensor::Device::flex()),
        tokenizer: Some(Tokenizer::from_json(&json).expect("a tokenizer")),
        chat: Some(ChatTemplate::new(source, None, None).expect("a template")),
        tokenizer_config: None,
        path: "here".into(),
    }
}

fn read(text: &str, keys: &str, seed: u64) -> Result<Preferences> {
    let dir = tempfile::tempdir().expect("temporary folder");
    std::fs::write(dir.path().join("a.jsonl"), text).expect("written");
    let recipe = format!(
        "name='a'\nmodel.path='m'\n[[stage]]\nname='s'\nkind='reward-model'\n\
         data={{kind='jsonl', path='a.jsonl'}}\n{keys}\n"
    );
    let recipe = Recipe::parse(&recipe, Path::new("r.toml"), dir.path(), &[])?;
    let StageKind::RewardModel(stage) = &recipe.stages[0].kind else { panic!("another kind") };
    let model = model();
    read_preferences(stage, Path::new(""), "s", seed, TextSide::of(&model)?)
}

const PAIRWISE: &str = "objective='pairwise'\nbatch=4\neval={share=0.3}";

/// Three pairs a prompt.
fn pairs(prompts: usize) -> String {
    let pair = |i: usize, j: usize| {
        format!("{{\"prompt\":\"no {i}\",\"chosen\":\"yes {j}\",\"rejected\":\"no {j}\"}}\n")
    };
    (0..3).flat_map(|j| (0..prompts).map(move |i| pair(i, j))).collect()
}

#[test]
fn prompts_are_on_one_side_and_the_split_depends_on_the_seed() {
    let split = |seed| read(&pairs(12), PAIRWISE, seed).expect("preferences");
    let preferences = split(1);
    let c = &preferences.counts;
    assert_eq!((c.examples + c.held_out, c.examples % 3, c.held_out % 3), (36, 0, 0), "{c:?}");
    assert_eq!(c.steps, (c.examples as u64).div_ceil(4));
    let sides: BTreeSet<usize> = (0..8).map(|seed| split(seed).counts.held_out).collect();
    assert!(sides.len() > 1, "all seeds hold out alike: {sides:?}");
    // The order of the lines does not matter.
    let text = pairs(12);
    let turned: String = text.lines().rev().map(|line| format!("{line}\n")).collect();
    let turned = read(&turned, PAIRWISE, 1).expect("preferences");
    assert_eq!(turned.counts, preferences.counts);
    assert!(turned.held_out.iter().all(|pair| preferences.held_out.contains(pair)));
}

#[test]
fn a_pair_reads_the_summary_and_a_label_all_of_the_response() {
    let line = |part: &str| format!("{{\"prompt\":\"a\",{part}}}\n{}", pairs(8));
    let thoughts = "\"chosen\":\"<think>b</think> c\",\"rejected\":\"<think>b b</think>d\"";
    let plain = "\"chosen\":\"c\",\"rejected\":\"d\"";
    let first = |text: &str, keys: &str| {
        let preferences = read(text, keys, 1).expect("preferences");
        preferences.trained.into_iter().chain(preferences.held_out).next().expect("a pair")
    };
    let keys = "objective='pairwise'\neval={share=0.3}";
    assert_eq!(first(&line(thoughts), keys), first(&line(plain), keys));
    let whole = format!("{keys}\nread='response'");
    assert_ne!(first(&line(thoughts), &whole), first(&line(plain), &whole));

    let labelled = |response: &str| -> String {
        let line = |i: usize| {
            format!("{{\"prompt\":\"{i}\",\"response\":\"{response}\",\"label\":{}}}\n", i % 2)
        };
        (0..8).map(line).collect()
    };
    let keys = "objective='pointwise'\neval={share=0.3}";
    assert_ne!(
        first(&labelled("<think>b</think>c"), keys),
        first(&labelled("c"), keys),
        "safety is judged on the thought too"
    );
}

#[test]
fn what_cannot_be_learnt_is_counted_or_named() {
    let text = format!(
        "{}{{\"prompt\":\"x\",\"chosen\":\"a\",\"rejected\":\" a \"}}\n\
         {{\"prompt\":\"x\",\"chosen\":\"{}\",\"rejected\":\"a\"}}\n",
        pairs(8),
        "b".repeat(99)
    );
    let preferences = read(&text, PAIRWISE, 1).expect("preferences");
    assert_eq!((preferences.counts.alike, preferences.counts.dropped), (1, 1));
    assert!(preferences.counts.words().contains("1 left out as too long"));
    let bad = format!("{}{{\"prompt\":\"x\"}}\n", pairs(8));
    let error = read(&bad, PAIRWISE, 1).expect_err("a bad line").to_string();
    assert!(error.contains("a.jsonl") && error.contains("expected"), "{error}");
    let skipping = format!("{PAIRWISE}\nskip_bad=true");
    let preferences = read(&bad, &skipping, 1).expect("preferences");
    assert_eq!(preferences.counts.skipped, 1);
    let error = read(&pairs(1), PAIRWISE, 1).expect_err("one prompt").to_string();
    assert!(error.contains("no example is"), "{error}");
}
