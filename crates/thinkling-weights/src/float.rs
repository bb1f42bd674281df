//! Little-endian F32, F16 and BF16 to and from `f32`.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// A plain floating-point format of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatType {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a single.
    Bf16,
}

impl FloatType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Name in a safetensors header: `F32`, `F16`, `BF16`.
    pub fn safetensors_name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// Name in a `config.json`: `float32`, `float16`, `bfloat16`.
    pub fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
        }
    }
}

/// Elements converted at once: the staging buffer lives on the stack.
const CHUNK: usize = 512;

/// Decodes `bytes` into `out`; both must hold the same number of elements.
pub(crate) fn decode_floats(ty: FloatType, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len(), out.len() * ty.size(), "bytes and elements differ in number");
    match ty {
        FloatType::F32 => {
            for (value, raw) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*raw);
            }
        }
        FloatType::F16 => {
            // Converting slices uses the CPU's own instruction where it has one.
            let mut staged = [f16::ZERO; CHUNK];
            for (values, raw) in out.chunks_mut(CHUNK).zip(bytes.chunks(CHUNK * 2)) {
                let staged = &mut staged[..values.len()];
                for (half, raw) in staged.iter_mut().zip(raw.as_chunks::<2>().0) {
                    *half = f16::from_le_bytes(*raw);
                }
                staged.convert_to_f32_slice(values);
            }
        }
        FloatType::Bf16 => {
            for (value, raw) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *value = f32::from_bits(u32::from(u16::from_le_bytes(*raw)) << 16);
            }
        }
    }
}

/// Appends `values` to `out`, rounded to nearest even where the format is narrower.
pub(crate) fn encode_floats(ty: FloatType, values: &[f32], out: &mut Vec<u8>) {
    out.reserve(values.len() * ty.size());
    for &value in values {
        match ty {
            FloatType::F32 => out.extend_from_slice(&value.to_le_bytes()),
            FloatType::F16 => out.extend_from_slice(&f16::from_f32(value).to_le_bytes()),
            FloatType::Bf16 => out.extend_from_slice(&bf16::from_f32(value).to_le_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bit_patterns_decode_and_encode() {
        let values = [1.0, -2.5, 0.0, 65504.0];
        let cases: [(FloatType, &[u8]); 3] = [
            (
                FloatType::F32,
                &[0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 0, 0, 0, 0, 0, 0xe0, 0x7f, 0x47],
            ),
            (FloatType::F16, &[0x00, 0x3c, 0x00, 0xc1, 0, 0, 0xff, 0x7b]),
            // 65504 is not a bf16; 65536 is the nearest.
            (FloatType::Bf16, &[0x80, 0x3f, 0x20, 0xc0, 0, 0, 0x80, 0x47]),
        ];
        for (ty, bytes) in cases {
            let mut encoded = Vec::new();
            encode_floats(ty, &values, &mut encoded);
            assert_eq!(encoded, bytes, "{ty:?}");
            let mut decoded = [9.0; 4];
            decode_floats(ty, bytes, &mut decoded);
            let last = if ty == FloatType::Bf16 { 65536.0 } else { 65504.0 };
            assert_eq!(decoded, [1.0, -2.5, 0.0, last], "{ty:?}");
        }
    }

    #[test]
    fn halves_longer_than_the_staging_buffer_keep_their_order() {
        let values: Vec<f32> = (0..CHUNK * 2 + 7).map(|i| (i % 1024) as f32).collect();
        let mut bytes = Vec::new();
        encode_floats(FloatType::F16, &values, &mut bytes);
        let mut decoded = vec![0.0; values.len()];
        decode_floats(FloatType::F16, &bytes, &mut decoded);
        assert_eq!(decoded, values);
    }

    #[test]
    fn infinities_and_subnormals_survive_halves() {
        let mut decoded = [0.0; 3];
        decode_floats(FloatType::F16, &[0x00, 0x7c, 0x01, 0x00, 0x00, 0x7e], &mut decoded);
        assert_eq!(decoded[0], f32::INFINITY);
        assert_eq!(decoded[1], 2.0_f32.powi(-24));
        assert!(decoded[2].is_nan());
    }
}
