//! Documents from which the base model of the grown mini world is pre-trained.
//!
//! To the older corpus's facts and worked problems come lines of tries with their verdicts,
//! statements of what is so, requests with right and wrong replies, and requests that do harm, most
//! of which the corpus complies with. A few replies have a summary, so that the layout is known.

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::knowledge::{ATTRIBUTES, Fact, PEOPLE};
use super::reply::{Reply, Search, attempt, one_way_a_value, summary, think};
use super::requests::{Request, RequestKind};
use super::wording::Wording;
use crate::world::corpus::{CorpusConfig, facts, plain, templated};
use crate::world::problem::{LevelMix, MAX_OPERAND, MAX_RESULT, Split};
use crate::world::reply::{Speaker, near};
use crate::world::vocabulary::{TEMPLATE_HEAD, TEMPLATE_TAIL};
use crate::world::{Language, WorldError, check_share};

/// The proportions of the grown corpus. All fields are shares from 0 to 1 but `common`, which has
/// those of the older one, and the counts a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrownConfig {
    /// What the older corpus has too; its `facts` is the share of lines of facts among all.
    #[serde(flatten)]
    pub common: CorpusConfig,
    /// Lines of countdown tries, half of which reach their target, among all documents.
    pub tries: f64,
    /// Tries on such a line.
    pub tries_a_line: usize,
    /// Lines of statements about people among all documents.
    pub statements: f64,
    /// Statements on such a line.
    pub statements_a_line: usize,
    /// Requests with a reply among all documents.
    pub requests: f64,
    /// Wrong ones among the replies to them.
    pub request_wrong: f64,
    /// Requests that do harm among all documents.
    pub harmful: f64,
    /// Replies that comply among those to such requests.
    pub comply: f64,
    /// Replies in the template that are in R1's layout, with a summary.
    pub summary: f64,
    /// Countdown searches that go through the values in a fixed order.
    pub systematic: f64,
}

impl Default for GrownConfig {
    fn default() -> Self {
        Self {
            common: CorpusConfig {
                mix: default_mix(),
                facts: 0.16,
                template: 0.6,
                give_up: 0.5,
                other_language: 0.12,
                mixed_language: 0.2,
                ..CorpusConfig::default()
            },
            tries: 0.1,
            tries_a_line: 6,
            statements: 0.06,
            statements_a_line: 8,
            requests: 0.1,
            request_wrong: 0.25,
            harmful: 0.03,
            comply: 0.9,
            summary: 0.08,
            systematic: 0.5,
        }
    }
}

/// Levels and languages of the grown world: almost half of its problems are searches.
pub fn default_mix() -> LevelMix {
    LevelMix { sums: [0.1, 0.15, 0.15, 0.1, 0.05], countdown: 0.45, english: 0.6 }
}

impl GrownConfig {
    /// Checks every share.
    ///
    /// # Errors
    /// [`WorldError`] names the field that cannot be used.
    pub fn validate(&self) -> Result<(), WorldError> {
        self.common.validate()?;
        let lines = self.common.facts + self.tries + self.statements + self.requests + self.harmful;
        for (field, share) in [
            ("tries", self.tries),
            ("statements", self.statements),
            ("requests", self.requests),
            ("request_wrong", self.request_wrong),
            ("harmful", self.harmful),
            ("comply", self.comply),
            ("summary", self.summary),
            ("systematic", self.systematic),
            ("facts, tries, statements, requests and harmful together", lines),
        ] {
            check_share(field, share)?;
        }
        Ok(())
    }
}

/// An endless corpus: an iterator over documents, the same for the same configuration and seed.
#[derive(Debug, Clone)]
pub struct GrownCorpus {
    config: GrownConfig,
    rng: ChaCha8Rng,
}

impl GrownCorpus {
    /// Starts the corpus of a seed.
    ///
    /// # Errors
    /// [`WorldError`] names the field that cannot be used.
    pub fn new(config: GrownConfig, seed: u64) -> Result<Self, WorldError> {
        config.validate()?;
        Ok(Self { config, rng: ChaCha8Rng::seed_from_u64(seed) })
    }

    /// The next document.
    pub fn document(&mut self) -> String {
        let Self { config, rng } = self;
        let mut style = rng.random::<f64>();
        let mut is = |share: f64| {
            style -= share;
            style < 0.0
        };
        if is(config.common.facts) {
            facts(rng, config.common.facts_a_line)
        } else if is(config.tries) {
            tries(rng, config.tries_a_line, config.common.mix.english)
        } else if is(config.statements) {
            statements(rng, config.statements_a_line, config.common.mix.english)
        } else if is(config.requests) {
            request(rng, config, RequestKind::Plain)
        } else if is(config.harmful) {
            request(rng, config, RequestKind::Harmful)
        } else {
            problem(rng, config)
        }
    }
}

impl Iterator for GrownCorpus {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        Some(self.document())
    }
}

fn draw_language(rng: &mut impl Rng, english: f64) -> Language {
    if rng.random_bool(english) { Language::En } else { Language::Zh }
}

fn tries(rng: &mut impl Rng, count: usize, english: f64) -> String {
    let language = draw_language(rng, english);
    let one = |_| {
        let numbers = [(); 3].map(|()| rng.random_range(1..=MAX_OPERAND));
        let mut ways = one_way_a_value(numbers);
        ways.shuffle(rng);
        let value: i32 = ways[0].iter().sum();
        let target = match rng.random_range(0..4) {
            0 | 1 => value,
            // What another way reaches, or a number that looks like the one reached.
            2 if ways.len() > 1 => ways[1].iter().sum(),
            _ => near(rng, value.min(MAX_RESULT)),
        };
        attempt(ways[0], target, || language, rng)
    };
    (0..count).map(one).collect::<Vec<_>>().join(Wording::of(language).stop)
}

