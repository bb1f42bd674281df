//! The module `thinkling_rewards._native`: factories of reward functions, verl's `compute_score`, and
//! `verify` for single answers.
//!
//! What is not a value that a rule can take is a `TypeError` or `ValueError` in words. Batches are
//! scored without the interpreter's lock.

mod function;
mod settings;
mod values;

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use thinkling_reward::length::{CosineLength, SoftOverlong};
use thinkling_reward::repetition::RepetitionRule;

use crate::reward::{self, GoldErrors, Measure, Reward, RewardsError};
use crate::{Kind, source};
use function::RewardFunction;
use settings::{JudgeSettings, named};

impl From<RewardsError> for PyErr {
    fn from(error: RewardsError) -> Self {
        match error {
            RewardsError::Unusable { .. } => PyValueError::new_err(error.to_string()),
            RewardsError::Fault { .. } => PyRuntimeError::new_err(error.to_string()),
        }
    }
}

/// Makes the reward function of a factory.
struct Made<'py> {
    factory: &'static str,
    name: Option<String>,
    /// Further keywords of the call, which no factory knows.
    others: Option<Bound<'py, PyDict>>,
}

impl Made<'_> {
    /// `by_default` is the name where the caller has given none.
    fn of(
        self,
        by_default: String,
        measure: Measure,
        columns: Columns,
    ) -> PyResult<RewardFunction> {
        let Self { factory, name, others } = self;
        if let Some(others) = others.filter(|others| !others.is_empty()) {
            if others.contains("completions")? {
                return Err(PyTypeError::new_err(format!(
                    "{factory} makes a reward function: pass {factory}(), not {factory}"
                )));
            }
            let first = others.keys().get_item(0)?;
            return Err(PyTypeError::new_err(format!(
                "{factory}() got an unexpected keyword argument {}",
                first.repr()?
            )));
        }
        let name = name.unwrap_or(by_default);
        if name.trim().is_empty() {
            return Err(PyValueError::new_err(
                "name is blank, expected: what a trainer logs it by",
            ));
        }
        let Columns { column, numbers_column, gold_errors } = columns;
        let reward = Reward { name, measure, column, numbers_column, gold_errors };
        Ok(RewardFunction::new(reward))
    }
}

/// What a reward function reads beside the completions.
#[derive(Default)]
struct Columns {
    column: Option<String>,
    numbers_column: Option<String>,
    gold_errors: GoldErrors,
}

/// Accuracy: 1.0 where the answer of a completion is right, else 0.0.
///
/// kind: "math" (equal by value), "number", "choice" (option letter), "countdown" or "exact".
/// column: the dataset column with the golds; by default the first there is of answer, solution, gold,
///     ground_truth (countdown: target, goal, answer). A gold may be a whole solution that ends in
///     "#### 72" or has a box. Where it is None the reward is None.
/// numbers_column: of a countdown, by default numbers or nums.
/// template: which places count: "none" (all outside the thinking), "r1-zero" (the answer block),
///     "boxed" (a box).
/// policy: conventions that differ from default_policy(), such as {"percent_is_fraction": False}.
/// gold_errors: "raise" a ValueError where a gold cannot be read, or "skip": its reward is None.
/// name: what TRL logs it by; "accuracy", or "accuracy_choice" and the like.
#[pyfunction]
#[pyo3(
    signature = (*, column=None, kind="math", template="none", policy=None, numbers_column=None, gold_errors="raise", name=None, **others),
    text_signature = "(*, column=None, kind='math', template='none', policy=None, numbers_column=None, gold_errors='raise', name=None)"
)]
#[allow(clippy::too_many_arguments, reason = "keywords of a Python function")]
fn accuracy(
    column: Option<String>,
    kind: &str,
    template: &str,
    policy: Option<&Bound<'_, PyAny>>,
    numbers_column: Option<String>,
    gold_errors: &str,
    name: Option<String>,
    others: Option<Bound<'_, PyDict>>,
) -> PyResult<RewardFunction> {
    let judge = JudgeSettings { kind, template, policy }.judge()?;
    let by_default = named("accuracy", (judge.kind != Kind::Math).then(|| judge.kind.as_str()));
    let gold_errors = settings::gold_errors(gold_errors)?;
    let columns = Columns { column, numbers_column, gold_errors };
    Made { factory: "accuracy", name, others }.of(by_default, Measure::Accuracy(judge), columns)
}

