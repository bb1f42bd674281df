//! Products of quantised weights in WebAssembly's vectors: what is multiplied are 16-bit integers,
//! eight at a time, which its four floats a vector do not come near.
//!
//! Inputs are rounded to 16 bits by blocks of 32, `x = s q` with `s = max |x| / 32767`: an error of
//! at most `s / 2`, 1.6e-5 of the block's largest value, two orders below that of the weights. Sums of a block are
//! exact: `32 * 128 * 32767 < 2^31`.

mod formats;

use crate::packed::{BLOCK, Format, PANEL};
use core::arch::wasm32::{
    f32x4, f32x4_add, f32x4_convert_i32x4, f32x4_mul, f32x4_splat, i16x8_extend_high_i8x16,
    i16x8_extend_high_u8x16, i16x8_extend_low_i8x16, i16x8_extend_low_u8x16, i32x4_add,
    i32x4_dot_i16x8, i32x4_shuffle, i64x2_splat, u8x16_shr, u8x16_splat, u32x4_shl, u32x4_shr,
    u32x4_splat, v128, v128_and, v128_or,
};

/// Rows of `x` that share an unpacked weight.
const TILE: usize = 4;
/// Rows of weights in a vector.
const LANES: usize = 4;
/// Vectors of a block of inputs: each has four columns, twice.
const QUADS: usize = BLOCK / 4;

/// A block of inputs, rounded.
#[derive(Clone, Copy)]
struct Block {
    quads: [v128; QUADS],
    scale: f32,
    /// Of the inputs themselves.
    sum: f32,
}

/// Rows of inputs, rounded.
pub(super) struct Rounded {
    blocks: Vec<Block>,
    width: usize,
}

impl Rounded {
    /// Rounds `x`, `[rows, blocks * 32]`.
    pub(super) fn new(x: &[f32], blocks: usize) -> Self {
        let (parts, _) = x.as_chunks::<BLOCK>();
        Self { blocks: parts.iter().map(round).collect(), width: blocks }
    }
}

fn round(x: &[f32; BLOCK]) -> Block {
    let largest = x.iter().fold(0f32, |most, x| most.max(x.abs()));
    let scale = largest / 32767.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let quad = |i: usize| {
        let four: [i16; 4] = std::array::from_fn(|j| (x[4 * i + j] * inverse).round() as i16);
        i64x2_splat(bytemuck::cast(four))
    };
    Block { quads: std::array::from_fn(quad), scale, sum: x.iter().sum() }
}

/// Whether a format's products are computed here.
pub(super) fn is_for(format: Format) -> bool {
    !matches!(format, Format::F32 | Format::F16 | Format::Bf16)
}

/// Products of a panel with all rows of `x` into `out`, `[rows, 64]`.
pub(super) fn panel(format: Format, words: &[u32], x: &Rounded, out: &mut [f32]) {
    let mut rows = 0..x.blocks.len() / x.width;
    let mut out = out.chunks_mut(PANEL);
    while !rows.is_empty() {
        let row = rows.start;
        match rows.len() {
            TILE.. => tile::<TILE>(format, words, x, row, &mut out),
            2.. => tile::<2>(format, words, x, row, &mut out),
            _ => tile::<1>(format, words, x, row, &mut out),
        }
        rows.start += match rows.len() {
            TILE.. => TILE,
            2.. => 2,
            _ => 1,
        };
    }
}

