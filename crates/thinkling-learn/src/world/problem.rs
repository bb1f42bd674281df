//! Problems of the mini world and the three disjoint splits they fall into.
//!
//! The split is decided by a fixed hash of what the problem is, not how it is asked: of the sorted
//! signed terms of a sum, or of the sorted numbers and the target of a countdown. Seeds, languages,
//! phrasings and the order of the terms cannot move a problem from one split to another.
//!
//! A problem of level 1 is one fact (`7+8`). The corpus states *every* fact `a+b=c` and `a-b=c`
//! with results from 0 to 99, because single facts are the knowledge that longer chains are made of;
//! as a question with an answer, a level 1 problem of the RL or evaluation split is never in the
//! corpus. Level 1 therefore measures recall in the form of an answer, not arithmetic on unseen
//! sums; levels 2 to 5 and countdown measure problems never seen.

use std::collections::BTreeSet;

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{WorldError, check_share, check_weights, draw_weighted, phrases::Language};

/// Largest operand of a problem.
pub const MAX_OPERAND: i32 = 20;
/// Largest partial result; the smallest is 0.
pub const MAX_RESULT: i32 = 99;
/// The level of countdown problems; sums have the levels 1 to 5.
pub const COUNTDOWN_LEVEL: u8 = 6;

/// Which part of the world a problem belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Problems worked in the pre-training corpus, six in ten.
    Corpus,
    /// Problems of reinforcement learning, two in ten.
    Rl,
    /// Problems of evaluation, two in ten.
    Eval,
}

impl Split {
    /// The split of what has this canonical text.
    pub(crate) fn of(canonical: &str) -> Self {
        match fixed_hash(canonical) % 10 {
            0..=5 => Self::Corpus,
            6..=7 => Self::Rl,
            _ => Self::Eval,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum WorldTask {
    /// The value of a chained sum; every partial result lies in `0..=99`.
    Number {
        /// Signed terms in the order of the question; the first is positive.
        terms: Vec<i32>,
        /// The value.
        gold: i32,
    },
    /// An expression with `+` and `-` that uses each number once and has the target as its value.
    Countdown {
        /// Three different numbers in the order of the question.
        numbers: [i32; 3],
        /// The value to reach.
        target: i32,
    },
}

impl WorldTask {
    /// Level of difficulty: 1 to 5 for sums of 2 to 6 terms, 6 for countdown.
    pub fn level(&self) -> u8 {
        match self {
            Self::Number { terms, .. } => (terms.len() - 1) as u8,
            Self::Countdown { .. } => COUNTDOWN_LEVEL,
        }
    }

    /// The text that two problems share exactly if they are the same problem.
    pub fn canonical(&self) -> String {
        match self {
            Self::Number { terms, .. } => {
                let mut terms = terms.clone();
                terms.sort_unstable();
                format!("number {terms:?}")
            }
            Self::Countdown { numbers, target } => {
                let mut numbers = *numbers;
                numbers.sort_unstable();
                format!("countdown {numbers:?} {target}")
            }
        }
    }

    /// The split of this problem.
    pub fn split(&self) -> Split {
        Split::of(&self.canonical())
    }
}

/// A problem with its wording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldProblem {
    /// The question as it is asked, without a template.
    pub question: String,
    /// What is asked.
    #[serde(flatten)]
    pub task: WorldTask,
    /// Level of difficulty, 1 to 5 for sums of 2 to 6 terms, 6 for countdown.
    pub level: u8,
    /// The question's language.
    pub language: Language,
}

impl WorldProblem {
    /// The problem as the rewards take it. The id is the canonical text and the language; the level
    /// is `1` to `5` for sums and `countdown`.
    pub fn to_problem(&self) -> thinkling_reward::Problem {
        use thinkling_reward::{Problem, Task};
        let (task, level) = match &self.task {
            WorldTask::Number { gold, .. } => {
                (Task::Number { gold: gold.to_string() }, self.level.to_string())
            }
            WorldTask::Countdown { numbers, target } => {
                let numbers = numbers.iter().copied().map(i64::from).collect();
                (Task::Countdown { numbers, target: target.to_string() }, "countdown".to_owned())
            }
        };
        let (language, tag) = match self.language {
            Language::En => (thinkling_reward::Language::En, "en"),
            Language::Zh => (thinkling_reward::Language::Zh, "zh"),
        };
        let id = format!("{} {tag}", self.task.canonical());
        let mut problem = Problem::new(id, &self.question, task);
        problem.level = Some(level);
        problem.language = Some(language);
        problem
    }
}

/// How often each kind of problem and language occurs; weights need not sum to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LevelMix {
    /// Weights of the levels 1 to 5.
    pub sums: [f64; 5],
    /// Weight of countdown.
    pub countdown: f64,
    /// Share of English questions; the others are Chinese.
    pub english: f64,
}

impl Default for LevelMix {
    fn default() -> Self {
        Self { sums: [0.15, 0.25, 0.25, 0.15, 0.1], countdown: 0.1, english: 0.6 }
    }
}

impl LevelMix {
    /// Checks that there is something to draw.
    ///
    /// # Errors
    /// [`WorldError`] names the field that cannot be used.
    pub fn validate(&self) -> Result<(), WorldError> {
        check_weights("sums and countdown", &self.weights())?;
        check_share("english", self.english)
    }

