//! Words by Unicode segmentation (UAX #29), fast on the texts that models write.
//!
//! The words are those of [`UnicodeSegmentation::unicode_word_indices`], which is several times
//! faster on pure ASCII: a text is cut at blanks into stretches of ASCII and others, and Han
//! characters, each a word of its own, are taken out. (A mark behind a Han character is left off.)

use unicode_segmentation::UnicodeSegmentation;

use crate::script::is_han;

/// Reports each word with its place, in order.
pub(crate) fn for_each_word<'a>(text: &'a str, mut each: impl FnMut(usize, &'a str)) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(offset) = bytes[from..].iter().position(|byte| !byte.is_ascii()) {
        let other = from + offset;
        // A blank ends a word whatever stands around it.
        let start = bytes[from..other].iter().rposition(u8::is_ascii_whitespace);
        let start = start.map_or(from, |blank| from + blank + 1);
        let end = bytes[other..].iter().position(u8::is_ascii_whitespace);
        let end = end.map_or(bytes.len(), |blank| other + blank);
        segment(text, from, start, &mut each);
        let mut open = start;
        for (at, c) in text[start..end].char_indices() {
            if is_han(c) {
                let at = start + at;
                segment(text, open, at, &mut each);
                open = at + c.len_utf8();
                each(at, &text[at..open]);
            }
        }
        segment(text, open, end, &mut each);
        from = end;
    }
    segment(text, from, text.len(), &mut each);
}

/// Reports the words of a part of `text`.
fn segment<'a>(text: &'a str, from: usize, to: usize, each: &mut impl FnMut(usize, &'a str)) {
    for (at, word) in text[from..to].unicode_word_indices() {
        each(from + at, word);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<(usize, &str)> {
        let mut out = Vec::new();
        for_each_word(text, |at, word| out.push((at, word)));
        out
    }

    #[test]
    fn words_are_found_with_their_places() {
        assert_eq!(
            words("we 先加 2, don't"),
            [(0, "we"), (3, "先"), (6, "加"), (10, "2"), (13, "don't")]
        );
        assert_eq!(words(" \n，。"), []);
        assert_eq!(words("été"), [(0, "été")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..Default::default() })]

        #[test]
        fn words_are_those_of_the_standard(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "word", "it's", " ", "\n", "\t", ".", ",", "，", "。", "1", "2.5", "_", "-", "é",
                    "e\u{301}", "\u{200D}", "先", "加", "の", "カ", "タ", "ー", "한", "국", "б", "ال", "ก",
                    "😀", ":", "'", "’", "x1", "\u{AD}", "\u{3000}", "\u{A0}",
                ]),
                0..40,
            ),
        ) {
            let text = pieces.concat();
            // Marks and joiners behind a Han character are the one difference.
            prop_assume!(!text.contains("先\u{200D}") && !text.contains("加\u{200D}"));
            prop_assume!(!text.contains("先\u{AD}") && !text.contains("加\u{AD}"));
            prop_assert_eq!(words(&text), text.unicode_word_indices().collect::<Vec<_>>());
        }

        #[test]
        fn any_text_gives_words_in_order(text: String) {
            let mut end = 0;
            for (at, word) in words(&text) {
                prop_assert!(at >= end && !word.is_empty());
                end = at + word.len();
                prop_assert_eq!(&text[at..end], word);
            }
        }
    }
}
