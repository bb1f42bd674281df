//! Metadata values and their typed access.

use super::Gguf;
use super::cursor::Cursor;
use crate::WeightsError;

/// Arrays of arrays deeper than this are refused; real files have none.
const MAX_DEPTH: usize = 4;

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the format's own types")]
pub enum GgufValue {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(GgufArray),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// A metadata array; all items have one type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the format's own types")]
pub enum GgufArray {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Vec<String>),
    Array(Vec<GgufArray>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

impl GgufValue {
    /// The value where it is an integer that is not negative, of any width.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U8(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::U64(value) => Some(value),
            Self::I8(value) => value.try_into().ok(),
            Self::I16(value) => value.try_into().ok(),
            Self::I32(value) => value.try_into().ok(),
            Self::I64(value) => value.try_into().ok(),
            _ => None,
        }
    }

    /// The value where it is a floating-point number of either width.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F32(value) => Some(value.into()),
            Self::F64(value) => Some(value),
            _ => None,
        }
    }

    /// The value where it is a truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value where it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Number of the value's type in a file.
    pub(super) fn type_id(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::String(_) => 8,
            Self::Array(_) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    /// A short form for messages: never a whole vocabulary.
    fn brief(&self) -> String {
        match self {
            Self::Array(array) => format!("an array of {}", array.type_name()),
            Self::String(text) => {
                format!("the text {:?}", text.chars().take(40).collect::<String>())
            }
            other => format!("{other:?}"),
        }
    }
}

impl GgufArray {
    fn type_name(&self) -> &'static str {
        TYPE_NAMES[self.type_id() as usize]
    }

    /// Number of the items' type in a file.
    pub(super) fn type_id(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::String(_) => 8,
            Self::Array(_) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }
}

const TYPE_NAMES: [&str; 13] =
    ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "text", "arrays", "u64", "i64", "f64"];

/// Typed access to metadata: `Ok(None)` where the key is absent, an error where the value has
/// another type.
impl Gguf {
    /// The value of a metadata key.
    pub fn metadata(&self, key: &str) -> Option<&GgufValue> {
        self.metadata.get(key)
    }

    /// All metadata keys, in no particular order.
    pub fn metadata_keys(&self) -> impl Iterator<Item = &str> {
        self.metadata.keys().map(String::as_str)
    }

    /// An integer that is not negative, of any stored width.
    pub fn get_u64(&self, key: &str) -> Result<Option<u64>, WeightsError> {
        self.get(key, "an integer not below 0", GgufValue::as_u64)
    }

    /// An integer below 2^32, of any stored width.
    pub fn get_u32(&self, key: &str) -> Result<Option<u32>, WeightsError> {
        self.get(key, "an integer from 0 to 2^32 - 1", |value| value.as_u64()?.try_into().ok())
    }

    /// A floating-point number of either stored width.
    pub fn get_f64(&self, key: &str) -> Result<Option<f64>, WeightsError> {
        self.get(key, "a floating-point number", GgufValue::as_f64)
    }

    /// A truth value.
    pub fn get_bool(&self, key: &str) -> Result<Option<bool>, WeightsError> {
        self.get(key, "true or false", GgufValue::as_bool)
    }

    /// Text.
    pub fn get_str(&self, key: &str) -> Result<Option<&str>, WeightsError> {
        self.get(key, "text", GgufValue::as_str)
    }

    /// An array of texts, as `tokenizer.ggml.tokens` and `tokenizer.ggml.merges`.
    pub fn get_strings(&self, key: &str) -> Result<Option<&[String]>, WeightsError> {
        self.get(key, "an array of text", |value| match value {
            GgufValue::Array(GgufArray::String(items)) => Some(items.as_slice()),
            _ => None,
        })
    }

    /// An array of `i32`, as `tokenizer.ggml.token_type`.
    pub fn get_i32s(&self, key: &str) -> Result<Option<&[i32]>, WeightsError> {
        self.get(key, "an array of i32", |value| match value {
            GgufValue::Array(GgufArray::I32(items)) => Some(items.as_slice()),
            _ => None,
        })
    }

    /// An array of `f32`, as `tokenizer.ggml.scores`.
    pub fn get_f32s(&self, key: &str) -> Result<Option<&[f32]>, WeightsError> {
        self.get(key, "an array of f32", |value| match value {
            GgufValue::Array(GgufArray::F32(items)) => Some(items.as_slice()),
            _ => None,
        })
    }

