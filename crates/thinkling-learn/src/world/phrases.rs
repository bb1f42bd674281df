//! The wording of the mini world, one table a language with the same fields, so that a speaker can
//! change language from one phrase to the next.
//!
//! In a question `{expression}`, `{numbers}` and `{target}` stand for the problem's own numbers.
//! Every other phrase is written down as it is. A phrase listed twice is said twice as often.

use serde::{Deserialize, Serialize};

/// A language of the mini world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Language {
    /// The other one of the two.
    pub fn other(self) -> Self {
        match self {
            Self::En => Self::Zh,
            Self::Zh => Self::En,
        }
    }

    /// The phrases of this language.
    pub fn phrases(self) -> &'static Phrases {
        match self {
            Self::En => &ENGLISH,
            Self::Zh => &CHINESE,
        }
    }

    /// The phrases of this language with a word at every other step, so that even a chain of sums
    /// is in some language.
    pub fn wordy_phrases(self) -> &'static Phrases {
        match self {
            Self::En => &WORDY_ENGLISH,
            Self::Zh => &WORDY_CHINESE,
        }
    }
}

/// What can be said in one language.
#[derive(Debug, Clone, Copy)]
pub struct Phrases {
    /// Questions for a chained sum, with `{expression}`.
    pub sum_questions: &'static [&'static str],
    /// Questions for a countdown, with `{numbers}` and `{target}`.
    pub countdown_questions: &'static [&'static str],
    /// Between the numbers of a countdown.
    pub comma: &'static [&'static str],
    /// Before the question of a plain document.
    pub ask: &'static [&'static str],
    /// Before the reply of a plain document.
    pub reply: &'static [&'static str],
    /// Before the first step.
    pub first: &'static [&'static str],
    /// Before every later step.
    pub next: &'static [&'static str],
    /// Before an answer that was not worked out.
    pub guess: &'static [&'static str],
    /// Between the first steps and an answer that skips the others.
    pub rush: &'static [&'static str],
    /// A slip was noticed; the right step follows.
    pub wait: &'static [&'static str],
    /// Before the inverse of the step just made.
    pub check: &'static [&'static str],
    /// The check agrees.
    pub right: &'static [&'static str],
    /// The check disagrees; the right step follows.
    pub wrong: &'static [&'static str],
    /// Before a countdown try.
    pub attempt: &'static [&'static str],
    /// The try missed; the target follows.
    pub missed: &'static [&'static str],
    /// After the target of a try that missed, where another try follows.
    pub again: &'static [&'static str],
    /// The try hit; the target follows.
    pub hit: &'static [&'static str],
    /// Before an answer without tags.
    pub answer: &'static [&'static str],
}

impl Phrases {
    /// Every table, for those who need all the words there are.
    pub fn tables(&self) -> [&'static [&'static str]; 18] {
        [
            self.sum_questions,
            self.countdown_questions,
            self.comma,
            self.ask,
            self.reply,
            self.first,
            self.next,
            self.guess,
            self.rush,
            self.wait,
            self.check,
            self.right,
            self.wrong,
            self.attempt,
            self.missed,
            self.again,
            self.hit,
            self.answer,
        ]
    }
}

const ENGLISH: Phrases = Phrases {
    sum_questions: &[
        "What is {expression}?",
        "How much is {expression}?",
        "Compute {expression}",
        "Work out {expression}",
        "Find the value of {expression}",
        "{expression}=?",
    ],
    countdown_questions: &[
        "Use each of {numbers} once: make {target}",
        "Make {target} with plus and minus: {numbers}",
        "Reach {target}, each number once: {numbers}",
    ],
    comma: &[", "],
    ask: &["Question: ", "Exercise: "],
    reply: &["; solution: ", "; reply: "],
    first: &["", "", "", "First "],
    next: &[", ", ", ", ", ", ", then "],
    guess: &["I guess ", "It is ", "Maybe ", "Easy: "],
    rush: &[", the rest gives ", ", and so on: "],
    wait: &[", wait: ", ", a mistake: "],
    check: &[", check: "],
    right: &[", right"],
    wrong: &[", wrong: "],
    attempt: &["Try "],
    missed: &[", not "],
    again: &["; "],
    hit: &[", yes "],
    answer: &[". So ", ". The answer is ", ". Answer: "],
};

const CHINESE: Phrases = Phrases {
    sum_questions: &[
        "{expression}等于多少？",
        "计算{expression}",
        "求{expression}的值",
        "算一算：{expression}",
        "{expression}=？",
    ],
    countdown_questions: &[
        "用{numbers}各一次，得到{target}",
        "每个数用一次，凑出{target}：{numbers}",
    ],
    comma: &["，"],
    ask: &["问：", "题目："],
    reply: &["；答：", "；解："],
    first: &["", "", "", "先算"],
    next: &["，", "，", "，", "，再"],
    guess: &["我猜", "大概是", "应该是", "简单："],
    rush: &["，后面一共", "，这样下去："],
    wait: &["，等等：", "，错误："],
    check: &["，检查："],
    right: &["，对"],
    wrong: &["，不对："],
    attempt: &["试"],
    missed: &["，不是"],
    again: &["；"],
    hit: &["，正是"],
    answer: &["。所以", "。答案是", "。答："],
};

static WORDY_ENGLISH: Phrases =
    Phrases { first: &["", "First "], next: &[", ", ", then "], ..ENGLISH };

static WORDY_CHINESE: Phrases =
    Phrases { first: &["", "先算"], next: &["，", "，再"], ..CHINESE };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_carry_their_placeholders_once() {
        for language in [Language::En, Language::Zh] {
            let phrases = language.phrases();
            for question in phrases.sum_questions {
                assert_eq!(question.matches("{expression}").count(), 1, "{question}");
            }
            for question in phrases.countdown_questions {
                assert_eq!(question.matches("{numbers}").count(), 1, "{question}");
                assert_eq!(question.matches("{target}").count(), 1, "{question}");
            }
        }
    }

    #[test]
    fn no_phrase_speaks_the_other_language() {
        for table in Language::En.phrases().tables() {
            assert!(table.iter().all(|phrase| phrase.is_ascii()), "{table:?}");
        }
        for table in Language::Zh.phrases().tables() {
            for phrase in table {
                let plain = phrase.split(['{', '}']).step_by(2).collect::<String>();
                assert!(!plain.contains(|c: char| c.is_ascii_alphabetic()), "{phrase}");
            }
        }
    }
}
