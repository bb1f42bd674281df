//! IQ4_NL: nibbles that number values of a table.

use super::{Decode, four, mask, nibbles, pair_scales, shift_up, signed_bytes};
use crate::packed::Format;
use pulp::Simd;
use thinkling_weights::IQ4_NL_VALUES;

pub(in super::super) struct Iq4Nl;

impl Decode for Iq4Nl {
    const FORMAT: Format = Format::Iq4Nl;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        let indices = nibbles(simd, &words[32..], lane, i);
        four!(J => looked_up(simd, &IQ4_NL_VALUES, indices[J]))
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize) -> S::f32s {
        pair_scales(simd, words, lane)
    }
}

/// What a table of 16 signed bytes has at the indices.
#[inline(always)]
fn looked_up<S: Simd>(simd: S, table: &[i8; 16], indices: S::u32s) -> S::f32s {
    let word = |i: usize| {
        let four = [0, 1, 2, 3].map(|byte| table[4 * i + byte] as u8);
        simd.splat_u32s(u32::from_le_bytes(four))
    };
    let below = |bound: u32| simd.less_than_u32s(indices, simd.splat_u32s(bound));
    let upper = simd.select_u32s(below(12), word(2), word(3));
    let words = simd.select_u32s(below(8), word(1), upper);
    let words = simd.select_u32s(below(4), word(0), words);
    let bits = shift_up(simd, mask(simd, indices, 3), 3);
    signed_bytes(simd, simd.wrapping_dyn_shr_u32s(words, bits))
}
