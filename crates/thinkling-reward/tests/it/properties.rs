//! Properties over random input.

use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use thinkling_reward::countdown::{Op, parse_expr};
use thinkling_reward::format::FormatRule;
use thinkling_reward::language::language_share;
use thinkling_reward::length::{CosineLength, SoftOverlong};
use thinkling_reward::number::parse_number;
use thinkling_reward::reflection::reflection_count;
use thinkling_reward::repetition::RepetitionRule;
use thinkling_reward::spec::{AccuracyRule, FormatComponent, LanguageRule};
use thinkling_reward::tags::for_each_event;
use thinkling_reward::{
    Completion, ComponentSpec, Language, Problem, Region, RewardSpec, Rule, TagEvent, TagMachine,
    Task, Template, format_free_correct, judge, reward, strict_format,
};

/// Text made of what the readers look at, so that random cases reach deep.
fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "<think>",
            "</think>",
            "<answer>",
            "</answer>",
            "<",
            "</",
            "<think",
            ">",
            "42",
            "30",
            "16",
            "15",
            "1",
            ",",
            ".",
            "-",
            "\u{2212}",
            "+",
            "*",
            "**",
            "/",
            "÷",
            "×",
            "(",
            ")",
            "=",
            " ",
            "\n",
            "$",
            "%",
            "!",
            "x",
            "等等",
            "错",
            "万",
            "\u{200B}",
            "\u{202E}",
            "é",
            "\\boxed{",
            "}",
            "1,234",
            ".5",
            "million",
            "½",
            "_",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A machine's events: text joined by region, tags as written.
fn joined(events: &[(Option<Region>, String)]) -> Vec<(Option<Region>, String)> {
    let mut out: Vec<(Option<Region>, String)> = Vec::new();
    for (region, text) in events {
        match out.last_mut() {
            Some((last, all)) if region.is_some() && last == region => all.push_str(text),
            _ => out.push((*region, text.clone())),
        }
    }
    out
}

fn owned(event: TagEvent<'_>) -> (Option<Region>, String) {
    let region = match event {
        TagEvent::Text { region, .. } => Some(region),
        TagEvent::Tag { .. } => None,
    };
    (region, event.as_str().to_owned())
}

fn judge_everything(text: &str) {
    for problem in [
        Problem::number("n", "q", "42"),
        Problem::countdown("c", "q", vec![16, 15, 1], "30"),
        Problem::number("bad", "q", text),
        Problem::countdown("bad", "q", vec![1], text),
        Problem::math("m", "q", "1/2"),
        Problem::math("bad", "q", text),
        Problem::new("o", "q", Task::Choice { gold: "B".to_owned() }),
        Problem::new("e", "q", Task::Exact { gold: text.to_owned() }),
    ] {
        for template in [Template::R1Zero, Template::None, Template::Boxed] {
            let spec = RewardSpec::of(template);
            let record = reward(&problem, &Completion::whole(text), &spec);
            let judgement = judge(&problem, text, template);
            assert_eq!(record.is_ok(), judgement.is_ok());
            if let (Ok(record), Ok(judgement)) = (record, judgement) {
                assert_eq!(record.verdict, judgement.verdict);
                assert!((0.0..=2.0).contains(&record.total));
            }
        }
        let _ = format_free_correct(&problem, text);
    }
    for language in [Language::En, Language::Zh] {
        assert!((0.0..=1.0).contains(&language_share(text, language)));
    }
    let _ = reflection_count(text);
}

/// An expression tree of our own, with its value by machine integers.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(u32),
    Node(Box<Tree>, Op, Box<Tree>),
}

impl Tree {
    /// Fully parenthesised, in one of the spellings of each operator.
    fn write(&self, spelling: bool) -> String {
        match self {
            Self::Leaf(n) => n.to_string(),
            Self::Node(left, op, right) => {
                let op = match (op, spelling) {
                    (Op::Add, _) => "+",
                    (Op::Sub, true) => "-",
                    (Op::Sub, false) => " \u{2212} ",
                    (Op::Mul, true) => "*",
                    (Op::Mul, false) => "×",
                    (Op::Div, true) => "/",
                    (Op::Div, false) => " ÷ ",
                };
                format!("({}{op}{})", left.write(spelling), right.write(spelling))
            }
        }
    }

