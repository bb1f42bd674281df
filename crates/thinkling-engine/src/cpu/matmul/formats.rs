//! Values of a panel's block as vectors of neighbouring rows.
//!
//! Small integers become floats by putting them into the lowest bits of 2^23, exactly.

mod tables;
mod units;

use crate::packed::{BLOCK, Format, PANEL};
use pulp::Simd;

pub(super) use tables::Iq4Nl;
pub(super) use units::{Q4K, Q5K, Q6K};

/// How a format's words become values. Words are those of a unit, see [`Format::unit_blocks`].
pub(super) trait Decode {
    /// What it decodes.
    const FORMAT: Format;
    /// Words of a unit.
    const WORDS: usize = Self::FORMAT.unit_words();
    /// Parts of a unit with a scale each.
    const PARTS: usize = 1;
    /// Columns of a part.
    const COLUMNS: usize = BLOCK;
    /// Whether something is [added](Self::minimum) to values.
    const HAS_MINIMUM: bool = Self::FORMAT.has_minimum();

    /// Where a part's values lie.
    #[inline(always)]
    fn part(words: &[u32], _part: usize) -> &[u32] {
        words
    }

    /// Columns `4 i ..` of a part, four, of the rows that begin at `lane`; of quantised formats without
    /// scale.
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, part: usize, i: usize) -> [S::f32s; 4];

    /// What the rows' values are multiplied by.
    #[inline(always)]
    fn scale<S: Simd>(simd: S, _words: &[u32], _lane: usize, _part: usize) -> S::f32s {
        simd.splat_f32s(1.0)
    }

    /// What is added to the rows' scaled values.
    #[inline(always)]
    fn minimum<S: Simd>(simd: S, _words: &[u32], _lane: usize, _part: usize) -> S::f32s {
        simd.splat_f32s(0.0)
    }
}

/// The words of the rows that begin at `start`.
#[inline(always)]
fn load<S: Simd>(words: &[u32], start: usize) -> S::u32s {
    S::as_simd_u32s(&words[start..start + S::U32_LANES]).0[0]
}

#[inline(always)]
fn shift<S: Simd>(simd: S, words: S::u32s, bits: usize) -> S::u32s {
    simd.wrapping_dyn_shr_u32s(words, simd.splat_u32s(bits as u32))
}

#[inline(always)]
fn shift_up<S: Simd>(simd: S, words: S::u32s, bits: usize) -> S::u32s {
    simd.wrapping_dyn_shl_u32s(words, simd.splat_u32s(bits as u32))
}

#[inline(always)]
fn mask<S: Simd>(simd: S, words: S::u32s, bits: u32) -> S::u32s {
    simd.and_u32s(words, simd.splat_u32s(bits))
}

/// The lowest 16 bits as halves, subnormal ones by the float that they scale; halves that are no
/// numbers become large ones.
#[inline(always)]
fn halves<S: Simd>(simd: S, words: S::u32s) -> S::f32s {
    let magnitude = shift_up(simd, mask(simd, words, 0x7fff), 13);
    // Moves the exponent's bias from 15 to 127: times 2^112.
    let scale = simd.splat_f32s(f32::from_bits(0x7780_0000));
    let value = simd.mul_f32s(simd.transmute_f32s_u32s(magnitude), scale);
    let sign = shift_up(simd, mask(simd, words, 0x8000), 16);
    simd.transmute_f32s_u32s(simd.or_u32s(simd.transmute_u32s_f32s(value), sign))
}

/// Integers below 2^23, less `offset`.
#[inline(always)]
fn integers<S: Simd>(simd: S, words: S::u32s, offset: u32) -> S::f32s {
    const TWO_23: u32 = 0x4b00_0000;
    let value = simd.transmute_f32s_u32s(simd.or_u32s(words, simd.splat_u32s(TWO_23)));
    simd.sub_f32s(value, simd.splat_f32s((8_388_608 + offset) as f32))
}

/// Scales of which two rows share a word: of row `r` in word `r % 32`.
#[inline(always)]
fn pair_scales<S: Simd>(simd: S, words: &[u32], lane: usize) -> S::f32s {
    let words = load::<S>(words, lane % 32);
    halves(simd, shift(simd, words, 16 * (lane / 32)))
}

/// Four values by their number, which is a constant: a shift by it is one instruction.
macro_rules! four {
    ($j:ident => $value:expr) => {
        [
            {
                const $j: usize = 0;
                $value
            },
            {
                const $j: usize = 1;
                $value
            },
            {
                const $j: usize = 2;
                $value
            },
            {
                const $j: usize = 3;
                $value
            },
        ]
    };
}
use four;

/// Nibbles of a quad of columns; the blocks' nibbles begin at `words`.
#[inline(always)]
fn nibbles<S: Simd>(simd: S, words: &[u32], lane: usize, i: usize) -> [S::u32s; 4] {
    let words = load::<S>(words, i % 4 * PANEL + lane);
    let words = shift(simd, words, 4 * (i / 4));
    four!(J => mask(simd, shift(simd, words, 8 * J), 15))
}