    fn weights(&self) -> [f64; 6] {
        let [one, two, three, four, five] = self.sums;
        [one, two, three, four, five, self.countdown]
    }

    /// Draws a problem of the split; the mix was validated.
    pub(crate) fn draw(&self, rng: &mut impl Rng, split: Split) -> WorldProblem {
        let level = draw_weighted(rng, &self.weights());
        let task = loop {
            let task = if level < 5 { draw_sum(rng, level + 2) } else { draw_countdown(rng) };
            if task.split() == split {
                break task;
            }
        };
        let language = if rng.random_bool(self.english) { Language::En } else { Language::Zh };
        WorldProblem { question: ask(rng, &task, language), level: task.level(), task, language }
    }
}

/// `count` problems of a split, the same for the same arguments.
///
/// No problem occurs twice in one language as long as there are unseen ones left: a kind of which
/// 64 draws in a row were known is allowed to repeat itself (level 1 has a few hundred problems).
///
/// # Errors
/// [`WorldError`] where the mix cannot be drawn from.
pub fn problems(
    split: Split,
    count: usize,
    seed: u64,
    mix: &LevelMix,
) -> Result<Vec<WorldProblem>, WorldError> {
    mix.validate()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut seen = BTreeSet::new();
    let mut known_in_a_row = 0;
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count {
        let problem = mix.draw(&mut rng, split);
        let new = seen.insert((problem.task.canonical(), problem.language == Language::En));
        if new || known_in_a_row >= 64 {
            known_in_a_row = 0;
            drawn.push(problem);
        } else {
            known_in_a_row += 1;
        }
    }
    Ok(drawn)
}

/// FNV-1a with 64 bits, its bits mixed once more so that a remainder uses all of them.
pub(crate) fn fixed_hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

fn draw_sum(rng: &mut impl Rng, operands: usize) -> WorldTask {
    let mut gold = rng.random_range(1..=MAX_OPERAND);
    let mut terms = vec![gold];
    while terms.len() < operands {
        let size = rng.random_range(1..=MAX_OPERAND);
        let term = if rng.random_bool(0.5) { size } else { -size };
        if (0..=MAX_RESULT).contains(&(gold + term)) {
            gold += term;
            terms.push(term);
        }
    }
    WorldTask::Number { terms, gold }
}

fn draw_countdown(rng: &mut impl Rng) -> WorldTask {
    loop {
        let mut numbers = [0; 3].map(|_| rng.random_range(1..=MAX_OPERAND));
        if numbers[0] == numbers[1] || numbers[0] == numbers[2] || numbers[1] == numbers[2] {
            continue;
        }
        let ways = arrangements(numbers);
        let target = ways[rng.random_range(0..ways.len())].iter().sum();
        numbers.shuffle(rng);
        return WorldTask::Countdown { numbers, target };
    }
}

/// All ways to chain three numbers with `+` and `-`, first term positive, partial results 0 to 99.
pub(crate) fn arrangements(numbers: [i32; 3]) -> Vec<[i32; 3]> {
    let mut ways = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for signs in [[1, 1], [1, -1], [-1, 1], [-1, -1]] {
            let [first, second, third] = order.map(|index| numbers[index]);
            let way = [first, signs[0] * second, signs[1] * third];
            let partial = way[0] + way[1];
            if (0..=MAX_RESULT).contains(&partial) && (0..=MAX_RESULT).contains(&(partial + way[2]))
            {
                ways.push(way);
            }
        }
    }
    ways
}

/// Writes signed terms as an expression: `[12, 7, -3]` is `12+7-3`.
pub fn expression(terms: &[i32]) -> String {
    let mut text = String::new();
    for (index, term) in terms.iter().enumerate() {
        if index > 0 && *term >= 0 {
            text.push('+');
        }
        text.push_str(&term.to_string());
    }
    text
}

fn ask(rng: &mut impl Rng, task: &WorldTask, language: Language) -> String {
    let phrases = language.phrases();
    match task {
        WorldTask::Number { terms, .. } => {
            pick(rng, phrases.sum_questions).replace("{expression}", &expression(terms))
        }
        WorldTask::Countdown { numbers, target } => {
            let numbers = numbers.map(|number| number.to_string()).join(pick(rng, phrases.comma));
            pick(rng, phrases.countdown_questions)
                .replace("{numbers}", &numbers)
                .replace("{target}", &target.to_string())
        }
    }
}

