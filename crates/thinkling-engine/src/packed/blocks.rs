//! Units of 64 rows, word by word: where `shaders/weights` find the numbers of stored blocks.

use super::{BLOCK, Format, PANEL};
use half::{bf16, f16};
use thinkling_weights::IQ4_NL_VALUES;

/// First word of the eight blocks' numbers in a unit of Q4_K or Q5_K, behind two halves and 12 bytes
/// of scales a row.
pub(crate) const RANGED_BLOCKS: usize = 4 * PANEL;
/// The same in a unit of Q6_K, behind a half and 16 bytes of scales a row.
pub(crate) const SIGNED_BLOCKS: usize = 32 + 4 * PANEL;

/// The words of stored bytes, fewer bytes in the last one where there are.
fn words_of(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks(4).map(|bytes| {
        let mut four = [0; 4];
        four[..bytes.len()].copy_from_slice(bytes);
        u32::from_le_bytes(four)
    })
}

fn word(bytes: &[u8]) -> u32 {
    words_of(bytes).next().unwrap_or_default()
}

/// Sets the row's words, one a panel's width.
fn set(words: &mut [u32], row: usize, values: impl Iterator<Item = u32>) {
    for (words, value) in words.chunks_exact_mut(PANEL).zip(values) {
        words[row] = value;
    }
}

/// Sets the row's half of those that two rows share a word for.
fn set_half(words: &mut [u32], row: usize, bytes: &[u8]) {
    let (pair, shift) = (&mut words[row % 32], 16 * (row / 32));
    *pair = *pair & !(0xffff << shift) | word(bytes) << shift;
}

/// The stored bytes of a unit (fewer at the end of a row of floats) into its words.
pub(super) fn pack(format: Format, bytes: &[u8], row: usize, words: &mut [u32]) {
    match format {
        Format::F32 | Format::F16 | Format::Bf16 => set(words, row, words_of(bytes)),
        Format::Q8_0 | Format::Q4_0 | Format::Q5_0 | Format::Iq4Nl => {
            set_half(words, row, &bytes[..2]);
            set(&mut words[32..], row, words_of(&bytes[2..]));
        }
        Format::Q4_1 | Format::Q5_1 => set(words, row, words_of(bytes)),
        Format::Q4K => {
            set(words, row, words_of(&bytes[..16]));
            let blocks = words[RANGED_BLOCKS..].chunks_exact_mut(4 * PANEL);
            for (part, words) in blocks.enumerate() {
                set(words, row, nibbles_of(&bytes[16 + part / 2 * 32..], part % 2));
            }
        }
        Format::Q5K => {
            set(words, row, words_of(&bytes[..16]));
            let blocks = words[RANGED_BLOCKS..].chunks_exact_mut(5 * PANEL);
            for (part, words) in blocks.enumerate() {
                words[row] = fifth_bits(&bytes[16..48], part);
                set(&mut words[PANEL..], row, nibbles_of(&bytes[48 + part / 2 * 32..], part % 2));
            }
        }
        Format::Q6K => {
            set_half(words, row, &bytes[208..]);
            set(&mut words[32..SIGNED_BLOCKS], row, words_of(&bytes[192..208]));
            let blocks = words[SIGNED_BLOCKS..].chunks_exact_mut(6 * PANEL);
            for (part, words) in blocks.enumerate() {
                let (half, part) = (part / 4, part % 4);
                let lows = &bytes[half * 64 + part % 2 * 32..];
                set(words, row, upper_bits(&bytes[128 + half * 32..], part).into_iter());
                set(&mut words[2 * PANEL..], row, nibbles_of(lows, part / 2));
            }
        }
    }
}

/// Low or high nibbles of 32 bytes as Q4_0 has them: byte `j` of 16 has those of the columns `j` and
/// `j + 16`.
fn nibbles_of(bytes: &[u8], high: usize) -> impl Iterator<Item = u32> {
    let nibbles = move |word: u32| word >> (4 * high) & 0x0f0f_0f0f;
    let (first, second) = bytes[..32].split_at(16);
    words_of(first).zip(words_of(second)).map(move |(a, b)| nibbles(a) | nibbles(b) << 4)
}

/// Bit `bit` of 32 bytes, that of byte `i` in bit `i`.
fn fifth_bits(bytes: &[u8], bit: usize) -> u32 {
    // The product gathers the lowest bits of four bytes in its highest byte.
    let four = |word: u32| (word >> bit & 0x0101_0101).wrapping_mul(0x0102_0408) >> 24 & 15;
    words_of(bytes).enumerate().fold(0, |bits, (i, word)| bits | four(word) << (4 * i))
}

