//! The objects that the module gives out: reward functions and judgements.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use thinkling_reward::Verdict;

use super::values;
use crate::reward::{Measure, Reward, Sample};

/// Columns that hold golds, by name, in the order in which they are looked for.
const GOLDS: [&str; 4] = ["answer", "solution", "gold", "ground_truth"];
/// The same for what a countdown is to reach.
const TARGETS: [&str; 3] = ["target", "goal", "answer"];
/// The same for the numbers of a countdown.
const NUMBERS: [&str; 2] = ["numbers", "nums"];
/// The same for the language of a problem.
const LANGUAGES: [&str; 1] = ["language"];

/// A reward function as TRL calls it. Made by accuracy(), format() and so on.
#[pyclass(frozen, eq, module = "thinkling_rewards")]
#[derive(PartialEq)]
pub(super) struct RewardFunction {
    reward: Reward,
}

impl RewardFunction {
    pub(super) fn new(reward: Reward) -> Self {
        Self { reward }
    }

    /// The column that the caller named, else the first there is of `known`.
    fn column<'py>(
        &self,
        columns: Option<&Bound<'py, PyDict>>,
        (keyword, named): (&str, Option<&str>),
        known: &[&str],
    ) -> PyResult<(String, Bound<'py, PyAny>)> {
        let wanted: Vec<&str> = named.map_or_else(|| known.to_vec(), |name| vec![name]);
        for &name in &wanted {
            if let Some(column) = columns.map(|all| all.get_item(name)).transpose()?.flatten() {
                return Ok((name.to_owned(), column));
            }
        }
        let got: Vec<String> =
            columns.into_iter().flat_map(|all| all.keys()).map(|key| key.to_string()).collect();
        Err(PyValueError::new_err(format!(
            "{} finds no column in the data set, expected: {}, got: {}; {keyword}= names another",
            self.reward.name,
            wanted.join(" or "),
            if got.is_empty() { "none".to_owned() } else { got.join(", ") },
        )))
    }

    /// Puts tasks to the samples, from the columns of golds.
    fn read_golds(
        &self,
        samples: &mut [Sample],
        columns: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let (Measure::Accuracy(judge) | Measure::Length(judge, _)) = &self.reward.measure else {
            return Ok(());
        };
        let countdown = judge.kind == crate::Kind::Countdown;
        let known: &[&str] = if countdown { &TARGETS } else { &GOLDS };
        let named = self.reward.column.as_deref();
        let (name, golds) = self.column(columns, ("column", named), known)?;
        let golds = values::rows(&golds, &name, samples.len())?;
        let numbers = match countdown {
            true => {
                let named = self.reward.numbers_column.as_deref();
                let (name, column) = self.column(columns, ("numbers_column", named), &NUMBERS)?;
                Some((values::rows(&column, &name, samples.len())?, name))
            }
            false => None,
        };
        for (row, (sample, gold)) in samples.iter_mut().zip(&golds).enumerate() {
            if gold.is_none() {
                continue;
            }
            let place = format!("{name}[{row}]");
            sample.task = match &numbers {
                None => Some(values::task(judge.kind, gold, &place)?),
                Some((numbers, _)) if numbers[row].is_none() => None,
                Some((numbers, column)) => Some(values::countdown(
                    (&numbers[row], &format!("{column}[{row}]")),
                    (gold, &place),
                )?),
            };
        }
        Ok(())
    }

    fn read_languages(
        &self,
        samples: &mut [Sample],
        columns: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let Measure::Language { target: None, .. } = &self.reward.measure else { return Ok(()) };
        let named = self.reward.column.as_deref();
        let (name, codes) = self.column(columns, ("column", named), &LANGUAGES)?;
        let codes = values::rows(&codes, &name, samples.len())?;
        for (row, (sample, code)) in samples.iter_mut().zip(&codes).enumerate() {
            if !code.is_none() {
                let code = values::text(code, &format!("{name}[{row}]"))?;
                sample.language = Some(super::settings::language(&code)?);
            }
        }
        Ok(())
    }

    fn read_tokens(&self, samples: &mut [Sample], ids: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        if !self.reward.measure.counts_tokens() {
            return Ok(());
        }
        let ids = ids.ok_or_else(|| {
            PyTypeError::new_err(format!(
                "{} counts tokens, expected: completion_ids, a list of token ids for each completion",
                self.reward.name
            ))
        })?;
        let rows = values::rows(ids, "completion_ids", samples.len())?;
        for (sample, row) in samples.iter_mut().zip(rows) {
            sample.tokens = Some(row.len()?);
        }
        Ok(())
    }
}