    /// Numerator and positive denominator, not reduced to lowest terms; nothing where it divides
    /// by zero (128 bits are enough, see [`tree`]).
    fn fraction(&self) -> Option<(i128, i128)> {
        match self {
            Self::Leaf(n) => Some((i128::from(*n), 1)),
            Self::Node(left, op, right) => {
                let ((a, b), (c, d)) = (left.fraction()?, right.fraction()?);
                let (n, m) = match op {
                    Op::Add => {
                        (a.checked_mul(d)?.checked_add(c.checked_mul(b)?)?, b.checked_mul(d)?)
                    }
                    Op::Sub => {
                        (a.checked_mul(d)?.checked_sub(c.checked_mul(b)?)?, b.checked_mul(d)?)
                    }
                    Op::Mul => (a.checked_mul(c)?, b.checked_mul(d)?),
                    Op::Div => (a.checked_mul(d)?, b.checked_mul(c)?),
                };
                match m.signum() {
                    0 => None,
                    sign => Some((n.checked_mul(sign)?, m.checked_mul(sign)?)),
                }
            }
        }
    }

    fn leaves(&self, out: &mut Vec<i64>) {
        match self {
            Self::Leaf(n) => out.push(i64::from(*n)),
            Self::Node(left, _, right) => {
                left.leaves(out);
                right.leaves(out);
            }
        }
    }
}

/// Trees of at most 8 leaves below 100: 128 bits are enough for every unreduced fraction.
fn tree() -> impl Strategy<Value = Tree> {
    let op = prop::sample::select(vec![Op::Add, Op::Sub, Op::Mul, Op::Div]);
    (0_u32..100).prop_map(Tree::Leaf).prop_recursive(3, 8, 2, move |inner| {
        (inner.clone(), op.clone(), inner)
            .prop_map(|(left, op, right)| Tree::Node(Box::new(left), op, Box::new(right)))
    })
}

