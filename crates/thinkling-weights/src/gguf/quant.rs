//! Blocks of 32 or 256 elements to and from `f32`, as ggml's reference routines define them.

mod super_blocks;

use half::f16;

use super::GgmlType;
use crate::float::{decode_floats, encode_floats};

const BLOCK: usize = 32;
const HALF: usize = BLOCK / 2;

/// The values that the nibbles of IQ4_NL number, as ggml has them.
pub const IQ4_NL_VALUES: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Decodes stored elements to `f32`.
///
/// # Panics
/// Where the type is not supported, `out` is not a whole number of blocks, or `bytes` and `out`
/// hold different numbers of elements.
pub fn dequantize(ty: GgmlType, bytes: &[u8], out: &mut [f32]) {
    let (block_len, block_bytes) = ty.block().expect("the caller checked that the type is known");
    assert!(
        out.len().is_multiple_of(block_len) && bytes.len() == out.len() / block_len * block_bytes,
        "{ty}: {} bytes are not {} elements",
        bytes.len(),
        out.len()
    );
    if let Some(float) = ty.float() {
        return decode_floats(float, bytes, out);
    }
    let stored = bytes.chunks_exact(block_bytes);
    if block_len == super_blocks::BLOCK {
        let decode = match ty {
            GgmlType::Q3K => super_blocks::decode_q3_k,
            GgmlType::Q4K => super_blocks::decode_ranged::<false>,
            GgmlType::Q5K => super_blocks::decode_ranged::<true>,
            GgmlType::Q6K => super_blocks::decode_q6_k,
            _ => unreachable!("others have no blocks of 256"),
        };
        stored.zip(out.as_chunks_mut().0).for_each(|(block, out)| decode(block, out));
        return;
    }
    for (block, out) in stored.zip(out.as_chunks_mut::<BLOCK>().0) {
        let d = half_at(block, 0);
        match ty {
            GgmlType::Q8_0 => {
                for (value, &q) in out.iter_mut().zip(&block[2..]) {
                    *value = f32::from(q as i8) * d;
                }
            }
            GgmlType::Q4_0 => nibbles(&block[2..], out, |_, q| (f32::from(q) - 8.0) * d),
            GgmlType::Q4_1 => {
                let m = half_at(block, 2);
                nibbles(&block[4..], out, |_, q| f32::from(q) * d + m);
            }
            GgmlType::Q5_0 => {
                let fifth = fifth_bits(&block[2..6]);
                nibbles(&block[6..], out, |i, q| (f32::from(q | fifth(i)) - 16.0) * d);
            }
            GgmlType::Q5_1 => {
                let (m, fifth) = (half_at(block, 2), fifth_bits(&block[4..8]));
                nibbles(&block[8..], out, |i, q| f32::from(q | fifth(i)) * d + m);
            }
            GgmlType::Iq4Nl => {
                let value = |q: u8| f32::from(IQ4_NL_VALUES[usize::from(q)]);
                nibbles(&block[2..], out, |_, q| value(q) * d);
            }
            _ => unreachable!("plain types were decoded above and others have no block"),
        }
    }
}

/// Stored rows of Q3_K as Q6_K, which has all values of it: what cannot decode one decodes the other.
///
/// # Panics
/// Where `bytes` are no whole number of blocks.
pub fn q3_k_as_q6_k(bytes: &[u8]) -> Vec<u8> {
    const BYTES: usize = 110;
    assert!(bytes.len().is_multiple_of(BYTES), "Q3_K: {} bytes, not whole blocks", bytes.len());
    let mut out = Vec::with_capacity(bytes.len() / BYTES * 210);
    bytes.chunks_exact(BYTES).for_each(|block| super_blocks::q3_k_as_q6_k(block, &mut out));
    out
}

