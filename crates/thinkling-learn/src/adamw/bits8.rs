//! Optimiser states in 8 bits, by blocks with a scale each (arXiv 2110.02861).
//!
//! A code names a value of a "dynamic tree", whose steps grow with the value: seven decades below the
//! block's largest magnitude for the first moment, eight for the second. Departs from the paper in
//! what is kept of the second moment: its root, which spans half as many decades, and which is never
//! rounded to zero, so that no update is divided by `eps` alone.

use super::Update;
use std::sync::LazyLock;
use thinkling_cpu::{threads, vectorised};
use thinkling_model::AdamWFactors;

/// Values that share a scale.
const BLOCK: usize = 256;
/// Blocks of a piece of work.
const BLOCKS: usize = 256;

/// Codes for magnitudes up to 1 in decades, each with twice as many values as the one below.
struct Tree<const DECADES: usize> {
    /// Code of zero; those of negative values lie below it.
    zero: u8,
    /// Value of each code.
    values: [f32; 256],
}

static SIGNED: LazyLock<Tree<7>> = LazyLock::new(|| Tree::new(127));
static UNSIGNED: LazyLock<Tree<8>> = LazyLock::new(|| Tree::new(0));

/// `10^-n`.
const TENTHS: [f32; 9] = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8];
/// `10^n`.
const TENS: [f32; 8] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

impl<const DECADES: usize> Tree<DECADES> {
    fn new(zero: u8) -> Self {
        // A code that no value has is never chosen.
        let mut values = [0.0; 256];
        for decade in 0..DECADES {
            let count = 1usize << decade;
            let scale = 10f64.powi(decade as i32 + 1 - DECADES as i32);
            for i in 1..=count {
                let value = (0.1 + 0.9 * i as f64 / count as f64) * scale;
                let rank = count - 1 + i;
                values[usize::from(zero) + rank] = value as f32;
                if zero > 0 {
                    values[usize::from(zero) - rank] = -value as f32;
                }
            }
        }
        Self { zero, values }
    }

    /// The code of the nearest value (of zero for less than half the smallest), without branches or
    /// tables, so that a loop over it becomes vector code.
    #[inline(always)]
    fn code(&self, x: f32) -> u8 {
        let magnitude = x.abs();
        let (mut count, mut tens) = (1.0, TENS[DECADES - 1]);
        for decade in 1..DECADES {
            let above = magnitude > TENTHS[DECADES - decade];
            count = if above { (1u32 << decade) as f32 } else { count };
            tens = if above { TENS[DECADES - 1 - decade] } else { tens };
        }
        let place = (magnitude * tens - 0.1) * (count / 0.9) + (count - 1.0);
        let place = if place > 0.0 { place } else { 0.0 };
        // Adding 2^23 rounds to the nearest integer, which is then in the lowest bits.
        let rank = (place + 8_388_608.0).to_bits() as u8;
        if x < 0.0 { self.zero.wrapping_sub(rank) } else { self.zero.wrapping_add(rank) }
    }

    #[inline(always)]
    fn decode(&self, codes: &[u8], scale: f32, out: &mut [f32]) {
        for (out, code) in out.iter_mut().zip(codes) {
            *out = self.values[usize::from(*code)] * scale;
        }
    }

    /// Codes of `values`, `least` at least for those above zero; their scale is given back.
    #[inline(always)]
    fn encode(&self, values: &[f32], codes: &mut [u8], least: u8) -> f32 {
        let mut lanes = [0f32; 16];
        for chunk in values.chunks(16) {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane = if x.abs() > *lane { x.abs() } else { *lane };
            }
        }
        let scale = lanes.into_iter().fold(0f32, f32::max);
        // A scale so small that its inverse is infinite is of no account, but must not give NaN.
        let inverse = if scale > 1e-37 { 1.0 / scale } else { 0.0 };
        for (code, x) in codes.iter_mut().zip(values) {
            let nearest = self.code(x * inverse);
            *code = if *x > 0.0 && nearest < least { least } else { nearest };
        }
        scale
    }
}

