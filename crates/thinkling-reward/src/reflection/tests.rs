use proptest::prelude::*;

use super::*;

#[test]
fn every_listed_word_is_found_alone() {
    for word in ENGLISH.into_iter().chain(CHINESE) {
        assert_eq!(reflective_words(word), BTreeMap::from([(word, 1)]), "{word}");
    }
    for (spelling, word) in TRADITIONAL {
        assert_eq!(reflective_words(spelling), BTreeMap::from([(word, 1)]), "{spelling}");
        assert!(CHINESE.contains(&word));
    }
    for word in CHINESE_OTHERS {
        assert_eq!(reflection_count(word), 0, "{word}");
    }
}

#[test]
fn a_longer_word_stands_before_its_beginning() {
    for (at, word) in CHINESE.iter().enumerate() {
        assert!(CHINESE[..at].iter().all(|earlier| !word.starts_with(earlier)), "{word}");
    }
    for (at, (word, _)) in TRADITIONAL.iter().enumerate() {
        assert!(TRADITIONAL[..at].iter().all(|(earlier, _)| !word.starts_with(earlier)), "{word}");
    }
}

#[test]
fn every_listed_first_character_is_looked_at() {
    let traditional = TRADITIONAL.map(|(spelling, _)| spelling);
    for word in CHINESE.into_iter().chain(traditional).chain(CHINESE_OTHERS) {
        assert!(word.chars().next().is_some_and(starts_listed), "{word}");
    }
}

#[test]
fn words_count_whole_and_without_case() {
    for (text, count) in [
        ("", 0),
        ("But WAIT: check, error.", 4),
        ("wait", 1),
        ("Wait", 1),
        ("wAiT", 1),
        ("wait.", 1),
        ("(wait)", 1),
        ("wait\nwait\twait", 3),
        ("wait,wait;wait", 3),
        ("**Wait**", 1),
        ("\"But\"", 1),
        ("...but", 1),
        ("$x$but", 1),
        ("double-check", 1),
        ("re-check and check-up", 2),
        ("check's", 1),
        ("wait…", 1),
        ("wait—but", 2),
        ("button awaits checks errors unverify", 0),
        ("waits waited waiting", 0),
        ("mistaken mistakes", 0),
        ("rebut debut butter", 0),
        ("howevers retrying evaluated verified wrongly", 0),
        ("checkmate unchecked", 0),
        ("await", 0),
        ("wai t", 0),
        ("check_1 check1 1check _check", 0),
        ("check 1", 1),
        // Letters of other alphabets make another word.
        ("chéck", 0),
        ("checké", 0),
        ("écheck", 0),
        ("checkи", 0),
        ("check\u{301}", 0),
        ("ｗａｉｔ", 0),
        // Scripts without blanks do not.
        ("检check", 1),
        ("然后wait一下", 1),
        ("等wait", 1),
        ("のbutの", 1),
        ("한but한", 1),
        ("wait but however retry error verify wrong evaluate check mistake", 10),
    ] {
        assert_eq!(reflection_count(text), count, "{text}");
    }
}

#[test]
fn chinese_words_are_found_inside_the_text() {
    for (text, expected) in [
        ("等等，不对。", &[("等等", 1), ("不对", 1)][..]),
        ("等等等等", &[("等等", 2)]),
        ("等一下，我再检查一下。", &[("等一下", 1), ("检查", 1)]),
        ("错误是错的", &[("错误", 1), ("错", 1)]),
        ("但是但", &[("但", 1), ("但是", 1)]),
        ("重新验证、核对并检验", &[("重新", 1), ("验证", 1), ("核对", 1), ("检验", 1)]),
        ("然而不过如此", &[("不过", 1), ("然而", 1)]),
        ("算错了，重试", &[("错", 1), ("重试", 1)]),
        ("錯誤，但是不對", &[("错误", 1), ("但是", 1), ("不对", 1)]),
        ("重新評估", &[("重新", 1), ("评估", 1)]),
        // `And so on` is no `wait`.
        ("苹果、梨等等", &[]),
        ("苹果等等，但是", &[("但是", 1)]),
        ("\n等等", &[("等等", 1)]),
        // Words that only look alike.
        ("不错，没错", &[]),
        ("不但正确", &[]),
        ("用错位相减法求错排数", &[]),
        ("两列交错排列", &[]),
        ("检check查", &[("check", 1)]),
    ] {
        assert_eq!(reflective_words(text), expected.iter().copied().collect(), "{text}");
    }
}

#[test]
fn languages_are_counted_together() {
    let counts = reflective_words("等等等等，错误是错的，但是检查check一下");
    let expected = [("等等", 2), ("错误", 1), ("错", 1), ("但是", 1), ("检查", 1), ("check", 1)];
    assert_eq!(counts, BTreeMap::from(expected));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_count_is_the_sum_over_words(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "wait", "But", "checks", "等等", "错", "不错", "检", "查", " ", ",", "_", "1", "é", "の", "\u{301}",
            ]),
            0..30,
        ),
        rest: String,
    ) {
        let text = pieces.concat() + &rest;
        prop_assert_eq!(reflection_count(&text), reflective_words(&text).values().sum::<usize>());
    }

    #[test]
    fn words_between_blanks_are_all_found(
        words in prop::collection::vec(prop::sample::select(ENGLISH.to_vec()), 0..30),
    ) {
        prop_assert_eq!(reflection_count(&words.join(" so ")), words.len());
    }
}