/// Encodes `values` for storage, rounding as ggml's reference routines do; to blocks of 256 and to
/// IQ4_NL without their search for the best scales.
///
/// # Panics
/// Where the type is not supported or `values` is not a whole number of blocks.
pub fn quantize(ty: GgmlType, values: &[f32]) -> Vec<u8> {
    let (block_len, block_bytes) = ty.block().expect("the caller checked that the type is known");
    assert!(
        values.len().is_multiple_of(block_len),
        "{ty}: {} elements, not whole blocks",
        values.len()
    );
    let mut out = Vec::with_capacity(values.len() / block_len * block_bytes);
    if let Some(float) = ty.float() {
        encode_floats(float, values, &mut out);
        return out;
    }
    if block_len == super_blocks::BLOCK {
        let encode = match ty {
            GgmlType::Q3K => super_blocks::encode_q3_k,
            GgmlType::Q4K => super_blocks::encode_ranged::<false>,
            GgmlType::Q5K => super_blocks::encode_ranged::<true>,
            GgmlType::Q6K => super_blocks::encode_q6_k,
            _ => unreachable!("others have no blocks of 256"),
        };
        values.as_chunks().0.iter().for_each(|block| encode(block, &mut out));
        return out;
    }
    for block in values.as_chunks::<BLOCK>().0 {
        match ty {
            GgmlType::Q8_0 => quantize_q8_0(block, &mut out),
            GgmlType::Q4_0 => quantize_signed::<4>(block, &mut out),
            GgmlType::Q5_0 => quantize_signed::<5>(block, &mut out),
            GgmlType::Q4_1 => quantize_ranged::<4>(block, &mut out),
            GgmlType::Q5_1 => quantize_ranged::<5>(block, &mut out),
            GgmlType::Iq4Nl => quantize_iq4_nl(block, &mut out),
            _ => unreachable!("plain types were encoded above and others have no block"),
        }
    }
    out
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Byte `j` holds element `j` in its low nibble and element `j + 16` in its high one; `decode` takes
/// an element's number and its nibble.
fn nibbles(packed: &[u8], out: &mut [f32; BLOCK], decode: impl Fn(usize, u8) -> f32) {
    let (low, high) = out.split_at_mut(HALF);
    for (j, ((low, high), &byte)) in low.iter_mut().zip(high).zip(packed).enumerate() {
        *low = decode(j, byte & 0x0f);
        *high = decode(j + HALF, byte >> 4);
    }
}

/// Bit `i` of four bytes is the fifth bit of element `i`: gives it in its place.
fn fifth_bits(packed: &[u8]) -> impl Fn(usize) -> u8 {
    let bits = u32::from_le_bytes([packed[0], packed[1], packed[2], packed[3]]);
    move |i| ((bits >> i & 1) << 4) as u8
}

/// Writes numbers of 4 bits, or of 5 with the fifth ones before the others.
fn pack<const BITS: u32>(block: &[f32; BLOCK], out: &mut Vec<u8>, encode: impl Fn(f32) -> f32) {
    // The conversion saturates, so values below 0 (and NaN) become 0.
    let q = block.map(|value| (encode(value) as u8).min((1 << BITS) - 1));
    if BITS == 5 {
        let fifths = q.iter().rev().fold(0u32, |bits, q| bits << 1 | u32::from(q >> 4));
        out.extend_from_slice(&fifths.to_le_bytes());
    }
    out.extend((0..HALF).map(|j| q[j] & 15 | q[j + HALF] << 4));
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

fn ratio(value: f32, unit: f32) -> f32 {
    if unit == 0.0 { 0.0 } else { value / unit }
}

fn farthest_from_zero(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |max: f32, &value| if value.abs() > max.abs() { value } else { max })
}

fn push_half(value: f32, out: &mut Vec<u8>) {
    out.extend_from_slice(&f16::from_f32(value).to_le_bytes());
}

fn quantize_q8_0(block: &[f32; BLOCK], out: &mut Vec<u8>) {
    let largest = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let d = largest / 127.0;
    let scale = inverse(d);
    push_half(d, out);
    out.extend(block.iter().map(|value| (value * scale).round() as i8 as u8));
}

fn quantize_signed<const BITS: u32>(block: &[f32; BLOCK], out: &mut Vec<u8>) {
    // The element farthest from zero, with its sign, becomes the lowest number.
    let zero = (1 << (BITS - 1)) as f32;
    let d = farthest_from_zero(block) / -zero;
    let scale = inverse(d);
    push_half(d, out);
    let offset = zero + 0.5;
    pack::<BITS>(block, out, |value| value * scale + offset);
}

fn quantize_ranged<const BITS: u32>(block: &[f32; BLOCK], out: &mut Vec<u8>) {
    let min = block.iter().copied().fold(f32::INFINITY, f32::min);
    let max = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let d = (max - min) / ((1 << BITS) - 1) as f32;
    let scale = inverse(d);
    push_half(d, out);
    push_half(min, out);
    pack::<BITS>(block, out, |value| (value - min) * scale + 0.5);
}

fn quantize_iq4_nl(block: &[f32; BLOCK], out: &mut Vec<u8>) {
    // The element farthest from zero becomes the value that is.
    let d = f16::from_f32(farthest_from_zero(block) / f32::from(IQ4_NL_VALUES[0]));
    push_half(d.to_f32(), out);
    pack::<4>(block, out, |value| {
        let value = ratio(value, d.to_f32());
        // Above the middle between two neighbours it is the next one.
        let middles =
            IQ4_NL_VALUES.windows(2).map(|pair| (f32::from(pair[0]) + f32::from(pair[1])) / 2.0);
        middles.filter(|middle| value > *middle).count() as f32
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0.5 and -1.25 as F16.
    const HALF_ONE: [u8; 2] = [0x00, 0x38];
    const MINUS_FIVE_QUARTERS: [u8; 2] = [0x00, 0xbd];

    /// Bytes 0x10, 0x32, .. : low nibbles 0, 2, 4, .. and high nibbles 1, 3, 5, ..
    fn packed() -> [u8; 16] {
        let mut bytes = [0; 16];
        for (j, byte) in bytes.iter_mut().enumerate() {
            let low = (2 * j % 16) as u8;
            *byte = low | (low + 1) << 4;
        }
        bytes
    }

    #[test]
    fn q8_0_by_hand() {
        let mut block = HALF_ONE.to_vec();
        block.extend((0..32i32).map(|i| (i * 8 - 128) as i8 as u8));
        let mut out = [0.0; 32];
        dequantize(GgmlType::Q8_0, &block, &mut out);
        assert_eq!(out[..4], [-64.0, -60.0, -56.0, -52.0]);
        assert_eq!(out[16..18], [0.0, 4.0]);
        assert_eq!(out[31], 60.0);
    }

    #[test]
    fn q4_0_by_hand() {
        let block = [&HALF_ONE[..], &packed()].concat();
        let mut out = [0.0; 32];
        dequantize(GgmlType::Q4_0, &block, &mut out);
        assert_eq!(out[..8], [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(out[8..16], out[..8]);
        assert_eq!(out[16..24], [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]);
    }

    #[test]
    fn q4_1_by_hand() {
        let block = [&HALF_ONE[..], &MINUS_FIVE_QUARTERS, &packed()].concat();
        let mut out = [0.0; 64];
        dequantize(GgmlType::Q4_1, &[&block[..], &block[..]].concat(), &mut out);
        assert_eq!(out[..4], [-1.25, -0.25, 0.75, 1.75]);
        assert_eq!(out[16..20], [-0.75, 0.25, 1.25, 2.25]);
        assert_eq!(out[32..], out[..32]);
    }

    #[test]
    fn encoding_gives_the_bytes_worked_out_by_hand() {
        // 0, 1, .., 15 twice: minimum 0, step 1, so Q4_1 is exact.
        let steps: Vec<f32> = (0..32).map(|i| (i % 16) as f32).collect();
        let mut expected = vec![0x00, 0x3c, 0x00, 0x00];
        expected.extend((0..16u8).map(|i| i | i << 4));
        assert_eq!(quantize(GgmlType::Q4_1, &steps), expected);
        // -8 is the farthest: scale 1, stored as value + 8.
        let signed: Vec<f32> = (0..32).map(|i| (i % 16) as f32 - 8.0).collect();
        let mut expected = vec![0x00, 0x3c];
        expected.extend((0..16u8).map(|i| i | i << 4));
        assert_eq!(quantize(GgmlType::Q4_0, &signed), expected);
        // Largest 127: scale 1; halves round away from zero.
        let mut bytes = vec![0.0; 32];
        bytes[..4].copy_from_slice(&[127.0, -126.5, 0.5, -3.2]);
        let encoded = quantize(GgmlType::Q8_0, &bytes);
        assert_eq!(encoded[..6], [0x00, 0x3c, 127, -127i8 as u8, 1, -3i8 as u8]);
        assert_eq!(encoded.len(), 34);
    }

    #[test]
    fn zeros_stay_zeros() {
        for ty in GgmlType::QUANTISED {
            let mut out = [1.0; 256];
            dequantize(ty, &quantize(ty, &[0.0; 256]), &mut out);
            assert_eq!(out, [0.0; 256], "{ty}");
        }
    }

    #[test]
    fn error_of_a_round_trip_is_within_one_step() {
        let values: Vec<f32> = (0..256).map(|i| (i as f32 * 0.37).sin() * 3.0).collect();
        // Half a step of a range of 6 and F16's rounding of the scale; where the farthest element
        // has the lowest number, the largest may be cut by half a step. IQ4_NL's steps differ, and
        // scales of 6 bits are rounded themselves.
        for (ty, tolerance) in [
            (GgmlType::Q8_0, 0.014),
            (GgmlType::Q4_1, 0.21),
            (GgmlType::Q5_1, 0.11),
            (GgmlType::Q4_0, 0.39),
            (GgmlType::Q5_0, 0.2),
            (GgmlType::Iq4Nl, 0.4),
            (GgmlType::Q3K, 0.8),
            (GgmlType::Q4K, 0.3),
            (GgmlType::Q5K, 0.2),
            (GgmlType::Q6K, 0.11),
        ] {
            let mut out = vec![0.0; values.len()];
            dequantize(ty, &quantize(ty, &values), &mut out);
            for (value, got) in values.iter().zip(&out) {
                assert!((value - got).abs() <= tolerance, "{ty}: {value} became {got}");
            }
        }
    }
}