/// The pair of bits `part` of 32 bytes in two words: of the quad `i` of columns, for `i` below 4, in
/// byte `2 (i mod 2)` of word `i / 2`, and of the quad `i + 4` in the byte behind it.
fn upper_bits(bytes: &[u8], part: usize) -> [u32; 2] {
    let mut out = [0; 2];
    for (quad, word) in words_of(&bytes[..32]).enumerate() {
        let pairs = word >> (2 * part) & 0x0303_0303;
        let four = (pairs | pairs >> 6 | pairs >> 12 | pairs >> 18) & 0xff;
        let (i, later) = (quad % 4, quad / 4);
        out[i / 2] |= four << (16 * (i % 2) + 8 * later);
    }
    out
}

/// The values of a row in block `part` of a unit.
pub(super) fn values(format: Format, words: &[u32], row: usize, part: usize) -> [f32; BLOCK] {
    let ranged =
        |[d, m]: [f32; 2], q: &dyn Fn(usize) -> u32| std::array::from_fn(|i| d * q(i) as f32 + m);
    match format {
        Format::F32 => std::array::from_fn(|i| f32::from_bits(words[i * PANEL + row])),
        Format::F16 | Format::Bf16 => std::array::from_fn(|i| {
            let bits = (words[i / 2 * PANEL + row] >> (16 * (i % 2))) as u16;
            match format {
                Format::F16 => f16::from_bits(bits).to_f32(),
                _ => bf16::from_bits(bits).to_f32(),
            }
        }),
        Format::Q8_0 => {
            let d = shared_half(words, row);
            std::array::from_fn(|i| d * f32::from(byte(&words[32..], row, i) as i8))
        }
        Format::Q4_0 => {
            let d = shared_half(words, row);
            std::array::from_fn(|i| d * (nibble(&words[32..], row, i) as f32 - 8.0))
        }
        Format::Iq4Nl => {
            let d = shared_half(words, row);
            let value = |i| IQ4_NL_VALUES[nibble(&words[32..], row, i) as usize];
            std::array::from_fn(|i| d * f32::from(value(i)))
        }
        Format::Q5_0 => {
            let d = shared_half(words, row);
            std::array::from_fn(|i| d * (five_bits(&words[32..], row, i) as f32 - 16.0))
        }
        Format::Q4_1 => ranged(halves(words, row), &|i| nibble(&words[64..], row, i)),
        Format::Q5_1 => ranged(halves(words, row), &|i| five_bits(&words[64..], row, i)),
        Format::Q4K => {
            let own = &words[RANGED_BLOCKS + 4 * PANEL * part..];
            ranged(part_scales(words, row, part), &|i| nibble(own, row, i))
        }
        Format::Q5K => {
            let own = &words[RANGED_BLOCKS + 5 * PANEL * part..];
            ranged(part_scales(words, row, part), &|i| five_bits(own, row, i))
        }
        Format::Q6K => {
            let d = shared_half(words, row);
            let own = &words[SIGNED_BLOCKS + 6 * PANEL * part..];
            std::array::from_fn(|i| {
                let scale = byte(&words[32..], row, 2 * part + i / 16) as i8;
                let (quad, later) = (i / 4 % 4, i / 16);
                let shift = 16 * (quad % 2) + 8 * later + 2 * (i % 4);
                let upper = own[quad / 2 * PANEL + row] >> shift & 3;
                let q = nibble(&own[2 * PANEL..], row, i) | upper << 4;
                d * f32::from(scale) * (q as f32 - 32.0)
            })
        }
    }
}

fn shared_half(words: &[u32], row: usize) -> f32 {
    f16::from_bits((words[row % 32] >> (16 * (row / 32))) as u16).to_f32()
}

fn halves(words: &[u32], row: usize) -> [f32; 2] {
    [words[row] as u16, (words[row] >> 16) as u16].map(|bits| f16::from_bits(bits).to_f32())
}

fn byte(words: &[u32], row: usize, i: usize) -> u8 {
    (words[i / 4 * PANEL + row] >> (8 * (i % 4))) as u8
}

fn nibble(words: &[u32], row: usize, i: usize) -> u32 {
    u32::from(byte(words, row, i % 16) >> (4 * (i / 16)) & 15)
}

/// A word of fifth bits a row, then nibbles.
fn five_bits(words: &[u32], row: usize, i: usize) -> u32 {
    nibble(&words[PANEL..], row, i) | (words[row] >> i & 1) << 4
}

/// Scale and what is added of a part of Q4_K or Q5_K; see ggml's order of the 12 bytes in
/// `weights/q4_k.wgsl`.
fn part_scales(words: &[u32], row: usize, part: usize) -> [f32; 2] {
    let [d, d_minimum] = halves(words, row);
    let byte = |i| byte(&words[PANEL..], row, i);
    let (scale, minimum) = match part {
        0..4 => (byte(part) & 63, byte(part + 4) & 63),
        _ => (
            byte(part + 4) & 15 | byte(part - 4) >> 6 << 4,
            byte(part + 4) >> 4 | byte(part) >> 6 << 4,
        ),
    };
    [d * f32::from(scale), -(d_minimum * f32::from(minimum))]
}