/// Five bits of a quad of columns, of a block whose words are fifth bits, then nibbles.
#[inline(always)]
fn five_bits<S: Simd>(simd: S, words: &[u32], lane: usize, i: usize) -> [S::u32s; 4] {
    let fifths = shift(simd, load::<S>(words, lane), 4 * i);
    let nibbles = nibbles(simd, &words[PANEL..], lane, i);
    four!(J => simd.or_u32s(nibbles[J], mask(simd, shift_up(simd, fifths, 4 - J), 16)))
}

/// Small integers, less `offset`.
#[inline(always)]
fn four_integers<S: Simd>(simd: S, words: [S::u32s; 4], offset: u32) -> [S::f32s; 4] {
    four!(J => integers(simd, words[J], offset))
}

/// The words of a quad of columns in 16 bits each.
#[inline(always)]
fn two_words<S: Simd>(words: &[u32], lane: usize, i: usize) -> [S::u32s; 2] {
    let start = 2 * i * PANEL + lane;
    [load::<S>(words, start), load::<S>(words, start + PANEL)]
}

/// The lowest bytes, signed.
#[inline(always)]
fn signed_bytes<S: Simd>(simd: S, words: S::u32s) -> S::f32s {
    let bytes = mask(simd, words, 0xff);
    integers(simd, simd.xor_u32s(bytes, simd.splat_u32s(0x80)), 128)
}

pub(super) struct F32;
pub(super) struct F16;
pub(super) struct Bf16;
pub(super) struct Q8_0;
pub(super) struct Q4_0;
pub(super) struct Q4_1;
pub(super) struct Q5_0;
pub(super) struct Q5_1;

impl Decode for F32 {
    const FORMAT: Format = Format::F32;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        four!(J => simd.transmute_f32s_u32s(load::<S>(words, (4 * i + J) * PANEL + lane)))
    }
}

impl Decode for F16 {
    const FORMAT: Format = Format::F16;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        let words = two_words::<S>(words, lane, i);
        four!(J => halves(simd, shift(simd, words[J / 2], 16 * (J % 2))))
    }
}

impl Decode for Bf16 {
    const FORMAT: Format = Format::Bf16;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        let words = two_words::<S>(words, lane, i);
        four!(J => simd.transmute_f32s_u32s(match J % 2 {
            0 => shift_up(simd, words[J / 2], 16),
            _ => mask(simd, words[J / 2], 0xffff_0000),
        }))
    }
}

impl Decode for Q8_0 {
    const FORMAT: Format = Format::Q8_0;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        let words = load::<S>(words, 32 + i * PANEL + lane);
        four!(J => signed_bytes(simd, shift(simd, words, 8 * J)))
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize) -> S::f32s {
        pair_scales(simd, words, lane)
    }
}

impl Decode for Q4_0 {
    const FORMAT: Format = Format::Q4_0;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        four_integers(simd, nibbles(simd, &words[32..], lane, i), 8)
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize) -> S::f32s {
        pair_scales(simd, words, lane)
    }
}

impl Decode for Q4_1 {
    const FORMAT: Format = Format::Q4_1;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        four_integers(simd, nibbles(simd, &words[64..], lane, i), 0)
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize) -> S::f32s {
        halves(simd, load::<S>(words, lane))
    }

    #[inline(always)]
    fn minimum<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize) -> S::f32s {
        halves(simd, shift(simd, load::<S>(words, lane), 16))
    }
}

impl Decode for Q5_0 {
    const FORMAT: Format = Format::Q5_0;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        four_integers(simd, five_bits(simd, &words[32..], lane, i), 16)
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize) -> S::f32s {
        pair_scales(simd, words, lane)
    }
}

impl Decode for Q5_1 {
    const FORMAT: Format = Format::Q5_1;

    #[inline(always)]
    fn quad<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize, i: usize) -> [S::f32s; 4] {
        four_integers(simd, five_bits(simd, &words[64..], lane, i), 0)
    }

    #[inline(always)]
    fn scale<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize) -> S::f32s {
        halves(simd, load::<S>(words, lane))
    }

    #[inline(always)]
    fn minimum<S: Simd>(simd: S, words: &[u32], lane: usize, _: usize) -> S::f32s {
        halves(simd, shift(simd, load::<S>(words, lane), 16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;
    use pulp::{Arch, WithSimd};

    struct Halves<'a>(&'a mut [u32]);

    impl WithSimd for Halves<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for words in S::as_mut_simd_u32s(self.0).0 {
                *words = simd.transmute_u32s_f32s(halves(simd, *words));
            }
        }
    }

    #[test]
    fn halves_are_those_of_the_library() {
        let mut words: Vec<u32> = (0..1 << 16).collect();
        Arch::new().dispatch(Halves(&mut words));
        for (bits, got) in (0..=u16::MAX).zip(words) {
            let want = f16::from_bits(bits);
            if want.is_finite() {
                assert_eq!(got, want.to_f32().to_bits(), "{bits:#x}");
            }
        }
    }
}
