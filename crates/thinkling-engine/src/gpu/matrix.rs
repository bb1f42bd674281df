//! A packed matrix on the GPU, in as many buffers as the binding limit asks for.

use super::Adapter;
use crate::packed::{Format, PANEL, PackedMatrix};

/// Some panels of a matrix.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) buffer: wgpu::Buffer,
    pub(super) first_row: usize,
    pub(super) rows: usize,
    pub(super) format: Format,
}

/// Matrices one below the other; or two of the same size (gate and up) whose panels lie in the same
/// buffers, those of the first before those of the second.
#[derive(Debug)]
pub(super) struct GpuMatrix {
    parts: Vec<Part>,
    blocks: usize,
    bytes: u64,
}

impl GpuMatrix {
    /// One matrix, or two side by side.
    pub(super) fn new(adapter: &Adapter, label: &str, matrices: &[&PackedMatrix]) -> Self {
        let first = matrices[0];
        let mut all = Self { parts: Vec::new(), blocks: first.blocks(), bytes: 0 };
        all.push(adapter, label, matrices);
        all
    }

    /// Matrices one below the other, each in its format.
    pub(super) fn stacked(adapter: &Adapter, label: &str, matrices: &[PackedMatrix]) -> Self {
        let blocks = matrices.first().map_or(0, PackedMatrix::blocks);
        let mut all = Self { parts: Vec::new(), blocks, bytes: 0 };
        matrices.iter().for_each(|matrix| all.push(adapter, label, &[matrix]));
        all
    }

    fn push(&mut self, adapter: &Adapter, label: &str, matrices: &[&PackedMatrix]) {
        let first = matrices[0];
        let above = self.rows();
        let panel_words = first.blocks() * first.format.block_words();
        let panel_bytes = (4 * panel_words * matrices.len()).max(1) as u64;
        let most = (adapter.max_binding() / panel_bytes).max(1) as usize;
        for panel in (0..first.panels()).step_by(most) {
            let panels = most.min(first.panels() - panel);
            let words = panel * panel_words..(panel + panels) * panel_words;
            let pieces: Vec<&[u32]> = matrices.iter().map(|m| &m.words[words.clone()]).collect();
            let buffer = adapter.upload_pieces(label, &pieces);
            let rows = (panels * PANEL).min(first.rows - panel * PANEL);
            let first_row = above + panel * PANEL;
            self.parts.push(Part { buffer, first_row, rows, format: first.format });
        }
        self.bytes += matrices.iter().map(|m| m.bytes() as u64).sum::<u64>();
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Rows of all parts.
    fn rows(&self) -> usize {
        self.parts.last().map_or(0, |part| part.first_row + part.rows)
    }

    /// Zeros in host memory in the place of the matrices: as many, in their formats.
    pub(super) fn zeros(&self, columns: usize) -> Vec<PackedMatrix> {
        let alike = self.parts.chunk_by(|a, b| a.format == b.format);
        let zeros = |parts: &[Part]| {
            let rows = parts.iter().map(|part| part.rows).sum();
            PackedMatrix::zeros(parts[0].format, rows, columns)
        };
        alike.map(zeros).collect()
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
