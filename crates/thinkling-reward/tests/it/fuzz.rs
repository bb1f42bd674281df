//! Mutated answers and completions against every rule: no panic, and no check beyond its budget.
//!
//! `THINKLING_FUZZ_SECONDS=1800 cargo test --release -p thinkling-reward --features json --test it
//! fuzz -- --ignored --nocapture` runs as long on each core. The seed is printed, and
//! `THINKLING_FUZZ_SEED` repeats it; an input that fails is printed whole.

#![expect(clippy::print_stdout, reason = "a long run says how far it came")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use thinkling_reward::code::extract_program;
use thinkling_reward::format::FormatRule;
use thinkling_reward::language::language_share;
use thinkling_reward::math::{Gold, Policy, Prediction, verify};
use thinkling_reward::reflection::reflection_count;
use thinkling_reward::repetition::RepetitionRule;
use thinkling_reward::{
    Language, Problem, TagMachine, Template, choice, exact, format_free_correct, judge,
};

/// Longest input in bytes; the limits refuse longer ones before any work.
const MAX_BYTES: usize = 40_000;
/// A check that takes longer has no budget. Far above the slowest seen, far below a hang.
const MAX_TIME: Duration = Duration::from_millis(100);

/// What mutations are made of: whole answers, and pieces that mean something to a parser.
const SEEDS: &[&str] = &[
    "42",
    "-0.5",
    "1,250",
    r"\frac{1}{2}",
    r"\frac12",
    r"2\frac{1}{3}",
    r"\sqrt[3]{x^2+1}",
    r"(x+1)^2 = x^2+2x+1",
    r"x \in (0, 1] \cup [2, \infty)",
    r"\{1, 2, 3\}",
    "3:4:5",
    r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
    r"1 \pm \sqrt{2}",
    "0 < x <= 3",
    "1011_2",
    r"\text{Friday}",
    "(B) Red",
    r"90^\circ",
    r"\$5.50",
    "5 cm^2",
    "28%",
    "½ + ⅔·√2 − π",
    r"\sum_{k=1}^{n} k = \frac{n(n+1)}{2}",
    r"\int_0^1 x^2 \, dx",
    r"\lim_{x \to 0} \frac{\sin x}{x}",
    r"\log_2 8 + \ln e",
    r"n! \binom{n}{k}",
    r"|x-1| \lfloor y \rfloor",
    "9^{9^{9^9}}",
    r"0.\overline{142857}",
    "1e400",
    "6.02 \\times 10^{23}",
    "x = 5 or x = -2",
    "答案是 42。",
    "<think> a </think> <answer> 42 </answer>",
    r"so the answer is $\boxed{42}$.",
    "#### 1,250",
    "**Answer:** B",
    "```python\nprint(1)\n```",
    "Wait, let me check. 等等，我再想想。",
    "no solution",
    r"\{x \mid x > 2\}",
    r"\gcd(12, 18)",
    r"\left(\frac{3}{4}, -1\right)",
    "1/0",
    r"\cos^{-1}(1/2)",
];
const PIECES: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "|",
    "\\{",
    "\\}",
    "$",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "^",
    "_",
    "^{",
    "_{",
    "\\frac",
    "\\sqrt",
    "\\boxed{",
    "\\text{",
    "\\left",
    "\\right",
    "\\begin{matrix}",
    "\\end{matrix}",
    "&",
    "\\\\",
    "\\",
    ",",
    ";",
    ":",
    "=",
    "<",
    ">",
    "\\le",
    "!",
    "%",
    "/",
    "*",
    "-",
    "+",
    "\\pm",
    "\\cup",
    "\\infty",
    "\\pi",
    "9",
    "0",
    ".",
    "e",
    "i",
    "x",
    "and ",
    "or ",
    " ",
    "\n",
    "\t",
    "\u{200b}",
    "\u{202e}",
    "\u{feff}",
    "½",
    "²",
    "√",
    "∞",
    "的",
    "か",
    "한",
    "д",
    "é",
    "🙂",
    "\u{0}",
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<ans",
    "answer is ",
    "####",
    "\\phantom{",
    "\\newcommand",
    "\\choose",
    "\\over",
    "\\overline{",
    "\\sin",
    "\\log_",
    "\\sum_{",
    "\\circ",
    "999999999999999999999999",
    "1e9",
    "0.0000001",
    "A",
    "B",
    "not ",
    "Wait",
];

