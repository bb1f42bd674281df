//! Reflective words: what the report counts to show that checking and going back grow in RL.
//!
//! Source: DeepSeek-R1 (arXiv 2501.12948), the analysis of self-evolution: *wait, mistake,
//! however, but, retry, error, verify, wrong, evaluate, check*. Words are compared without case
//! and as a whole: `checks`, `await` and `button` do not count, nor do names such as `check_1` or
//! letters of other alphabets that touch a word; `double-check` and `check's` hold the word. The
//! Chinese counterparts are our own. Chinese has no spaces, so they are found inside the text, the
//! longest first, without overlap; words that only look alike are passed over ([`CHINESE_OTHERS`]).
//! Traditional spellings count as their simplified form. A metric, never a reward.
//!
//! Left out: inflected forms, as in the report's list, and what a word means where it stands.

use std::collections::BTreeMap;

use crate::script::{is_han, is_unspaced};

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

/// Traditional spellings with the entry of [`CHINESE`] that they count as.
pub const TRADITIONAL: [(&str, &str); 10] = [
    ("錯誤", "错误"),
    ("不對", "不对"),
    ("錯", "错"),
    ("不過", "不过"),
    ("重試", "重试"),
    ("驗證", "验证"),
    ("核對", "核对"),
    ("檢查", "检查"),
    ("評估", "评估"),
    ("檢驗", "检验"),
];

/// Words that hold an entry of [`CHINESE`] and do not reflect: *not bad*, *right*, *not only*, *if
/// only*, *staggered*, *shifted*, *disproportionate*, *derangement* and the like.
pub const CHINESE_OTHERS: [&str; 16] = [
    "不错", "没错", "不錯", "沒錯", "不但", "但愿", "但願", "非但", "交错", "交錯", "错开", "錯開",
    "错位", "錯位", "错排", "錯排",
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
    each_reflective_word(text, |word| *counts.entry(word).or_insert(0) += 1);
    counts
}

/// How many reflective words a text holds.
pub fn reflection_count(text: &str) -> usize {
    let mut count = 0;
    each_reflective_word(text, |_| count += 1);
    count
}

fn each_reflective_word(text: &str, mut each: impl FnMut(&'static str)) {
    // Where the word in Latin letters that is being read starts; none inside another word.
    let mut start = Some(0);
    let mut passed = 0;
    // Whether the last characters were Han and no entry of the list.
    let mut after_han = false;
    for (at, c) in text.char_indices() {
        if c.is_ascii_alphabetic() {
            after_han = false;
            continue;
        }
        if let Some(word) = start.and_then(|start| text.get(start..at))
            && !is_of_words(c)
        {
            english(word, &mut each);
        }
        start = (!is_of_words(c)).then_some(at + c.len_utf8());
        if at < passed {
            continue;
        }
        after_han = match starts_listed(c).then(|| chinese(&text[at..])).flatten() {
            // Behind other characters `等等` is `and so on`.
            Some((length, Some("等等"))) if after_han => {
                passed = at + length;
                true
            }
            Some((length, word)) => {
                passed = at + length;
                word.into_iter().for_each(&mut each);
                word.is_none()
            }
            None => is_han(c),
        };
    }
    if let Some(word) = start.and_then(|start| text.get(start..)) {
        english(word, &mut each);
    }
}

/// Whether `c`, no ASCII letter, makes one word with a Latin word that it touches.
fn is_of_words(c: char) -> bool {
    c == '_' || c.is_alphanumeric() && !is_unspaced(c) || ('\u{300}'..='\u{36F}').contains(&c)
}

fn english(word: &str, each: &mut impl FnMut(&'static str)) {
    if (3..=8).contains(&word.len()) {
        ENGLISH.into_iter().filter(|known| known.eq_ignore_ascii_case(word)).for_each(each);
    }
}

/// Whether a word of the three Chinese lists starts with `c`.
fn starts_listed(c: char) -> bool {
    matches!(
        c,
        '等' | '错'
            | '錯'
            | '不'
            | '没'
            | '沒'
            | '但'
            | '然'
            | '非'
            | '交'
            | '重'
            | '验'
            | '驗'
            | '核'
            | '检'
            | '檢'
            | '评'
            | '評'
    )
}

/// The bytes of the listed word that `rest` starts with, and the entry that it counts as; none for
/// words that only look alike.
fn chinese(rest: &str) -> Option<(usize, Option<&'static str>)> {
    if let Some(word) = CHINESE_OTHERS.iter().find(|word| rest.starts_with(**word)) {
        return Some((word.len(), None));
    }
    if let Some(word) = CHINESE.iter().find(|word| rest.starts_with(**word)) {
        return Some((word.len(), Some(word)));
    }
    let found = TRADITIONAL.iter().find(|(spelling, _)| rest.starts_with(spelling));
    found.map(|(spelling, word)| (spelling.len(), Some(*word)))
}

#[cfg(test)]
mod tests;
