//! From Python's values to what rules take. Each error names the place and what is expected there.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use thinkling_reward::Task;

use super::settings::type_of;
use crate::Kind;

fn wrong(place: &str, expected: &str, got: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("{place}, expected: {expected}, got: {}", type_of(got)))
}

/// A string; what no UTF-8 can say (lone surrogates) is replaced.
pub(super) fn text(value: &Bound<'_, PyAny>, place: &str) -> PyResult<String> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.to_string_lossy().into_owned()),
        Err(_) => Err(wrong(place, "a string", value)),
    }
}

/// A string as it is, or an integer's digits. A decimal has to be a string: a float would have gone
/// through binary floating point.
fn text_or_integer(value: &Bound<'_, PyAny>, place: &str) -> PyResult<String> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_string_lossy().into_owned());
    }
    if !value.is_instance_of::<PyBool>()
        && let Ok(integer) = value.call_method0("__index__")
    {
        return Ok(integer.str()?.to_string_lossy().into_owned());
    }
    Err(wrong(place, "a string or an integer (write decimals as strings)", value))
}

/// The values of a column: a list, a tuple, an array, as long as the batch.
pub(super) fn rows<'py>(
    column: &Bound<'py, PyAny>,
    name: &str,
    batch: usize,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let rows = items(column, name, "a list with a value for each completion")?;
    match rows.len() == batch {
        true => Ok(rows),
        false => Err(PyValueError::new_err(format!(
            "{name} has another length than completions, expected: {batch}, got: {}",
            rows.len()
        ))),
    }
}

fn items<'py>(
    list: &Bound<'py, PyAny>,
    place: &str,
    expected: &str,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if list.is_instance_of::<PyString>() || list.is_instance_of::<PyDict>() {
        return Err(wrong(place, expected, list));
    }
    match list.try_iter() {
        Ok(items) => items.collect(),
        Err(_) => Err(wrong(place, expected, list)),
    }
}

/// The texts of a batch: strings, or lists of messages.
pub(super) fn completions(batch: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let batch = items(batch, "completions", "a list of strings or of lists of messages")?;
    let of = |(row, completion): (usize, &Bound<'_, PyAny>)| {
        if let Ok(text) = completion.cast::<PyString>() {
            return Ok(text.to_string_lossy().into_owned());
        }
        let place = format!("completions[{row}]");
        conversation(&items(completion, &place, "a string or a list of messages")?, &place)
    };
    batch.iter().enumerate().map(of).collect()
}

/// The text of the last message by the assistant; nothing where there is none.
fn conversation(messages: &[Bound<'_, PyAny>], place: &str) -> PyResult<String> {
    for (at, message) in messages.iter().enumerate().rev() {
        let place = format!("{place}[{at}]");
        let message = message
            .cast::<PyDict>()
            .map_err(|_| wrong(&place, "a message, a dict with role and content", message))?;
        let role = message.get_item("role")?.filter(|role| !role.is_none());
        let role = role.map(|role| text(&role, &format!("{place}[\"role\"]"))).transpose()?;
        if role.is_none_or(|role| role == "assistant") {
            return said(message, &place);
        }
    }
    Ok(String::new())
}

/// What a message says, its reasoning in front where it is kept apart.
fn said(message: &Bound<'_, PyDict>, place: &str) -> PyResult<String> {
    let field =
        |name: &str| Ok::<_, PyErr>(message.get_item(name)?.filter(|value| !value.is_none()));
    let content = match field("content")? {
        Some(content) => content_of(&content, &format!("{place}[\"content\"]"))?,
        None => String::new(),
    };
    let reasoning = field("reasoning_content")?;
    let place = format!("{place}[\"reasoning_content\"]");
    let reasoning = reasoning.map(|reasoning| text(&reasoning, &place)).transpose()?;
    Ok(match reasoning.filter(|reasoning| !reasoning.is_empty()) {
        Some(reasoning) => format!("<think>{reasoning}</think>{content}"),
        None => content,
    })
}

/// A string, or the texts of a list of parts.
fn content_of(content: &Bound<'_, PyAny>, place: &str) -> PyResult<String> {
    if let Ok(text) = content.cast::<PyString>() {
        return Ok(text.to_string_lossy().into_owned());
    }
    let mut out = String::new();
    for (at, part) in items(content, place, "a string or a list of parts")?.iter().enumerate() {
        let place = format!("{place}[{at}]");
        let part = part.cast::<PyDict>().map_err(|_| wrong(&place, "a part, a dict", part))?;
        if let Some(said) = part.get_item("text")?.filter(|said| !said.is_none()) {
            out.push_str(&text(&said, &format!("{place}[\"text\"]"))?);
        }
    }
    Ok(out)
}

/// The task of one gold.
pub(super) fn task(kind: Kind, gold: &Bound<'_, PyAny>, place: &str) -> PyResult<Task> {
    if kind == Kind::Countdown {
        let Ok(both) = gold.cast::<PyDict>() else {
            return Err(wrong(place, "a dict with target and numbers", gold));
        };
        let field = |name: &str| {
            both.get_item(name)?.filter(|value| !value.is_none()).ok_or_else(|| {
                PyValueError::new_err(format!("{place} has no {name:?}, expected: target, numbers"))
            })
        };
        return countdown(
            (&field("numbers")?, &format!("{place}[\"numbers\"]")),
            (&field("target")?, &format!("{place}[\"target\"]")),
        );
    }
    let gold = text_or_integer(gold, place)?;
    kind.task(gold)
        .ok_or_else(|| PyValueError::new_err(format!("{place}: {} has no gold", kind.as_str())))
}

/// A countdown, each part with the place it comes from.
pub(super) fn countdown(
    (numbers, numbers_place): (&Bound<'_, PyAny>, &str),
    (target, target_place): (&Bound<'_, PyAny>, &str),
) -> PyResult<Task> {
    let numbers = items(numbers, numbers_place, "a list of integers")?;
    let integer = |(at, number): (usize, &Bound<'_, PyAny>)| {
        let place = format!("{numbers_place}[{at}]");
        match number.is_instance_of::<PyBool>() {
            true => Err(wrong(&place, "an integer of 64 bits", number)),
            false => {
                number.extract::<i64>().map_err(|_| wrong(&place, "an integer of 64 bits", number))
            }
        }
    };
    let numbers = numbers.iter().enumerate().map(integer).collect::<PyResult<_>>()?;
    Ok(Task::Countdown { numbers, target: text_or_integer(target, target_place)? })
}
