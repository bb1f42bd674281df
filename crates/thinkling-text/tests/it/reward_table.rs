//! Counts by a table against the rules over the text.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use thinkling_engine::{CountRule, RewardCounts, RewardTable};
use thinkling_reward::format::FormatFault;
use thinkling_reward::language::language_share;
use thinkling_reward::reflection::reflection_count;
use thinkling_reward::repetition::Repetition;
use thinkling_reward::{FormatRule, Language};
use thinkling_text::{Tokenizer, reward_table};

use crate::fixture::{byte_fallback_json, tokenizer, words_json};
use crate::smollm2;

/// A tokenizer with its table.
pub(crate) struct Counted(pub(crate) Tokenizer, pub(crate) RewardTable);

impl Counted {
    pub(crate) fn new(tokenizer: Tokenizer) -> Self {
        let table = RewardTable::new(reward_table(&tokenizer, false, &[])).unwrap();
        Self(tokenizer, table)
    }

    /// Asserts that all that is exact equals the rules over the text of `ids`, for n-grams of `n`.
    fn check(&self, ids: &[u32], n: usize) -> RewardCounts {
        let Self(tokenizer, table) = self;
        let text = tokenizer.decode(ids, false);
        let mut counted = RewardCounts::default();
        for inside_think in [true, false] {
            counted = RewardCounts::of(table, ids, CountRule { ngram: n as u32, inside_think });
            let faults = [counted.strict_fault, 0, counted.think_only_fault];
            let values = [counted.strict(), counted.tag_count(), counted.think_only()];
            let rules = [FormatRule::Strict, FormatRule::TagCount, FormatRule::ThinkOnly];
            for ((rule, value), fault) in rules.into_iter().zip(values).zip(faults) {
                let score = match inside_think {
                    true => rule.judge_inside_think(&text),
                    false => rule.judge(&text),
                };
                assert_eq!(value, score.score, "{rule}, inside: {inside_think}, {text:?}");
                if rule != FormatRule::TagCount {
                    assert_eq!(fault, number(score.reason), "{rule} {inside_think}, {text:?}");
                }
            }
        }
        let want = Repetition::of_text(&text, n);
        let got = [counted.units, counted.repeated_units, counted.ngrams, counted.repeated_ngrams];
        let want_counts = [want.tokens, want.repeated_tokens, want.ngrams, want.repeated_ngrams]
            .map(|x| x as u32);
        assert_eq!(got, want_counts, "n = {n}, {text:?}");
        assert_eq!(counted.repetition(), want.share());
        assert_eq!(counted.reflective_words as usize, reflection_count(&text), "{text:?}");
        counted
    }

    fn check_text(&self, text: &str, n: usize) -> RewardCounts {
        self.check(&self.0.encode(text).unwrap(), n)
    }
}

/// A fault as [`RewardCounts`] numbers them.
fn number(fault: Option<FormatFault>) -> u32 {
    match fault {
        None => 0,
        Some(FormatFault::TextBefore) => 1,
        Some(FormatFault::TextBetween) => 2,
        Some(FormatFault::TextAfter) => 3,
        Some(FormatFault::EmptyThink) => 4,
        Some(FormatFault::EmptyAnswer) => 5,
        Some(FormatFault::Misplaced(tag)) => 6 + tag as u32,
        Some(FormatFault::Missing(tag)) => 10 + tag as u32,
        Some(fault) => panic!("{fault}"),
    }
}

static BYTES: LazyLock<Counted> = LazyLock::new(|| {
    let json = tokenizer("gpt-2").to_json().unwrap();
    Counted::new(Tokenizer::from_json(&json).unwrap())
});

/// Completions in every form that the format tells apart, and some that look like them.
pub(crate) const ADVERSARIAL: [&str; 40] = [
    "",
    " \n",
    "<think>a</think><answer>b</answer>",
    " \u{3000}<think> so 1+2=3 </think>\r\n<answer> 3 </answer>\n",
    "<think>a</think>\u{200B}<answer>b</answer>",
    "<think>\u{200B}</think><answer>b</answer>",
    "<think>a</think><answer> \u{AD}</answer>",
    "<think>a<think>b</think><answer>c</answer>",
    "<think>a</think><think>b</think><answer>c</answer>",
    "<think>a</think></think><answer>c</answer>",
    "<think>a</think><answer>c</answer><answer>d</answer>",
    "<think>a</think><answer>c</answer></answer>",
    "<answer>b</answer><think>a</think>",
    "<think>a<answer>b</answer></think>",
    "</think>a<think><answer>b</answer>",
    "x<think>a</think><answer>b</answer>",
    "<think>a</think>x<answer>b</answer>",
    "<think>a</think><answer>b</answer>x",
    "<think></think><answer>b</answer>",
    "<think>a</think><answer></answer>",
    "<think>a</think><answer>b",
    "<think>a</think><answer>b</answer",
    "<think>a</think><answ",
    "<think>a</think>",
    "<think>a",
    "<thi",
    "<",
    "<<think>a</think><answer>b</answer>",
    "<think><</think><answer></</answer>",
    "<think>a</think ><answer>b</answer>",
    "<Think>a</Think><answer>b</answer>",
    "<think>a</think><answer>b</answer><",
    "<think>a</<think>></think><answer>b</answer>",
    "<think>a</think><answer>b</an<answer></answer>",
    "<think>a</think>The answer is 3.",
    "a</think>The answer is 3.",
    "<think>wait, wait, wait! 等等，等等。不错，错了。</think><answer>但是</answer>",
    "Wait. But_ check's double-check; however1 MISTAKE évaluate 检查檢查 交错错",
    "12，3 12,3 1.5 a.b a:b don't x_1 __ カタカナ の の 7，先 3， 4",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b ααααααααααααααααααααααααααααααααα",
];

