//! Keywords that name a setting, and what each may be.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use serde_json::{Map, Value};
use thinkling_reward::math::Policy;
use thinkling_reward::{FormatRule, Language, Template};

use crate::reward::GoldErrors;
use crate::{Judge, Kind};

/// The key of extra_info below which a problem overrides settings.
const OWN: &str = "thinkling";

/// The name by default: the factory's, and what differs.
pub(super) fn named(factory: &str, differs: Option<&str>) -> String {
    match differs {
        None => factory.to_owned(),
        Some(differs) => format!("{factory}_{}", differs.replace('-', "_")),
    }
}

fn unknown(keyword: &str, known: &[&str], got: &str) -> PyErr {
    let known = known.join(", ");
    PyValueError::new_err(format!("unknown {keyword}, expected: {known}, got: {got:?}"))
}

/// How answers are judged, as a call says it.
pub(super) struct JudgeSettings<'a, 'py> {
    pub(super) kind: &'a str,
    pub(super) template: &'a str,
    pub(super) policy: Option<&'a Bound<'py, PyAny>>,
}

impl JudgeSettings<'_, '_> {
    pub(super) fn judge(&self) -> PyResult<Judge> {
        let kind = Kind::from_name(self.kind);
        let kind = kind.ok_or_else(|| unknown("kind", &Kind::ALL.map(Kind::as_str), self.kind))?;
        let template = Template::from_name(&self.template.replace('_', "-"));
        let template = template.ok_or_else(|| {
            unknown("template", &Template::ALL.map(Template::as_str), self.template)
        })?;
        let policy = match self.policy {
            None => Policy::default(),
            Some(policy) => policy_of(policy)?,
        };
        Ok(Judge { kind, template, policy })
    }
}

/// The default policy with what a dict has otherwise.
fn policy_of(given: &Bound<'_, PyAny>) -> PyResult<Policy> {
    let given = given.cast::<PyDict>().map_err(|_| {
        PyTypeError::new_err(format!("policy, expected: a dict, got: {}", type_of(given)))
    })?;
    let mut fields = Map::new();
    for (key, value) in given {
        let key = key.str()?.to_string_lossy().into_owned();
        let value = if value.is_none() {
            // Parquet files fill in what other rows have.
            continue;
        } else if value.is_instance_of::<PyBool>() {
            Value::from(value.extract::<bool>()?)
        } else if let Ok(text) = value.cast::<PyString>() {
            Value::from(text.to_string_lossy().into_owned())
        } else if let Ok(number) = value.extract::<u32>() {
            Value::from(number)
        } else {
            return Err(PyTypeError::new_err(format!(
                "policy[{key:?}], expected: a bool, an integer or a string, got: {}",
                type_of(&value)
            )));
        };
        fields.insert(key, value);
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|e| PyValueError::new_err(format!("unreadable policy: {e}")))
}

pub(super) fn default_policy(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let fields = serde_json::to_value(Policy::default());
    let fields = fields.map_err(|e| PyValueError::new_err(e.to_string()))?;
    let out = PyDict::new(py);
    for (key, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::Bool(value) => out.set_item(key, *value)?,
            Value::Number(value) => out.set_item(key, value.as_u64())?,
            other => out.set_item(key, other.as_str())?,
        }
    }
    Ok(out)
}

/// What a problem of verl says for itself.
#[derive(Default)]
pub(super) struct Own<'py> {
    pub(super) kind: Option<String>,
    pub(super) template: Option<String>,
    pub(super) policy: Option<Bound<'py, PyAny>>,
}

/// Reads `extra_info["thinkling"]`.
pub(super) fn of_problem<'py>(extra_info: Option<&Bound<'py, PyAny>>) -> PyResult<Own<'py>> {
    let Some(own) = extra_info.and_then(|info| info.cast::<PyDict>().ok()) else {
        return Ok(Own::default());
    };
    let Some(own) = own.get_item(OWN)?.filter(|own| !own.is_none()) else {
        return Ok(Own::default());
    };
    let place = format!("extra_info[{OWN:?}]");
    let own = own.cast::<PyDict>().map_err(|_| {
        PyTypeError::new_err(format!("{place}, expected: a dict, got: {}", type_of(&own)))
    })?;
    let mut read = Own::default();
    for (key, value) in own {
        // Parquet files fill in what other rows have.
        if value.is_none() {
            continue;
        }
        let key = key.str()?.to_string_lossy().into_owned();
        match key.as_str() {
            "kind" => read.kind = Some(super::values::text(&value, &format!("{place}[\"kind\"]"))?),
            "template" => {
                let place = format!("{place}[\"template\"]");
                read.template = Some(super::values::text(&value, &place)?);
            }
            "policy" => read.policy = Some(value),
            other => {
                return Err(unknown(
                    &format!("key of {place}"),
                    &["kind", "template", "policy"],
                    other,
                ));
            }
        }
    }
    Ok(read)
}

pub(super) fn format_rule(name: &str) -> PyResult<FormatRule> {
    let wanted = name.replace('_', "-");
    let rule = FormatRule::ALL.into_iter().find(|rule| rule.as_str() == wanted);
    rule.ok_or_else(|| unknown("rule", &FormatRule::ALL.map(FormatRule::as_str), name))
}

pub(super) fn language(code: &str) -> PyResult<Language> {
    code.parse()
        .map_err(|e: thinkling_reward::UnknownLanguage| PyValueError::new_err(e.to_string()))
}

pub(super) fn whole(part: &str) -> PyResult<bool> {
    match part {
        "reasoning" => Ok(false),
        "whole" => Ok(true),
        got => Err(unknown("part", &["reasoning", "whole"], got)),
    }
}

pub(super) fn gold_errors(name: &str) -> PyResult<GoldErrors> {
    match name {
        "raise" => Ok(GoldErrors::Raise),
        "skip" => Ok(GoldErrors::Skip),
        got => Err(unknown("gold_errors", &["raise", "skip"], got)),
    }
}

pub(super) fn finite(name: &str, value: f64) -> PyResult<()> {
    match value.is_finite() {
        true => Ok(()),
        false => Err(PyValueError::new_err(format!(
            "unusable {name}, expected: a finite number, got: {value}"
        ))),
    }
}

pub(super) fn positive(name: &str, value: usize) -> PyResult<usize> {
    match value {
        0 => Err(PyValueError::new_err(format!("unusable {name}, expected: 1 or more, got: 0"))),
        value => Ok(value),
    }
}

/// The name of a value's type.
pub(super) fn type_of(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().name();
    name.map_or_else(|_| "a value without a type".to_owned(), |name| name.to_string())
}