/// Format: whether a completion keeps the tags.
///
/// rule: "strict" (1.0 for <think> .. </think> <answer> .. </answer> and nothing else, else 0.0),
///     "think-only" (1.0 for closed thinking and then an answer) or "tag-count" (a quarter for each of
///     the four tags that is there once).
/// inside_think: whether the prompt already ends with <think>, as the chat templates of the R1
///     distillations do.
/// name: "format", or "format_think_only" and the like.
#[pyfunction]
#[pyo3(
    signature = (*, rule="strict", inside_think=false, name=None, **others),
    text_signature = "(*, rule='strict', inside_think=False, name=None)"
)]
fn format(
    rule: &str,
    inside_think: bool,
    name: Option<String>,
    others: Option<Bound<'_, PyDict>>,
) -> PyResult<RewardFunction> {
    let rule = settings::format_rule(rule)?;
    let differs = rule != thinkling_reward::FormatRule::default();
    let by_default = named("format", differs.then(|| rule.as_str()));
    let measure = Measure::Format { rule, inside_think };
    Made { factory: "format", name, others }.of(by_default, measure, Columns::default())
}

/// Language: the share of words in one language, from 0.0 to 1.0.
///
/// target: its ISO 639-1 code: en zh ar de es fr it ja ko nl pt ru. Without one, column.
/// column: the dataset column with the codes, by default "language". Where it is None the reward is
///     None.
/// part: "reasoning", all that stands outside the answer block, or "whole".
/// name: "language", or "language_en" and the like.
#[pyfunction]
#[pyo3(
    signature = (target=None, *, column=None, part="reasoning", name=None, **others),
    text_signature = "(target=None, *, column=None, part='reasoning', name=None)"
)]
fn language(
    target: Option<&str>,
    column: Option<String>,
    part: &str,
    name: Option<String>,
    others: Option<Bound<'_, PyDict>>,
) -> PyResult<RewardFunction> {
    let target = target.map(settings::language).transpose()?;
    if target.is_some() && column.is_some() {
        return Err(PyValueError::new_err("both target and column, expected: one"));
    }
    let whole = settings::whole(part)?;
    let by_default = named("language", target.map(|language| language.code()));
    let columns = Columns { column, ..Columns::default() };
    let measure = Measure::Language { target, whole };
    Made { factory: "language", name, others }.of(by_default, measure, columns)
}

/// Repetition: max_penalty times the share of words inside an n-gram that stood there before; 0.0
/// where nothing repeats.
#[pyfunction]
#[pyo3(
    signature = (*, ngram=RepetitionRule::default().ngram, max_penalty=RepetitionRule::default().max_penalty, name=None, **others),
    text_signature = "(*, ngram=40, max_penalty=-1.0, name=None)"
)]
fn repetition(
    ngram: usize,
    max_penalty: f64,
    name: Option<String>,
    others: Option<Bound<'_, PyDict>>,
) -> PyResult<RewardFunction> {
    settings::finite("max_penalty", max_penalty)?;
    let measure = Measure::Repetition(RepetitionRule { ngram, max_penalty });
    Made { factory: "repetition", name, others }.of(
        named("repetition", None),
        measure,
        Columns::default(),
    )
}

