//! Matrices as the shaders of `shaders/weights` and their CPU twins read them: panels of 64 rows,
//! interleaved, so that neighbouring rows lie side by side; quantised ones stay quantised.

use crate::EngineError;
use half::{bf16, f16};
use std::borrow::Cow;
use thinkling_cpu::threads;
use thinkling_weights::{GgmlType, quantize};

/// Rows of a panel.
pub(crate) const PANEL: usize = 64;
/// Columns of a block.
pub(crate) const BLOCK: usize = 32;

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
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::F32, Self::F16, Self::Bf16, Self::Q8_0, Self::Q4_0, Self::Q4_1];

    /// The format that keeps a stored tensor as it is.
    pub fn of(ty: &GgmlType) -> Option<Self> {
        Some(match ty {
            GgmlType::F32 => Self::F32,
            GgmlType::F16 => Self::F16,
            GgmlType::Bf16 => Self::Bf16,
            GgmlType::Q8_0 => Self::Q8_0,
            GgmlType::Q4_0 => Self::Q4_0,
            GgmlType::Q4_1 => Self::Q4_1,
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
        }
    }

    /// Elements of a stored block, and its bytes.
    fn block(self) -> (usize, usize) {
        self.ggml().block().unwrap_or((1, 4))
    }

    /// Bytes of a stored row, where it is a whole number of blocks.
    pub(crate) fn row_bytes(self, columns: usize) -> Option<usize> {
        let (block_len, block_bytes) = self.block();
        columns.is_multiple_of(block_len).then(|| columns / block_len * block_bytes)
    }

    /// Words of 64 rows by 32 columns.
    pub(crate) const fn block_words(self) -> usize {
        match self {
            Self::F32 => PANEL * BLOCK,
            Self::F16 | Self::Bf16 => PANEL * BLOCK / 2,
            Self::Q8_0 => 32 + PANEL * BLOCK / 4,
            Self::Q4_0 => 32 + PANEL * BLOCK / 8,
            Self::Q4_1 => 64 + PANEL * BLOCK / 8,
        }
    }
}

/// A matrix `[rows, columns]` in panels; rows behind the last one of a panel, and columns behind the
/// last one of a block, are zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedMatrix {
    pub(crate) format: Format,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) words: Vec<u32>,
}

impl PackedMatrix {
    /// Packs rows that are stored one after the other as ggml does.
    ///
    /// # Errors
    /// [`EngineError::Shape`] where the bytes are not that many rows, or a quantised row is no whole
    /// number of blocks.
    pub fn new(
        format: Format,
        rows: usize,
        columns: usize,
        bytes: &[u8],
    ) -> Result<Self, EngineError> {
        let mut matrix = Self::zeros(format, rows, columns);
        let row_bytes = format.row_bytes(columns);
        if row_bytes.is_none_or(|row_bytes| bytes.len() != rows * row_bytes) {
            let expected = rows * row_bytes.unwrap_or_default();
            let what = "a matrix's bytes";
            return Err(EngineError::Shape { what, expected, got: bytes.len() });
        }
        matrix.set_rows(0, bytes);
        Ok(matrix)
    }

    /// Rows of zeros, to be [set](Self::set_rows) some at a time.
    pub(crate) fn zeros(format: Format, rows: usize, columns: usize) -> Self {
        let mut matrix = Self { format, rows, columns, words: Vec::new() };
        matrix.words = vec![0; matrix.panels() * matrix.blocks() * format.block_words()];
        matrix
    }

    /// Sets the rows from `first` on to what is stored of them.
    pub(crate) fn set_rows(&mut self, first: usize, bytes: &[u8]) {
        let (block_len, block_bytes) = self.format.block();
        let row_bytes = (self.columns / block_len * block_bytes).max(1);
        let words = (self.blocks() * self.format.block_words()).max(1);
        let end = first + bytes.len() / row_bytes;
        let mut row = first;
        while row < end {
            let panel = row / PANEL;
            let next = ((panel + 1) * PANEL).min(end);
            let stored = &bytes[(row - first) * row_bytes..(next - first) * row_bytes];
            let panel = &mut self.words[panel * words..(panel + 1) * words];
            pack_rows(self.format, stored, row_bytes, row % PANEL, panel);
            row = next;
        }
    }

