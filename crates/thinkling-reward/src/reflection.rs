//! Reflective words: what the report counts to show that checking and going back grow in RL.
//!
//! Source: DeepSeek-R1 (arXiv 2501.12948), the analysis of self-evolution: *wait, mistake,
//! however, but, retry, error, verify, wrong, evaluate, check*. Words are compared without case
//! and as a whole: `checks` and `button` do not count. The Chinese counterparts are our own; Chinese has
//! no spaces, so they are found inside the text, the longest first, without overlap. A metric,
//! never a reward.

use std::collections::BTreeMap;

/// The report's list.
pub const ENGLISH: [&str; 10] =
    ["wait", "mistake", "however", "but", "retry", "error", "verify", "wrong", "evaluate", "check"];

/// Chinese counterparts; where one starts with another, the longer stands first.
pub const CHINESE: [&str; 16] = [
    "等等",
    "等一下",
    "错误",
    "不对",
    "错",
    "然而",
    "不过",
    "但是",
    "但",
    "重试",
    "重新",
    "验证",
    "核对",
    "检查",
    "评估",
    "检验",
];

/// How often each reflective word occurs; words that do not occur are left out.
///
/// ```
/// use thinkling_reward::reflection::reflective_words;
///
/// let counts = reflective_words("Wait, that is wrong. Wait! 等等，不对。");
/// assert_eq!(counts["wait"], 2);
/// assert_eq!(counts.values().sum::<usize>(), 5);
/// ```
pub fn reflective_words(text: &str) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for run in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
        // Latin words inside a run of Chinese text stand alone too.
        for word in run.split(|c: char| !c.is_ascii_alphanumeric() && crate::script::is_unspaced(c))
        {
            if let Some(known) = ENGLISH.iter().find(|known| known.eq_ignore_ascii_case(word)) {
                *counts.entry(*known).or_insert(0) += 1;
            }
        }
    }
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let found = CHINESE.iter().find(|known| rest.starts_with(**known));
        if let Some(known) = found {
            *counts.entry(*known).or_insert(0) += 1;
        }
        rest = &rest[found.map_or(c.len_utf8(), |known| known.len())..];
    }
    counts
}

/// How many reflective words a text holds.
pub fn reflection_count(text: &str) -> usize {
    reflective_words(text).values().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_word_is_found_alone() {
        for word in ENGLISH.into_iter().chain(CHINESE) {
            assert_eq!(reflective_words(word), BTreeMap::from([(word, 1)]), "{word}");
        }
    }

    #[test]
    fn words_count_whole_and_without_case() {
        assert_eq!(reflection_count("But WAIT: check, error."), 4);
        assert_eq!(reflection_count("button awaits checks errors unverify check_1"), 0);
    }

    #[test]
    fn chinese_words_do_not_overlap() {
        let counts = reflective_words("等等等等，错误是错的，但是检查check一下");
        let expected =
            [("等等", 2), ("错误", 1), ("错", 1), ("但是", 1), ("检查", 1), ("check", 1)];
        assert_eq!(counts, BTreeMap::from(expected));
    }
}
