//! Five and six bits, tables, and blocks that share halves.

use super::{Quantised, halves, load, pair_scales, signed, unsigned};
use crate::packed::{Format, PANEL, RANGED_BLOCKS, SIGNED_BLOCKS};
use core::arch::wasm32::{
    f32x4_convert_i32x4, f32x4_mul, f32x4_neg, f32x4_splat, i8x16_splat, i8x16_sub, i8x16_swizzle,
    i32x4_mul, i32x4_shr, u32x4_shl, u32x4_shr, u32x4_splat, v128, v128_and, v128_or,
};
use thinkling_weights::IQ4_NL_VALUES;

/// Q5_0.
pub(super) struct Fives;
/// Q5_1.
pub(super) struct RangedFives;
pub(super) struct Q4K;
pub(super) struct Q5K;
pub(super) struct Q6K;
/// IQ4_NL.
pub(super) struct Table;

/// Adds the fifth bits of the quad `i` of columns to its nibbles.
#[inline(always)]
fn with_fifths(fifths: v128, i: usize, nibbles: v128) -> v128 {
    let four = v128_and(u32x4_shr(fifths, 4 * i as u32), u32x4_splat(15));
    // Bit j comes to byte j.
    let spread = i32x4_mul(four, u32x4_splat(0x0020_4081));
    v128_or(nibbles, u32x4_shl(v128_and(spread, u32x4_splat(0x0101_0101)), 4))
}

/// A block of a word of fifth bits a row, then nibbles.
#[inline(always)]
fn fives(words: &[u32], lane: usize, each: impl FnMut(usize, v128, v128)) {
    let fifths = load(words, lane);
    unsigned(&words[PANEL..], lane, |i, nibbles| with_fifths(fifths, i, nibbles), each);
}

impl Quantised for Fives {
    const FORMAT: Format = Format::Q5_0;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, _: usize, each: impl FnMut(usize, v128, v128)) {
        fives(&words[32..], lane, each);
    }

    #[inline(always)]
    fn scale(words: &[u32], lane: usize, _: usize, _: usize) -> v128 {
        pair_scales(words, lane)
    }

    #[inline(always)]
    fn offset(_: &[u32], _: usize, _: usize, scale: v128) -> Option<v128> {
        Some(f32x4_mul(scale, f32x4_splat(-16.0)))
    }
}

impl Quantised for RangedFives {
    const FORMAT: Format = Format::Q5_1;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, _: usize, each: impl FnMut(usize, v128, v128)) {
        fives(&words[64..], lane, each);
    }

    #[inline(always)]
    fn scale(words: &[u32], lane: usize, _: usize, _: usize) -> v128 {
        halves(load(words, lane))
    }

    #[inline(always)]
    fn offset(words: &[u32], lane: usize, _: usize, _: v128) -> Option<v128> {
        Some(halves(u32x4_shr(load(words, lane), 16)))
    }
}

impl Quantised for Table {
    const FORMAT: Format = Format::Iq4Nl;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, _: usize, each: impl FnMut(usize, v128, v128)) {
        let table: v128 = bytemuck::cast(IQ4_NL_VALUES);
        signed(&words[32..], lane, |_, nibbles| i8x16_swizzle(table, nibbles), each);
    }

    #[inline(always)]
    fn scale(words: &[u32], lane: usize, _: usize, _: usize) -> v128 {
        pair_scales(words, lane)
    }
}

/// The 6 bits of a part's scale, or of its minimum; see `weights/parts/levels.wgsl`.
#[inline(always)]
fn levels(words: &[u32], lane: usize, part: usize, minimum: bool) -> v128 {
    let shift = 8 * (part as u32 % 4);
    let first = load(words, PANEL * (1 + usize::from(minimum)) + lane);
    let first = u32x4_shr(first, shift);
    let bits = if part < 4 {
        v128_and(first, u32x4_splat(63))
    } else {
        let later = load(words, 3 * PANEL + lane);
        let later = u32x4_shr(later, shift + 4 * u32::from(minimum));
        let upper = v128_and(u32x4_shr(first, 2), u32x4_splat(48));
        v128_or(v128_and(later, u32x4_splat(15)), upper)
    };
    f32x4_convert_i32x4(bits)
}

#[inline(always)]
fn ranged_scale(words: &[u32], lane: usize, part: usize) -> v128 {
    f32x4_mul(halves(load(words, lane)), levels(words, lane, part, false))
}

#[inline(always)]
fn ranged_offset(words: &[u32], lane: usize, part: usize) -> Option<v128> {
    let d = halves(u32x4_shr(load(words, lane), 16));
    Some(f32x4_neg(f32x4_mul(d, levels(words, lane, part, true))))
}

impl Quantised for Q4K {
    const FORMAT: Format = Format::Q4K;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, part: usize, each: impl FnMut(usize, v128, v128)) {
        let words = &words[RANGED_BLOCKS + 4 * PANEL * part..][..4 * PANEL];
        unsigned(words, lane, |_, nibbles| nibbles, each);
    }

    #[inline(always)]
    fn scale(words: &[u32], lane: usize, part: usize, _: usize) -> v128 {
        ranged_scale(words, lane, part)
    }

    #[inline(always)]
    fn offset(words: &[u32], lane: usize, part: usize, _: v128) -> Option<v128> {
        ranged_offset(words, lane, part)
    }
}

impl Quantised for Q5K {
    const FORMAT: Format = Format::Q5K;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, part: usize, each: impl FnMut(usize, v128, v128)) {
        fives(&words[RANGED_BLOCKS + 5 * PANEL * part..][..5 * PANEL], lane, each);
    }

    #[inline(always)]
    fn scale(words: &[u32], lane: usize, part: usize, _: usize) -> v128 {
        ranged_scale(words, lane, part)
    }

    #[inline(always)]
    fn offset(words: &[u32], lane: usize, part: usize, _: v128) -> Option<v128> {
        ranged_offset(words, lane, part)
    }
}

impl Quantised for Q6K {
    const FORMAT: Format = Format::Q6K;
    const SCALES: usize = 2;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, part: usize, each: impl FnMut(usize, v128, v128)) {
        let words = &words[SIGNED_BLOCKS + 6 * PANEL * part..][..6 * PANEL];
        let upper = [load(words, lane), load(words, PANEL + lane)];
        let whole = |i: usize, nibbles| {
            let (quad, later) = (i as u32 % 4, i as u32 / 4);
            let byte = u32x4_shr(upper[quad as usize / 2], 16 * (quad % 2) + 8 * later);
            let byte = v128_and(byte, u32x4_splat(0xff));
            // Pair j comes to byte j.
            let spread = v128_or(
                v128_or(byte, u32x4_shl(byte, 6)),
                v128_or(u32x4_shl(byte, 12), u32x4_shl(byte, 18)),
            );
            let pairs = v128_and(spread, u32x4_splat(0x0303_0303));
            i8x16_sub(v128_or(nibbles, u32x4_shl(pairs, 4)), i8x16_splat(32))
        };
        signed(&words[2 * PANEL..], lane, whole, each);
    }

    #[inline(always)]
    fn scale(words: &[u32], lane: usize, part: usize, which: usize) -> v128 {
        let byte = 2 * part + which;
        let word = load(words, 32 + byte / 4 * PANEL + lane);
        let level = i32x4_shr(u32x4_shl(word, 24 - 8 * (byte as u32 % 4)), 24);
        f32x4_mul(pair_scales(words, lane), f32x4_convert_i32x4(level))
    }
}