    /// Sets the rows from `first` on to `values`, rounded to the format, panels on several threads.
    pub(crate) fn set_values(&mut self, first: usize, values: &[f32]) {
        let (format, columns) = (self.format, self.columns.max(1));
        let (block_len, block_bytes) = format.block();
        let row_bytes = (columns / block_len * block_bytes).max(1);
        let words = (self.blocks() * format.block_words()).max(1);
        let end = first + values.len() / columns;
        let panels = first / PANEL..end.div_ceil(PANEL);
        let target = &mut self.words[panels.start * words..panels.end * words];
        threads::chunks_mut(target, words, |i, panel| {
            let start = (panels.start + i) * PANEL;
            let rows = start.max(first)..(start + PANEL).min(end);
            let values = &values[(rows.start - first) * columns..(rows.end - first) * columns];
            let stored: Cow<'_, [u8]> = match format {
                Format::F32 => bytemuck::cast_slice(values).into(),
                _ => quantize(format.ggml(), values).into(),
            };
            pack_rows(format, &stored, row_bytes, rows.start - start, panel);
        });
    }

    /// Packs values as they are.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_f32(rows: usize, columns: usize, values: &[f32]) -> Result<Self, EngineError> {
        Self::new(Format::F32, rows, columns, bytemuck::cast_slice(values))
    }

    /// How it is stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes of the packed values.
    pub fn bytes(&self) -> usize {
        4 * self.words.len()
    }

    pub(crate) fn panels(&self) -> usize {
        self.rows.div_ceil(PANEL)
    }

    pub(crate) fn blocks(&self) -> usize {
        self.columns.div_ceil(BLOCK)
    }

    /// The values of 32 columns of a row, as `block_values` of the shaders.
    pub(crate) fn block_values(&self, row: usize, block: usize) -> [f32; BLOCK] {
        let size = self.format.block_words();
        let (panel, row) = (row / PANEL, row % PANEL);
        let words = &self.words[(panel * self.blocks() + block) * size..][..size];
        let mut out = [0.0; BLOCK];
        match self.format {
            Format::F32 => {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = f32::from_bits(words[i * PANEL + row]);
                }
            }
            Format::F16 | Format::Bf16 => {
                for (i, out) in out.iter_mut().enumerate() {
                    let word = words[i / 2 * PANEL + row];
                    let bits = (word >> (16 * (i % 2))) as u16;
                    *out = match self.format {
                        Format::F16 => f16::from_bits(bits).to_f32(),
                        _ => bf16::from_bits(bits).to_f32(),
                    };
                }
            }
            Format::Q8_0 => {
                let d = pair_scale(words, row);
                for (i, out) in out.iter_mut().enumerate() {
                    let word = words[32 + i / 4 * PANEL + row];
                    *out = d * f32::from((word >> (8 * (i % 4))) as u8 as i8);
                }
            }
            Format::Q4_0 => {
                let d = pair_scale(words, row);
                for (i, out) in out.iter_mut().enumerate() {
                    *out = d * (nibble(&words[32..], row, i) - 8.0);
                }
            }
            Format::Q4_1 => {
                let [d, m] = [words[row] as u16, (words[row] >> 16) as u16];
                let [d, m] = [d, m].map(|bits| f16::from_bits(bits).to_f32());
                for (i, out) in out.iter_mut().enumerate() {
                    *out = d * nibble(&words[64..], row, i) + m;
                }
            }
        }
        out
    }
}

fn pair_scale(words: &[u32], row: usize) -> f32 {
    f16::from_bits((words[row % 32] >> (16 * (row / 32))) as u16).to_f32()
}

fn nibble(words: &[u32], row: usize, i: usize) -> f32 {
    let (byte, high) = (i % 16, i / 16);
    let word = words[byte / 4 * PANEL + row];
    ((word >> (8 * (byte % 4) + 4 * high)) & 15) as f32
}