/// Reflection: how many reflective words a completion has (wait, however, verify, ..). A measure to
/// be logged with weight 0: rewarded, it is gamed.
#[pyfunction]
#[pyo3(signature = (*, name=None, **others), text_signature = "(*, name=None)")]
fn reflection(name: Option<String>, others: Option<Bound<'_, PyDict>>) -> PyResult<RewardFunction> {
    let (by_default, columns) = (named("reflection", None), Columns::default());
    Made { factory: "reflection", name, others }.of(by_default, Measure::Reflection, columns)
}

/// Length: accuracy scaled by the cosine of the completion's tokens; it takes the place of accuracy.
///
/// Right answers earn correct_at_zero falling to correct_at_max, wrong ones wrong_at_zero rising to
/// wrong_at_max, and max_tokens or more earn exceeded. Golds as for accuracy(). Needs
/// completion_ids, which TRL passes.
#[pyfunction]
#[pyo3(
    signature = (max_tokens, *, correct_at_zero=2.0, correct_at_max=1.0, wrong_at_zero=-10.0, wrong_at_max=0.0, exceeded=-10.0, column=None, kind="math", template="none", policy=None, numbers_column=None, gold_errors="raise", name=None, **others),
    text_signature = "(max_tokens, *, correct_at_zero=2.0, correct_at_max=1.0, wrong_at_zero=-10.0, wrong_at_max=0.0, exceeded=-10.0, column=None, kind='math', template='none', policy=None, numbers_column=None, gold_errors='raise', name=None)"
)]
#[allow(clippy::too_many_arguments, reason = "keywords of a Python function")]
fn length(
    max_tokens: usize,
    correct_at_zero: f64,
    correct_at_max: f64,
    wrong_at_zero: f64,
    wrong_at_max: f64,
    exceeded: f64,
    column: Option<String>,
    kind: &str,
    template: &str,
    policy: Option<&Bound<'_, PyAny>>,
    numbers_column: Option<String>,
    gold_errors: &str,
    name: Option<String>,
    others: Option<Bound<'_, PyDict>>,
) -> PyResult<RewardFunction> {
    for (name, value) in [
        ("correct_at_zero", correct_at_zero),
        ("correct_at_max", correct_at_max),
        ("wrong_at_zero", wrong_at_zero),
        ("wrong_at_max", wrong_at_max),
        ("exceeded", exceeded),
    ] {
        settings::finite(name, value)?;
    }
    let judge = JudgeSettings { kind, template, policy }.judge()?;
    let rule = CosineLength {
        max_tokens: settings::positive("max_tokens", max_tokens)?,
        correct_at_zero,
        correct_at_max,
        wrong_at_zero,
        wrong_at_max,
        exceeded,
    };
    let gold_errors = settings::gold_errors(gold_errors)?;
    let columns = Columns { column, numbers_column, gold_errors };
    Made { factory: "length", name, others }.of(
        named("length", None),
        Measure::Length(judge, rule),
        columns,
    )
}

/// Overlong: 0.0 up to max_tokens - cache_tokens tokens, then falling in a line to -1.0 at max_tokens
/// (DAPO's soft overlong punishment). Needs completion_ids, which TRL passes.
#[pyfunction]
#[pyo3(
    signature = (max_tokens, cache_tokens, *, name=None, **others),
    text_signature = "(max_tokens, cache_tokens, *, name=None)"
)]
fn overlong(
    max_tokens: usize,
    cache_tokens: usize,
    name: Option<String>,
    others: Option<Bound<'_, PyDict>>,
) -> PyResult<RewardFunction> {
    let max_tokens = settings::positive("max_tokens", max_tokens)?;
    if cache_tokens > max_tokens {
        return Err(PyValueError::new_err(format!(
            "cache_tokens above max_tokens, expected: at most {max_tokens}, got: {cache_tokens}"
        )));
    }
    let measure = Measure::Overlong(SoftOverlong { max_tokens, cache_tokens });
    Made { factory: "overlong", name, others }.of(
        named("overlong", None),
        measure,
        Columns::default(),
    )
}

