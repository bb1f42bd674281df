//! Blocks of 32 elements to and from `f32`, as ggml's reference routines define them.

use half::f16;

use super::GgmlType;
use crate::float::{decode_floats, encode_floats};

const BLOCK: usize = 32;
const HALF: usize = BLOCK / 2;

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
    let blocks = bytes.chunks_exact(block_bytes).zip(out.as_chunks_mut::<BLOCK>().0);
    for (block, out) in blocks {
        match ty {
            GgmlType::Q8_0 => {
                let d = half_at(block, 0);
                for (value, &q) in out.iter_mut().zip(&block[2..]) {
                    *value = f32::from(q as i8) * d;
                }
            }
            GgmlType::Q4_0 => {
                let d = half_at(block, 0);
                nibbles(&block[2..], out, |q| (f32::from(q) - 8.0) * d);
            }
            GgmlType::Q4_1 => {
                let (d, m) = (half_at(block, 0), half_at(block, 2));
                nibbles(&block[4..], out, |q| f32::from(q) * d + m);
            }
            _ => unreachable!("plain types were decoded above and others have no block"),
        }
    }
}

/// Encodes `values` for storage, rounding as ggml's reference routines do.
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
    for block in values.as_chunks::<BLOCK>().0 {
        match ty {
            GgmlType::Q8_0 => quantize_q8_0(block, &mut out),
            GgmlType::Q4_0 => quantize_q4_0(block, &mut out),
            GgmlType::Q4_1 => quantize_q4_1(block, &mut out),
            _ => unreachable!("plain types were encoded above and others have no block"),
        }
    }
    out
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Byte `j` holds element `j` in its low nibble and element `j + 16` in its high one.
fn nibbles(packed: &[u8], out: &mut [f32; BLOCK], decode: impl Fn(u8) -> f32) {
    let (low, high) = out.split_at_mut(HALF);
    for ((low, high), &byte) in low.iter_mut().zip(high).zip(packed) {
        *low = decode(byte & 0x0f);
        *high = decode(byte >> 4);
    }
}

fn pack(block: &[f32; BLOCK], out: &mut Vec<u8>, encode: impl Fn(f32) -> f32) {
    // The conversion saturates, so values below 0 (and NaN) become 0.
    let nibble = |value| (encode(value) as u8).min(15);
    for j in 0..HALF {
        out.push(nibble(block[j]) | nibble(block[j + HALF]) << 4);
    }
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
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

fn quantize_q4_0(block: &[f32; BLOCK], out: &mut Vec<u8>) {
    // The element farthest from zero, with its sign, becomes -8.
    let farthest =
        block.iter().fold(0.0_f32, |max, &value| if value.abs() > max.abs() { value } else { max });
    let d = farthest / -8.0;
    let scale = inverse(d);
    push_half(d, out);
    pack(block, out, |value| value * scale + 8.5);
}

fn quantize_q4_1(block: &[f32; BLOCK], out: &mut Vec<u8>) {
    let min = block.iter().copied().fold(f32::INFINITY, f32::min);
    let max = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let d = (max - min) / 15.0;
    let scale = inverse(d);
    push_half(d, out);
    push_half(min, out);
    pack(block, out, |value| (value - min) * scale + 0.5);
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
        for ty in [GgmlType::Q8_0, GgmlType::Q4_0, GgmlType::Q4_1] {
            let mut out = [1.0; 32];
            dequantize(ty, &quantize(ty, &[0.0; 32]), &mut out);
            assert_eq!(out, [0.0; 32], "{ty}");
        }
    }

    #[test]
    fn error_of_a_round_trip_is_within_one_step() {
        let values: Vec<f32> = (0..256).map(|i| (i as f32 * 0.37).sin() * 3.0).collect();
        // Half a step and F16's rounding of the scale for all but Q4_0, which clips one end.
        for (ty, tolerance) in
            [(GgmlType::Q8_0, 0.014), (GgmlType::Q4_1, 0.21), (GgmlType::Q4_0, 0.39)]
        {
            let mut out = vec![0.0; values.len()];
            dequantize(ty, &quantize(ty, &values), &mut out);
            for (value, got) in values.iter().zip(&out) {
                assert!((value - got).abs() <= tolerance, "{ty}: {value} became {got}");
            }
        }
    }
}