#[pymethods]
impl RewardFunction {
    /// What TRL logs it by.
    #[getter(__name__)]
    fn name(&self) -> &str {
        &self.reward.name
    }

    /// Rewards of a batch: a float for each completion, or None where there is nothing to judge by.
    ///
    /// completions: strings, or lists of messages, of which the last one by the assistant counts; its
    /// reasoning_content, where it has one, stands between <think> and </think>.
    /// columns: the data set's, each a list as long as completions; what is not needed is ignored.
    #[pyo3(signature = (completions, *, completion_ids=None, **columns))]
    fn __call__(
        &self,
        py: Python<'_>,
        completions: &Bound<'_, PyAny>,
        completion_ids: Option<&Bound<'_, PyAny>>,
        columns: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Option<f64>>> {
        let texts = values::completions(completions)?;
        let mut samples: Vec<Sample> =
            texts.into_iter().map(|text| Sample { text, ..Sample::default() }).collect();
        self.read_golds(&mut samples, columns)?;
        self.read_languages(&mut samples, columns)?;
        self.read_tokens(&mut samples, completion_ids)?;
        Ok(py.detach(|| self.reward.score(&samples))?)
    }

    fn __repr__(&self) -> String {
        format!("<thinkling_rewards function {}>", self.reward.name)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.reward.name.hash(&mut hasher);
        hasher.finish()
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<(Py<PyAny>, (String,))> {
        let py = slf.py();
        let restore = py.import("thinkling_rewards._native")?.getattr("_restore")?;
        let kept = serde_json::to_string(&slf.get().reward);
        let kept = kept.map_err(|e| PyValueError::new_err(e.to_string()))?;
        Ok((restore.unbind(), (kept,)))
    }
}

/// What pickle makes a reward function of again.
#[pyfunction]
pub(super) fn _restore(kept: &str) -> PyResult<RewardFunction> {
    let reward = serde_json::from_str(kept);
    let reward = reward.map_err(|e| PyValueError::new_err(format!("no reward function: {e}")))?;
    Ok(RewardFunction::new(reward))
}

/// What verify() says of an answer.
#[pyclass(frozen, get_all, eq, module = "thinkling_rewards")]
#[derive(PartialEq)]
pub(super) struct Judgement {
    /// "correct", "wrong", or "unverifiable": no answer could be read within the rules.
    verdict: &'static str,
    /// 1.0 where it is correct, else 0.0.
    reward: f64,
    /// The answer as read, where there is one.
    extracted: Option<String>,
    /// Why it is not correct, in words, where there is more to say.
    reason: Option<String>,
}

impl Judgement {
    pub(super) fn of(judgement: &thinkling_reward::Judgement) -> Self {
        Self {
            verdict: match judgement.verdict {
                Verdict::Correct => "correct",
                Verdict::Wrong => "wrong",
                Verdict::Unverifiable { .. } => "unverifiable",
            },
            reward: f64::from(u8::from(judgement.verdict.is_correct())),
            extracted: judgement.extracted.clone(),
            reason: judgement.reason(),
        }
    }
}

#[pymethods]
impl Judgement {
    fn __repr__(&self) -> String {
        let shown =
            |text: &Option<String>| text.as_ref().map_or("None".into(), |t| format!("{t:?}"));
        format!(
            "Judgement(verdict={:?}, reward={:?}, extracted={}, reason={})",
            self.verdict,
            self.reward,
            shown(&self.extracted),
            shown(&self.reason)
        )
    }
}
