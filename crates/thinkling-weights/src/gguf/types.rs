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
    /// Blocks of 32: scale F16 `d`, 32 numbers `q` of 5 bits; `x = (q - 16) d`.
    Q5_0,
    /// Blocks of 32: scale F16 `d`, minimum F16 `m`, 32 numbers `q` of 5 bits; `x = q d + m`.
    Q5_1,
    /// Blocks of 256: F16 `d`, for each 16 a scale `s` of 6 bits, 256 numbers `q` of 3 bits;
    /// `x = d (s - 32) (q - 4)`.
    Q3K,
    /// Blocks of 256: F16 `d` and `e`, for each 32 a scale `s` and a minimum `m` of 6 bits, 256
    /// nibbles `q`; `x = d s q - e m`.
    Q4K,
    /// As [`Self::Q4K`] with numbers of 5 bits.
    Q5K,
    /// Blocks of 256: F16 `d`, for each 16 a scale `s` of 8 bits, 256 numbers `q` of 6 bits;
    /// `x = d s (q - 32)`.
    Q6K,
    /// Blocks of 32: scale F16 `d`, 32 nibbles that number values `v` of a table; `x = d v`.
    Iq4Nl,
    /// A type that cannot be read, by its number in the file.
    Other(u32),
}

/// The types that can be read, for messages.
pub(crate) const SUPPORTED: &str =
    "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q3_K, Q4_K, Q5_K, Q6_K or IQ4_NL";

/// The types that can be read, with their numbers in a file.
const IDS: [(GgmlType, u32); 13] = [
    (GgmlType::F32, 0),
    (GgmlType::F16, 1),
    (GgmlType::Q4_0, 2),
    (GgmlType::Q4_1, 3),
    (GgmlType::Q5_0, 6),
    (GgmlType::Q5_1, 7),
    (GgmlType::Q8_0, 8),
    (GgmlType::Q3K, 11),
    (GgmlType::Q4K, 12),
    (GgmlType::Q5K, 13),
    (GgmlType::Q6K, 14),
    (GgmlType::Iq4Nl, 20),
    (GgmlType::Bf16, 30),
];

impl GgmlType {
    /// The types whose elements lie in blocks with a common scale; all can be read.
    pub const QUANTISED: [Self; 10] = [
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Iq4Nl,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// The type of that number in a file.
    pub fn from_id(id: u32) -> Self {
        IDS.iter().find(|(_, known)| *known == id).map_or(Self::Other(id), |(ty, _)| *ty)
    }

    /// The type's number in a file.
    pub fn id(self) -> u32 {
        match self {
            Self::Other(id) => id,
            known => IDS.iter().find(|(ty, _)| *ty == known).expect("every type is listed").1,
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
            Self::Q5_0 => Some((32, 22)),
            Self::Q5_1 => Some((32, 24)),
            Self::Iq4Nl => Some((32, 18)),
            Self::Q3K => Some((256, 110)),
            Self::Q4K => Some((256, 144)),
            Self::Q5K => Some((256, 176)),
            Self::Q6K => Some((256, 210)),
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
            (6, "Q5_0", true),
            (7, "Q5_1", true),
            (10, "Q2_K", false),
            (11, "Q3_K", true),
            (12, "Q4_K", true),
            (13, "Q5_K", true),
            (14, "Q6_K", true),
            (20, "IQ4_NL", true),
            (23, "IQ4_XS", false),
            (77, "type 77", false),
        ] {
            let ty = GgmlType::from_id(id);
            assert_eq!((ty.id(), ty.to_string().as_str()), (id, name));
            assert_eq!(ty.is_supported(), supported, "{name}");
            assert_eq!(SUPPORTED.split([',', ' ']).any(|word| word == name), supported, "{name}");
        }
    }
}
