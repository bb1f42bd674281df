//! `reward_counts.wgsl` against its twin, over tables with the classes of characters and with any bits.

use super::*;
use crate::cpu::reward_counts::reward_counts;
use crate::reward_counts::MARGIN;
use crate::{Capacity, Engine, GpuOptions, Keep, Row, Step, WeightsReader};
use std::ops::ControlFlow;
use std::rc::Rc;
use thinkling_sampling::generate::{GenerateRequest, Resumed, generate};
use thinkling_sampling::{SamplingParams, StopRules, Stream};
use thinkling_weights::Checkpoint;

/// Draws whole numbers.
struct Draws(Stream);

impl Draws {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.uniform() * limit as f64) as usize
    }

    fn bits(&mut self) -> u32 {
        self.below(1 << 31) as u32
    }
}

/// Texts that meet: parts of tags, of words and numbers, marks, Han, kana, bytes that are no UTF-8.
const TOKENS: [&[u8]; 49] = [
    b"",
    b"<think>",
    b"</think>",
    b"<answer>",
    b"</answer>",
    b"<",
    b"</",
    b"<thi",
    b"nk>",
    b"</thin",
    b"k>",
    b"<ans",
    b"wer>",
    b"></answer",
    b">",
    b" ",
    b"\n",
    b" wait",
    b"wa",
    b"it",
    b" the",
    b"the",
    b"'s",
    b"'",
    b" sin",
    b"12",
    b"3",
    b",",
    b".",
    b"_",
    b"\\frac",
    b"=",
    b" IT",
    b" OK",
    b"ing",
    "等等".as_bytes(),
    "错".as_bytes(),
    "的".as_bytes(),
    "，".as_bytes(),
    "カタ".as_bytes(),
    "の".as_bytes(),
    "e\u{301}".as_bytes(),
    "д".as_bytes(),
    b"\xE7",
    b"\xAD",
    b"\x89",
    b"\xF0\x9F",
    b"\xFF",
    b"(((+++)))***",
];

/// A table over [`TOKENS`] whose classes are those of the characters here, or any bits.
fn table(draws: &mut Draws, wild: bool) -> RewardTable {
    let mut bytes = Vec::new();
    let mut tokens: Vec<u32> = Vec::new();
    for token in TOKENS {
        tokens.push(bytes.len() as u32 | (draws.below(15) as u32) << 27 | draws.bits() & 1 << 31);
        bytes.extend_from_slice(token);
    }
    tokens.push(bytes.len() as u32);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let bytes: Vec<u32> = bytemuck::pod_collect_to_vec(&bytes);
    let (mut names, mut pages) = (vec![0; 0x1100], vec![0; 128]);
    for page in [0_u32, 3, 4, 0x20, 0x30, 0x4E, 0x76, 0x7B, 0x95, 0xFF] {
        names[page as usize] = (pages.len() / 128) as u32;
        let mut class = |low| match wild {
            true => draws.bits() & 0xFFFF,
            false => class(char::from_u32(page << 8 | low).expect("a character")),
        };
        pages.extend((0..256).step_by(2).map(|low| class(low) | class(low + 1) << 16));
    }
    let mut reflective = vec![1];
    // `wait`, see `hashed`.
    reflective.extend("wait".chars().fold([0x811C_9DC5, 0_u32], |[x, y]: [u32; 2], c| {
        let x = (x ^ u32::from(c)).wrapping_mul(0x0100_0193);
        [x, (y.rotate_left(5) ^ u32::from(c)).wrapping_mul(0x9E37_79B1)]
    }));
    reflective.extend([2, '等' as u32, '等' as u32, 0, 2, '错' as u32, 0, 0, 1]);
    let mut words = vec![0x5457_0001, TOKENS.len() as u32];
    let mut place = 9;
    for part in [&tokens, &bytes, &names, &pages] {
        words.push(place as u32);
        place += part.len();
    }
    words.extend([place as u32, u32::from(' ') | 1 << 21, (pages.len() / 128) as u32]);
    RewardTable::new([words, tokens, bytes, names, pages, reflective].concat()).expect("a table")
}

