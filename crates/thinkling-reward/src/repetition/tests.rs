use proptest::prelude::*;

use super::*;

fn words(text: &str) -> usize {
    tokens(text).len()
}

/// The definition, word for word and quadratic.
fn by_definition(ids: &[u32], n: usize) -> (Repetition, Vec<bool>) {
    let mut out = Repetition { tokens: ids.len(), ..Repetition::default() };
    let mut mask = vec![false; ids.len()];
    for (start, gram) in ids.windows(n).enumerate() {
        out.ngrams += 1;
        if ids.windows(n).take(start).any(|earlier| earlier == gram) {
            out.repeated_ngrams += 1;
            mask[start..start + n].fill(true);
        }
    }
    out.repeated_tokens = mask.iter().filter(|&&hit| hit).count();
    (out, mask)
}

#[test]
fn tokens_are_words_han_characters_and_single_signs() {
    for (text, count) in [
        ("", 0),
        (" \n\t\u{200B}", 0),
        ("one two three", 3),
        ("don't stop", 2),
        ("non-negative", 3),
        ("先加后减", 4),
        ("先加 two", 3),
        ("x1 + x_2", 3),
        ("3.14", 1),
        ("1,000,000", 1),
        ("a = b", 3),
        ("\\frac{1}{2}", 8),
        ("......", 6),
        ("=====\n=====", 10),
        ("😀😀", 2),
        ("word word\r\nword", 3),
        ("мир и труд", 3),
    ] {
        assert_eq!(words(text), count, "{text}");
    }
    // A run longer than any word counts by its characters.
    assert_eq!(words(&"a".repeat(64)), 1);
    assert_eq!(words(&"ab".repeat(500)), 1000);
    assert_eq!(words(&format!("0.{}", "3".repeat(998))), 1000);
}

#[test]
fn equal_tokens_have_equal_numbers() {
    assert_eq!(tokens("so a so, a,"), [0, 1, 0, 2, 1, 2]);
    assert_eq!(tokens("So so"), [0, 1]);
    assert_eq!(tokens("错 错误"), [0, 0, 1]);
}

#[test]
fn shares_follow_the_definition() {
    // (text, n, repeated tokens, tokens, repeated n-grams, n-grams)
    for (text, n, repeated, all, grams, all_grams) in [
        ("", 2, 0, 0, 0, 0),
        ("a", 2, 0, 1, 0, 0),
        ("a b", 2, 0, 2, 0, 1),
        ("a b c d", 2, 0, 4, 0, 3),
        ("a a", 1, 1, 2, 1, 2),
        ("a a", 0, 1, 2, 1, 2),
        ("a a", 2, 0, 2, 0, 1),
        ("a a a", 2, 2, 3, 1, 2),
        ("a a a a", 2, 3, 4, 2, 3),
        ("a b a b", 2, 2, 4, 1, 3),
        ("a b a b a", 2, 3, 5, 2, 4),
        ("a b c a b c", 3, 3, 6, 1, 4),
        ("a b c a b c", 2, 3, 6, 2, 5),
        ("a b c a b d", 3, 0, 6, 0, 4),
        ("a b c x a b c y a b c", 3, 6, 11, 2, 9),
        ("a b c x b c", 2, 2, 6, 1, 5),
        ("先加先加", 2, 2, 4, 1, 3),
        ("先加, 先加", 2, 2, 5, 1, 4),
        ("1 + 1 + 1", 2, 3, 5, 2, 4),
        ("!!!!", 3, 3, 4, 1, 2),
        ("A a A a", 2, 2, 4, 1, 3),
        ("a A b B", 1, 0, 4, 0, 4),
    ] {
        let got = Repetition::of_text(text, n);
        let expected = Repetition {
            tokens: all,
            repeated_tokens: repeated,
            ngrams: all_grams,
            repeated_ngrams: grams,
        };
        assert_eq!(got, expected, "{text} {n}");
    }
}

#[test]
fn the_mask_marks_every_token_of_a_repeated_ngram() {
    for (ids, n, expected) in [
        (&[][..], 3, &[][..]),
        (&[1, 2], 3, &[0, 0]),
        (&[1, 1, 1], 1, &[0, 1, 1]),
        (&[1, 1, 1], 2, &[0, 1, 1]),
        (&[1, 2, 1, 2], 2, &[0, 0, 1, 1]),
        (&[1, 2, 3, 1, 2, 4, 2, 3], 2, &[0, 0, 0, 1, 1, 0, 1, 1]),
        (&[5, 6, 7, 8, 5, 6, 7, 9], 3, &[0, 0, 0, 0, 1, 1, 1, 0]),
    ] {
        let expected: Vec<bool> = expected.iter().map(|&bit| bit == 1).collect();
        assert_eq!(repeated_tokens(ids, n), expected, "{ids:?} {n}");
    }
}

