//! Matrices as the shaders of `shaders/weights` and their CPU twins read them: panels of 64 rows,
//! interleaved, so that neighbouring rows lie side by side; quantised ones stay quantised.

mod blocks;
mod format;

use crate::EngineError;
use std::borrow::Cow;
use thinkling_cpu::threads;
use thinkling_weights::quantize;

pub(crate) use blocks::{RANGED_BLOCKS, SIGNED_BLOCKS};
pub use format::Format;

/// Rows of a panel.
pub(crate) const PANEL: usize = 64;
/// Columns of a block.
pub(crate) const BLOCK: usize = 32;

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

    /// As [`set_values`](Self::set_values) of matrices one below the other, with as many columns each;
    /// `first` counts the rows of all.
    pub(crate) fn set_values_of(matrices: &mut [Self], mut first: usize, mut values: &[f32]) {
        for matrix in matrices {
            if first >= matrix.rows {
                first -= matrix.rows;
                continue;
            }
            let own = values.len().min((matrix.rows - first) * matrix.columns);
            let (own, rest) = values.split_at(own);
            matrix.set_values(first, own);
            (first, values) = (0, rest);
            if values.is_empty() {
                return;
            }
        }
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
        let (unit, words) = (self.format.unit_blocks(), self.format.block_words());
        let first = row / PANEL * self.blocks() + block / unit * unit;
        let words = &self.words[first * words..][..unit * words];
        blocks::values(self.format, words, row % PANEL, block % unit)
    }
}

/// Stored rows into the words of a panel, from its row `first` on.
fn pack_rows(format: Format, bytes: &[u8], row_bytes: usize, first: usize, panel: &mut [u32]) {
    let (block_len, block_bytes) = format.block();
    let unit_bytes = format.unit_blocks() * BLOCK / block_len * block_bytes;
    for (row, bytes) in (first..).zip(bytes.chunks_exact(row_bytes)) {
        let units = panel.chunks_exact_mut(format.unit_words()).zip(bytes.chunks(unit_bytes));
        units.for_each(|(words, bytes)| blocks::pack(format, bytes, row, words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinkling_weights::{Gguf, dequantize};

    #[test]
    fn packed_values_are_those_of_ggml() {
        for format in Format::ALL {
            let (rows, columns) = (67, if format.unit_blocks() > 1 { 512 } else { 96 });
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

    /// Blocks of all bits, with the largest and the least halves (`tests/golden/make_gguf.py`).
    #[test]
    fn packed_values_are_those_of_the_package_gguf() {
        static GOLDEN: &[u8] = include_bytes!("../../../tests/golden/gguf/types.gguf");
        let gguf = Gguf::parse(GOLDEN).expect("a golden file");
        let quantised = Format::ALL.into_iter().filter(|format| format.block().0 > 1);
        for (format, ty) in quantised.map(|format| (format, format.ggml().to_string())) {
            let tensor = gguf.tensor(&ty).expect("a tensor of each type");
            let [rows, columns] = tensor.shape[..] else { panic!("a matrix") };
            let bytes = &GOLDEN[tensor.range.clone()];
            let matrix = PackedMatrix::new(format, rows, columns, bytes).unwrap();
            let want = gguf.read_f32(GOLDEN, &format!("{ty}.values")).unwrap();
            for (i, want) in want.chunks(BLOCK).enumerate() {
                let (row, block) = (i / matrix.blocks(), i % matrix.blocks());
                assert_eq!(matrix.block_values(row, block)[..], *want, "{ty}, block {i}");
            }
        }
    }

    #[test]
    fn rows_that_are_set_again_are_as_packed_anew_and_leave_the_others() {
        for format in Format::ALL {
            let (rows, columns) = (131, if format.unit_blocks() > 1 { 256 } else { 64 });
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
