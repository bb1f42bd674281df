//! Sampled evaluation: accuracy, format and length of a model's answers to held-out problems.

use crate::policy::LearnError;
use crate::rollout::{InProcess, Question, Rollout, RolloutConfig, Scored, Scorer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thinkling_model::Decoder;
use thinkling_reward::answer::outside_answer;
use thinkling_reward::language::WordCounts;
use thinkling_reward::reflection::reflection_count;
use thinkling_reward::repetition::Repetition;
use thinkling_reward::{Completion, FormatRule, Language, Problem};

/// Words in a row that repeat, of which [`Measured::repetition`] counts the share.
pub const REPEATED_WORDS: usize = 10;

/// Which format is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormatReading {
    /// The rule.
    pub rule: FormatRule,
    /// Whether prompts end with `<think>`.
    pub inside_think: bool,
}

impl FormatReading {
    fn holds(self, text: &str) -> bool {
        let judged = match self.inside_think {
            true => self.rule.judge_inside_think(text),
            false => self.rule.judge(text),
        };
        judged.score == 1.0
    }
}

/// What is measured of one completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Whether the answer is right, read as the template says.
    pub correct: bool,
    /// Whether the last number or expression, wherever it stands, is right.
    pub format_free: bool,
    /// Whether the format is kept; never where it was cut.
    pub formatted: bool,
    /// Tokens.
    pub tokens: usize,
    /// Whether it was cut at the token limit.
    pub truncated: bool,
    /// Reflective words.
    pub reflection: usize,
    /// Share of the words outside the answer that are in the problem's language, 1 where there are no
    /// words; `None` where the problem names no language.
    #[serde(default)]
    pub language: Option<f64>,
    /// Share of the text that repeats [`REPEATED_WORDS`] words in a row or more.
    #[serde(default)]
    pub repetition: f64,
}

impl Measured {
    /// Of a scored completion; `format` says which format counts, which the scorer's rules need not
    /// reward.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn of(
        problem: &Problem,
        scored: &Scored,
        scorer: Scorer<'_>,
        format: FormatReading,
    ) -> Result<Self, LearnError> {
        let seen = Completion {
            text: &scored.text,
            truncated: scored.truncated(),
            tokens: Some(scored.completion.ids.len()),
        };
        let correct = scored.record.verdict.is_correct();
        let format_free =
            scorer.rewards.format_free_correct(problem, &scored.text, &scorer.tools)?;
        Ok(Self::of_text(seen, correct, format_free, scored.language, format))
    }

    /// Of a text with both verdicts on its answer and its [`consistency`]; no tokens are none that are
    /// known.
    pub fn of_text(
        seen: Completion<'_>,
        correct: bool,
        format_free: bool,
        language: Option<f64>,
        format: FormatReading,
    ) -> Self {
        Self {
            correct,
            format_free,
            formatted: !seen.truncated && format.holds(seen.text),
            tokens: seen.tokens.unwrap_or(0),
            truncated: seen.truncated,
            reflection: reflection_count(seen.text),
            language,
            repetition: Repetition::of_text(seen.text, REPEATED_WORDS).share(),
        }
    }
}

/// Share of the words outside the answer that are in `language`; 1 where there are none.
pub fn consistency(text: &str, language: Language) -> f64 {
    let words = WordCounts::of(&outside_answer(text));
    if words.total() == 0 { 1.0 } else { words.share(language) }
}

/// Sums over completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Problems.
    pub problems: usize,
    /// Problems that at least one of their completions solved.
    pub solved: usize,
    /// Completions.
    pub completions: usize,
    /// Completions whose answer is right, read as the template says.
    pub correct: usize,
    /// Completions whose last number or expression, wherever it stands, is right.
    pub format_free: usize,
    /// Completions that keep the format.
    pub formatted: usize,
    /// Tokens of all completions.
    pub tokens: usize,
    /// Completions cut at the token limit.
    pub truncated: usize,
    /// Reflective words of all completions.
    #[serde(default)]
    pub reflection: usize,
    /// Completions to problems that name their language.
    #[serde(default)]
    pub of_language: usize,
    /// Shares of words in the problem's language of these.
    #[serde(default)]
    pub language: f64,
    /// Shares of text that repeats of all completions.
    #[serde(default)]
    pub repetition: f64,
}

impl Tally {
    /// Of the answers to one problem.
    pub fn of(answers: &[Measured]) -> Self {
        let count = |f: fn(&Measured) -> bool| answers.iter().filter(|answer| f(answer)).count();
        let correct = count(|a| a.correct);
        Self {
            problems: 1,
            solved: usize::from(correct > 0),
            completions: answers.len(),
            correct,
            format_free: count(|a| a.format_free),
            formatted: count(|a| a.formatted),
            tokens: answers.iter().map(|a| a.tokens).sum(),
            truncated: count(|a| a.truncated),
            reflection: answers.iter().map(|a| a.reflection).sum(),
            of_language: count(|a| a.language.is_some()),
            language: answers.iter().filter_map(|a| a.language).sum(),
            repetition: answers.iter().map(|a| a.repetition).sum(),
        }
    }

    fn share(&self, count: usize) -> f64 {
        count as f64 / self.completions.max(1) as f64
    }

    /// Mean correctness over completions: pass@1 (R1 report, section 3).
    pub fn accuracy(&self) -> f64 {
        self.share(self.correct)
    }

    /// Share of problems with a right completion among the `k` sampled: pass@k, which
    /// [`pass_at`](crate::pass_at) is for as many answers as there are.
    pub fn pass_at_k(&self) -> f64 {
        self.solved as f64 / self.problems.max(1) as f64
    }