/// Stored rows into the words of a panel, from its row `first` on.
fn pack_rows(format: Format, bytes: &[u8], row_bytes: usize, first: usize, panel: &mut [u32]) {
    let (block_len, block_bytes) = format.block();
    for (row, bytes) in (first..).zip(bytes.chunks_exact(row_bytes)) {
        let stored = bytes.chunks(BLOCK / block_len * block_bytes);
        for (words, bytes) in panel.chunks_exact_mut(format.block_words()).zip(stored) {
            pack_block(format, bytes, row, words);
        }
    }
}

/// The stored bytes of 32 columns (fewer at the end of a row of floats) into a block's words.
fn pack_block(format: Format, bytes: &[u8], row: usize, words: &mut [u32]) {
    let word = |bytes: &[u8]| {
        let mut four = [0; 4];
        four[..bytes.len()].copy_from_slice(bytes);
        u32::from_le_bytes(four)
    };
    match format {
        Format::F32 => {
            for (i, value) in bytes.chunks(4).enumerate() {
                words[i * PANEL + row] = word(value);
            }
        }
        Format::F16 | Format::Bf16 => {
            for (i, pair) in bytes.chunks(4).enumerate() {
                words[i * PANEL + row] = word(pair);
            }
        }
        Format::Q8_0 | Format::Q4_0 => {
            let (pair, shift) = (&mut words[row % 32], 16 * (row / 32));
            *pair = *pair & !(0xffff << shift) | word(&bytes[..2]) << shift;
            for (i, quad) in bytes[2..].chunks(4).enumerate() {
                words[32 + i * PANEL + row] = word(quad);
            }
        }
        Format::Q4_1 => {
            words[row] = word(&bytes[..4]);
            for (i, quad) in bytes[4..].chunks(4).enumerate() {
                words[64 + i * PANEL + row] = word(quad);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinkling_weights::dequantize;

    #[test]
    fn packed_values_are_those_of_ggml() {
        for format in Format::ALL {
            let (rows, columns) = (67, 96);
            let values: Vec<f32> =
                (0..rows * columns).map(|i| ((i * 37 % 1009) as f32 - 500.0) / 250.0).collect();
            let bytes = quantize(format.ggml(), &values);
            let mut want = vec![0.0; values.len()];
            dequantize(format.ggml(), &bytes, &mut want);
            let matrix = PackedMatrix::new(format, rows, columns, &bytes).unwrap();
            for row in 0..rows {
                for block in 0..columns / BLOCK {
                    let from = row * columns + block * BLOCK;
                    assert_eq!(matrix.block_values(row, block), want[from..from + BLOCK]);
                }
            }
        }
    }

    #[test]
    fn rows_that_are_set_again_are_as_packed_anew_and_leave_the_others() {
        for format in Format::ALL {
            let (rows, columns) = (131, 64);
            let values = |salt: usize| -> Vec<f32> {
                let value = |i: usize| (((i + salt) * 37 % 1009) as f32 - 500.0) / 250.0;
                (0..rows * columns).map(value).collect()
            };
            let (mut expected, new) = (values(0), values(77));
            let mut matrix = PackedMatrix::zeros(format, rows, columns);
            matrix.set_values(0, &expected);
            // From the middle of a panel to the middle of the next but one.
            let changed = 40 * columns..130 * columns;
            expected[changed.clone()].copy_from_slice(&new[changed.clone()]);
            matrix.set_values(40, &new[changed]);
            let bytes = quantize(format.ggml(), &expected);
            assert_eq!(matrix, PackedMatrix::new(format, rows, columns, &bytes).unwrap());
        }
    }

    #[test]
    fn columns_and_rows_that_are_missing_are_zeros() {
        let matrix = PackedMatrix::of_f32(3, 37, &[1.5; 3 * 37]).unwrap();
        assert_eq!(matrix.block_values(2, 1)[..6], [1.5, 1.5, 1.5, 1.5, 1.5, 0.0]);
        assert_eq!(matrix.block_values(3, 0), [0.0; BLOCK]);
    }

    #[test]
    fn bytes_that_do_not_fit_are_refused() {
        assert!(PackedMatrix::new(Format::Q8_0, 1, 33, &[0; 35]).is_err());
        assert!(PackedMatrix::new(Format::F32, 2, 4, &[0; 31]).is_err());
    }
}
