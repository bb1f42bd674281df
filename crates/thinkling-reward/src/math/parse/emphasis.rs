//! What stands around an answer and is no part of it: marks of emphasis, signs of a tick.

use std::borrow::Cow;

/// Signs that point at what follows or call it right.
const POINTERS: &[char] = &['✅', '✔', '☑', '👉', '➡', '🎯', '🎉', '💡', '\u{FE0F}'];

/// The text without white space, ticks and emphasis around it, and without emphasis of what stands
/// behind a sign: `3 + 4 = **7**`.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let blank = |c: char| c.is_whitespace() || POINTERS.contains(&c);
    let text = text.trim_matches(blank);
    for mark in ["**", "`"] {
        let inner = text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark));
        if let Some(inner) = inner {
            return Cow::Borrowed(inner.trim());
        }
    }
    match strong(text) {
        Some((before, inner, behind)) => Cow::Owned([before, inner, behind].concat()),
        None => Cow::Borrowed(text),
    }
}

/// The only pair of `**` where the first stands behind a sign, so that it is no power, with the
/// text around it.
fn strong(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("**")?;
    let (inner, behind) = rest.split_once("**")?;
    let sign = before.trim_end().ends_with(['=', '<', '>', ':', '≈', '≤', '≥']);
    let tight = !inner.is_empty() && inner.trim() == inner;
    let ends = behind.is_empty() || behind.starts_with([' ', '.', ',', ';']);
    (sign && tight && ends && !behind.contains("**")).then_some((before, inner, behind))
}
