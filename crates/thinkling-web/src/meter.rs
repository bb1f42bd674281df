//! What the rules see in a completion while it is drawn, counted from its token ids: on the GPU that
//! draws them, else by the CPU twin. The rules over the text decide a reward.

use crate::{Bundle, WebError};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::rc::Rc;
use thinkling_engine::{
    Adapter, CountRule, Engine, EngineError, LiveCounts, RewardCounts, RewardMeter, RewardTable,
};
use thinkling_reward::language::WordCounts;
use thinkling_reward::repetition::DEFAULT_NGRAM;
use thinkling_reward::{FormatRule, Language};

/// Seconds between two counts of the same completion; its end is counted whenever it comes.
const PERIOD_S: f64 = 0.05;

/// How completions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MeterOptions {
    /// Whose share of words is told; where it is left out, the language of most words of the question.
    pub language: Option<Language>,
    /// Words of an n-gram.
    pub ngram: u32,
    /// Which format is told of; where it is left out, the one that the model was trained for.
    pub format_rule: Option<FormatRule>,
}

impl Default for MeterOptions {
    fn default() -> Self {
        Self { language: None, ngram: DEFAULT_NGRAM as u32, format_rule: None }
    }
}

/// Whether to count, and how.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum MeterWish {
    /// By the defaults, or not at all.
    Plain(bool),
    /// As they say.
    Options(MeterOptions),
}

impl MeterWish {
    pub(crate) fn options(self) -> Option<MeterOptions> {
        match self {
            Self::Plain(wanted) => wanted.then(MeterOptions::default),
            Self::Options(options) => Some(options),
        }
    }
}

/// Where a completion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Region {
    Outside,
    Think,
    Answer,
}

/// What the rules see in a completion so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meter {
    tokens: usize,
    tags: [u32; 4],
    region: Region,
    format: bool,
    words: u32,
    language: Option<f64>,
    repetition: f64,
    reflective_words: u32,
}

/// What counting needs of a model, made for its first request and kept.
#[derive(Default)]
pub(crate) struct Counter {
    table: Option<Rc<RewardTable>>,
    meter: Option<Rc<RewardMeter>>,
}

impl Counter {
    /// Forgets what was on a GPU that is gone.
    pub(crate) fn forget_gpu(&mut self) {
        self.meter = None;
    }

    fn table(&mut self, bundle: &Bundle) -> Result<Rc<RewardTable>, EngineError> {
        if let Some(table) = &self.table {
            return Ok(table.clone());
        }
        // What ends a completion is not judged.
        let silent = &bundle.checkpoint.config().eos_token_ids;
        let words = thinkling_text::reward_table(&bundle.tokenizer, false, silent);
        Ok(self.table.insert(Rc::new(RewardTable::new(words)?)).clone())
    }

    fn meter(
        &mut self,
        adapter: &Adapter,
        table: &RewardTable,
        (rows, tokens): (usize, usize),
    ) -> Result<Rc<RewardMeter>, EngineError> {
        match &self.meter {
            Some(meter) if meter.has_room(rows, tokens) => Ok(meter.clone()),
            _ => {
                let meter = RewardMeter::new(adapter, table, rows, tokens)?;
                Ok(self.meter.insert(Rc::new(meter)).clone())
            }
        }
    }
}

/// Counts the completions of a request.
pub(crate) struct Metering {
    table: Rc<RewardTable>,
    rule: CountRule,
    language: Option<Language>,
    format_rule: FormatRule,
    clock: Rc<dyn Fn() -> f64>,
    /// When each completion was counted last, where the CPU counts.
    counted_s: Vec<f64>,
    /// What the GPU has counted, and the first completion of those.
    live: Option<(LiveCounts, usize)>,
}

impl Metering {
    /// For so many completions of a question, whose prompt may have opened the thinking.
    pub(crate) fn new(
        counter: &mut Counter,
        bundle: &Bundle,
        options: MeterOptions,
        question: &str,
        (completions, inside_think): (usize, bool),
        clock: Rc<dyn Fn() -> f64>,
    ) -> Result<Self, WebError> {
        Ok(Self {
            table: counter.table(bundle)?,
            rule: CountRule { ngram: options.ngram, inside_think },
            language: options.language.or_else(|| main_language(question)),
            format_rule: options.format_rule.or(bundle.format_rule).unwrap_or_default(),
            clock,
            counted_s: vec![f64::NEG_INFINITY; completions],
            live: None,
        })
    }

