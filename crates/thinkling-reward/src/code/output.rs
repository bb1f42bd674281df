//! When the output of a program is the expected one.

use serde::{Deserialize, Serialize};

/// How an output is compared with the expected one.
///
/// | | `"1 2 \n\n"` and `"1 2"` | `"1  2"` and `"1 2"` | `"1\n2"` and `"1 2"` |
/// |---|---|---|---|
/// | `Lines` | same | differ | differ |
/// | `Words` | same | same | same |
/// | `Exact` | differ | differ | differ |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputMatch {
    /// Line by line, without white space at line ends and blank lines at the end: what contests
    /// do.
    #[default]
    Lines,
    /// Word by word, whatever white space parts them.
    Words,
    /// Byte by byte.
    Exact,
}

impl OutputMatch {
    /// Whether `got` is what is expected. Bytes that are no UTF-8 never are.
    pub fn matches(self, expected: &str, got: &[u8]) -> bool {
        let Ok(got) = std::str::from_utf8(got) else {
            return false;
        };
        match self {
            Self::Exact => expected == got,
            Self::Words => expected.split_whitespace().eq(got.split_whitespace()),
            Self::Lines => lines(expected).eq(lines(got)),
        }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.trim_end().lines().map(str::trim_end)
}
