//! Blocks of 256 elements: Q3_K, Q4_K, Q5_K and Q6_K. Scales of their parts are small integers,
//! which one or two halves a block scale.

use half::f16;

use super::{farthest_from_zero, half_at, push_half, ratio};

/// Elements of a block.
pub(super) const BLOCK: usize = 256;
/// Parts of a block with a scale each, in Q4_K and Q5_K; the others have twice as many.
const PARTS: usize = 8;
const PART: usize = BLOCK / PARTS;
const SMALL_PARTS: usize = 16;
const SMALL_PART: usize = BLOCK / SMALL_PARTS;

/// The 6-bit scales and minima of Q4_K and Q5_K, of which 12 bytes hold eight each: the first four
/// scales, then minima, in the lower bits of a byte each; of the others four bits in the last four
/// bytes (scales low, minima high) and two bits above the first eight.
fn scales_and_minima(packed: &[u8]) -> [(u8, u8); PARTS] {
    std::array::from_fn(|i| match i {
        0..4 => (packed[i] & 63, packed[i + 4] & 63),
        _ => {
            (packed[i + 4] & 15 | packed[i - 4] >> 6 << 4, packed[i + 4] >> 4 | packed[i] >> 6 << 4)
        }
    })
}

fn pack_scales_and_minima(pairs: [(u8, u8); PARTS]) -> [u8; 12] {
    let mut packed = [0; 12];
    for (i, (scale, minimum)) in pairs.into_iter().enumerate() {
        if i < 4 {
            packed[i] |= scale;
            packed[i + 4] |= minimum;
        } else {
            packed[i + 4] = scale & 15 | (minimum & 15) << 4;
            packed[i - 4] |= scale >> 4 << 6;
            packed[i] |= minimum >> 4 << 6;
        }
    }
    packed
}

/// Q4_K, and Q5_K where the block has a fifth bit of each element.
///
/// Bytes: `d`, the minima's `d`, 12 of scales and minima, in Q5_K 32 of fifth bits (bit `p` of byte
/// `i` is that of element `i` of part `p`), 128 of nibbles: 32 for two parts, the lower ones first.
pub(super) fn decode_ranged<const FIVE_BITS: bool>(block: &[u8], out: &mut [f32; BLOCK]) {
    let (d, d_minimum) = (half_at(block, 0), half_at(block, 2));
    let pairs = scales_and_minima(&block[4..16]);
    let (fifths, nibbles) = block[16..].split_at(if FIVE_BITS { PART } else { 0 });
    let parts = out.as_chunks_mut::<PART>().0.iter_mut().zip(pairs).enumerate();
    for (part, (out, (scale, minimum))) in parts {
        let (scale, minimum) = (d * f32::from(scale), d_minimum * f32::from(minimum));
        let nibbles = &nibbles[part / 2 * PART..][..PART];
        for (i, (out, byte)) in out.iter_mut().zip(nibbles).enumerate() {
            let nibble = byte >> (4 * (part % 2)) & 15;
            let fifth = if FIVE_BITS { (fifths[i] >> part & 1) << 4 } else { 0 };
            *out = scale * f32::from(nibble | fifth) - minimum;
        }
    }
}

