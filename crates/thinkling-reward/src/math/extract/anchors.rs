//! Words that announce an answer: "the answer is", "Answer:", "####", and the like.

use std::ops::Range;

use super::scope::EDGE;

/// How many announced places are kept, the last ones.
pub(crate) const KEPT: usize = 64;

/// Nouns for the answer by their first letter. A link must follow ([`LINKS`]).
const NOUNS: [(char, &[&str]); 22] = [
    ('a', &["answer", "answers", "ans", "antwort", "antwoord"]),
    ('c', &["correct option", "correct choice", "cevap"]),
    (
        'r',
        &[
            "right option",
            "right choice",
            "réponse finale",
            "réponse correcte",
            "réponse",
            "reponse",
            "respuesta final",
            "respuesta correcta",
            "respuesta",
            "resposta final",
            "resposta correta",
            "resposta",
            "risposta finale",
            "risposta corretta",
            "risposta",
        ],
    ),
    ('l', &["lösung"]),
    ('e', &["ergebnis"]),
    ('s', &["svar"]),
    ('o', &["odpowiedź", "odpověď"]),
    ('y', &["yanıt"]),
    ('j', &["jawaban"]),
    ('đ', &["đáp án", "đáp số"]),
    ('о', &["ответ"]),
    ('в', &["відповідь"]),
    ('答', &["答案", "答え"]),
    ('解', &["解答"]),
    ('정', &["정답"]),
    ('답', &["답"]),
    ('ا', &["الجواب", "الإجابة"]),
    ('उ', &["उत्तर"]),
    ('ค', &["คำตอบ"]),
    ('α', &["απάντηση"]),
    ('最', &["最终答案"]),
    ('正', &["正确答案", "正解"]),
];

/// What joins the noun with the answer; a word among them must end where it ends here.
const LINKS: [&str; 37] = [
    ":",
    "：",
    "=",
    "is",
    "are",
    "was",
    "be",
    "would be",
    "should be",
    "must be",
    "will be",
    "est",
    "sera",
    "ist",
    "lautet",
    "es",
    "son",
    "è",
    "é",
    "это",
    "—",
    "–",
    "равен",
    "это:",
    "是",
    "为",
    "為",
    "应为",
    "应该是",
    "は",
    "은",
    "는",
    "هو",
    "هي",
    "है",
    "คือ",
    "là",
];

/// Links that are words of other languages would be read inside English words without this list:
/// those after which more letters may follow at once.
const UNSPACED_LINKS: [&str; 12] =
    [":", "：", "=", "—", "–", "是", "为", "為", "应为", "应该是", "は", "คือ"];

/// Marks that announce an answer by themselves.
const MARKS: [&str; 6] = ["####", "答：", "答:", "故选", "应选", "故答案为"];

/// How much an announcement weighs: a stronger one makes weaker ones mere text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// `####`.
    Mark,
    /// "final answer".
    Final,
    /// Any other.
    Plain,
}

/// Where an announced answer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// From the end of the announcement to the next one, or to the end of the text.
    pub(crate) region: Range<usize>,
    pub(crate) strength: Strength,
}

/// Every announcement that starts with an ASCII character starts with one of these.
const ASCII_STARTS: &str = "#aceoljrsy";

fn is_spaced_letter(c: char) -> bool {
    !crate::script::is_unspaced(c) && c.is_alphabetic()
}

/// Where announced answers stand, in order.
pub(crate) fn anchored(text: &str) -> Vec<Announced> {
    let mut starts = Vec::<Range<usize>>::new();
    let mut letter_before = false;
    for (at, c) in text.char_indices() {
        let inside = letter_before;
        letter_before = c.is_ascii_alphabetic() || (!c.is_ascii() && is_spaced_letter(c));
        if (inside && letter_before)
            || (c.is_ascii() && !ASCII_STARTS.contains(c.to_ascii_lowercase()))
            || starts.last().is_some_and(|last| last.end > at)
        {
            continue;
        }
        if let Some(len) = anchor(&text[at..], c) {
            if starts.len() == KEPT {
                starts.remove(0);
            }
            starts.push(at..at + len);
        }
    }
    let ends = starts.iter().skip(1).map(|next| next.start).chain([text.len()]);
    let announced = |(start, end): (&Range<usize>, usize)| {
        let edge = text[start.end..end].find(char::from(EDGE));
        let region = start.end..edge.map_or(end, |len| start.end + len);
        Announced { region, strength: strength(text, start) }
    };
    starts.iter().zip(ends).map(announced).collect()
}

fn strength(text: &str, announcement: &Range<usize>) -> Strength {
    if text[announcement.clone()].starts_with("####") {
        return Strength::Mark;
    }
    const FINAL: [&str; 4] = ["final ", "最後の", "итоговый ", "endgültige "];
    const FINAL_NOUNS: [&str; 5] =
        ["réponse finale", "respuesta final", "resposta final", "risposta finale", "最终答案"];
    let before = &text[..announcement.start];
    let tail = before.len().saturating_sub(24);
    let tail = (tail..=before.len()).find_map(|from| before.get(from..)).unwrap_or("");
    let tail = tail.to_lowercase();
    let noun = text[announcement.clone()].to_lowercase();
    let is_final = FINAL.iter().any(|word| tail.ends_with(word))
        || FINAL_NOUNS.iter().any(|known| noun.starts_with(known));
    if is_final { Strength::Final } else { Strength::Plain }
}

