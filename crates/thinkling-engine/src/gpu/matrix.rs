//! A packed matrix on the GPU, in as many buffers as the binding limit asks for.

use super::Adapter;
use crate::packed::{Format, PANEL, PackedMatrix};

/// Some panels of a matrix.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) buffer: wgpu::Buffer,
    pub(super) first_row: usize,
    pub(super) rows: usize,
}

/// One matrix, or two of the same size (gate and up) whose panels lie in the same buffers: those of
/// the first before those of the second.
#[derive(Debug)]
pub(super) struct GpuMatrix {
    parts: Vec<Part>,
    format: Format,
    blocks: usize,
    bytes: u64,
}

impl GpuMatrix {
    pub(super) fn new(adapter: &Adapter, label: &str, matrices: &[&PackedMatrix]) -> Self {
        let first = matrices[0];
        let panel_words = first.blocks() * first.format.block_words();
        let panel_bytes = (4 * panel_words * matrices.len()).max(1) as u64;
        let most = (adapter.max_binding() / panel_bytes).max(1) as usize;
        let mut parts = Vec::new();
        for panel in (0..first.panels()).step_by(most) {
            let panels = most.min(first.panels() - panel);
            let words = panel * panel_words..(panel + panels) * panel_words;
            let pieces: Vec<&[u32]> = matrices.iter().map(|m| &m.words[words.clone()]).collect();
            let buffer = adapter.upload_pieces(label, &pieces);
            let first_row = panel * PANEL;
            let rows = (panels * PANEL).min(first.rows - first_row);
            parts.push(Part { buffer, first_row, rows });
        }
        let bytes = matrices.iter().map(|m| m.bytes() as u64).sum();
        Self { parts, format: first.format, blocks: first.blocks(), bytes }
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
