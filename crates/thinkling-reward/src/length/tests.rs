use proptest::prelude::*;

use super::*;

/// Cosines of exact multiples of pi/6 are half-integers or surds; the last digits are the
/// platform's.
const CLOSE: f64 = 1e-12;

#[test]
fn the_cosine_reward_has_the_values_of_its_formula() {
    let root3 = 3.0_f64.sqrt();
    let length = CosineLength::new(1200);
    for (tokens, correct, wrong) in [
        (0, 2.0, -10.0),
        // cos(pi/6) = sqrt(3)/2
        (200, 1.5 + root3 / 4.0, -5.0 - 2.5 * root3),
        // cos(pi/4) = sqrt(2)/2
        (300, 1.5 + 2.0_f64.sqrt() / 4.0, -5.0 - 2.5 * 2.0_f64.sqrt()),
        // cos(pi/3) = 1/2
        (400, 1.75, -7.5),
        (600, 1.5, -5.0),
        (800, 1.25, -2.5),
        (900, 1.5 - 2.0_f64.sqrt() / 4.0, -5.0 + 2.5 * 2.0_f64.sqrt()),
        (1000, 1.5 - root3 / 4.0, -5.0 + 2.5 * root3),
        (1200, -10.0, -10.0),
        (1201, -10.0, -10.0),
        (usize::MAX, -10.0, -10.0),
    ] {
        assert!((length.reward(true, tokens) - correct).abs() < CLOSE, "{tokens}");
        assert!((length.reward(false, tokens) - wrong).abs() < CLOSE, "{tokens}");
    }
}

#[test]
fn the_values_of_the_cosine_reward_can_be_chosen() {
    let length = CosineLength {
        max_tokens: 10,
        correct_at_zero: 0.0,
        correct_at_max: 4.0,
        wrong_at_zero: -1.0,
        wrong_at_max: -1.0,
        exceeded: -7.0,
    };
    for (correct, tokens, expected) in [
        (true, 0, 0.0),
        (true, 5, 2.0),
        (false, 0, -1.0),
        (false, 3, -1.0),
        (false, 9, -1.0),
        (true, 10, -7.0),
        (false, 10, -7.0),
    ] {
        assert!((length.reward(correct, tokens) - expected).abs() < CLOSE, "{correct} {tokens}");
    }
}

#[test]
fn no_tokens_allowed_is_always_exceeded() {
    assert_eq!(CosineLength::new(0).reward(true, 0), -10.0);
}

#[test]
fn the_soft_punishment_has_the_values_of_its_formula() {
    for (max_tokens, cache_tokens, tokens, expected) in [
        (20_480, 4_096, 0, 0.0),
        (20_480, 4_096, 16_384, 0.0),
        (20_480, 4_096, 16_385, -1.0 / 4096.0),
        (20_480, 4_096, 17_408, -0.25),
        (20_480, 4_096, 18_432, -0.5),
        (20_480, 4_096, 19_456, -0.75),
        (20_480, 4_096, 20_480, -1.0),
        (20_480, 4_096, 20_481, -1.0),
        (20_480, 4_096, usize::MAX, -1.0),
        (100, 10, 90, 0.0),
        (100, 10, 91, -0.1),
        (100, 10, 99, -0.9),
        // No cache: a hard limit.
        (100, 0, 100, 0.0),
        (100, 0, 101, -1.0),
        // All of it is cache, or more than all.
        (100, 100, 0, 0.0),
        (100, 100, 50, -0.5),
        (100, 300, 50, -0.5),
        (0, 0, 0, 0.0),
        (0, 0, 1, -1.0),
        (0, 5, 1, -1.0),
    ] {
        let length = SoftOverlong { max_tokens, cache_tokens };
        assert_eq!(length.reward(tokens), expected, "{max_tokens} {cache_tokens} {tokens}");
    }
}

#[test]
fn recipes_may_leave_the_papers_values_out() {
    let length: CosineLength =
        serde_json::from_str(r#"{"max_tokens":8,"correct_at_zero":1.5}"#).unwrap();
    assert_eq!(length, CosineLength { correct_at_zero: 1.5, ..CosineLength::new(8) });
    assert!(serde_json::from_str::<CosineLength>("{}").is_err());
    assert!(serde_json::from_str::<CosineLength>(r#"{"max_tokens":8,"max":1}"#).is_err());
    let json = r#"{"max_tokens":9,"cache_tokens":2}"#;
    let overlong: SoftOverlong = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&overlong).unwrap(), json);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn longer_right_answers_never_earn_more_and_longer_wrong_ones_never_less(
        max in 1_usize..100_000, a in 0.0_f64..1.0, b in 0.0_f64..1.0,
    ) {
        let length = CosineLength::new(max);
        let tokens = |share: f64| ((share * max as f64) as usize).min(max - 1);
        let (short, long) = (tokens(a.min(b)), tokens(a.max(b)));
        prop_assert!(length.reward(true, short) >= length.reward(true, long));
        prop_assert!(length.reward(false, short) <= length.reward(false, long));
        prop_assert!((1.0..=2.0).contains(&length.reward(true, long)));
        prop_assert!((-10.0..=0.0).contains(&length.reward(false, short)));
    }

    #[test]
    fn the_soft_punishment_falls_from_zero_to_minus_one(max: u32, cache: u32, a: u32, b: u32) {
        let length = SoftOverlong { max_tokens: max as usize, cache_tokens: cache as usize };
        let (short, long) = (a.min(b) as usize, a.max(b) as usize);
        prop_assert!(length.reward(short) >= length.reward(long));
        prop_assert!((-1.0..=0.0).contains(&length.reward(long)));
    }
}
