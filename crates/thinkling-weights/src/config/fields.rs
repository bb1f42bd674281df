//! Typed access to the keys of a JSON object.

use serde_json::{Map, Value};

use crate::WeightsError;

/// Typed access to a JSON object; `null` counts as absent, and a fault names its key.
pub(super) struct Fields<'a> {
    pub(super) object: &'a Map<String, Value>,
    /// The key of the object itself, or empty for the document.
    pub(super) inside: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn path(&self, key: &str) -> String {
        if self.inside.is_empty() { key.to_owned() } else { format!("{}.{key}", self.inside) }
    }

    pub(super) fn optional<T>(
        &self,
        key: &str,
        expected: &'static str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, WeightsError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        convert(value).map(Some).ok_or_else(|| {
            WeightsError::invalid(format!("`{}`", self.path(key)), expected, brief(value))
        })
    }

    pub(super) fn required<T>(
        &self,
        key: &str,
        expected: &'static str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, WeightsError> {
        self.optional(key, expected, convert)?
            .ok_or_else(|| WeightsError::MissingKey { key: self.path(key), expected })
    }

    pub(super) fn size(&self, key: &str) -> Result<usize, WeightsError> {
        self.required(key, "a whole number above 0", as_size)
    }

    pub(super) fn optional_size(&self, key: &str) -> Result<Option<usize>, WeightsError> {
        self.optional(key, "a whole number above 0", as_size)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, WeightsError> {
        self.optional(key, "a number", Value::as_f64)
    }

    pub(super) fn required_number(&self, key: &str) -> Result<f64, WeightsError> {
        self.required(key, "a number", Value::as_f64)
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool, WeightsError> {
        Ok(self.optional(key, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, WeightsError> {
        self.optional(key, "a name", Value::as_str)
    }

    /// A token id; older configs spell "none" as -1.
    pub(super) fn token(&self, key: &str) -> Result<Option<u32>, WeightsError> {
        if self.get(key).and_then(Value::as_i64) == Some(-1) {
            return Ok(None);
        }
        self.optional(key, "a token id", as_token)
    }

    /// One token id or a list of them.
    pub(super) fn tokens(&self, key: &str) -> Result<Vec<u32>, WeightsError> {
        let ids = self.optional(key, "a token id or a list of them", |value| match value {
            Value::Array(items) => items.iter().map(as_token).collect(),
            Value::Number(number) if number.as_i64() == Some(-1) => Some(Vec::new()),
            one => Some(vec![as_token(one)?]),
        })?;
        Ok(ids.unwrap_or_default())
    }
}

fn as_size(value: &Value) -> Option<usize> {
    value.as_u64()?.try_into().ok().filter(|&size| size > 0)
}

fn as_token(value: &Value) -> Option<u32> {
    value.as_u64()?.try_into().ok()
}

/// A value as it may stand in a message: never a whole list or object.
pub(super) fn brief(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        plain => plain.to_string().chars().take(40).collect(),
    }
}