fn class(c: char) -> u32 {
    let (segment, script) = match c {
        '0'..='9' => (2 | 1 << 4 | 1 << 7, 9),
        '_' => (4 | 1 << 7, 0),
        '\'' | '.' => (8, 0),
        ',' | '，' => (7, 0),
        'の' => (1 << 4, 3),
        'ァ'..='ヺ' => (3 | 1 << 4, 3),
        '\u{300}'..='\u{36F}' => (5, 0),
        '\u{4E00}'..='\u{9FFF}' => (9 | 1 << 4, 2),
        'а'..='я' => (1 | 1 << 4 | 1 << 7, 5),
        c if c.is_ascii_alphabetic() => (1 | 1 << 4, 1),
        _ => (0, 0),
    };
    let flags = [
        (c.is_whitespace(), 5),
        (c.is_whitespace() || c.is_control(), 6),
        (c == '.' || c == '\n', 12),
        (c == '=' || c == '<' || c == '>', 13),
        (c == '等' || c == '错', 14),
        (c.is_uppercase(), 15),
    ];
    let flags = flags.into_iter().map(|(flag, place)| u32::from(flag) << place);
    segment | script << 8 | flags.sum::<u32>()
}

#[test]
fn counts_are_those_of_the_twin() {
    let Some(adapter) = crate::gpu::tests::adapter() else { return };
    let mut draws = Draws(Stream::new(10, 7));
    let mut total = RewardCounts::default();
    for wild in [false, true] {
        let table = table(&mut draws, wild);
        for rows in [1, 3, 65] {
            let meter = RewardMeter::new(&adapter, &table, rows, 129).expect("a meter");
            for ngram in [0, 1, 2, 40] {
                let mut row = |row: usize| -> Vec<u32> {
                    let tokens = [0, 1, 3, 127, 129][(row + draws.below(5)) % 5];
                    // Few kinds of tokens repeat; one id is in no vocabulary.
                    let kinds = 2 + draws.below(TOKENS.len());
                    let first = draws.below(TOKENS.len());
                    (0..tokens)
                        .map(|_| ((first + draws.below(kinds)) % (TOKENS.len() + 1)) as u32)
                        .collect()
                };
                let ids: Vec<Vec<u32>> = (0..rows).map(&mut row).collect();
                let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
                for inside_think in [false, true] {
                    let rule = CountRule { ngram, inside_think };
                    let got = pollster::block_on(meter.count(&ids, rule)).expect("counts");
                    assert_eq!(got.len(), rows);
                    for (ids, got) in ids.iter().zip(&got) {
                        let want = reward_counts(table.words(), ids, rule, room(129));
                        assert_eq!(*got, want, "wild: {wild}, {rule:?}, {ids:?}");
                        let sum: &mut [u32] =
                            bytemuck::cast_slice_mut(std::slice::from_mut(&mut total));
                        let more = bytemuck::cast_slice::<_, u32>(std::slice::from_ref(got));
                        sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
                    }
                }
            }
        }
    }
    // Nothing is compared that never happens, but units beyond the room.
    assert!(total.tags.iter().chain(&total.words).all(|&count| count > 0), "{total:?}");
    assert!(total.repeated_ngrams > 0 && total.reflective_words > 0, "{total:?}");
}

#[test]
fn units_beyond_the_room_are_dropped_and_told() {
    let Some(adapter) = crate::gpu::tests::adapter() else { return };
    let mut draws = Draws(Stream::new(11, 7));
    let table = table(&mut draws, false);
    let meter = RewardMeter::new(&adapter, &table, 1, 129).expect("a meter");
    // `></answer`: nine characters a token, six of them letters of one word.
    let ids = vec![13; 129];
    let rule = CountRule { ngram: 2, inside_think: false };
    let got = pollster::block_on(meter.count(&[&ids], rule)).expect("counts")[0];
    assert_eq!(got, RewardCounts::of(&table, &ids, rule));
    assert_eq!((got.units, got.dropped_units), (4 * 129, 0));
    // Twelve signs a token, more than there is room for.
    let ids = vec![48; 129];
    let got = pollster::block_on(meter.count(&[&ids], rule)).expect("counts")[0];
    assert_eq!(got, reward_counts(table.words(), &ids, rule, room(129)));
    assert_eq!(got.units + got.dropped_units, 12 * 129);
    assert_eq!(got.units, (room(129) - MARGIN) as u32);
    let all = RewardCounts::of(&table, &ids, rule);
    assert_eq!((all.units, all.dropped_units), (12 * 129, 0));
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let Some(adapter) = crate::gpu::tests::adapter() else { return };
    let table = table(&mut Draws(Stream::new(12, 7)), false);
    let meter = RewardMeter::new(&adapter, &table, 2, 3).expect("a meter");
    let rule = CountRule { ngram: 40, inside_think: false };
    let count = |rows: &[&[u32]]| pollster::block_on(meter.count(rows, rule));
    assert!(count(&[]).expect("counts").is_empty());
    assert!(matches!(count(&[&[0; 4]]), Err(EngineError::Shape { expected: 3, got: 4, .. })));
    assert!(matches!(count(&[&[], &[], &[]]), Err(EngineError::Shape { expected: 2, got: 3, .. })));
}