/// Values in blocks.
#[derive(Clone, Debug, PartialEq)]
struct Blocks {
    codes: Vec<u8>,
    /// One a block.
    scales: Vec<f32>,
}

impl Blocks {
    fn of<const D: usize>(values: &[f32], tree: &Tree<D>, least: u8) -> Self {
        let mut codes = vec![0; values.len()];
        let scales = values
            .chunks(BLOCK)
            .zip(codes.chunks_mut(BLOCK))
            .map(|(values, codes)| tree.encode(values, codes, least))
            .collect();
        Self { codes, scales }
    }

    fn values<const D: usize>(&self, tree: &Tree<D>) -> Vec<f32> {
        let mut values = vec![0.0; self.codes.len()];
        let blocks = self.codes.chunks(BLOCK).zip(&self.scales).zip(values.chunks_mut(BLOCK));
        blocks.for_each(|((codes, scale), values)| tree.decode(codes, *scale, values));
        values
    }
}

/// Both moments of a weight.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moments8 {
    first: Blocks,
    /// Roots of the second moment.
    root: Blocks,
}

impl Moments8 {
    /// Of first and second moments as long as each other.
    pub(crate) fn new(first: &[f32], second: &[f32]) -> Self {
        let roots: Vec<f32> = second.iter().map(|v| v.sqrt()).collect();
        Self { first: Blocks::of(first, &SIGNED, 0), root: Blocks::of(&roots, &UNSIGNED, 1) }
    }

    /// First and second moments.
    pub(crate) fn values(&self) -> [Vec<f32>; 2] {
        let roots = self.root.values(&UNSIGNED);
        [self.first.values(&SIGNED), roots.iter().map(|r| r * r).collect()]
    }

    /// One update of `weights`: the moments are rounded after it has used them.
    pub(super) fn update(&mut self, update: &Update, weights: &mut [f32], grads: &[f32]) {
        let trees = (&*SIGNED, &*UNSIGNED);
        let size = BLOCKS * BLOCK;
        let Self { first, root } = self;
        let pieces = weights.chunks_mut(size).zip(grads.chunks(size));
        let codes = first.codes.chunks_mut(size).zip(root.codes.chunks_mut(size));
        let scales = first.scales.chunks_mut(BLOCKS).zip(root.scales.chunks_mut(BLOCKS));
        let mut pieces: Vec<_> = pieces.zip(codes).zip(scales).collect();
        threads::chunks_mut(&mut pieces, 1, |_, piece| {
            for (((weights, grads), (firsts, roots)), (first_scales, root_scales)) in piece {
                let blocks = weights.chunks_mut(BLOCK).zip(grads.chunks(BLOCK));
                let codes = firsts.chunks_mut(BLOCK).zip(roots.chunks_mut(BLOCK));
                let scales = first_scales.iter_mut().zip(root_scales.iter_mut());
                for (((weights, grads), (first, root)), scales) in blocks.zip(codes).zip(scales) {
                    let codes = (first, scales.0, root, scales.1);
                    update_block(update, trees, weights, grads, codes);
                }
            }
        });
    }
}

vectorised! {
    /// One block: codes and scale of the first moment and of the root of the second.
    fn update_block(
        update: &Update,
        (signed, unsigned): (&Tree<7>, &Tree<8>),
        weights: &mut [f32],
        grads: &[f32],
        (first, first_scale, root, root_scale): (&mut [u8], &mut f32, &mut [u8], &mut f32),
    ) {
        let (mut m, mut r) = ([0f32; BLOCK], [0f32; BLOCK]);
        let (m, r) = (&mut m[..grads.len()], &mut r[..grads.len()]);
        signed.decode(first, *first_scale, m);
        unsigned.decode(root, *root_scale, r);
        update.block(weights, grads, m, r);
        *first_scale = signed.encode(m, first, 0);
        *root_scale = unsigned.encode(r, root, 1);
    }
}