/// The length of the announcement that the text begins with.
fn anchor(text: &str, first: char) -> Option<usize> {
    if matches!(first, '#' | '答' | '故' | '应')
        && let Some(mark) = MARKS.iter().find(|mark| text.starts_with(**mark))
    {
        return Some(skip(text, mark.len(), &[':', '：', '*']));
    }
    if !first.is_alphabetic() {
        return None;
    }
    let lower = first.to_lowercase().next()?;
    let (_, nouns) = NOUNS.iter().find(|(first, _)| *first == lower)?;
    let noun = nouns.iter().filter_map(|noun| prefix_len(text, noun)).max()?;
    let after_noun = skip(text, noun, &[' ', '*', '_', '`', '\u{a0}']);
    let rest = &text[after_noun..];
    let next = rest.chars().next().and_then(|c| c.to_lowercase().next());
    let near = LINKS.iter().filter(|link| link.chars().next() == next);
    let link = near.filter_map(|link| Some((link, prefix_len(rest, link)?)));
    let ends = |link: &str, len: usize| {
        UNSPACED_LINKS.contains(&link)
            || !rest[len..].starts_with(|c: char| c.is_alphanumeric() && !c.is_ascii_digit())
    };
    let len = link.filter(|(link, len)| ends(link, *len)).map(|(_, len)| len).max();
    match len {
        Some(len) => Some(skip(text, after_noun + len, &[' ', '*', '_', '`', '\u{a0}', ':', '：'])),
        // A heading: "Final Answer" and a line break.
        None if rest.starts_with('\n') => Some(after_noun),
        None => None,
    }
}

/// The length of `text`'s start that is `known`, without regard to case.
fn prefix_len(text: &str, known: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    for expected in known.chars() {
        let (_, got) = chars.next()?;
        let same = got == expected
            || if got.is_ascii() {
                got.to_ascii_lowercase() == expected
            } else {
                got.to_lowercase().eq([expected])
            };
        if !same {
            return None;
        }
    }
    Some(chars.next().map_or(text.len(), |(at, _)| at))
}

/// The byte after some marks.
fn skip(text: &str, from: usize, marks: &[char]) -> usize {
    let rest = &text[from..];
    from + rest.find(|c: char| !marks.contains(&c)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(text: &str) -> Vec<&str> {
        anchored(text).into_iter().map(|announced| &text[announced.region]).collect()
    }

    #[test]
    fn announcements_in_several_languages_are_found() {
        for (text, expected) in [
            ("The answer is 42.", vec!["42."]),
            ("Answer: 42", vec!["42"]),
            ("**Answer:** 42", vec!["42"]),
            ("ANSWER : 42", vec!["42"]),
            ("**Final Answer**\n42", vec!["\n42"]),
            ("#### 40", vec![" 40"]),
            ("the answer would be 7", vec!["7"]),
            ("The answers are 7 and 8", vec!["7 and 8"]),
            ("The correct option is B", vec!["B"]),
            ("答案是42", vec!["42"]),
            ("答案为：42", vec!["42"]),
            ("答：42只", vec!["42只"]),
            ("所以答案：42", vec!["42"]),
            ("答えは42です", vec!["42です"]),
            ("정답은 42", vec!["42"]),
            ("La réponse est 42", vec!["42"]),
            ("Réponse : 42", vec!["42"]),
            ("Die Antwort lautet 42", vec!["42"]),
            ("Antwort: 42", vec!["42"]),
            ("La respuesta es 42", vec!["42"]),
            ("La risposta è 42", vec!["42"]),
            ("A resposta é 42", vec!["42"]),
            ("Ответ: 42", vec!["42"]),
            ("ОТВЕТ — 42", vec!["42"]),
            ("الإجابة هي 42", vec!["42"]),
            ("Đáp án là 42", vec!["42"]),
            ("Answer: 1. Answer: 2", vec!["1. ", "2"]),
            ("Final Answer: The final answer is $24$.", vec!["The final ", "$24$."]),
            ("Answer: 5\u{1e}6", vec!["5"]),
        ] {
            assert_eq!(regions(text), expected, "{text}");
        }
    }

    #[test]
    fn final_announcements_outweigh_others() {
        for (text, strength) in [
            ("#### 5", Strength::Mark),
            ("The final answer is 5", Strength::Final),
            ("**Final Answer**: 5", Strength::Final),
            ("最终答案：5", Strength::Final),
            ("Réponse finale : 5", Strength::Final),
            ("The answer is 5", Strength::Plain),
            ("答案：5", Strength::Plain),
        ] {
            assert_eq!(anchored(text)[0].strength, strength, "{text}");
        }
    }

    #[test]
    fn every_announcement_can_start() {
        for (first, nouns) in NOUNS {
            assert!(!first.is_ascii() || ASCII_STARTS.contains(first), "{first}");
            assert!(nouns.iter().all(|noun| noun.starts_with(first)), "{first}");
        }
    }

    #[test]
    fn words_that_announce_nothing_are_passed_over() {
        for text in [
            "The answer could be written as a fraction",
            "answer 5 questions",
            "unanswered: 5",
            "answerable is 5",
            "the answer isn't 5",
            "answer island",
            "",
        ] {
            assert_eq!(regions(text), Vec::<&str>::new(), "{text}");
        }
    }
}