#[test]
fn drawn_tokens_are_counted_where_they_lie() {
    let Some(adapter) = crate::gpu::tests::adapter() else { return };
    // Cargo runs tests in the package's folder.
    let checkpoint = Checkpoint::open("../../tests/golden/qwen2".as_ref()).expect("a model");
    let weights = WeightsReader::new(&checkpoint, Keep::Stored);
    let options = GpuOptions { max_rows: 2, max_logits: 2, cache_tokens: 64 };
    let decoder =
        pollster::block_on(GpuDecoder::new(&adapter, &weights, options)).expect("a decoder");
    let mut draws = Draws(Stream::new(13, 7));
    let table = table(&mut draws, false);
    let meter = RewardMeter::new(&adapter, &table, 3, 16).expect("a meter");
    // Every token is nearly as likely as any other.
    let params = SamplingParams { temperature: 50.0, ..SamplingParams::greedy() };
    let mut kept = [Vec::new(), Vec::new()];
    let mut ids = [1, 2];
    for step in 0..16_u32 {
        let row = |start: u32| Row {
            own_start: start,
            own_len: step + 1,
            position: step,
            ..Row::default()
        };
        let uniforms = vec![draws.0.uniform() as f32, draws.0.uniform() as f32];
        let steps = [Step { rows: vec![row(0), row(20)], draws: uniforms }];
        let drawn = pollster::block_on(decoder.sample(&ids, &steps, &[params; 2], &[]));
        let drawn = drawn.expect("tokens").remove(0);
        meter.keep(&decoder, &[(2, step as usize), (0, step as usize)]).expect("kept");
        ids = [drawn[0].0, drawn[1].0];
        kept.iter_mut().zip(ids).for_each(|(kept, id)| kept.push(id));
    }
    let rule = CountRule { ngram: 1, inside_think: false };
    let counts = pollster::block_on(meter.count_kept(&[9, 0, 16], rule)).expect("counts");
    assert_eq!(counts[2], RewardCounts::of(&table, &kept[0], rule));
    assert_eq!(counts[1], RewardCounts::of(&table, &[], rule));
    assert_eq!(counts[0], RewardCounts::of(&table, &kept[1][..9], rule));
    assert!(counts[2].units > 5 && counts[0] != counts[2], "{counts:?}");
    for places in [[(3, 0)], [(0, 16)]] {
        assert!(matches!(meter.keep(&decoder, &places), Err(EngineError::Shape { .. })));
    }
}

