//! New weights for an engine that runs, tensor by tensor and in place: what training does between two
//! rollouts.

use crate::EngineError;
use crate::engine::{Decoder, Engine};
use crate::gpu::Staging;
use crate::packed::PackedMatrix;
use crate::weights::LayerWeights;
use std::collections::BTreeMap;
use std::slice::from_mut;
use thinkling_weights::{ModelConfig, expected_tensors};

/// A weight as the decoders keep it; several tensors may lie in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Embedding,
    Head,
    Norm,
    Layer(usize, LayerPart),
}

/// A weight of a layer, see [`LayerWeights`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LayerPart {
    InputNorm,
    Qkv,
    QkvBias,
    QkNorms,
    Output,
    MlpNorm,
    Gate,
    Up,
    Down,
}

/// Where a tensor lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) slot: Slot,
    /// Its first row there, or its first value.
    pub(crate) first: usize,
    /// Rows of the slot, of all its tensors.
    pub(crate) rows: usize,
    /// Columns of a matrix; none of a vector.
    pub(crate) columns: Option<usize>,
}

impl Target {
    /// The place of a tensor by its Hugging Face name.
    fn of(config: &ModelConfig, name: &str) -> Option<Self> {
        use LayerPart as P;
        let (hidden, mlp) = (config.hidden_size, config.intermediate_size);
        let (q, kv, head) = (config.q_size(), config.kv_size(), config.head_dim);
        let whole = |slot, rows, columns| Self { slot, first: 0, rows, columns };
        let layer = match name {
            "model.embed_tokens.weight" => {
                return Some(whole(Slot::Embedding, config.vocab_size, Some(hidden)));
            }
            "lm_head.weight" => return Some(whole(Slot::Head, config.vocab_size, Some(hidden))),
            "model.norm.weight" => return Some(whole(Slot::Norm, hidden, None)),
            _ => name.strip_prefix("model.layers.")?,
        };
        let (index, part) = layer.split_once('.')?;
        let index = index.parse().ok()?;
        let (part, first, rows, columns) = match part {
            "input_layernorm.weight" => (P::InputNorm, 0, hidden, None),
            "self_attn.q_proj.weight" => (P::Qkv, 0, q + 2 * kv, Some(hidden)),
            "self_attn.k_proj.weight" => (P::Qkv, q, q + 2 * kv, Some(hidden)),
            "self_attn.v_proj.weight" => (P::Qkv, q + kv, q + 2 * kv, Some(hidden)),
            "self_attn.q_proj.bias" => (P::QkvBias, 0, q + 2 * kv, None),
            "self_attn.k_proj.bias" => (P::QkvBias, q, q + 2 * kv, None),
            "self_attn.v_proj.bias" => (P::QkvBias, q + kv, q + 2 * kv, None),
            "self_attn.q_norm.weight" => (P::QkNorms, 0, 2 * head, None),
            "self_attn.k_norm.weight" => (P::QkNorms, head, 2 * head, None),
            "self_attn.o_proj.weight" => (P::Output, 0, hidden, Some(q)),
            "post_attention_layernorm.weight" => (P::MlpNorm, 0, hidden, None),
            "mlp.gate_proj.weight" => (P::Gate, 0, mlp, Some(hidden)),
            "mlp.up_proj.weight" => (P::Up, 0, mlp, Some(hidden)),
            "mlp.down_proj.weight" => (P::Down, 0, hidden, Some(mlp)),
            _ => return None,
        };
        Some(Self { slot: Slot::Layer(index, part), first, rows, columns })
    }
}

/// A weight in host memory.
pub(crate) enum WeightMut<'a> {
    /// One below the other.
    Matrices(&'a mut [PackedMatrix]),
    Vector(&'a mut [f32]),
}

impl LayerWeights {
    pub(crate) fn part_mut(&mut self, part: LayerPart) -> WeightMut<'_> {
        match part {
            LayerPart::InputNorm => WeightMut::Vector(&mut self.input_norm),
            LayerPart::Qkv => WeightMut::Matrices(&mut self.qkv),
            LayerPart::QkvBias => {
                WeightMut::Vector(self.qkv_bias.as_deref_mut().unwrap_or_default())
            }
            LayerPart::QkNorms => {
                WeightMut::Vector(self.qk_norms.as_deref_mut().unwrap_or_default())
            }
            LayerPart::Output => WeightMut::Matrices(from_mut(&mut self.output)),
            LayerPart::MlpNorm => WeightMut::Vector(&mut self.mlp_norm),
            LayerPart::Gate => WeightMut::Matrices(from_mut(&mut self.gate)),
            LayerPart::Up => WeightMut::Matrices(from_mut(&mut self.up)),
            LayerPart::Down => WeightMut::Matrices(from_mut(&mut self.down)),
        }
    }
}