/// verl's reward: 1.0 where the answer in solution_str is right, else 0.0.
///
/// data_source decides what an answer is, by words in its name: countdown; choice (gpqa, mmlu, arc,
/// ..); math (math, gsm8k, aime, ..). The keywords kind, template and policy, as those of accuracy(),
/// override it (verl: custom_reward_function.reward_kwargs), and those under the key "thinkling" of
/// extra_info override both, problem by problem. ground_truth is the gold; of a countdown a dict with
/// target and numbers.
#[pyfunction]
#[pyo3(
    signature = (data_source, solution_str, ground_truth, extra_info=None, *, kind=None, template=None, policy=None),
    text_signature = "(data_source, solution_str, ground_truth, extra_info=None, *, kind=None, template=None, policy=None)"
)]
#[allow(clippy::too_many_arguments, reason = "verl's arguments")]
fn compute_score(
    py: Python<'_>,
    data_source: Option<&str>,
    solution_str: &Bound<'_, PyAny>,
    ground_truth: &Bound<'_, PyAny>,
    extra_info: Option<&Bound<'_, PyAny>>,
    kind: Option<String>,
    template: Option<String>,
    policy: Option<Bound<'_, PyAny>>,
) -> PyResult<f64> {
    let own = settings::of_problem(extra_info)?;
    let kind = match own.kind.or(kind) {
        Some(kind) => kind,
        None => {
            let data_source = data_source.unwrap_or_default();
            let kind = source::kind_of(data_source);
            let kind = kind.ok_or_else(|| PyValueError::new_err(source::unknown(data_source)))?;
            kind.as_str().to_owned()
        }
    };
    let template = own.template.or(template);
    let policy = own.policy.or(policy);
    let judge = JudgeSettings {
        kind: &kind,
        template: template.as_deref().unwrap_or("none"),
        policy: policy.as_ref(),
    };
    let judge = judge.judge()?;
    let task = values::task(judge.kind, ground_truth, "ground_truth")?;
    let text = values::text(solution_str, "solution_str")?;
    let record = py.detach(|| reward::verify(&judge, &task, text))?;
    Ok(f64::from(u8::from(record.verdict.is_correct())))
}

/// Whether one answer is right, what was read, and why it is not correct.
///
/// gold: the right answer; of a countdown a dict with target and numbers.
/// kind, template, policy: as for accuracy().
#[pyfunction]
#[pyo3(
    signature = (gold, prediction, *, kind="math", template="none", policy=None),
    text_signature = "(gold, prediction, *, kind='math', template='none', policy=None)"
)]
fn verify(
    py: Python<'_>,
    gold: &Bound<'_, PyAny>,
    prediction: &Bound<'_, PyAny>,
    kind: &str,
    template: &str,
    policy: Option<&Bound<'_, PyAny>>,
) -> PyResult<function::Judgement> {
    let judge = JudgeSettings { kind, template, policy }.judge()?;
    let task = values::task(judge.kind, gold, "gold")?;
    let text = values::text(prediction, "prediction")?;
    let record = py.detach(|| reward::verify(&judge, &task, text))?;
    Ok(function::Judgement::of(&record.judgement()))
}

/// The conventions of math and choice with their defaults; docs/rewards.md says what each accepts.
#[pyfunction]
fn default_policy(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    settings::default_policy(py)
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<RewardFunction>()?;
    module.add_class::<function::Judgement>()?;
    module.add_function(wrap_pyfunction!(accuracy, module)?)?;
    module.add_function(wrap_pyfunction!(format, module)?)?;
    module.add_function(wrap_pyfunction!(language, module)?)?;
    module.add_function(wrap_pyfunction!(repetition, module)?)?;
    module.add_function(wrap_pyfunction!(reflection, module)?)?;
    module.add_function(wrap_pyfunction!(length, module)?)?;
    module.add_function(wrap_pyfunction!(overlong, module)?)?;
    module.add_function(wrap_pyfunction!(compute_score, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(default_policy, module)?)?;
    module.add_function(wrap_pyfunction!(function::_restore, module)?)
}