fn tile<'a, const ROWS: usize>(
    format: Format,
    words: &[u32],
    x: &Rounded,
    row: usize,
    out: &mut impl Iterator<Item = &'a mut [f32]>,
) {
    let x: [&[Block]; ROWS] =
        std::array::from_fn(|i| &x.blocks[(row + i) * x.width..(row + i + 1) * x.width]);
    let mut out: [&mut [f32]; ROWS] =
        std::array::from_fn(|_| out.next().expect("a row of outputs for each of inputs"));
    match format {
        Format::Q8_0 => lanes::<Bytes, ROWS>(words, x, &mut out),
        Format::Q4_0 => lanes::<Nibbles, ROWS>(words, x, &mut out),
        Format::Q4_1 => lanes::<Ranged, ROWS>(words, x, &mut out),
        Format::Q5_0 => lanes::<formats::Fives, ROWS>(words, x, &mut out),
        Format::Q5_1 => lanes::<formats::RangedFives, ROWS>(words, x, &mut out),
        Format::Q4K => lanes::<formats::Q4K, ROWS>(words, x, &mut out),
        Format::Q5K => lanes::<formats::Q5K, ROWS>(words, x, &mut out),
        Format::Q6K => lanes::<formats::Q6K, ROWS>(words, x, &mut out),
        Format::Iq4Nl => lanes::<formats::Table, ROWS>(words, x, &mut out),
        Format::F32 | Format::F16 | Format::Bf16 => unreachable!("not quantised"),
    }
}

/// A quantised format.
trait Quantised {
    /// Its words of a unit, and blocks of 32 columns of one.
    const FORMAT: Format;
    /// Scales of a block: of all its columns, or of the first and of the last 16.
    const SCALES: usize = 1;

    /// Calls `each(i, low, high)` for the four columns `4 i ..` of a block, of two rows each.
    fn quads(words: &[u32], lane: usize, part: usize, each: impl FnMut(usize, v128, v128));

    /// What the rows' integers are multiplied by.
    fn scale(words: &[u32], lane: usize, part: usize, which: usize) -> v128;

    /// What is added to each of the rows' scaled integers.
    #[inline(always)]
    fn offset(_words: &[u32], _lane: usize, _part: usize, _scale: v128) -> Option<v128> {
        None
    }
}

struct Bytes;
struct Nibbles;
struct Ranged;

impl Quantised for Bytes {
    const FORMAT: Format = Format::Q8_0;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, _: usize, mut each: impl FnMut(usize, v128, v128)) {
        for i in 0..QUADS {
            let bytes = load(words, 32 + i * PANEL + lane);
            each(i, i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes));
        }
    }

    #[inline(always)]
    fn scale(words: &[u32], lane: usize, _: usize, _: usize) -> v128 {
        pair_scales(words, lane)
    }
}

impl Quantised for Nibbles {
    const FORMAT: Format = Format::Q4_0;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, _: usize, each: impl FnMut(usize, v128, v128)) {
        unsigned(&words[32..], lane, |_, nibbles| nibbles, each);
    }

    #[inline(always)]
    fn scale(words: &[u32], lane: usize, _: usize, _: usize) -> v128 {
        pair_scales(words, lane)
    }

    #[inline(always)]
    fn offset(_: &[u32], _: usize, _: usize, scale: v128) -> Option<v128> {
        Some(f32x4_mul(scale, f32x4_splat(-8.0)))
    }
}

impl Quantised for Ranged {
    const FORMAT: Format = Format::Q4_1;

    #[inline(always)]
    fn quads(words: &[u32], lane: usize, _: usize, each: impl FnMut(usize, v128, v128)) {
        unsigned(&words[64..], lane, |_, nibbles| nibbles, each);
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

/// The quads of a block of nibbles at `words`, each made of its nibbles: low ones are the columns 0 to
/// 15, high ones 16 to 31.
#[inline(always)]
fn quads_of(
    words: &[u32],
    lane: usize,
    whole: impl Fn(usize, v128) -> v128,
    mut each: impl FnMut(usize, v128),
) {
    for i in 0..QUADS / 2 {
        let bytes = load(words, i * PANEL + lane);
        each(i, whole(i, v128_and(bytes, u8x16_splat(15))));
        each(i + 4, whole(i + 4, u8x16_shr(bytes, 4)));
    }
}

/// Quads of bytes without sign.
#[inline(always)]
fn unsigned(
    words: &[u32],
    lane: usize,
    whole: impl Fn(usize, v128) -> v128,
    mut each: impl FnMut(usize, v128, v128),
) {
    quads_of(words, lane, whole, |i, bytes| {
        each(i, i16x8_extend_low_u8x16(bytes), i16x8_extend_high_u8x16(bytes));
    });
}

/// Quads of bytes with sign.
#[inline(always)]
fn signed(
    words: &[u32],
    lane: usize,
    whole: impl Fn(usize, v128) -> v128,
    mut each: impl FnMut(usize, v128, v128),
) {
    quads_of(words, lane, whole, |i, bytes| {
        each(i, i16x8_extend_low_i8x16(bytes), i16x8_extend_high_i8x16(bytes));
    });
}

#[inline(always)]
fn load(words: &[u32], start: usize) -> v128 {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&words[start..start + LANES]))
}

