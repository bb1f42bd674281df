//! Updates and sums of squares against the tensor code on the CPU.

use super::{assert_close, gpu, on, random, values};
use crate::adamw::{AdamWFactors, adamw, squares};

#[test]
fn updates_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let factors = AdamWFactors {
        clip: 0.5,
        beta1: 0.9,
        beta2: 0.99,
        keep: 0.999,
        rate: 0.02,
        second: 30.0,
        eps: 1e-8,
    };
    for count in [1, 3, 127, 129, 70_001] {
        let [w, g, m] = [(); 3].map(|()| random([count]));
        let v = random([count]).abs();
        let other = |x| on(x, &gpu);
        let (got, got_moments) = adamw(other(&w), other(&g), [other(&m), other(&v)], factors);
        let (expected, moments) = adamw(w, g, [m, v], factors);
        assert_close(got, expected, &format!("{count} weights"));
        for (got, expected) in got_moments.into_iter().zip(moments) {
            assert_close(got, expected, &format!("moments of {count} weights"));
        }
    }
}

#[test]
fn squares_add_up() {
    let Some(gpu) = gpu() else { return };
    for count in [1, 3, 127, 2049, 1_000_003] {
        let x = random([count]);
        let sum = |x| values(x).into_iter().map(f64::from).sum::<f64>();
        let expected: f64 = values(x.clone()).into_iter().map(|x| f64::from(x).powi(2)).sum();
        let got = sum(squares(on(&x, &gpu)));
        // Each sum is over at most some thousand numbers in f32.
        assert!((got - expected).abs() < 1e-5 * expected, "{count}: {got} {expected}");
    }
}
