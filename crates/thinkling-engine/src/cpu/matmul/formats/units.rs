//! Formats whose blocks of 32 columns share halves in units of eight.

use super::{
    Decode, five_bits, four, four_integers, halves, integers, load, mask, nibbles, pair_scales,
    shift, shift_up, signed_bytes,
};
use crate::packed::{Format, PANEL, RANGED_BLOCKS, SIGNED_BLOCKS};
use pulp::Simd;

pub(in super::super) struct Q4K;
pub(in super::super) struct Q5K;
pub(in super::super) struct Q6K;

/// The 6 bits of a part's scale in a unit of Q4_K or Q5_K, or of its minimum, of the rows that begin at
/// `lane`; see `weights/parts/levels.wgsl`.
#[inline(always)]
fn levels<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize, minimum: bool) -> S::f32s {
    let first = load::<S>(words, PANEL * (1 + usize::from(minimum)) + lane);
    let first = shift(simd, first, 8 * (part % 4));
    let bits = if part < 4 {
        mask(simd, first, 63)
    } else {
        let later = load::<S>(words, 3 * PANEL + lane);
        let later = shift(simd, later, 8 * (part % 4) + 4 * usize::from(minimum));
        simd.or_u32s(mask(simd, later, 15), mask(simd, shift(simd, first, 2), 48))
    };
    integers(simd, bits, 0)
}

/// Scales of a part of Q4_K or Q5_K.
#[inline(always)]
fn ranged_scale<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize) -> S::f32s {
    let d = halves(simd, load::<S>(words, lane));
    simd.mul_f32s(d, levels(simd, words, lane, part, false))
}

/// What is added to the scaled values of such a part.
#[inline(always)]
fn ranged_minimum<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize) -> S::f32s {
    let d = halves(simd, shift(simd, load::<S>(words, lane), 16));
    simd.neg_f32s(simd.mul_f32s(d, levels(simd, words, lane, part, true)))
}

impl Decode for Q4K {
    const FORMAT: Format = Format::Q4K;
    const PARTS: usize = 8;

    #[inline(always)]
    fn part(words: &[u32], part: usize) -> &[u32] {
        &words[RANGED_BLOCKS + 4 * PANEL * part..][..4 * PANEL]
    }

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        four_integers(simd, nibbles(simd, words, lane, i), 0)
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize) -> S::f32s {
        ranged_scale(simd, words, lane, part)
    }

    #[inline(always)]
    fn minimum<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize) -> S::f32s {
        ranged_minimum(simd, words, lane, part)
    }
}

impl Decode for Q5K {
    const FORMAT: Format = Format::Q5K;
    const PARTS: usize = 8;

    #[inline(always)]
    fn part(words: &[u32], part: usize) -> &[u32] {
        &words[RANGED_BLOCKS + 5 * PANEL * part..][..5 * PANEL]
    }

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        four_integers(simd, five_bits(simd, words, lane, i), 0)
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize) -> S::f32s {
        ranged_scale(simd, words, lane, part)
    }

    #[inline(always)]
    fn minimum<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize) -> S::f32s {
        ranged_minimum(simd, words, lane, part)
    }
}

/// A part is half a block: its low or its high nibbles.
impl Decode for Q6K {
    const FORMAT: Format = Format::Q6K;
    const PARTS: usize = 16;
    const COLUMNS: usize = 16;

    #[inline(always)]
    fn part(words: &[u32], part: usize) -> &[u32] {
        &words[SIGNED_BLOCKS + 6 * PANEL * (part / 2)..][..6 * PANEL]
    }

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize, i: usize) -> [S::f32s; 4] {
        let high = part % 2;
        let lower = shift(simd, load::<S>(words, (2 + i) * PANEL + lane), 4 * high);
        let upper = load::<S>(words, i / 2 * PANEL + lane);
        // Above the lower bits of the quad's first column.
        let upper = shift(simd, upper, 16 * (i % 2) + 8 * high);
        let upper = shift_up(simd, upper, 4);
        four!(J => {
            let lower = mask(simd, shift(simd, lower, 8 * J), 15);
            let upper = mask(simd, shift(simd, upper, 2 * J), 48);
            integers(simd, simd.or_u32s(lower, upper), 32)
        })
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize) -> S::f32s {
        let bytes = load::<S>(words, 32 + part / 4 * PANEL + lane);
        let level = signed_bytes(simd, shift(simd, bytes, 8 * (part % 4)));
        simd.mul_f32s(pair_scales(simd, words, lane), level)
    }
}