/// One phrase of a table, which is never empty.
pub(crate) fn pick<'a>(rng: &mut impl Rng, table: &[&'a str]) -> &'a str {
    table[rng.random_range(0..table.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: usize = 6_000;

    fn canonicals(split: Split, seed: u64) -> BTreeSet<String> {
        let mix = LevelMix::default();
        let drawn = problems(split, SAMPLE, seed, &mix).unwrap();
        drawn.iter().map(|problem| problem.task.canonical()).collect()
    }

    #[test]
    fn splits_share_no_problem_whatever_the_seed_and_language() {
        // The same seed in each split is the worst case: equal streams, told apart by the hash.
        for (first, second) in
            [(Split::Corpus, Split::Rl), (Split::Corpus, Split::Eval), (Split::Rl, Split::Eval)]
        {
            for seeds in [(1, 1), (1, 2)] {
                let (first, second) = (canonicals(first, seeds.0), canonicals(second, seeds.1));
                assert!(first.len() > SAMPLE / 2);
                assert!(first.is_disjoint(&second));
            }
        }
    }

    #[test]
    fn order_of_terms_does_not_change_the_split() {
        let one = WorldTask::Number { terms: vec![3, 5, -2], gold: 6 };
        let other = WorldTask::Number { terms: vec![5, -2, 3], gold: 6 };
        assert_eq!(one.canonical(), other.canonical());
        let one = WorldTask::Countdown { numbers: [3, 5, 2], target: 6 };
        let other = WorldTask::Countdown { numbers: [2, 3, 5], target: 6 };
        assert_eq!(one.split(), other.split());
    }

    #[test]
    fn hash_is_fixed_for_ever() {
        // FNV-1a of "a" is published as af63dc4c8601ec8c; the rest is the documented mixing.
        let published = 0xaf63_dc4c_8601_ec8c_u64;
        let mixed = (published ^ (published >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        assert_eq!(fixed_hash("a"), mixed ^ (mixed >> 33));
    }

    #[test]
    fn every_problem_obeys_the_bounds_and_has_a_solution() {
        for problem in problems(Split::Rl, 3_000, 7, &LevelMix::default()).unwrap() {
            assert_eq!(problem.level, problem.task.level());
            assert_eq!(problem.task.split(), Split::Rl);
            match &problem.task {
                WorldTask::Number { terms, gold } => {
                    assert!((2..=6).contains(&terms.len()));
                    let mut value = 0;
                    for term in terms {
                        assert!((1..=20).contains(&term.abs()));
                        value += term;
                        assert!((0..=99).contains(&value));
                    }
                    assert_eq!(value, *gold);
                    assert!(problem.question.contains(&expression(terms)));
                }
                WorldTask::Countdown { numbers: [a, b, c], target } => {
                    assert!(a != b && a != c && b != c);
                    let reachable = [a + b + c, a + b - c, a - b + c, b + c - a];
                    let two_away = [a - b - c, b - a - c, c - a - b];
                    assert!(reachable.contains(target) || two_away.contains(target));
                }
            }
        }
    }

    #[test]
    fn rewards_accept_a_worked_answer_and_refuse_another() {
        use thinkling_reward::{Completion, RewardSpec, reward};
        let total = |problem: &WorldProblem, answer: &str| {
            let text = format!("<think>so</think><answer>{answer}</answer>");
            let spec = RewardSpec::default();
            reward(&problem.to_problem(), &Completion::whole(&text), &spec).unwrap().total
        };
        for problem in problems(Split::Eval, 500, 9, &LevelMix::default()).unwrap() {
            let right = match &problem.task {
                WorldTask::Number { terms, .. } => terms.iter().sum::<i32>().to_string(),
                WorldTask::Countdown { numbers, target } => {
                    let ways = arrangements(*numbers);
                    expression(ways.iter().find(|way| way.iter().sum::<i32>() == *target).unwrap())
                }
            };
            assert_eq!(total(&problem, &right), 2.0, "{problem:?}");
            assert_eq!(total(&problem, &format!("{right}+1")), 1.0);
        }
        let one = WorldProblem {
            question: "3+5=?".to_owned(),
            task: WorldTask::Number { terms: vec![5, 3], gold: 8 },
            level: 1,
            language: Language::Zh,
        };
        let problem = one.to_problem();
        assert_eq!(
            (problem.id.as_str(), problem.level.as_deref()),
            ("number [3, 5] zh", Some("1"))
        );
    }

    #[test]
    fn expression_joins_signed_terms() {
        assert_eq!(expression(&[12, 7, -3]), "12+7-3");
        assert_eq!(expression(&[5]), "5");
    }

    #[test]
    fn the_same_seed_gives_the_same_problems_and_another_seed_others() {
        let mix = LevelMix::default();
        let first = problems(Split::Eval, 50, 3, &mix).unwrap();
        assert_eq!(first, problems(Split::Eval, 50, 3, &mix).unwrap());
        assert_ne!(first, problems(Split::Eval, 50, 4, &mix).unwrap());
    }

    #[test]
    fn more_problems_than_exist_are_drawn_with_repeats() {
        let mix = LevelMix { sums: [1.0, 0.0, 0.0, 0.0, 0.0], countdown: 0.0, english: 1.0 };
        assert_eq!(problems(Split::Eval, 500, 1, &mix).unwrap().len(), 500);
    }
}
