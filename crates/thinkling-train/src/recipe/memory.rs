//! Amounts of memory in words: `"2GB"`.

use serde::{Serialize, Serializer};
use std::fmt;

use super::section::Section;
use crate::error::Result;

/// Units, the ones that end on another first.
const UNITS: [(&str, u64); 4] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("MB", 1_000_000)];

/// An amount of memory as a recipe writes it: a number and `GB`, `MB`, `GiB` or `MiB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemorySize {
    written: String,
    bytes: u64,
}

impl MemorySize {
    fn parse(text: &str) -> Option<Self> {
        let written = text.trim();
        let unit = UNITS.iter().find(|(unit, _)| written.ends_with(unit))?;
        let number: f64 = written[..written.len() - unit.0.len()].trim_end().parse().ok()?;
        let bytes = number * unit.1 as f64;
        let fits = number.is_finite() && (1e6..1e15).contains(&bytes);
        fits.then(|| Self { written: written.to_owned(), bytes: bytes as u64 })
    }

    /// Reads a key, where it is written.
    pub(super) fn read(s: &mut Section<'_>, key: &str) -> Result<Option<Self>> {
        let Some(text) = s.text(key)? else { return Ok(None) };
        let expected = "an amount of memory like \"2GB\" or \"500MiB\", at least 1 MB";
        Self::parse(&text).map(Some).ok_or_else(|| s.conflict(key, expected))
    }

    /// The amount.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for MemorySize {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_number_and_a_unit() {
        for (text, bytes) in [
            ("2GB", 2_000_000_000),
            ("1.5 GB", 1_500_000_000),
            ("500MB", 500_000_000),
            ("3GiB", 3 << 30),
            ("256MiB", 256 << 20),
        ] {
            assert_eq!(MemorySize::parse(text).map(|size| size.bytes()), Some(bytes), "{text}");
        }
        for text in ["", "2", "GB", "-1GB", "NaNGB", "2 TB", "1e300GB", "0.1MB"] {
            assert_eq!(MemorySize::parse(text), None, "{text}");
        }
    }
}