impl Update {
    /// AdamW on first moments and roots of second moments.
    #[inline(always)]
    fn block(&self, weights: &mut [f32], grads: &[f32], m: &mut [f32], r: &mut [f32]) {
        let AdamWFactors { clip, beta1, beta2, keep, rate, eps, .. } = self.factors();
        let second = (1.0 / self.corrections[1]).sqrt() as f32;
        for (((w, &g), m), r) in weights.iter_mut().zip(grads).zip(m).zip(r) {
            let g = g * clip;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *r = (beta2 * *r * *r + (1.0 - beta2) * g * g).sqrt();
            *w = keep * *w - rate * *m / (*r * second + eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adamw::AdamWConfig;

    /// Magnitudes over many decades, of both signs, with zeros.
    fn values(count: usize) -> Vec<f32> {
        (0..count)
            .map(|i| match i % 7 {
                0 => 0.0,
                k => {
                    let x = 10f32.powi(-(k as i32)) * (1.0 + (i % 89) as f32 / 10.0);
                    if i % 2 == 0 { x } else { -x }
                }
            })
            .collect()
    }

    #[test]
    fn values_ascend_with_their_codes_and_are_nearest_to_themselves() {
        check(&SIGNED, 255);
        check(&UNSIGNED, 256);
    }

    fn check<const D: usize>(tree: &Tree<D>, count: usize) {
        assert!(tree.values[..count].windows(2).all(|pair| pair[0] < pair[1]));
        for (code, value) in tree.values[..count].iter().enumerate() {
            assert_eq!(usize::from(tree.code(*value)), code, "{value}");
            let between = tree.values.get(code + 1).filter(|next| *next > value);
            if let Some(next) = between.filter(|_| value.abs() > 2e-6) {
                let (near, far) = (value * 0.51 + next * 0.49, value * 0.49 + next * 0.51);
                assert_eq!(usize::from(tree.code(near)), code, "{near}");
                assert_eq!(usize::from(tree.code(far)), code + 1, "{far}");
            }
        }
    }

    #[test]
    fn values_come_back_nearly_and_a_second_time_exactly() {
        let first = values(1000);
        let second: Vec<f32> = first.iter().map(|x| x * x).collect();
        let kept = Moments8::new(&first, &second);
        let [m, v] = kept.values();
        for (x, m) in first.iter().zip(&m) {
            // The largest is below 10; steps are 1.4 % of it, and a tenth of a decade's largest.
            assert!((x - m).abs() <= 0.05f32.max(0.1 * x.abs()), "{m} for {x}");
            assert!(*x != 0.0 || *m == 0.0, "{m} for {x}");
            assert!(x.abs() < 1e-5 || *m != 0.0, "{m} for {x}");
        }
        for (x, v) in second.iter().zip(&v) {
            assert_eq!(*x == 0.0, *v == 0.0, "{v} for {x}");
            assert!((x.sqrt() - v.sqrt()).abs() <= 0.03f32.max(0.1 * x.sqrt()), "{v} for {x}");
        }
        assert_eq!(Moments8::new(&m, &v), kept);
    }

    #[test]
    fn one_update_from_nothing_is_that_of_full_states() {
        let config = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
        let update = Update { config, lr: 0.01, clip: 0.5, corrections: [0.1, 0.001] };
        let grads = values(70_000);
        let mut weights = vec![0.3f32; grads.len()];
        let mut moments = Moments8::new(&vec![0.0; grads.len()], &vec![0.0; grads.len()]);
        moments.update(&update, &mut weights, &grads);
        for (w, g) in weights.iter().zip(&grads) {
            let g = f64::from(*g) * 0.5;
            // The corrected moments of a first step are the gradient and its square.
            let want = 0.3 * (1.0 - 0.001) - 0.01 * g / (g.abs() + 1e-8);
            assert!((f64::from(*w) - want).abs() < 1e-6, "{w} for {want}");
        }
    }
}