    /// Mean correctness when read wherever the answer stands.
    pub fn format_free_accuracy(&self) -> f64 {
        self.share(self.format_free)
    }

    /// Share of completions that keep the format.
    pub fn format(&self) -> f64 {
        self.share(self.formatted)
    }

    /// Mean tokens a completion.
    pub fn mean_tokens(&self) -> f64 {
        self.share(self.tokens)
    }

    /// Share of completions cut at the token limit.
    pub fn truncated_share(&self) -> f64 {
        self.share(self.truncated)
    }

    /// Reflective words a completion.
    pub fn reflective_words(&self) -> f64 {
        self.share(self.reflection)
    }

    /// Mean share of words in the problem's language; `None` where no problem names one.
    pub fn language_consistency(&self) -> Option<f64> {
        (self.of_language > 0).then(|| self.language / self.of_language as f64)
    }

    /// Mean share of text that repeats.
    pub fn repetition(&self) -> f64 {
        self.repetition / self.completions.max(1) as f64
    }

    /// 95 % interval of [`accuracy`](Self::accuracy) (Wilson score; completions of one problem are
    /// not independent, so it is meant for one completion a problem).
    pub fn accuracy_interval(&self) -> (f64, f64) {
        wilson(self.correct, self.completions)
    }

    fn add(&mut self, other: &Self) {
        self.problems += other.problems;
        self.solved += other.solved;
        self.completions += other.completions;
        self.correct += other.correct;
        self.format_free += other.format_free;
        self.formatted += other.formatted;
        self.tokens += other.tokens;
        self.truncated += other.truncated;
        self.reflection += other.reflection;
        self.of_language += other.of_language;
        self.language += other.language;
        self.repetition += other.repetition;
    }
}

/// Wilson's 95 % interval of a share.
fn wilson(successes: usize, trials: usize) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (z, n) = (1.959_964, trials as f64);
    let p = successes as f64 / n;
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// First completion of a problem, for showing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The question.
    pub question: String,
    /// What the model wrote.
    pub text: String,
    /// Whether its answer is right.
    pub correct: bool,
    /// Level of the problem.
    pub level: String,
}

/// The result of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Over all problems.
    pub all: Tally,
    /// By level, where problems have one.
    pub levels: BTreeMap<String, Tally>,
    /// By source, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, Tally>,
    /// The first completion of each problem.
    pub samples: Vec<Sample>,
}

impl Evaluated {
    /// Samples `config.group_size` completions of each of `questions`, reads them and adds them up.
    /// The scorer's rules say how answers are judged, `format` which format is measured. Parts of one
    /// evaluation are asked one after the other: a completion's random stream follows from how many came
    /// before it.
    ///
    /// # Errors
    /// A device that fails, a gold that does not parse.
    pub async fn ask(
        &mut self,
        decoder: &Decoder,
        (scorer, format): (Scorer<'_>, FormatReading),
        questions: &[Question],
        config: &RolloutConfig,
    ) -> Result<(), LearnError> {
        let prompts: Vec<Vec<u32>> = questions.iter().map(|q| q.prompt.clone()).collect();
        let group = config.group_size;
        let stream = (self.all.problems * group) as u64;
        let completions = InProcess.complete(decoder, &prompts, config, stream, |_, _| ()).await?;
        let scored: Vec<Scored> = completions
            .into_iter()
            .map(|completion| scorer.score(completion, questions))
            .collect::<Result<_, _>>()?;
        for (question, answers) in questions.iter().zip(scored.chunks(group)) {
            self.add(question, answers, scorer, format)?;
        }
        Ok(())
    }

    /// Adds what was measured on the questions of another source, which is called so.
    pub fn add_source(&mut self, name: &str, other: Self) {
        self.all.add(&other.all);
        for (level, tally) in other.levels {
            self.levels.entry(level).or_default().add(&tally);
        }
        self.sources.entry(name.to_owned()).or_default().add(&other.all);
        self.samples.extend(other.samples);
    }

    fn add(
        &mut self,
        question: &Question,
        answers: &[Scored],
        scorer: Scorer<'_>,
        format: FormatReading,
    ) -> Result<(), LearnError> {
        let problem = &question.problem;
        let measured: Vec<Measured> = answers
            .iter()
            .map(|answer| Measured::of(problem, answer, scorer, format))
            .collect::<Result<_, _>>()?;
        let tally = Tally::of(&measured);
        self.all.add(&tally);
        let level = problem.level.clone().unwrap_or_default();
        if !level.is_empty() {
            self.levels.entry(level.clone()).or_default().add(&tally);
        }
        if let Some(first) = answers.first() {
            self.samples.push(Sample {
                question: problem.question.clone(),
                text: first.text.clone(),
                correct: first.record.verdict.is_correct(),
                level,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_that_opens_the_thinking_is_part_of_the_format() {
        let reads = |inside_think, text| {
            FormatReading { rule: FormatRule::ThinkOnly, inside_think }.holds(text)
        };
        assert!(reads(true, "so it is </think> 4") && !reads(false, "so it is </think> 4"));
        assert!(reads(false, "<think> so </think> 4") && !reads(true, "4"));
    }

    #[test]
    fn wilson_intervals_of_known_shares() {
        // 8 of 10 by Wilson's formula: 0.490 to 0.943 (Brown, Cai and DasGupta 2001, eq. 4).
        let (low, high) = wilson(8, 10);
        assert!((low - 0.4902).abs() < 1e-3 && (high - 0.9433).abs() < 1e-3, "{low} {high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert_eq!(wilson(0, 20).0, 0.0);
    }
}
