//! The fields of a line.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::code::CodeTests;
use crate::problem::Language;

/// A line, its texts borrowed where they hold no escapes.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    /// Comes back as it is.
    #[serde(default)]
    pub(super) id: Value,
    #[serde(borrow, default)]
    gold: Option<Text<'a>>,
    #[serde(borrow, default)]
    prediction: Option<Text<'a>>,
    #[serde(borrow, default)]
    prediction_b64: Option<Text<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    text_b64: Option<Text<'a>>,
    #[serde(borrow, default)]
    target: Option<Text<'a>>,
    #[serde(default)]
    numbers: Option<Vec<i64>>,
    #[serde(borrow, default)]
    goal: Option<Text<'a>>,
    #[serde(default)]
    tests: Option<Value>,
}

impl<'a> Line<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        // The derived reader would take an array for the fields in order.
        if !is_object(bytes) {
            return Err("not a JSON object".to_owned());
        }
        serde_json::from_slice(bytes).map_err(|e| {
            // The line number that the reader adds is always 1.
            let text = e.to_string();
            let text = text.split(" at line 1 column").next().unwrap_or_default();
            match e.classify() {
                serde_json::error::Category::Data => format!("unreadable line: {text}"),
                _ => format!("not JSON: {text}"),
            }
        })
    }

    pub(super) fn gold(&self) -> Result<&str, String> {
        self.gold.as_ref().map(|text| &*text.0).ok_or_else(|| missing("gold"))
    }

    pub(super) fn prediction(&self) -> Result<Cow<'_, str>, String> {
        text(&self.prediction, &self.prediction_b64, "prediction")
    }

    pub(super) fn text(&self) -> Result<Cow<'_, str>, String> {
        text(&self.text, &self.text_b64, "text")
    }

    pub(super) fn target(&self) -> Result<Language, String> {
        let target = self.target.as_ref().ok_or_else(|| missing("target"))?;
        Language::from_code(&target.0).ok_or_else(|| {
            let known: Vec<&str> = Language::ALL.iter().map(|language| language.code()).collect();
            format!("unknown target, expected: {}, got: {:?}", known.join(", "), target.0)
        })
    }

    pub(super) fn numbers(&self) -> Result<Vec<i64>, String> {
        self.numbers.clone().ok_or_else(|| missing("numbers"))
    }

    pub(super) fn goal(&self) -> Result<String, String> {
        self.goal.as_ref().map(|goal| goal.0.to_string()).ok_or_else(|| missing("goal"))
    }

    pub(super) fn tests(&self) -> Result<CodeTests, String> {
        let tests = self.tests.as_ref().ok_or_else(|| missing("tests"))?;
        CodeTests::deserialize(tests).map_err(|_| {
            "unreadable tests, expected: a list of assertions, a list of {stdin, stdout}, or an \
             object with asserts or pairs"
                .to_owned()
        })
    }
}

fn missing(field: &str) -> String {
    format!("missing field `{field}`")
}

fn text<'t>(
    plain: &'t Option<Text<'_>>,
    base64: &Option<Text<'_>>,
    field: &str,
) -> Result<Cow<'t, str>, String> {
    match (plain, base64) {
        (Some(text), None) => Ok(Cow::Borrowed(&text.0)),
        (None, Some(text)) => match BASE64_STANDARD.decode(text.0.as_bytes()) {
            Ok(bytes) => Ok(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())),
            Err(e) => Err(format!("field `{field}_b64` is not base64: {e}")),
        },
        (Some(_), Some(_)) => Err(format!("both `{field}` and `{field}_b64`, expected: one")),
        (None, None) => Err(missing(field)),
    }
}

/// The `id` of a line that cannot be read as a whole; null where there is none either.
pub(super) fn id_of(line: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Id {
        #[serde(default)]
        id: Value,
    }

    match is_object(line) {
        true => serde_json::from_slice::<Id>(line).map(|id| id.id).unwrap_or_default(),
        false => Value::Null,
    }
}

fn is_object(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}

/// A string, or an integer's digits. A decimal must be a string: a JSON number would have gone
/// through binary floating point.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an integer (write decimals as strings)")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
