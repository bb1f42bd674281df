//! Enums that a recipe writes as one of a few strings.

use super::tree::Value;

/// An enum that a recipe writes as one of a few strings.
pub(crate) trait Choice: Copy + 'static {
    /// Each spelling with its value.
    const ALL: &'static [(&'static str, Self)];
}

/// Makes an enum that reads and writes as one of a few strings.
macro_rules! choices {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$doc])* #[doc = concat!(" In recipes: `", $text, "`.")] $variant),+ }

        impl $name {
            /// The spelling in recipes.
            $vis fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl $crate::recipe::choice::Choice for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use choices;

/// The spellings of an enum of another crate, the same as its serde names.
macro_rules! spellings {
    ($name:ty { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl $crate::recipe::choice::Choice for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),+];
        }
    };
}
pub(crate) use spellings;

/// The candidate spelt most like `word`.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let likeness = |c: &str| strsim::normalized_damerau_levenshtein(word, c);
    let best = candidates.map(|c| (likeness(c), c)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, c)| c.to_owned())
}

/// The spellings of `T` in words, with the one nearest to `got`.
pub(crate) fn words<T: Choice>(got: &Value) -> String {
    let names: Vec<String> = T::ALL.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let all = match names.as_slice() {
        [only] => only.clone(),
        _ => format!("one of {}", names.join(", ")),
    };
    match got {
        Value::String(text) if T::ALL.len() > 1 => {
            match nearest(text, T::ALL.iter().map(|(name, _)| *name)) {
                Some(nearest) => format!("{all} (nearest: \"{nearest}\")"),
                None => all,
            }
        }
        _ => all,
    }
}
