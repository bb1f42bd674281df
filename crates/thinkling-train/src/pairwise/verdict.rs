//! What a judge says.

use crate::preferences::read_part;
use crate::recipe::Reading;
use crate::sampling::Reply;
use thinkling_sampling::Finish;

/// The verdicts that a judge chooses from: its words, how much better the response at place A is, and
/// what it means.
pub(super) const VERDICTS: [(&str, i8, &str); 5] = [
    ("A>>B", 2, "response A is much better"),
    ("A>B", 1, "response A is a little better"),
    ("A=B", 0, "both are about equally good"),
    ("B>A", -1, "response B is a little better"),
    ("B>>A", -2, "response B is much better"),
];

/// How much better the response at place A is, from -2 to 2; `None` of a reply that does not say so.
///
/// Behind what the judge thought, between double brackets, has to stand one of [`VERDICTS`], and no
/// other one of them anywhere else there. White space inside the brackets does not matter, and what else
/// stands in double brackets is no verdict. A reply that was cut may have gone on otherwise and says
/// nothing.
pub(super) fn read_verdict(reply: &Reply) -> Option<i8> {
    if reply.finish == Finish::Length {
        return None;
    }
    let mut found = None;
    for inner in marked(read_part(&reply.text, Reading::Summary)) {
        let words: String = inner.split_whitespace().collect();
        let Some((_, better, _)) = VERDICTS.iter().find(|(text, ..)| *text == words) else {
            continue;
        };
        if found.is_some_and(|other| other != *better) {
            return None;
        }
        found = Some(*better);
    }
    found
}

/// The texts between double brackets.
fn marked(text: &str) -> impl Iterator<Item = &str> {
    let inner = |(at, open): (usize, &str)| text[at + open.len()..].split_once("]]");
    text.match_indices("[[").filter_map(inner).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Option<i8> {
        let finish = Finish::Stop;
        read_verdict(&Reply { finish, tokens: 3, prompt_tokens: 9, text: text.into(), ids: vec![] })
    }

    #[test]
    fn each_verdict_is_read_wherever_it_stands() {
        for (words, better, _) in VERDICTS {
            for text in [
                format!("[[{words}]]"),
                format!("Both say 3. B repeats itself.\n\n**My verdict: [[ {words} ]].**\n"),
                format!("<think>First [[A>B]], no, [[B>A]].</think>So [[{words}]]"),
                format!("[[{}]]", words.replace('>', " > ")),
                format!("[[{words}]], as I said: [[{words}]]"),
                format!("The matrix [[1, 2], [3, 4]] is right, and a[[0]] too. [[{words}]]"),
            ] {
                assert_eq!(verdict(&text), Some(better), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_verdict_or_several_cannot_be_read() {
        for text in [
            "",
            "A is better.",
            "A>B",
            "[A>B]",
            "[[A]]",
            "[[a>b]]",
            "[[A>>>B]]",
            "[[A>B]",
            "[[Tie]]",
            "[[A>B]] or [[B>A]]",
            "[[A>B]] or even [[A>>B]]",
            "<think>[[A>B]]</think> B is worse.",
            "<think>it is [[A>B]]",
        ] {
            assert_eq!(verdict(text), None, "{text}");
        }
    }

    #[test]
    fn a_reply_that_was_cut_says_nothing() {
        let finish = Finish::Length;
        let text = "[[A>B]] and".to_owned();
        let reply = Reply { finish, tokens: 3, prompt_tokens: 9, text, ids: vec![] };
        assert_eq!(read_verdict(&reply), None);
    }
}