/// Writes an integer with thousands commas.
fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::from(if value < 0 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes `value / 10^scale` as a decimal.
fn decimal(value: i64, scale: usize) -> String {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    format!("{}{whole}{point}{fraction}", if value < 0 { "-" } else { "" })
}

fn number_reward(gold: &str, answer: &str) -> f64 {
    let text = format!("<think>so</think><answer>{answer}</answer>");
    let problem = Problem::number("n", "q", gold);
    let record = reward(&problem, &Completion::whole(&text), &RewardSpec::default()).unwrap();
    record.value("accuracy").unwrap()
}

/// A spec with a component of every rule, with weights and bounds.
fn every_rule(weights: [f64; 6], clip: Option<[f64; 2]>) -> RewardSpec {
    let language = LanguageRule { target: Some(Language::En) };
    let rules = [
        ("accuracy", Rule::Accuracy(AccuracyRule::default())),
        ("format", Rule::Format(FormatComponent { rule: FormatRule::TagCount })),
        ("language", Rule::Language(language)),
        ("repetition", Rule::Repetition(RepetitionRule { ngram: 2, max_penalty: -1.0 })),
        ("length", Rule::Length(CosineLength::new(50))),
        ("overlong", Rule::Overlong(SoftOverlong { max_tokens: 50, cache_tokens: 20 })),
    ];
    let parts = rules.into_iter().zip(weights);
    let part =
        |((name, rule), weight)| ComponentSpec { weight, clip, ..ComponentSpec::new(name, rule) };
    RewardSpec { components: parts.map(part).collect(), ..RewardSpec::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_makes_a_reader_panic(text in hostile_text()) {
        judge_everything(&text);
    }

    #[test]
    fn a_total_is_the_sum_of_parts_that_keep_their_bounds(
        text in hostile_text(),
        weights in prop::array::uniform6(0.0..3.0_f64),
        bounds in prop::option::of((-2.0..0.0_f64, 0.0..2.0_f64)),
        tokens in 0_usize..80,
        truncated: bool,
    ) {
        let clip = bounds.map(|(low, high)| [low, high]);
        let spec = every_rule(weights, clip);
        let completion = Completion { text: &text, truncated, tokens: Some(tokens) };
        let record = reward(&Problem::number("n", "q", "42"), &completion, &spec).unwrap();
        let mut sum = 0.0;
        for (part, spec) in record.components.iter().zip(&spec.components) {
            prop_assert_eq!((&part.name, part.weight), (&spec.name, spec.weight));
            let [low, high] = clip.unwrap_or([-10.0, 2.0]);
            prop_assert!(low <= part.value && part.value <= high, "{:?}", part);
            prop_assert!(!(truncated && part.value > 0.0), "{:?}", part);
            sum += part.value * part.weight;
        }
        prop_assert_eq!(record.components.len(), 6);
        prop_assert_eq!(record.total, sum);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        judge_everything(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn pieces_cut_anywhere_give_what_the_whole_gives(
        text in hostile_text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut whole = Vec::new();
        let verdict = for_each_event(&text, |event| whole.push(owned(event)));
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        ends.push(text.len());
        ends.sort_unstable();
        let (mut machine, mut pieces, mut start) = (TagMachine::new(), Vec::new(), 0);
        for end in ends.into_iter().filter(|&end| text.is_char_boundary(end)) {
            machine.push(&text[start..end], |event| pieces.push(owned(event)));
            start = end;
        }
        let streamed = machine.finish(|event| pieces.push(owned(event)));
        prop_assert_eq!(streamed, verdict);
        prop_assert_eq!(verdict, strict_format(&text));
        prop_assert_eq!(joined(&pieces), joined(&whole));
        let all: String = whole.into_iter().map(|(_, text)| text).collect();
        prop_assert_eq!(all, text);
    }

    #[test]
    fn expressions_have_the_value_of_their_tree(tree in tree(), spelling: bool) {
        let text = tree.write(spelling);
        let value = parse_expr(&text).unwrap().value();
        let expected = tree.fraction().map(|(n, d)| BigRational::new(n.into(), d.into()));
        prop_assert_eq!(value, expected, "{}", text);
    }

    #[test]
    fn a_tree_solves_the_problem_made_of_it_and_no_other(tree in tree(), off in 1_i64..5) {
        let mut numbers = Vec::new();
        tree.leaves(&mut numbers);
        let whole = tree.fraction().filter(|(n, d)| n % d == 0).map(|(n, d)| n / d);
        prop_assume!(whole.is_some());
        let target = whole.unwrap();
        let text = format!("<think>so</think><answer>{}</answer>", tree.write(true));
        let correct = |numbers: Vec<i64>, target: i128| {
            let problem = Problem::countdown("c", "q", numbers, target.to_string());
            let strict = judge(&problem, &text, Template::R1Zero).unwrap().verdict.is_correct();
            let free = format_free_correct(&problem, &text).unwrap();
            assert_eq!(strict, free, "{text}");
            strict
        };
        let mut reversed = numbers.clone();
        reversed.reverse();
        prop_assert!(correct(reversed, target));
        prop_assert!(!correct(numbers.clone(), target + i128::from(off)));
        let mut changed = numbers.clone();
        changed[0] += off;
        prop_assert!(!correct(changed, target));
        numbers.push(off);
        prop_assert!(!correct(numbers, target));
    }

    #[test]
    fn decimals_equal_exactly_where_their_integers_do(
        a in -10_000_i64..10_000,
        b in -10_000_i64..10_000,
        (scale_a, scale_b) in (0_usize..4, 0_usize..4),
    ) {
        let power = |scale: usize| 10_i128.pow(u32::try_from(scale).unwrap());
        let equal = i128::from(a) * power(scale_b) == i128::from(b) * power(scale_a);
        let (gold, answer) = (decimal(a, scale_a), decimal(b, scale_b));
        prop_assert_eq!(number_reward(&gold, &answer) == 1.0, equal, "{} {}", gold, answer);
        let padded = format!("{}{}", decimal(a, scale_a), if scale_a > 0 { "00" } else { ".0" });
        prop_assert_eq!(number_reward(&gold, &padded), 1.0);
    }

    #[test]
    fn integers_are_read_in_any_spelling(value: i64, off in 1_i64..1000) {
        let plain = value.to_string();
        let parsed = parse_number(&plain).unwrap();
        prop_assert_eq!(&parsed, &BigRational::from_integer(BigInt::from(value)));
        let other = value.wrapping_add(off);
        for answer in [
            plain.clone(),
            grouped(value),
            format!("The answer is {}.", grouped(value)),
            plain.replace('-', "\u{2212}"),
            format!(" = {plain}\n"),
        ] {
            prop_assert_eq!(number_reward(&plain, &answer), 1.0, "{}", answer);
            prop_assert_eq!(number_reward(&other.to_string(), &answer), 0.0, "{}", answer);
        }
    }
}