/// xorshift64* (Vigna 2016): the same inputs for the same seed everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides.max(1)
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.roll(items.len())]
    }

    /// A range of `text` that ends at character boundaries.
    fn range(&mut self, text: &str) -> std::ops::Range<usize> {
        let (a, b) = (self.roll(text.len() + 1), self.roll(text.len() + 1));
        text.floor_char_boundary(a.min(b))..text.floor_char_boundary(a.max(b))
    }

    fn input(&mut self) -> String {
        let mut text = self.pick(SEEDS).to_owned();
        for _ in 0..self.roll(8) {
            let range = self.range(&text);
            match self.roll(8) {
                0 => text.insert_str(range.start, self.pick(SEEDS)),
                1..=3 => text.insert_str(range.start, self.pick(PIECES)),
                4 => text.replace_range(range, ""),
                5 => {
                    let times = 1 << self.roll(12);
                    let part =
                        text[range.clone()].repeat(times.min(MAX_BYTES / range.len().max(1)));
                    text.insert_str(range.start, &part);
                }
                6 => {
                    let byte = self.roll(256) as u8;
                    let lossy = String::from_utf8_lossy(&[byte]).into_owned();
                    text.replace_range(range, &lossy);
                }
                _ => text = format!("{}{text}{}", self.pick(PIECES), self.pick(PIECES)),
            }
            text.truncate(text.floor_char_boundary(MAX_BYTES));
        }
        text
    }
}

/// Every rule on one pair.
fn check(gold: &str, text: &str, dice: &mut Dice) {
    let policy = Policy::default();
    for template in [Template::None, Template::R1Zero, Template::Boxed] {
        let _ = verify(Gold(gold), Prediction(text), template, &policy);
        let _ = choice::verify(Gold("B"), Prediction(text), template, &policy);
        let _ = exact::verify(Gold(gold), Prediction(text), template);
        let _ = judge(&Problem::countdown("", "", vec![1, 2, 3], "6"), text, template);
        let _ = extract_program(text, template);
    }
    let _ = format_free_correct(&Problem::number("", "", "42"), text);
    for rule in [FormatRule::Strict, FormatRule::TagCount, FormatRule::ThinkOnly] {
        let score = rule.judge(text).score;
        assert!((0.0..=1.0).contains(&score), "format {score}");
    }
    let whole = FormatRule::Strict.judge(text).score == 1.0;
    let mut machine = TagMachine::new();
    let cut = text.floor_char_boundary(dice.roll(text.len() + 1));
    machine.push(&text[..cut], |_| {});
    machine.push(&text[cut..], |_| {});
    assert_eq!(machine.finish(|_| {}).valid, whole, "a stream and the whole text");
    for language in [Language::En, Language::Zh] {
        let share = language_share(text, language);
        assert!((0.0..=1.0).contains(&share), "language {share}");
    }
    let share = RepetitionRule::default().share(text);
    assert!((0.0..=1.0).contains(&share), "repetition {share}");
    let _ = reflection_count(text);
}

fn run(seed: u64, time: Duration) -> (u64, Duration) {
    let (start, mut dice) = (Instant::now(), Dice(seed | 1));
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while start.elapsed() < time {
        let (gold, text) = (dice.input(), dice.input());
        let clock = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| check(&gold, &text, &mut dice)));
        // About twenty checks; each has the budget.
        let took = clock.elapsed();
        assert!(result.is_ok(), "a panic with gold {gold:?} and text {text:?}");
        assert!(took < 20 * MAX_TIME, "{took:?} with gold {gold:?} and text {text:?}");
        slowest = slowest.max(took);
        count += 1;
    }
    (count, slowest)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn mutated_answers_never_panic_and_end_in_time() {
    let (count, slowest) = run(7, Duration::from_secs(2));
    println!("fuzz inputs={count} slowest={slowest:?}");
}

/// Once half a second: each power was multiplied into a longer fraction that was then reduced.
#[test]
fn powers_of_ten_in_a_row_are_paid_for() {
    let gold = format!("6.02{}", r" \times 10^{23}".repeat(1_200));
    let begun = Instant::now();
    let _ = verify(Gold(&gold), Prediction("1"), Template::None, &Policy::default());
    assert!(begun.elapsed() < 2 * MAX_TIME, "{:?}", begun.elapsed());
}

/// Once expanded for ever: a sign inside a union inside a tuple.
#[test]
fn signs_inside_unions_inside_tuples_are_expanded_once() {
    let (gold, text) = (r"(\{1\} \cup \{\pm 2\}, 3)", r"(\{1\} \cup \{\pm 5\}, 3)");
    let judged = verify(Gold(gold), Prediction(text), Template::None, &Policy::default());
    assert!(judged.is_ok_and(|judgement| !judgement.verdict.is_correct()));
}

#[test]
#[ignore = "long: THINKLING_FUZZ_SECONDS on each core"]
fn mutated_answers_never_panic_for_long() {
    let seconds = number("THINKLING_FUZZ_SECONDS").unwrap_or(60);
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = number("THINKLING_FUZZ_SEED").unwrap_or(clock.map_or(1, |c| c.as_secs()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    println!("seed {seed}");
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                let seed = seed.wrapping_add(core.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                scope.spawn(move || run(seed, Duration::from_secs(seconds)))
            })
            .collect();
        for worker in workers {
            let (count, slowest) = worker.join().expect("no check fails");
            println!("fuzz inputs={count} slowest={slowest:?}");
        }
    });
}
