//! Documents from which the base model of the mini world is pre-trained.
//!
//! A document is a line of facts or a problem of the corpus split with a reply. Replies go about
//! the problem in different ways: a guess, a few steps and then a guess, all steps, all steps with
//! checks and corrections. Some documents put the problem into the R1-Zero template, and of those
//! some keep the format it asks for. That is the undecided mixture from which reinforcement
//! learning selects: the base masters single steps and does not know that they pay.
//!
//! Documents are lines without a line break; the end-of-sequence token is the trainer's.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    WorldError, check_share,
    phrases::Language,
    problem::{LevelMix, MAX_OPERAND, MAX_RESULT, Split, expression, pick},
    reply::{Speaker, reply},
    vocabulary::{TEMPLATE_HEAD, TEMPLATE_TAIL},
};

/// The proportions of the corpus. All fields but `mix` and `facts_a_line` are shares from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorpusConfig {
    /// Levels and languages of the worked problems.
    pub mix: LevelMix,
    /// Lines of facts among all documents.
    pub facts: f64,
    /// Facts on a line of facts.
    pub facts_a_line: usize,
    /// Documents in the R1-Zero template among those with a problem.
    pub template: f64,
    /// Replies that keep the format among those in the template.
    pub format: f64,
    /// Replies to sums that guess at once.
    pub guess: f64,
    /// Wrong ones among the guesses.
    pub guess_wrong: f64,
    /// Replies to sums of three or more terms that make some steps and guess the rest.
    pub rush: f64,
    /// Steps with a wrong result.
    pub slip: f64,
    /// Slips that are noticed at once and corrected.
    pub noticed: f64,
    /// Worked sums that check one of their steps.
    pub check: f64,
    /// Replies to countdown that guess at once.
    pub countdown_guess: f64,
    /// Chances to give up after each countdown try that missed.
    pub give_up: f64,
    /// Replies that think in the language the question was not asked in.
    pub other_language: f64,
    /// Replies that draw the language anew for each phrase.
    pub mixed_language: f64,
}

impl Default for CorpusConfig {
    fn default() -> Self {
        Self {
            mix: LevelMix::default(),
            facts: 0.22,
            facts_a_line: 10,
            template: 0.45,
            format: 0.45,
            guess: 0.4,
            guess_wrong: 0.33,
            rush: 0.15,
            slip: 0.02,
            noticed: 0.5,
            check: 0.15,
            countdown_guess: 0.25,
            give_up: 0.4,
            other_language: 0.1,
            mixed_language: 0.15,
        }
    }
}

impl CorpusConfig {
    /// Checks every share and the mix.
    ///
    /// # Errors
    /// [`WorldError`] names the field that cannot be used.
    pub fn validate(&self) -> Result<(), WorldError> {
        self.mix.validate()?;
        for (field, share) in [
            ("facts", self.facts),
            ("template", self.template),
            ("format", self.format),
            ("guess", self.guess),
            ("guess_wrong", self.guess_wrong),
            ("rush", self.rush),
            ("guess and rush together", self.guess + self.rush),
            ("slip", self.slip),
            ("noticed", self.noticed),
            ("check", self.check),
            ("countdown_guess", self.countdown_guess),
            ("give_up", self.give_up),
            ("other_language", self.other_language),
            ("mixed_language", self.mixed_language),
            (
                "other_language and mixed_language together",
                self.other_language + self.mixed_language,
            ),
        ] {
            check_share(field, share)?;
        }
        Ok(())
    }
}

/// An endless corpus: an iterator over documents, the same for the same configuration and seed.
#[derive(Debug, Clone)]
pub struct Corpus {
    config: CorpusConfig,
    rng: ChaCha8Rng,
}

impl Corpus {
    /// Starts the corpus of a seed.
    ///
    /// # Errors
    /// [`WorldError`] names the field that cannot be used.
    pub fn new(config: CorpusConfig, seed: u64) -> Result<Self, WorldError> {
        config.validate()?;
        Ok(Self { config, rng: ChaCha8Rng::seed_from_u64(seed) })
    }

    /// The next document.
    pub fn document(&mut self) -> String {
        if self.rng.random_bool(self.config.facts) {
            return facts(&mut self.rng, self.config.facts_a_line);
        }
        let problem = self.config.mix.draw(&mut self.rng, Split::Corpus);
        let mut speaker = Speaker::new(&mut self.rng, &self.config, problem.language);
        let (thinking, answer) = reply(&mut speaker, &self.config, &problem.task);
        if speaker.rng.random_bool(self.config.template) {
            let written = templated(&mut speaker, self.config.format, &thinking, &answer);
            format!("{TEMPLATE_HEAD}{}{TEMPLATE_TAIL}{written}", problem.question)
        } else {
            plain(&mut speaker, problem.language, &problem.question, &thinking, &answer)
        }
    }
}

impl Iterator for Corpus {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        Some(self.document())
    }
}

pub(crate) fn facts(rng: &mut impl Rng, count: usize) -> String {
    let facts = (0..count).map(|_| {
        loop {
            let start = rng.random_range(0..=MAX_RESULT);
            let size = rng.random_range(1..=MAX_OPERAND);
            let term = if rng.random_bool(0.5) { size } else { -size };
            if (0..=MAX_RESULT).contains(&(start + term)) {
                break format!("{}={}", expression(&[start, term]), start + term);
            }
        }
    });
    facts.collect::<Vec<_>>().join(", ")
}