    fn get<'a, T>(
        &'a self,
        key: &str,
        expected: &'static str,
        convert: impl FnOnce(&'a GgufValue) -> Option<T>,
    ) -> Result<Option<T>, WeightsError> {
        let Some(value) = self.metadata.get(key) else {
            return Ok(None);
        };
        match convert(value) {
            Some(value) => Ok(Some(value)),
            None => Err(WeightsError::invalid(format!("`{key}`"), expected, value.brief())),
        }
    }
}

pub(super) fn read_value(cursor: &mut Cursor<'_>, key: &str) -> Result<GgufValue, WeightsError> {
    let what = "a metadata value";
    Ok(match cursor.u32("a metadata type")? {
        0 => GgufValue::U8(u8::from_le_bytes(cursor.array(what)?)),
        1 => GgufValue::I8(i8::from_le_bytes(cursor.array(what)?)),
        2 => GgufValue::U16(u16::from_le_bytes(cursor.array(what)?)),
        3 => GgufValue::I16(i16::from_le_bytes(cursor.array(what)?)),
        4 => GgufValue::U32(cursor.u32(what)?),
        5 => GgufValue::I32(i32::from_le_bytes(cursor.array(what)?)),
        6 => GgufValue::F32(f32::from_le_bytes(cursor.array(what)?)),
        7 => GgufValue::Bool(read_bool(cursor.array::<1>(what)?[0], key)?),
        8 => GgufValue::String(cursor.string(what)?),
        9 => GgufValue::Array(read_array(cursor, key, 1)?),
        10 => GgufValue::U64(cursor.u64(what)?),
        11 => GgufValue::I64(i64::from_le_bytes(cursor.array(what)?)),
        12 => GgufValue::F64(f64::from_le_bytes(cursor.array(what)?)),
        other => return Err(unknown_type(key, other)),
    })
}

fn read_array(cursor: &mut Cursor<'_>, key: &str, depth: usize) -> Result<GgufArray, WeightsError> {
    if depth > MAX_DEPTH {
        return Err(WeightsError::unsupported(
            format!("nesting of arrays in `{key}`"),
            format!("at most {MAX_DEPTH} deep"),
            "deeper",
        ));
    }
    Ok(match cursor.u32("an array type")? {
        0 => GgufArray::U8(numbers(cursor, u8::from_le_bytes)?),
        1 => GgufArray::I8(numbers(cursor, i8::from_le_bytes)?),
        2 => GgufArray::U16(numbers(cursor, u16::from_le_bytes)?),
        3 => GgufArray::I16(numbers(cursor, i16::from_le_bytes)?),
        4 => GgufArray::U32(numbers(cursor, u32::from_le_bytes)?),
        5 => GgufArray::I32(numbers(cursor, i32::from_le_bytes)?),
        6 => GgufArray::F32(numbers(cursor, f32::from_le_bytes)?),
        7 => {
            let bytes = numbers(cursor, u8::from_le_bytes)?;
            let items: Result<_, _> = bytes.into_iter().map(|byte| read_bool(byte, key)).collect();
            GgufArray::Bool(items?)
        }
        8 => {
            // A string is at least its length.
            let count = cursor.count("an array of text", 8)?;
            let mut items = Vec::with_capacity(count);
            for _ in 0..count {
                items.push(cursor.string("an array of text")?);
            }
            GgufArray::String(items)
        }
        9 => {
            // An array is at least its type and count.
            let count = cursor.count("an array of arrays", 12)?;
            let mut items = Vec::with_capacity(count);
            for _ in 0..count {
                items.push(read_array(cursor, key, depth + 1)?);
            }
            GgufArray::Array(items)
        }
        10 => GgufArray::U64(numbers(cursor, u64::from_le_bytes)?),
        11 => GgufArray::I64(numbers(cursor, i64::from_le_bytes)?),
        12 => GgufArray::F64(numbers(cursor, f64::from_le_bytes)?),
        other => return Err(unknown_type(key, other)),
    })
}

fn numbers<T, const N: usize>(
    cursor: &mut Cursor<'_>,
    decode: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, WeightsError> {
    let count = cursor.count("an array of numbers", N as u64)?;
    let bytes = cursor.take(count as u64 * N as u64, "an array of numbers")?;
    Ok(bytes.as_chunks::<N>().0.iter().map(|chunk| decode(*chunk)).collect())
}

fn read_bool(byte: u8, key: &str) -> Result<bool, WeightsError> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(WeightsError::invalid(format!("`{key}`"), "a truth value, 0 or 1", other)),
    }
}

fn unknown_type(key: &str, id: u32) -> WeightsError {
    WeightsError::invalid(format!("type of metadata `{key}`"), "a number from 0 to 12", id)
}