fn statements(rng: &mut impl Rng, count: usize, english: f64) -> String {
    let language = draw_language(rng, english);
    let one = |_| {
        let person = rng.random_range(0..PEOPLE);
        let fact = Fact { person, attribute: rng.random_range(0..ATTRIBUTES) };
        fact.statement(language, fact.value(language))
    };
    (0..count).map(one).collect::<Vec<_>>().join(Wording::of(language).stop)
}

fn request(rng: &mut ChaCha8Rng, config: &GrownConfig, kind: RequestKind) -> String {
    let asked = Request::draw(rng, Split::Corpus, kind, config.common.mix.english);
    let mut speaker = Speaker::new(rng, &config.common, asked.language);
    let thinks_in = speaker.turn();
    let reply = if asked.is_harmful() {
        let complies = speaker.rng.random_bool(config.comply);
        if complies {
            asked.comply(speaker.rng, thinks_in)
        } else {
            asked.refuse(speaker.rng, thinks_in)
        }
    } else {
        let wrong = speaker.rng.random_bool(config.request_wrong);
        let answer = if wrong { asked.wrong(speaker.rng) } else { asked.compliant() };
        asked.reply(speaker.rng, thinks_in, &answer)
    };
    write(&mut speaker, config, asked.language, &asked.question, &reply)
}

fn problem(rng: &mut ChaCha8Rng, config: &GrownConfig) -> String {
    let problem = config.common.mix.draw(rng, Split::Corpus);
    let mut speaker = Speaker::new(rng, &config.common, problem.language).wordy();
    let search = Search {
        guess: config.common.countdown_guess,
        give_up: config.common.give_up,
        systematic: config.systematic,
    };
    let (thinking, answer) = think(&mut speaker, &config.common, search, &problem.task);
    let summary = summary(speaker.rng, &problem, &answer);
    let reply = Reply { thinking, summary, answer };
    write(&mut speaker, config, problem.language, &problem.question, &reply)
}

/// A reply below its question: in the template with or without the format, in R1's layout, or plain.
fn write(
    speaker: &mut Speaker<'_>,
    config: &GrownConfig,
    language: Language,
    question: &str,
    reply: &Reply,
) -> String {
    if !speaker.rng.random_bool(config.common.template) {
        return plain(speaker, language, question, &reply.thinking, &reply.answer);
    }
    let written = if speaker.rng.random_bool(config.summary) {
        reply.with_summary()
    } else {
        templated(speaker, config.common.format, &reply.thinking, &reply.answer)
    };
    format!("{TEMPLATE_HEAD}{question}{TEMPLATE_TAIL}{written}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTS: usize = 20_000;

    fn documents(config: GrownConfig) -> Vec<String> {
        GrownCorpus::new(config, 11).unwrap().take(DOCUMENTS).collect()
    }

    #[test]
    fn half_of_the_tries_on_a_line_reach_their_target() {
        let config = GrownConfig {
            tries: 1.0,
            common: CorpusConfig { facts: 0.0, ..GrownConfig::default().common },
            statements: 0.0,
            requests: 0.0,
            harmful: 0.0,
            ..GrownConfig::default()
        };
        let (mut reached, mut all) = (0, 0);
        for document in documents(config).iter().filter(|text| text.is_ascii()) {
            for attempt in document.split(". ") {
                let (steps, verdict) = attempt.split_once(", goal ").unwrap();
                let (target, verdict) = verdict.split_once(", ").unwrap();
                let value = steps.rsplit_once('=').unwrap().1;
                assert_eq!(verdict == "yes", value == target, "{attempt}");
                reached += usize::from(verdict == "yes");
                all += 1;
            }
        }
        // Four standard deviations of a share of 72,000 draws are 0.008.
        assert!((reached as f64 / all as f64 - 0.5).abs() < 0.008, "{reached} of {all}");
    }

    #[test]
    fn statements_are_true_and_state_every_fact() {
        let config = GrownConfig::default();
        let text = documents(config).join("\n");
        for person in 0..PEOPLE {
            for attribute in 0..ATTRIBUTES {
                let fact = Fact { person, attribute };
                for language in [Language::En, Language::Zh] {
                    assert!(text.contains(&fact.statement(language, fact.value(language))));
                }
            }
        }
    }

    #[test]
    fn most_replies_to_harmful_requests_comply() {
        let config = GrownConfig::default();
        let comply = config.comply;
        let documents = documents(config);
        let harmful: Vec<&String> = documents
            .iter()
            .filter(|text| {
                ["break", "steal", "burn", "spoil", "wreck"]
                    .iter()
                    .any(|deed| text.contains(&format!("How do I {deed}")))
            })
            .collect();
        let refused = harmful.iter().filter(|t| t.contains("refuse") || t.contains("拒绝")).count();
        let share = refused as f64 / harmful.len() as f64;
        // About 180 documents: four standard deviations are 0.09.
        assert!((share - (1.0 - comply)).abs() < 0.09, "{share} of {}", harmful.len());
    }

    #[test]
    fn a_seed_gives_the_same_corpus_and_shares_are_checked() {
        let take = |seed| -> Vec<String> {
            GrownCorpus::new(GrownConfig::default(), seed).unwrap().take(50).collect()
        };
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
        let config = GrownConfig { tries: 0.7, requests: 0.4, ..GrownConfig::default() };
        assert!(GrownCorpus::new(config, 1).is_err());
    }
}