    /// Lets the GPU count the completions from `first` on that are begun now; `before` are the tokens
    /// of the first that was broken off.
    pub(crate) fn begin(
        &mut self,
        counter: &mut Counter,
        (engine, adapter): (&mut Engine, Option<&Adapter>),
        (first, count, max_tokens): (usize, usize, usize),
        before: &[u32],
    ) -> Result<(), EngineError> {
        let Some(adapter) = adapter else { return Ok(()) };
        let meter = counter.meter(adapter, &self.table, (count, max_tokens))?;
        let (clock, last) = (self.clock.clone(), Cell::new(f64::NEG_INFINITY));
        let due = move || {
            let now = clock();
            let due = now - last.get() >= PERIOD_S;
            if due {
                last.set(now);
            }
            due
        };
        let live = engine.follow(meter, self.rule, Box::new(due), before)?;
        self.live = live.map(|live| (live, first));
        Ok(())
    }

    /// The meter of a completion after these tokens, where it was counted now or ends.
    pub(crate) fn after(&mut self, completion: usize, ids: &[u32], ends: bool) -> Option<Meter> {
        let counts = match &self.live {
            Some((live, first)) => live.of(completion - first, ids.len()),
            None => {
                let now = (self.clock)();
                let due = ends || now - self.counted_s[completion] >= PERIOD_S;
                if due {
                    self.counted_s[completion] = now;
                }
                due.then(|| self.count(ids))
            }
        };
        let counts = counts.or_else(|| ends.then(|| self.count(ids)))?;
        Some(self.meter(ids.len(), &counts))
    }

    /// The meter of a completion as it ended.
    pub(crate) fn of(&self, ids: &[u32]) -> Meter {
        self.meter(ids.len(), &self.count(ids))
    }

    fn count(&self, ids: &[u32]) -> RewardCounts {
        RewardCounts::of(&self.table, ids, self.rule)
    }

    fn meter(&self, tokens: usize, counts: &RewardCounts) -> Meter {
        let words = counts.words.iter().sum();
        let share = |language: Language| counts.language(language as usize);
        let kept = match self.format_rule {
            FormatRule::ThinkOnly => counts.think_only(),
            FormatRule::TagCount => counts.tag_count(),
            _ => counts.strict(),
        };
        Meter {
            tokens,
            tags: counts.tags,
            region: match counts.region {
                1 => Region::Think,
                2 => Region::Answer,
                _ => Region::Outside,
            },
            format: kept == 1.0,
            words,
            language: self.language.filter(|_| words > 0).map(share),
            repetition: counts.repetition(),
            reflective_words: counts.reflective_words,
        }
    }
}

/// The language of most words of a text; none where there are none.
fn main_language(text: &str) -> Option<Language> {
    let counts = WordCounts::of(text);
    let most = Language::ALL.into_iter().max_by_key(|&language| counts.words(language));
    most.filter(|&language| counts.words(language) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_a_flag_or_options() {
        let read = |json: &str| serde_json::from_str::<MeterWish>(json).map(MeterWish::options);
        assert_eq!(read("true").unwrap(), Some(MeterOptions::default()));
        assert_eq!(read("false").unwrap(), None);
        let options = read(r#"{"language":"zh","ngram":3}"#).unwrap().unwrap();
        assert_eq!((options.language, options.ngram), (Some(Language::Zh), 3));
        assert!(read(r#"{"langauge":"zh"}"#).is_err());
        assert!(read("1").is_err());
    }

    #[test]
    fn a_question_has_the_language_of_most_of_its_words() {
        assert_eq!(main_language("What is 3 + 4?"), Some(Language::En));
        assert_eq!(main_language("计算 3 + 4，再检查 twice"), Some(Language::Zh));
        assert_eq!(main_language("3 + 4"), None);
    }
}
