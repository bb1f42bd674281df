//! New weights into the buffers of a decoder.

use super::GpuDecoder;
use super::matrix::GpuMatrix;
use crate::EngineError;
use crate::packed::{PANEL, PackedMatrix};
use crate::update::{LayerPart, Slot, Target};
use std::collections::BTreeMap;

/// Bytes that are written before the GPU takes them over, so that copies on their way stay few.
const UNDERWAY: u64 = 64 << 20;

/// The buffers that hold the weights.
#[derive(Debug)]
pub(super) struct GpuWeights {
    pub(super) embedding: GpuMatrix,
    pub(super) head: Option<GpuMatrix>,
    pub(super) norm: wgpu::Buffer,
    pub(super) layers: Vec<GpuLayer>,
}

/// Those of a layer.
#[derive(Debug)]
pub(super) struct GpuLayer {
    pub(super) input_norm: wgpu::Buffer,
    pub(super) qkv: GpuMatrix,
    pub(super) qkv_bias: Option<wgpu::Buffer>,
    pub(super) qk_norms: Option<wgpu::Buffer>,
    pub(super) output: GpuMatrix,
    pub(super) mlp_norm: wgpu::Buffer,
    pub(super) gate_up: GpuMatrix,
    pub(super) down: GpuMatrix,
}

impl GpuWeights {
    /// The matrix of a slot, and which of those that share its buffers.
    fn matrix(&self, slot: Slot) -> Option<(&GpuMatrix, usize)> {
        let Slot::Layer(index, part) = slot else {
            return match slot {
                Slot::Embedding => Some((&self.embedding, 0)),
                Slot::Head => Some((self.head.as_ref()?, 0)),
                _ => None,
            };
        };
        let layer = self.layers.get(index)?;
        Some(match part {
            LayerPart::Qkv => (&layer.qkv, 0),
            LayerPart::Output => (&layer.output, 0),
            LayerPart::Gate => (&layer.gate_up, 0),
            LayerPart::Up => (&layer.gate_up, 1),
            LayerPart::Down => (&layer.down, 0),
            _ => return None,
        })
    }

    fn vector(&self, slot: Slot) -> Option<&wgpu::Buffer> {
        let Slot::Layer(index, part) = slot else {
            return (slot == Slot::Norm).then_some(&self.norm);
        };
        let layer = self.layers.get(index)?;
        match part {
            LayerPart::InputNorm => Some(&layer.input_norm),
            LayerPart::QkvBias => layer.qkv_bias.as_ref(),
            LayerPart::QkNorms => layer.qk_norms.as_ref(),
            LayerPart::MlpNorm => Some(&layer.mlp_norm),
            _ => None,
        }
    }
}

/// Matrices of which some tensors are there, with the rows that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    matrices: BTreeMap<Slot, (Vec<PackedMatrix>, usize)>,
    /// Bytes written since the GPU took them over.
    written: u64,
}

impl GpuDecoder {
    /// Sets a tensor of the weights, packed as it was: at once, or with the last of those that share
    /// a matrix.
    pub(crate) fn set(
        &self,
        staging: &mut Staging,
        target: Target,
        values: &[f32],
    ) -> Result<(), EngineError> {
        let Target { slot, first, rows, columns } = target;
        let queue = self.adapter.queue();
        let Some(columns) = columns else {
            if let Some(buffer) = self.weights.vector(slot) {
                queue.write_buffer(buffer, 4 * first as u64, bytemuck::cast_slice(values));
            }
            return Ok(());
        };
        let Some((matrix, index)) = self.weights.matrix(slot) else { return Ok(()) };
        let (packed, missing) =
            staging.matrices.entry(slot).or_insert_with(|| (matrix.zeros(columns), rows));
        PackedMatrix::set_values_of(packed, first, values);
        *missing -= values.len() / columns.max(1);
        if *missing > 0 {
            return Ok(());
        }
        let Some((packed, _)) = staging.matrices.remove(&slot) else { return Ok(()) };
        let mut parts = matrix.parts().iter();
        for packed in &packed {
            let panel_words = packed.blocks() * packed.format.block_words();
            let (mut from, mut rows) = (0, 0);
            while rows < packed.rows {
                let part = parts.next().expect("parts of all rows");
                let words = part.rows.div_ceil(PANEL) * panel_words;
                let bytes: &[u8] = bytemuck::cast_slice(&packed.words[from..from + words]);
                queue.write_buffer(&part.buffer, (index * bytes.len()) as u64, bytes);
                from += words;
                rows += part.rows;
                staging.written += bytes.len() as u64;
                if staging.written >= UNDERWAY {
                    self.take_over()?;
                    staging.written = 0;
                }
            }
        }
        Ok(())
    }

    /// Has the GPU take over what was written.
    fn take_over(&self) -> Result<(), EngineError> {
        self.adapter.queue().submit([]);
        // In the browser the event loop does this.
        #[cfg(not(target_family = "wasm"))]
        self.adapter
            .device()
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|e| EngineError::Gpu(e.to_string()))?;
        Ok(())
    }
}

// They block, which a page must not.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::tests::adapter;
    use crate::{Capacity, Engine, Format, Keep, WeightsReader};
    use thinkling_weights::{Checkpoint, expected_tensors};

    #[test]
    fn no_buffer_is_made_by_an_update() {
        let Some(adapter) = adapter() else { return };
        let path = std::path::Path::new("../../tests/golden/qwen2");
        let checkpoint = Checkpoint::open(path).expect("a golden model");
        let names = expected_tensors(checkpoint.config());
        let capacity =
            Capacity { rows: 2, cache_tokens: 64, prompt_tokens: 0, conversation_tokens: 0 };
        for weights in [
            WeightsReader::new(&checkpoint, Keep::Stored),
            WeightsReader::set_later(checkpoint.config(), Format::Q8_0),
        ] {
            let engine = Engine::on_gpu(&adapter, &weights, capacity);
            let mut engine = pollster::block_on(engine).expect("an engine");
            let (bytes, usage) = (adapter.allocated(), engine.usage());
            for _ in 0..3 {
                let mut update = engine.update_weights().expect("an idle engine");
                for (name, _) in &names {
                    let values = checkpoint.read_f32(name).expect("a tensor");
                    update.set(name, &values).expect("a tensor of the model");
                }
                update.finish().expect("all tensors");
            }
            assert_eq!((adapter.allocated(), engine.usage()), (bytes, usage));
        }
    }
}