#[test]
fn adversarial_texts_cut_into_bytes_have_the_values_of_the_rules() {
    for text in ADVERSARIAL {
        for n in [1, 2, 3, 40] {
            BYTES.check_text(text, n);
        }
    }
}

#[test]
fn other_decoders_are_read_as_their_text_is() {
    for json in [byte_fallback_json(), words_json()] {
        let counted = Counted::new(Tokenizer::from_json(&json).unwrap());
        let size = counted.0.vocab_size() as u32;
        for start in 0..size {
            let ids: Vec<u32> = (0..12).map(|i| (start + i * i) % (size + 1)).collect();
            let text = counted.0.decode(&ids, false);
            // A broken run of byte tokens is the one thing that is not kept.
            if !text.contains('\u{FFFD}') {
                counted.check(&ids, 2);
            }
        }
    }
}

/// The longest tags, words of both lists, what joins words, and characters of every kind of script.
const PIECES: [&str; 62] = [
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<",
    "</",
    "<thi",
    "answer",
    ">",
    " ",
    "\n",
    "\t",
    "wait",
    "But",
    "check",
    "CHECK",
    "a",
    "word",
    "it's",
    "’",
    "'",
    "'s",
    ".",
    ",",
    ":",
    ";",
    "，",
    "。",
    "：",
    "1",
    "2",
    "2.5",
    "_",
    "-",
    "é",
    "e\u{301}",
    "\u{301}",
    "\u{200B}",
    "\u{AD}",
    "先",
    "加",
    "等等",
    "错",
    "不对",
    "不错",
    "但是",
    "但",
    "の",
    "カ",
    "タ",
    "ー",
    "한",
    "국",
    "б",
    "ال",
    "ก",
    "ำ",
    "x1",
    "\u{3000}",
    "\u{A0}",
    "🙂",
    "½",
];

proptest! {
    // The same cases each time: what is left out below may still come about in rare ones.
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn texts_of_joined_pieces_have_the_values_of_the_rules(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60),
        n in 1_usize..4,
    ) {
        BYTES.check_text(&pieces.concat(), n);
    }

    #[test]
    fn bytes_that_are_no_text_have_the_values_of_the_rules(
        ids in prop::collection::vec(0_u32..270, 0..40),
    ) {
        // Letters before quotation marks that join them by a rule of their own.
        let hebrew = |c: char| ('\u{590}'..'\u{600}').contains(&c);
        prop_assume!(!BYTES.0.decode(&ids, false).contains(hebrew));
        BYTES.check(&ids, 1);
    }

    // Left out: what joins by rules of its own (Hebrew quotation marks, emoji behind a joiner), and vowel
    // signs behind a mark that joins words; the test before this one has the marks.
    #[test]
    fn any_text_has_the_values_of_the_rules(text in "[^\\pC\\p{Hebrew}.:,;\"'·]{0,40}") {
        BYTES.check_text(&text, 1);
    }
}

#[test]
fn smollm2_has_the_values_of_the_rules() {
    let Some(tokenizer) = smollm2::tokenizer() else {
        return;
    };
    let counted = Counted::new(tokenizer);
    for text in ADVERSARIAL {
        counted.check_text(text, 2);
    }
}

/// Text of several tokens a word, whose Latin words are told by the sentence.
const PLAIN: [&str; 6] = [
    "Let me think. The train travels 60 miles in 2 hours, so its speed is 30 miles per hour.",
    "First I subtract 17 from both sides, which gives x = 25. Wait, let me check: 17 + 25 = 42. Right.",
    "Each box holds twelve marbles; multiplying by seven boxes gives eighty-four marbles altogether.",
    "先算17加25等于42，再减去2，得到40。等等，检查一下：40加2等于42，对。",
    "所以答案是 42。So the answer is 42, and 我们 can stop here.",
    "Zuerst addieren wir die beiden Zahlen. Das Ergebnis ist nicht richtig, wir rechnen noch einmal.",
];

/// Words whose tokens tell no language go with their sentence.
const LANGUAGE_TOLERANCE: f64 = 0.02;

#[test]
fn smollm2_has_nearly_the_language_of_plain_prose() {
    let Some(tokenizer) = smollm2::tokenizer() else {
        return;
    };
    let counted = Counted::new(tokenizer);
    for text in PLAIN {
        let counts = counted.check_text(text, 2);
        for language in Language::ALL {
            let (got, want) = (counts.language(language as usize), language_share(text, language));
            assert!(
                (got - want).abs() <= LANGUAGE_TOLERANCE,
                "{language}: {got} for {want}, {text}"
            );
        }
    }
}