#[test]
fn loops_are_caught_at_the_papers_ngram() {
    let n = DEFAULT_NGRAM;
    for (unit, times, at_least) in [
        ("Wait, let me check that again. ", 60, 0.9),
        ("so ", 400, 0.99),
        ("等等，", 200, 0.99),
        ("abc", 200, 0.9),
        ("0123456789", 50, 0.9),
        ("=", 300, 0.99),
        ("\\frac{1}{2} + ", 60, 0.9),
        ("😀", 100, 0.9),
    ] {
        let share = Repetition::of_text(&unit.repeat(times), n).share();
        assert!(share > at_least && share < 1.0, "{unit} {share}");
    }
}

#[test]
fn plain_reasoning_is_not_called_repetition() {
    for text in [
        "We need two numbers whose sum is 12 and whose product is 35. The pairs with product 35 \
         are 1 and 35, and 5 and 7. The sum of 1 and 35 is 36, which is too large. The sum of 5 \
         and 7 is 12, so the numbers are 5 and 7. Let me check: 5 + 7 = 12 and 5 * 7 = 35.",
        "先算出总价，再减去折扣。总价是三十元，折扣是六元，所以要付二十四元。检查一下：二十四加六\
         等于三十，正确。",
    ] {
        assert_eq!(Repetition::of_text(text, DEFAULT_NGRAM).repeated_tokens, 0);
        assert_eq!(RepetitionRule::default().reward(text), 0.0);
    }
}

#[test]
fn the_penalty_scales_the_share() {
    for (max_penalty, text, expected) in [
        (-1.0, "a b a b", -0.5),
        (-0.2, "a b a b", -0.1),
        (-1.0, "a b c d", 0.0),
        (-1.0, "", 0.0),
        (0.0, "a a a a", 0.0),
    ] {
        let penalty = RepetitionRule { ngram: 2, max_penalty };
        let reward = penalty.reward(text);
        assert!((reward - expected).abs() < 1e-12, "{text} {reward}");
        assert!(reward.is_sign_positive() || reward < 0.0 || max_penalty == 0.0);
        assert_eq!(penalty.reward_tokens(&tokens(text)), reward);
    }
}

#[test]
fn recipes_may_leave_fields_out() {
    let penalty: RepetitionRule = serde_json::from_str(r#"{"ngram":20}"#).unwrap();
    assert_eq!(penalty, RepetitionRule { ngram: 20, max_penalty: -1.0 });
    assert!(serde_json::from_str::<RepetitionRule>(r#"{"n":20}"#).is_err());
}

#[test]
fn a_megabyte_is_read_in_one_pass() {
    // Anything quadratic would take minutes here, and hours for long n-grams.
    for (unit, n) in
        [("a ", 40), ("ab", 1), ("先", 10_000), ("x=1;", 1000), ("a b a a b ", 100_000), ("\n", 40)]
    {
        let text = unit.repeat(1_000_000 / unit.len());
        assert!((0.0..1.0).contains(&Repetition::of_text(&text, n).share()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_fast_way_is_the_definition(
        ids in prop::collection::vec(0_u32..3, 0..60), n in 1_usize..9,
    ) {
        let (expected, mask) = by_definition(&ids, n);
        prop_assert_eq!(Repetition::of_tokens(&ids, n), expected);
        prop_assert_eq!(repeated_tokens(&ids, n), mask);
    }

    #[test]
    fn renaming_tokens_changes_nothing(
        ids in prop::collection::vec(0_u32..4, 0..60), n in 1_usize..6, factor in 1_u32..1_000_000,
    ) {
        let renamed: Vec<u32> = ids.iter().map(|id| u32::MAX - id * factor).collect();
        prop_assert_eq!(Repetition::of_tokens(&ids, n), Repetition::of_tokens(&renamed, n));
    }

    #[test]
    fn any_text_has_shares_below_one(text: String, n in 0_usize..50) {
        let repetition = Repetition::of_text(&text, n);
        prop_assert!((0.0..1.0).contains(&repetition.share()));
        prop_assert!((0.0..1.0).contains(&repetition.ngram_share()));
        prop_assert!((-1.0..=0.0).contains(&RepetitionRule::default().reward(&text)));
    }

    #[test]
    fn a_text_written_twice_repeats_more(
        words in prop::collection::vec(prop::sample::select(vec!["a", "b", "no", "先", "."]), 1..60),
        n in 1_usize..12,
    ) {
        prop_assume!(words.len() >= n);
        let once = words.join(" ");
        let twice = format!("{once} {once}");
        let (once, twice) = (Repetition::of_text(&once, n), Repetition::of_text(&twice, n));
        prop_assert_eq!(twice.tokens, 2 * once.tokens);
        prop_assert!(twice.share() > once.share());
        // The second copy repeats throughout.
        prop_assert!(twice.repeated_tokens >= once.tokens);
    }

    #[test]
    fn distinct_tokens_never_repeat(len in 0_u32..200, n in 1_usize..50) {
        let ids: Vec<u32> = (0..len).collect();
        prop_assert_eq!(Repetition::of_tokens(&ids, n).repeated_ngrams, 0);
    }
}