/// Rounds to the 16 or 32 steps between the least element of each part, or 0, and its largest. The
/// scales are those of the range: ggml's tools also search for better ones.
pub(super) fn encode_ranged<const FIVE_BITS: bool>(values: &[f32; BLOCK], out: &mut Vec<u8>) {
    let steps = if FIVE_BITS { 31.0 } else { 15.0 };
    let parts = values.as_chunks::<PART>().0;
    let ranges: [(f32, f32); PARTS] = std::array::from_fn(|i| {
        let least = parts[i].iter().copied().fold(0.0, f32::min);
        let largest = parts[i].iter().copied().fold(0.0, f32::max);
        ((largest - least) / steps, -least)
    });
    let most = |of: fn(&(f32, f32)) -> f32| ranges.iter().map(of).fold(0.0, f32::max) / 63.0;
    push_half(most(|range| range.0), out);
    push_half(most(|range| range.1), out);
    // As they are read again.
    let [d, d_minimum] = [out.len() - 4, out.len() - 2].map(|at| half_at(out, at));
    let level = |value: f32, d: f32| ratio(value, d).round().min(63.0) as u8;
    let pairs = ranges.map(|(scale, minimum)| (level(scale, d), level(minimum, d_minimum)));
    out.extend(pack_scales_and_minima(pairs));
    let (mut fifths, mut nibbles) = ([0; PART], [0; BLOCK / 2]);
    for (part, (values, (scale, minimum))) in parts.iter().zip(pairs).enumerate() {
        let (scale, minimum) = (d * f32::from(scale), d_minimum * f32::from(minimum));
        for (i, value) in values.iter().enumerate() {
            let q = ratio(value + minimum, scale).round().clamp(0.0, steps) as u8;
            nibbles[part / 2 * PART + i] |= (q & 15) << (4 * (part % 2));
            fifths[i] |= q >> 4 << part;
        }
    }
    if FIVE_BITS {
        out.extend(fifths);
    }
    out.extend(nibbles);
}

/// What a block of parts of 16 without minima holds: `x = d s q`.
struct Signed {
    /// The bytes of `d`.
    d: [u8; 2],
    scales: [i8; SMALL_PARTS],
    q: [i8; BLOCK],
}

impl Signed {
    /// Q3_K. Bytes: 32 of third bits (bit `j` of byte `i` is that of element `32 j + i`; where it is
    /// not set 4 is taken off), 64 of lower bits (32 for four times 32 elements), 12 of scales, `d`.
    fn of_q3_k(block: &[u8]) -> Self {
        let (thirds, lows, packed) = (&block[..32], &block[32..96], &block[96..108]);
        // Four bits of scale i in byte i mod 8, two bits in byte 8 + i mod 4.
        let scales = std::array::from_fn(|i| {
            let (low, high) = (packed[i % 8] >> (i / 8 * 4) & 15, packed[8 + i % 4] >> (i / 4 * 2));
            (low | (high & 3) << 4) as i8 - 32
        });
        let q = std::array::from_fn(|at| {
            let (half, row, i) = (at / 128, at / 32, at % 32);
            let low = lows[half * 32 + i] >> (row % 4 * 2) & 3;
            let third = thirds[i] >> row & 1;
            (low | third << 2) as i8 - 4
        });
        Self { d: [block[108], block[109]], scales, q }
    }

    /// Q6_K. Bytes, for each half of the block: 64 of lower nibbles (32 for the first and third 32
    /// elements, 32 for the others) in the first 128, 32 of two upper bits in the next 64; then 16
    /// scales, `d`.
    fn of_q6_k(block: &[u8]) -> Self {
        let (lows, highs) = (&block[..128], &block[128..192]);
        let q = std::array::from_fn(|at| {
            let (half, row, i) = (at / 128, at / 32 % 4, at % 32);
            let low = lows[half * 64 + row % 2 * 32 + i] >> (row / 2 * 4) & 15;
            let high = highs[half * 32 + i] >> (row * 2) & 3;
            (low | high << 4) as i8 - 32
        });
        let scales = std::array::from_fn(|i| block[192 + i] as i8);
        Self { d: [block[208], block[209]], scales, q }
    }

    /// The element of a part that is farthest from zero becomes the lowest integer times the part's
    /// scale, and the scale that is farthest from zero the lowest of scales times `d`. ggml's tools
    /// also search for better scales.
    fn rounded(values: &[f32; BLOCK], lowest: i8, lowest_scale: i8) -> Self {
        let level = |value: f32, unit: f32, lowest: i8| {
            ratio(value, unit).round().clamp(lowest.into(), (-1 - lowest).into()) as i8
        };
        let parts = values.as_chunks::<SMALL_PART>().0;
        let scales: [f32; SMALL_PARTS] =
            std::array::from_fn(|i| farthest_from_zero(&parts[i]) / f32::from(lowest));
        let d = f16::from_f32(farthest_from_zero(&scales) / f32::from(lowest_scale));
        let scales = scales.map(|scale| level(scale, d.to_f32(), lowest_scale));
        let q = std::array::from_fn(|at| {
            let scale = d.to_f32() * f32::from(scales[at / SMALL_PART]);
            level(values[at], scale, lowest)
        });
        Self { d: d.to_le_bytes(), scales, q }
    }

