//! How GGUF tensors store their elements.

use crate::{FloatType, WeightsError};

/// Storage type of a GGUF tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GgmlType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// Upper half of a single.
    Bf16,
    /// Blocks of 32: scale F16 `d`, 32 signed bytes `q`; `x = q d`.
    Q8_0,
    /// Blocks of 32: scale F16 `d`, 32 nibbles `q`; `x = (q - 8) d`.
    Q4_0,
    /// Blocks of 32: scale F16 `d`, minimum F16 `m`, 32 nibbles `q`; `x = q d + m`.
    Q4_1,
    /// A type that cannot be read, by its number in the file.
    Other(u32),
}

/// The types that can be read, for messages.
pub(crate) const SUPPORTED: &str = "F32, F16, BF16, Q8_0, Q4_0 or Q4_1";

impl GgmlType {
    /// The type of that number in a file.
    pub fn from_id(id: u32) -> Self {
        match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            8 => Self::Q8_0,
            30 => Self::Bf16,
            other => Self::Other(other),
        }
    }

    /// The type's number in a file.
    pub fn id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 8,
            Self::Bf16 => 30,
            Self::Other(id) => id,
        }
    }

    /// Whether elements of this type can be read and written.
    pub fn is_supported(self) -> bool {
        self.block().is_some()
    }

    /// Elements and bytes of one block (one element for the plain types), or none where the type
    /// is not supported.
    pub fn block(self) -> Option<(usize, usize)> {
        match self {
            Self::F32 => Some((1, 4)),
            Self::F16 | Self::Bf16 => Some((1, 2)),
            Self::Q8_0 => Some((32, 34)),
            Self::Q4_0 => Some((32, 18)),
            Self::Q4_1 => Some((32, 20)),
            Self::Other(_) => None,
        }
    }

    /// The plain format, where it is one.
    pub(super) fn float(self) -> Option<FloatType> {
        match self {
            Self::F32 => Some(FloatType::F32),
            Self::F16 => Some(FloatType::F16),
            Self::Bf16 => Some(FloatType::Bf16),
            _ => None,
        }
    }
}

impl From<FloatType> for GgmlType {
    fn from(float: FloatType) -> Self {
        match float {
            FloatType::F32 => Self::F32,
            FloatType::F16 => Self::F16,
            FloatType::Bf16 => Self::Bf16,
        }
    }
}

impl std::fmt::Display for GgmlType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.id() {
            0 => "F32",
            1 => "F16",
            2 => "Q4_0",
            3 => "Q4_1",
            6 => "Q5_0",
            7 => "Q5_1",
            8 => "Q8_0",
            9 => "Q8_1",
            10 => "Q2_K",
            11 => "Q3_K",
            12 => "Q4_K",
            13 => "Q5_K",
            14 => "Q6_K",
            15 => "Q8_K",
            16 => "IQ2_XXS",
            17 => "IQ2_XS",
            18 => "IQ3_XXS",
            19 => "IQ1_S",
            20 => "IQ4_NL",
            21 => "IQ3_S",
            22 => "IQ2_S",
            23 => "IQ4_XS",
            24 => "I8",
            25 => "I16",
            26 => "I32",
            27 => "I64",
            28 => "F64",
            29 => "IQ1_M",
            30 => "BF16",
            34 => "TQ1_0",
            35 => "TQ2_0",
            39 => "MXFP4",
            id => return write!(f, "type {id}"),
        };
        f.write_str(name)
    }
}

pub(crate) fn unsupported_type(name: &str, got: impl ToString) -> WeightsError {
    WeightsError::TensorType { name: name.to_owned(), supported: SUPPORTED, got: got.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_of_the_format() {
        for (id, name, supported) in [
            (0, "F32", true),
            (1, "F16", true),
            (2, "Q4_0", true),
            (3, "Q4_1", true),
            (8, "Q8_0", true),
            (30, "BF16", true),
            (12, "Q4_K", false),
            (14, "Q6_K", false),
            (77, "type 77", false),
        ] {
            let ty = GgmlType::from_id(id);
            assert_eq!((ty.id(), ty.to_string().as_str()), (id, name));
            assert_eq!(ty.is_supported(), supported, "{name}");
        }
    }
}