/// New weights on their way into an engine, see [`Engine::update_weights`].
#[derive(Debug)]
pub struct WeightsUpdate<'a> {
    engine: &'a mut Engine,
    /// Tensors that are still to come, with their numbers of values.
    missing: BTreeMap<String, usize>,
    staging: Staging,
}

impl Engine {
    /// Begins to replace the weights, which stay in the formats that they are in. Nothing is made
    /// anew: no buffer, no pipeline. What the cache holds is forgotten.
    ///
    /// # Errors
    /// [`EngineError::Busy`] where sequences run.
    pub fn update_weights(&mut self) -> Result<WeightsUpdate<'_>, EngineError> {
        if self.is_busy() {
            return Err(EngineError::Busy);
        }
        Ok(self.update_weights_in_flight())
    }

    /// As [`Self::update_weights`], also while sequences run: between two of their steps. They go on
    /// with the new weights from their next token on; the keys and values that they have, of their
    /// prompts too, stay those of the old ones.
    pub fn update_weights_in_flight(&mut self) -> WeightsUpdate<'_> {
        self.forget();
        let missing = expected_tensors(self.config())
            .into_iter()
            .map(|(name, shape)| (name, shape.iter().product()))
            .collect();
        WeightsUpdate { engine: self, missing, staging: Staging::default() }
    }
}

impl WeightsUpdate<'_> {
    /// Sets a tensor by its Hugging Face name, row-major and with query and key rows in Hugging
    /// Face's order; each once, in any order. On a GPU those of one fused projection are held until
    /// the last of them is there.
    ///
    /// # Errors
    /// [`EngineError::Tensor`] for one that the model does not have, that came before or has another
    /// number of values; a device that fails.
    pub fn set(&mut self, name: &str, values: &[f32]) -> Result<(), EngineError> {
        let expected = self.missing.remove(name);
        let target = Target::of(self.engine.config(), name);
        let (Some(expected), Some(target)) = (expected, target) else {
            let expected = "a tensor of the model, once".to_owned();
            return Err(EngineError::Tensor { name: name.to_owned(), expected });
        };
        if values.len() != expected {
            let expected = format!("{expected} values instead of {}", values.len());
            return Err(EngineError::Tensor { name: name.to_owned(), expected });
        }
        match &mut self.engine.decoder {
            Decoder::Cpu(decoder) => decoder.set(target, values),
            Decoder::Gpu(decoder) => decoder.set(&mut self.staging, target, values)?,
        }
        Ok(())
    }

    /// Ends the update.
    ///
    /// # Errors
    /// [`EngineError::Tensor`] where one did not come: old and new weights are mixed then.
    pub fn finish(self) -> Result<(), EngineError> {
        match self.missing.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                let expected = "to be among the new weights".to_owned();
                Err(EngineError::Tensor { name, expected })
            }
        }
    }
}

// They open files, which a page has none of.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use thinkling_weights::Checkpoint;

    #[test]
    fn every_tensor_has_a_place_of_its_own_and_together_they_fill_all() {
        for golden in ["llama3_rope", "llama_tied", "qwen2", "qwen3"] {
            let path = std::path::Path::new("../../tests/golden").join(golden);
            let checkpoint = Checkpoint::open(&path).expect("a golden model");
            let config = checkpoint.config();
            let mut filled: BTreeMap<Slot, (Vec<(usize, usize)>, usize)> = BTreeMap::new();
            for (name, shape) in expected_tensors(config) {
                let target = Target::of(config, &name).expect(&name);
                assert_eq!(target.columns, shape.get(1).copied(), "{golden}: {name}");
                let slot = filled.entry(target.slot).or_insert((Vec::new(), target.rows));
                slot.0.push((target.first, shape[0]));
            }
            for (slot, (mut parts, rows)) in filled {
                parts.sort_unstable();
                let end = parts.into_iter().fold(0, |end, (first, len)| {
                    assert_eq!(first, end, "{golden}: {slot:?}");
                    end + len
                });
                assert_eq!(end, rows, "{golden}: {slot:?}");
            }
        }
    }
}