#[test]
fn an_engine_counts_the_completions_that_it_draws() {
    let Some(adapter) = crate::gpu::tests::adapter() else { return };
    let checkpoint = Checkpoint::open("../../tests/golden/qwen2".as_ref()).expect("a model");
    let weights = WeightsReader::new(&checkpoint, Keep::Stored);
    let table = table(&mut Draws(Stream::new(15, 7)), false);
    let meter = Rc::new(RewardMeter::new(&adapter, &table, 3, 24).expect("a meter"));
    let rule = CountRule { ngram: 2, inside_think: false };
    let prompts = [vec![5, 9, 33, 12]];
    let request = GenerateRequest {
        group_size: 3,
        sampling: SamplingParams { temperature: 50.0, ..SamplingParams::default() },
        // Every token is nearly as likely as any other: rows end at different steps.
        stop: StopRules { stop_ids: vec![1, 7, 20], max_tokens: 24 },
        seed: 3,
        ..GenerateRequest::new(&prompts, 24)
    };
    let mut engine =
        pollster::block_on(Engine::on_gpu(&adapter, &weights, Capacity::of(&request, 64)))
            .expect("an engine")
            // Of tokens that are read together only the last has counts.
            .with_steps_at_once(1);
    let live = engine.follow(meter.clone(), rule, Box::new(|| true), &[]).expect("followed");
    let live = live.expect("a GPU draws");
    let mut counted = 0;
    let mut see = |completion: usize, ids: &[u32]| {
        let want = RewardCounts::of(&table, ids, rule);
        match live.of(completion, ids.len()) {
            Some(counts) => assert_eq!(counts, want, "{completion}: {ids:?}"),
            // Drawn on the host.
            None => assert_eq!(ids.len(), 1),
        }
        counted += usize::from(ids.len() > 1);
    };
    let all = generate(&mut engine, &request, |token| {
        see(token.completion, &token.so_far.ids);
        ControlFlow::Continue(())
    });
    let all = pollster::block_on(all).expect("completions").completions;
    assert!(counted > 10, "{counted} counts");
    let lengths: Vec<usize> = all.iter().map(|completion| completion.ids.len()).collect();
    assert!(lengths.iter().any(|&tokens| tokens != lengths[0]), "{lengths:?}");

    // Several steps before tokens are read: the last of them is counted.
    engine = engine.with_steps_at_once(3);
    let live = engine.follow(meter.clone(), rule, Box::new(|| true), &[]).expect("followed");
    let live = live.expect("a GPU draws");
    let mut counted = 0;
    let again = generate(&mut engine, &request, |token| {
        let ids = &token.so_far.ids;
        if let Some(counts) = live.of(token.completion, ids.len()) {
            assert_eq!(counts, RewardCounts::of(&table, ids, rule), "{ids:?}");
            counted += 1;
        }
        ControlFlow::Continue(())
    });
    let again = pollster::block_on(again).expect("completions").completions;
    assert!(again.iter().zip(&all).all(|(again, once)| again.ids == once.ids));
    assert!(counted > 3, "{counted} counts");

    // One that was broken off goes on after its tokens.
    let (stream, whole) = all.iter().enumerate().max_by_key(|(_, c)| c.ids.len()).expect("some");
    let before = &whole.ids[..whole.ids.len() / 2];
    let prompts = [[&prompts[0][..], before].concat()];
    let resumed = vec![Resumed { stream: stream as u64, tokens: before.len() }];
    let request = GenerateRequest { group_size: 1, resumed, prompts: &prompts, ..request };
    let live = engine.follow(meter, rule, Box::new(|| true), before).expect("followed");
    let live = live.expect("a GPU draws");
    let rest = pollster::block_on(generate(&mut engine, &request, |_| ControlFlow::Continue(())));
    let rest = &rest.expect("the rest").completions[0].ids;
    assert_eq!([before, rest].concat(), whole.ids);
    let want = RewardCounts::of(&table, &whole.ids, rule);
    assert_eq!(live.of(0, whole.ids.len()), Some(want));
}

#[test]
fn damaged_tables_are_refused() {
    let words = table(&mut Draws(Stream::new(14, 7)), false).words().to_vec();
    let refused = |words: Vec<u32>| {
        let refused = RewardTable::new(words);
        assert!(matches!(refused, Err(EngineError::Shape { .. })), "{refused:?}");
    };
    // Layout, tokens, places of the parts, pages; what the decoder strips may be anything.
    for place in [0, 1, 2, 3, 4, 5, 6, 8] {
        let mut damaged = words.clone();
        damaged[place] = u32::MAX;
        refused(damaged);
    }
    let (tokens, names) = (words[2] as usize, words[4] as usize);
    for (place, value) in [(tokens + 3, 1 << 26), (tokens + 3, 15 << 27), (names + 7, 99)] {
        let mut damaged = words.clone();
        damaged[place] = value;
        refused(damaged);
    }
    for len in [0, 8, 100, words.len() - 1] {
        refused(words[..len].to_vec());
    }
}