/// The lowest 16 bits as halves; those that are no numbers become large ones.
#[inline(always)]
fn halves(words: v128) -> v128 {
    let magnitude = u32x4_shl(v128_and(words, u32x4_splat(0x7fff)), 13);
    // Moves the exponent's bias from 15 to 127: times 2^112.
    let value = f32x4_mul(magnitude, f32x4_splat(f32::from_bits(0x7780_0000)));
    v128_or(value, u32x4_shl(v128_and(words, u32x4_splat(0x8000)), 16))
}

/// Scales of which two rows share a word: of row `r` in word `r % 32`.
#[inline(always)]
fn pair_scales(words: &[u32], lane: usize) -> v128 {
    halves(u32x4_shr(load(words, lane % 32), 16 * (lane as u32 / 32)))
}

#[inline(always)]
fn lanes<Q: Quantised, const ROWS: usize>(
    words: &[u32],
    x: [&[Block]; ROWS],
    out: &mut [&mut [f32]; ROWS],
) {
    let parts = Q::FORMAT.unit_blocks();
    for lane in (0..PANEL).step_by(LANES) {
        let mut totals = [f32x4(0.0, 0.0, 0.0, 0.0); ROWS];
        for (unit, words) in words.chunks_exact(Q::FORMAT.unit_words()).enumerate() {
            for part in 0..parts {
                let x: [&Block; ROWS] = std::array::from_fn(|row| &x[row][unit * parts + part]);
                let mut sums = [[[u32x4_splat(0); 2]; 2]; ROWS];
                Q::quads(words, lane, part, |i, low, high| {
                    let which = i * Q::SCALES / QUADS;
                    for (sums, x) in sums.iter_mut().zip(x) {
                        let sums = &mut sums[which];
                        sums[0] = i32x4_add(sums[0], i32x4_dot_i16x8(low, x.quads[i]));
                        sums[1] = i32x4_add(sums[1], i32x4_dot_i16x8(high, x.quads[i]));
                    }
                });
                for which in 0..Q::SCALES {
                    let scale = Q::scale(words, lane, part, which);
                    let offset = Q::offset(words, lane, part, scale);
                    for ((total, sums), x) in totals.iter_mut().zip(sums).zip(x) {
                        let [low, high] = sums[which];
                        // Two lanes a row.
                        let sum = i32x4_add(
                            i32x4_shuffle::<0, 2, 4, 6>(low, high),
                            i32x4_shuffle::<1, 3, 5, 7>(low, high),
                        );
                        let sum = f32x4_mul(f32x4_convert_i32x4(sum), f32x4_splat(x.scale));
                        *total = f32x4_add(*total, f32x4_mul(sum, scale));
                        if let Some(offset) = offset {
                            *total = f32x4_add(*total, f32x4_mul(offset, f32x4_splat(x.sum)));
                        }
                    }
                }
            }
        }
        for (out, total) in out.iter_mut().zip(totals) {
            let total: [f32; LANES] = bytemuck::cast(total);
            out[lane..lane + LANES].copy_from_slice(&total);
        }
    }
}