    fn push_q3_k(&self, out: &mut Vec<u8>) {
        let (mut thirds, mut lows, mut packed) = ([0; 32], [0; 64], [0; 12]);
        for (at, q) in self.q.iter().enumerate() {
            let (half, row, i) = (at / 128, at / 32, at % 32);
            let q = (q + 4) as u8;
            lows[half * 32 + i] |= (q & 3) << (row % 4 * 2);
            thirds[i] |= q >> 2 << row;
        }
        for (i, scale) in self.scales.iter().enumerate() {
            let scale = (scale + 32) as u8;
            packed[i % 8] |= (scale & 15) << (i / 8 * 4);
            packed[8 + i % 4] |= scale >> 4 << (i / 4 * 2);
        }
        out.extend(thirds);
        out.extend(lows);
        out.extend(packed);
        out.extend(self.d);
    }

    fn push_q6_k(&self, out: &mut Vec<u8>) {
        let (mut lows, mut highs) = ([0; 128], [0; 64]);
        for (at, q) in self.q.iter().enumerate() {
            let (half, row, i) = (at / 128, at / 32 % 4, at % 32);
            let q = (q + 32) as u8;
            lows[half * 64 + row % 2 * 32 + i] |= (q & 15) << (row / 2 * 4);
            highs[half * 32 + i] |= q >> 4 << (row * 2);
        }
        out.extend(lows);
        out.extend(highs);
        out.extend(self.scales.map(|scale| scale as u8));
        out.extend(self.d);
    }

    fn decode(&self, out: &mut [f32; BLOCK]) {
        let d = half_at(&self.d, 0);
        for (part, (out, scale)) in
            out.as_chunks_mut::<SMALL_PART>().0.iter_mut().zip(self.scales).enumerate()
        {
            let scale = d * f32::from(scale);
            for (out, q) in out.iter_mut().zip(&self.q[part * SMALL_PART..]) {
                *out = scale * f32::from(*q);
            }
        }
    }
}

pub(super) fn decode_q3_k(block: &[u8], out: &mut [f32; BLOCK]) {
    Signed::of_q3_k(block).decode(out);
}

pub(super) fn decode_q6_k(block: &[u8], out: &mut [f32; BLOCK]) {
    Signed::of_q6_k(block).decode(out);
}

/// A block of Q3_K as one of Q6_K, which has all its values: the same `d`, scales and integers.
pub(super) fn q3_k_as_q6_k(block: &[u8], out: &mut Vec<u8>) {
    Signed::of_q3_k(block).push_q6_k(out);
}

pub(super) fn encode_q3_k(values: &[f32; BLOCK], out: &mut Vec<u8>) {
    Signed::rounded(values, -4, -32).push_q3_k(out);
}

pub(super) fn encode_q6_k(values: &[f32; BLOCK], out: &mut Vec<u8>) {
    Signed::rounded(values, -32, -128).push_q6_k(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_bits_of_every_scale_and_minimum_survive_packing() {
        for shift in 0..64u8 {
            let pairs = std::array::from_fn(|i| {
                let i = i as u8;
                ((shift + 9 * i) % 64, (shift * 5 + 17 * i + 3) % 64)
            });
            assert_eq!(scales_and_minima(&pack_scales_and_minima(pairs)), pairs);
        }
    }

    #[test]
    fn q3_k_keeps_every_value_as_q6_k() {
        // Every byte of a block but those of d takes every value.
        for salt in 0..=255u8 {
            let mut block: Vec<u8> =
                (0..110u8).map(|i| i.wrapping_mul(151).wrapping_add(salt)).collect();
            block[108..].copy_from_slice(&[0x01, 0x3c]);
            let (mut wide, mut want, mut got) = (Vec::new(), [0.0; BLOCK], [1.0; BLOCK]);
            decode_q3_k(&block, &mut want);
            q3_k_as_q6_k(&block, &mut wide);
            decode_q6_k(&wide, &mut got);
            assert_eq!(got, want);
        }
    }
}
