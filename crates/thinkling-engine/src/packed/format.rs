//! How matrices are stored.

use super::{BLOCK, PANEL};
use thinkling_weights::GgmlType;

/// How a matrix is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// bfloat16.
    Bf16,
    /// ggml's Q8_0: blocks of 32 bytes with a scale.
    Q8_0,
    /// ggml's Q4_0: blocks of 32 nibbles with a scale.
    Q4_0,
    /// ggml's Q4_1: blocks of 32 nibbles with scale and minimum.
    Q4_1,
    /// ggml's Q5_0: as [`Self::Q4_0`] with a fifth bit.
    Q5_0,
    /// ggml's Q5_1: as [`Self::Q4_1`] with a fifth bit.
    Q5_1,
    /// ggml's Q4_K: blocks of 256 nibbles with scales and minima of 32 each.
    Q4K,
    /// ggml's Q5_K: as [`Self::Q4K`] with a fifth bit.
    Q5K,
    /// ggml's Q6_K: blocks of 256 numbers of 6 bits with scales of 16 each.
    Q6K,
    /// ggml's IQ4_NL: blocks of 32 nibbles that number values of a table, with a scale.
    Iq4Nl,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Iq4Nl,
    ];

    /// The format that keeps a stored tensor's values, without more bits than it must: Q3_K's are
    /// kept as [Q6_K](thinkling_weights::q3_k_as_q6_k), all others as they are stored.
    pub fn of(ty: &GgmlType) -> Option<Self> {
        Some(match ty {
            GgmlType::F32 => Self::F32,
            GgmlType::F16 => Self::F16,
            GgmlType::Bf16 => Self::Bf16,
            GgmlType::Q8_0 => Self::Q8_0,
            GgmlType::Q4_0 => Self::Q4_0,
            GgmlType::Q4_1 => Self::Q4_1,
            GgmlType::Q5_0 => Self::Q5_0,
            GgmlType::Q5_1 => Self::Q5_1,
            GgmlType::Q4K => Self::Q4K,
            GgmlType::Q5K => Self::Q5K,
            GgmlType::Q3K | GgmlType::Q6K => Self::Q6K,
            GgmlType::Iq4Nl => Self::Iq4Nl,
            _ => return None,
        })
    }

    /// The stored type whose bytes a matrix is packed from.
    pub fn ggml(self) -> GgmlType {
        match self {
            Self::F32 => GgmlType::F32,
            Self::F16 => GgmlType::F16,
            Self::Bf16 => GgmlType::Bf16,
            Self::Q8_0 => GgmlType::Q8_0,
            Self::Q4_0 => GgmlType::Q4_0,
            Self::Q4_1 => GgmlType::Q4_1,
            Self::Q5_0 => GgmlType::Q5_0,
            Self::Q5_1 => GgmlType::Q5_1,
            Self::Q4K => GgmlType::Q4K,
            Self::Q5K => GgmlType::Q5K,
            Self::Q6K => GgmlType::Q6K,
            Self::Iq4Nl => GgmlType::Iq4Nl,
        }
    }

    /// Elements of a stored block, and its bytes.
    pub(super) fn block(self) -> (usize, usize) {
        self.ggml().block().unwrap_or((1, 4))
    }

    /// Bytes of a stored row, where it is a whole number of blocks.
    pub(crate) fn row_bytes(self, columns: usize) -> Option<usize> {
        let (block_len, block_bytes) = self.block();
        columns.is_multiple_of(block_len).then(|| columns / block_len * block_bytes)
    }

    /// Blocks of 32 columns of a unit, whose words lie together because they share scales.
    pub(crate) const fn unit_blocks(self) -> usize {
        match self {
            Self::Q4K | Self::Q5K | Self::Q6K => 8,
            _ => 1,
        }
    }

    /// Whether something is added to scaled values, for 32 columns alike.
    pub(crate) const fn has_minimum(self) -> bool {
        matches!(self, Self::Q4_1 | Self::Q5_1 | Self::Q4K | Self::Q5K)
    }

    /// Words of 64 rows by 32 columns; of a unit, as many times as it has blocks.
    pub(crate) const fn block_words(self) -> usize {
        match self {
            Self::F32 => PANEL * BLOCK,
            Self::F16 | Self::Bf16 => PANEL * BLOCK / 2,
            Self::Q8_0 => 32 + PANEL * BLOCK / 4,
            Self::Q4_0 | Self::Iq4Nl => 32 + PANEL * BLOCK / 8,
            Self::Q4_1 => 64 + PANEL * BLOCK / 8,
            Self::Q5_0 => 32 + PANEL + PANEL * BLOCK / 8,
            Self::Q5_1 => 64 + PANEL + PANEL * BLOCK / 8,
            // Four words a row of halves and scales, for eight blocks.
            Self::Q4K => PANEL / 2 + PANEL * BLOCK / 8,
            Self::Q5K => PANEL / 2 + PANEL + PANEL * BLOCK / 8,
            // Half a word a row of the half, four of scales.
            Self::Q6K => (32 + 4 * PANEL) / 8 + 2 * PANEL + PANEL * BLOCK / 8,
        }
    }

    /// Words of 64 rows by a unit's columns.
    pub(crate) const fn unit_words(self) -> usize {
        self.unit_blocks() * self.block_words()
    }
}