/// A reply in the template: in the format asked for, or in one of the ways to miss it.
pub(crate) fn templated(
    speaker: &mut Speaker<'_>,
    format: f64,
    thinking: &str,
    answer: &str,
) -> String {
    if speaker.rng.random_bool(format) {
        return format!("<think>{thinking}</think><answer>{answer}</answer>");
    }
    let said = speaker.say(|phrases| phrases.answer);
    match speaker.rng.random_range(0..6) {
        0 | 1 => format!("{thinking}{said}{answer}"),
        2 => format!("<answer>{answer}</answer>"),
        3 => format!("<think>{thinking}</think>{answer}"),
        4 => format!("<think>{thinking}<answer>{answer}</answer>"),
        _ => format!("<think>{thinking}{said}{answer}"),
    }
}

pub(crate) fn plain(
    speaker: &mut Speaker<'_>,
    language: Language,
    question: &str,
    thinking: &str,
    answer: &str,
) -> String {
    let asked = language.phrases();
    let ask = pick(speaker.rng, asked.ask);
    let reply = pick(speaker.rng, asked.reply);
    let said = speaker.say(|phrases| phrases.answer);
    format!("{ask}{question}{reply}{thinking}{said}{answer}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::world::problem::problems;

    const DOCUMENTS: usize = 20_000;

    fn documents(config: CorpusConfig) -> Vec<String> {
        Corpus::new(config, 11).unwrap().take(DOCUMENTS).collect()
    }

    /// The question of a templated document, without its language or wording.
    fn question(document: &str) -> Option<&str> {
        document.strip_prefix(TEMPLATE_HEAD)?.split(TEMPLATE_TAIL).next()
    }

    #[test]
    fn no_question_of_the_corpus_is_asked_in_rl_or_evaluation() {
        let config = CorpusConfig { template: 1.0, facts: 0.0, ..CorpusConfig::default() };
        let documents = documents(config);
        let asked: BTreeSet<&str> = documents.iter().filter_map(|text| question(text)).collect();
        assert!(asked.len() > DOCUMENTS / 2);
        for split in [Split::Rl, Split::Eval] {
            for problem in problems(split, 5_000, 11, &LevelMix::default()).unwrap() {
                assert!(!asked.contains(problem.question.as_str()), "{}", problem.question);
            }
        }
    }

    #[test]
    fn shares_of_the_configuration_are_kept() {
        let config = CorpusConfig::default();
        let documents = documents(config.clone());
        let templated = documents.iter().filter(|text| question(text).is_some()).count() as f64;
        let kept = documents
            .iter()
            .filter(|text| text.contains("Assistant:<think>") && text.contains("</think><answer>"))
            .count() as f64;
        let of_all = templated / DOCUMENTS as f64;
        // Four standard deviations of a share of 20,000 (9,000) draws are below 0.015 (0.022).
        assert!((of_all - (1.0 - config.facts) * config.template).abs() < 0.015, "{of_all}");
        assert!((kept / templated - config.format).abs() < 0.022);
    }

    #[test]
    fn without_slips_every_equation_of_a_worked_reply_is_right() {
        let config = CorpusConfig { guess: 0.0, rush: 0.0, slip: 0.0, ..CorpusConfig::default() };
        let mut equations = 0;
        for document in documents(config) {
            let body = question(&document).map_or(document.as_str(), |asked| {
                document.split_once(asked).map_or("", |(_, reply)| reply)
            });
            for (place, _) in body.match_indices('=') {
                let left: String = body[..place]
                    .chars()
                    .rev()
                    .take_while(|c| c.is_ascii_digit() || matches!(c, '+' | '-'))
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
                let right: String =
                    body[place + 1..].chars().take_while(char::is_ascii_digit).collect();
                // `12+7=?` of a plain document has no right side.
                let Ok(right) = right.parse::<i32>() else {
                    continue;
                };
                assert_eq!(evaluate(&left), right, "{document}");
                equations += 1;
            }
        }
        assert!(equations > DOCUMENTS);
    }

    fn evaluate(text: &str) -> i32 {
        let mut parts = text.replace('-', "+-");
        if parts.starts_with('+') {
            parts.remove(0);
        }
        parts.split('+').map(|part| part.parse::<i32>().unwrap()).sum()
    }

    #[test]
    fn the_corpus_of_a_seed_is_that_of_the_committed_bases() {
        /// Of the corpus from which `recipes/mini-world-base` was trained.
        const COMMITTED: u64 = 11_433_132_289_347_395_205;
        let text = Corpus::new(CorpusConfig::default(), 1).unwrap().take(2_000);
        assert_eq!(
            crate::world::problem::fixed_hash(&text.collect::<Vec<_>>().join("\n")),
            COMMITTED
        );
    }

    #[test]
    fn a_seed_gives_the_same_corpus() {
        let take = |seed| -> Vec<String> {
            Corpus::new(CorpusConfig::default(), seed).unwrap().take(50).collect()
        };
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
    }

    #[test]
    fn configuration_refuses_what_is_no_share() {
        let config = CorpusConfig { slip: 1.5, ..CorpusConfig::default() };
        assert_eq!(
            Corpus::new(config, 0).unwrap_err(),
            WorldError::Share { field: "slip", value: 1.5 }
        );
        let config = CorpusConfig { guess: 0.7, rush: 0.7, ..CorpusConfig::default() };
        assert!(Corpus::new(config, 0).is_err());
    }

    #[test]
    fn unknown_configuration_keys_are_refused() {
        assert!(serde_json::from_str::<CorpusConfig>(r#"{"slips": 0.1}"#).is_err());
        let config: CorpusConfig = serde_json::from_str(r#"{"slip": 0.1}"#).unwrap();
        assert_eq!(config.slip, 0.1);
        assert_eq!(config.facts, CorpusConfig::default().facts);
    }
}
