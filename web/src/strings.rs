//! Every word of the page, in English and Chinese, in one table.
//!
//! A text may hold places `{name}` that [`Text::fill`] fills. `index.html` names texts by
//! `data-t`; a test reads it and asks that each of them stands here.

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    /// Of a BCP 47 tag such as a browser's `zh-Hans-CN`; English where it is another language.
    pub(crate) fn of_tag(tag: &str) -> Self {
        match tag.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("zh") => Self::Chinese,
            _ => Self::English,
        }
    }

    /// The tag for `lang` and in problems.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The other of the two.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }
}

/// One text in both languages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    /// Its name in the table.
    pub(crate) name: &'static str,
    english: &'static str,
    chinese: &'static str,
}

impl Text {
    /// The text with its places filled.
    pub(crate) fn fill<V: AsRef<str>>(self, language: Language, values: &[(&str, V)]) -> String {
        let mut text = match language {
            Language::English => self.english,
            Language::Chinese => self.chinese,
        }
        .to_owned();
        for (place, value) in values {
            text = text.replace(&["{", place, "}"].concat(), value.as_ref());
        }
        text
    }
}

macro_rules! table {
    ($($name:ident: $english:literal, $chinese:literal;)*) => {
        $(pub(crate) const $name: Text =
            Text { name: stringify!($name), english: $english, chinese: $chinese };)*

        /// The text of that name.
        pub(crate) fn by_name(name: &str) -> Option<Text> {
            match name {
                $(stringify!($name) => Some($name),)*
                _ => None,
            }
        }

        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[Text] = &[$($name),*];
    };
}

mod table;
pub(crate) use table::*;

/// The reasons that the reward gives, as [`reason`] looks them up.
const REASONS: &[Text] = &[
    REASON_CUT,
    REASON_NO_BLOCK,
    REASON_BLOCKS,
    REASON_NO_NUMBER,
    REASON_NUMBERS,
    REASON_NOT_PLAIN,
    REASON_NO_EXPRESSION,
    REASON_BAD_EXPRESSION,
    REASON_TOO_LARGE,
    REASON_NO_ANSWER,
    REASON_NO_BOX,
    REASON_BAD_BOX,
    REASON_ANSWERS,
    REASON_NOT_ANSWER,
    REASON_NOT_ASSERTED,
    REASON_HIDDEN,
    REASON_OTHER_VALUE,
];

/// A reason of the reward in the page's language; as it is where the table lacks it.
pub(crate) fn reason(english: &str, language: Language) -> String {
    let words = english.replace('_', " ");
    match REASONS.iter().find(|text| text.english == words) {
        Some(text) => text.fill::<&str>(language, &[]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_no_text_that_is_not_in_the_table() {
        let page = include_str!("../index.html");
        let mut seen = 0;
        for attribute in ["data-t=\"", "data-t-label=\"", "data-t-placeholder=\""] {
            for rest in page.split(attribute).skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                assert!(by_name(name).is_some(), "not in the table: {name}");
                seen += 1;
            }
        }
        assert!(seen > 80, "read {seen} names");
    }

    #[test]
    fn both_languages_have_the_same_places() {
        let places = |text: &str| {
            let mut places: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}').map(|(place, _)| place.to_owned()))
                .filter(|place| !place.is_empty())
                .collect();
            places.sort();
            places
        };
        for text in ALL {
            assert_eq!(places(text.english), places(text.chinese), "{}", text.name);
        }
    }

    #[test]
    fn a_browser_language_is_read_from_its_tag() {
        for (tag, language) in [
            ("zh-Hans-CN", Language::Chinese),
            ("ZH", Language::Chinese),
            ("de", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
    }

    #[test]
    fn reasons_of_the_reward_are_translated_and_unknown_ones_kept() {
        assert_eq!(reason("no_answer_block", Language::Chinese), "没有 <answer> 块");
        assert_eq!(reason("of another kind", Language::Chinese), "of another kind");
    }
}
