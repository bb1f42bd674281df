//! Counts by token ids against the rules over the text, on the texts of the mini world.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thinkling_engine::{Adapter, CountRule, RewardCounts, RewardMeter, RewardTable};
use thinkling_learn::world::{Corpus, CorpusConfig, tokenizer_json};
use thinkling_reward::answer::outside_answer;
use thinkling_reward::language::language_share;
use thinkling_reward::reflection::reflection_count;
use thinkling_reward::repetition::{DEFAULT_NGRAM, Repetition};
use thinkling_reward::{FormatRule, Language};
use thinkling_text::{Tokenizer, reward_table};

/// Latin words are told by sentence and not by the rule's best chain of languages.
const LANGUAGE_TOLERANCE: f64 = 0.02;
const DOCUMENTS: usize = 5_000;

struct World {
    tokenizer: Tokenizer,
    table: RewardTable,
}

impl World {
    fn new() -> Self {
        let json = serde_json::to_vec(&tokenizer_json()).expect("json");
        let tokenizer = Tokenizer::from_json(&json).expect("a tokenizer");
        let table = RewardTable::new(reward_table(&tokenizer, false, &[])).expect("a table");
        Self { tokenizer, table }
    }

    /// Completions: replies in the template without their prompt, and documents without template.
    fn texts(&self, seed: u64) -> Vec<Vec<u32>> {
        let documents =
            Corpus::new(CorpusConfig::default(), seed).expect("a corpus").take(DOCUMENTS);
        documents
            .map(|text| {
                let reply = text.split_once("Assistant:<").map(|(_, reply)| format!("<{reply}"));
                self.tokenizer.encode(&reply.unwrap_or(text)).expect("ids")
            })
            .collect()
    }

    /// Asserts that format, repetition and reflection equal the rules; gives counts and text.
    fn check(&self, ids: &[u32], n: usize) -> (RewardCounts, String) {
        let text = self.tokenizer.decode(ids, false);
        let rule = CountRule { ngram: n as u32, inside_think: false };
        let counts = RewardCounts::of(&self.table, ids, rule);
        assert_eq!(counts.strict(), FormatRule::Strict.score(&text), "{text}");
        assert_eq!(counts.tag_count(), FormatRule::TagCount.score(&text), "{text}");
        assert_eq!(counts.think_only(), FormatRule::ThinkOnly.score(&text), "{text}");
        let repetition = Repetition::of_text(&text, n);
        assert_eq!(counts.units as usize, repetition.tokens, "{text}");
        assert_eq!(counts.repetition(), repetition.share(), "{text}");
        assert_eq!(counts.reflective_words as usize, reflection_count(&text), "{text}");
        (counts, text)
    }
}

#[test]
fn completions_have_the_values_of_the_rules() {
    let world = World::new();
    let (mut kept, mut repeats, mut mixed) = (0, 0, 0);
    for ids in world.texts(21) {
        let _ = world.check(&ids, DEFAULT_NGRAM);
        let (counts, text) = world.check(&ids, 2);
        for language in [Language::En, Language::Zh] {
            let (got, want) = (
                counts.language(language as usize),
                language_share(&outside_answer(&text), language),
            );
            assert!(
                (got - want).abs() <= LANGUAGE_TOLERANCE,
                "{got} for {want}: {language} {text}"
            );
            mixed += usize::from(want > 0.0 && want < 1.0);
        }
        kept += usize::from(counts.strict() == 1.0);
        repeats += usize::from(counts.repetition() > 0.0);
    }
    // Each value is met both ways.
    for count in [kept, repeats, mixed] {
        assert!((100..2 * DOCUMENTS - 100).contains(&count), "{kept} {repeats} {mixed}");
    }
}

#[test]
fn random_tokens_have_the_format_and_repetition_of_the_rules() {
    let world = World::new();
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    let vocabulary = world.tokenizer.vocab_size() as u32;
    for _ in 0..2_000 {
        // Few kinds of tokens repeat; the tags are among the first ids.
        let kinds = rng.random_range(10..vocabulary);
        let tokens = rng.random_range(0..200);
        let ids: Vec<u32> = (0..tokens).map(|_| rng.random_range(0..kinds)).collect();
        let _ = world.check(&ids, rng.random_range(1..5));
    }
}

#[test]
fn a_gpu_gives_the_same_counts_of_a_batch() {
    let adapter = match pollster::block_on(Adapter::new()) {
        Ok(adapter) => adapter,
        Err(e) if std::env::var_os("REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(_) => return,
    };
    let world = World::new();
    let texts = world.texts(23);
    let rule = CountRule { ngram: 3, inside_think: false };
    let longest = texts.iter().map(Vec::len).max().expect("texts");
    let meter = RewardMeter::new(&adapter, &world.table, 500, longest).expect("a meter");
    for batch in texts.chunks(500) {
        let batch: Vec<&[u32]> = batch.iter().map(Vec::as_slice).collect();
        let counts = pollster::block_on(meter.count(&batch, rule)).expect("counts");
        for (ids, counts) in batch.iter().zip(counts) {
            assert_eq!(counts, RewardCounts::of(&world.table, ids, rule));
        }
    }
}
