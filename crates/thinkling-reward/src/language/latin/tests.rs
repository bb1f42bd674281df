use super::*;
use crate::language::WordCounts;

mod others;
mod sentences;

/// The sentences by target.
const SENTENCES: [(Language, &[&str]); 7] = [
    (Language::En, &sentences::ENGLISH),
    (Language::Fr, &sentences::FRENCH),
    (Language::De, &sentences::GERMAN),
    (Language::Es, &sentences::SPANISH),
    (Language::It, &sentences::ITALIAN),
    (Language::Pt, &sentences::PORTUGUESE),
    (Language::Nl, &sentences::DUTCH),
];

/// Of each language at least so many sentences in a hundred must be right in every word.
const LEAST: usize = 95;

/// Whether all words of the sentence are of the language.
fn is_right(sentence: &str, language: Language) -> bool {
    let counts = WordCounts::of(sentence);
    counts.words(language) == counts.total() && counts.total() > 2
}

/// The sentences that `right` refuses must be few.
fn assert_most(
    name: &str,
    sentences: impl IntoIterator<Item = String>,
    right: impl Fn(&str) -> bool,
) {
    let (mut all, mut missed) = (0, Vec::new());
    for sentence in sentences {
        all += 1;
        if !right(&sentence) {
            missed.push(sentence);
        }
    }
    let share = (all - missed.len()) * 100 / all;
    assert!(share >= LEAST, "{name}: {share} % of {all}, missed: {missed:#?}");
}

#[test]
fn sentences_are_of_five_to_eleven_words() {
    for (language, sentences) in SENTENCES {
        for sentence in sentences {
            let words = sentence.split([' ', '\'']).count();
            assert!((5..=11).contains(&words), "{language} {words} {sentence}");
        }
    }
}

#[test]
fn short_sentences_are_told_apart() {
    for (language, sentences) in SENTENCES {
        let all = sentences.iter().map(|&sentence| sentence.to_owned());
        assert_most(language.code(), all, |sentence| is_right(sentence, language));
    }
}

#[test]
fn sentences_that_nothing_was_tuned_on_are_told_apart() {
    for (code, sentences) in others::HELD_OUT {
        let language = code.parse().unwrap();
        assert_most(code, sentences.map(str::to_owned), |sentence| is_right(sentence, language));
    }
}

#[test]
fn words_of_other_languages_are_of_no_target() {
    let all = others::OTHERS.iter().flat_map(|(_, sentences)| sentences);
    assert_most("others", all.map(|&sentence| sentence.to_owned()), |sentence| {
        let counts = WordCounts::of(sentence);
        counts.other() == counts.total()
    });
    // Never English, whatever else.
    for (name, sentences) in others::OTHERS {
        for sentence in sentences {
            assert_eq!(WordCounts::of(sentence).words(Language::En), 0, "{name}: {sentence}");
        }
    }
}

/// How many sentences of the tests below are decided wrong in at least one word.
fn mixed(language: Language, text: impl Fn(usize) -> (String, String, String)) {
    let right = |i: usize| {
        let (english, other, joined) = text(i);
        let words = |text: &str| WordCounts::of(text).total();
        let counts = WordCounts::of(&joined);
        counts.words(Language::En) == words(&english) && counts.words(language) == words(&other)
    };
    let missed: Vec<_> = (0..40).filter(|&i| !right(i)).map(|i| text(i).2).collect();
    // A tenth: here every word must fall on the right side of every border.
    assert!(missed.len() <= 4, "{language}: {missed:#?}");
}

#[test]
fn a_sentence_between_english_ones_keeps_its_language() {
    for (language, sentences) in SENTENCES.into_iter().skip(1) {
        mixed(language, |i| {
            let (before, behind) = (sentences::ENGLISH[i], sentences::ENGLISH[(i + 7) % 40]);
            let other = sentences[i];
            (format!("{before} {behind}"), other.into(), format!("{before} {other} {behind}"))
        });
    }
}

#[test]
fn an_english_sentence_between_others_is_english() {
    for (language, sentences) in SENTENCES.into_iter().skip(1) {
        mixed(language, |i| {
            let (before, behind) = (sentences[i], sentences[(i + 7) % 40]);
            let english = sentences::ENGLISH[(i + 3) % 40];
            (english.into(), format!("{before} {behind}"), format!("{before} {english} {behind}"))
        });
    }
}

#[test]
fn a_clause_behind_a_comma_keeps_its_language() {
    for (language, sentences) in SENTENCES.into_iter().skip(1) {
        mixed(language, |i| {
            let english = sentences::ENGLISH[i].trim_end_matches(['.', '?']);
            let other = sentences[(i + 5) % 40].to_lowercase();
            (english.into(), other.clone(), format!("{english}, {other}"))
        });
    }
}

#[test]
fn a_single_word_without_context_is_english() {
    for word in ["induction", "restaurant", "minimum", "radius", "Xylqz", "information", "okay"] {
        assert_eq!(WordCounts::of(word).words(Language::En), 1, "{word}");
    }
}

#[test]
fn a_name_told_again_and_again_decides_nothing() {
    let text = "Giovanni has 3. Giovanni has 4. Giovanni has 5. Giovanni has 6. Giovanni has 7.";
    assert_eq!(WordCounts::of(text).words(Language::En), 10);
}

#[test]
fn long_texts_are_decided_block_by_block() {
    let words = 3 * BLOCK;
    let text = "the number is ".repeat(words / 3) + &"le nombre est ".repeat(words / 3);
    let counts = WordCounts::of(&text);
    assert_eq!(counts.words(Language::En), words);
    assert_eq!(counts.words(Language::Fr), words);
}

#[test]
fn every_listed_word_is_short_enough_to_be_known_whole() {
    for lane in 0..LANES - 1 {
        for word in model::list(lane).split_whitespace() {
            assert!(word.chars().count() <= model::LONGEST, "{word}");
            assert!(MODEL.lists(&Folded::new(word)), "{word}");
            assert_eq!(word.to_lowercase(), word);
        }
    }
}
