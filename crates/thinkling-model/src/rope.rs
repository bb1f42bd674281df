//! Rotary position embedding (arXiv 2104.09864), half-split layout, with Llama 3's scaling.

use burn::tensor::{Device, Tensor, TensorData};
use thinkling_weights::ModelConfig;

/// Angular frequencies of the rotary embedding: `head_dim / 2` of them.
#[derive(Clone, Debug)]
pub(crate) struct RopeTable {
    inverse_frequencies: Vec<f64>,
}

/// `cos` and `sin` of each token's angles, `[tokens, 1, head_dim / 2]` each.
#[derive(Clone, Debug)]
pub(crate) struct RopeFactors {
    pub(crate) cos: Tensor<3>,
    pub(crate) sin: Tensor<3>,
}

impl RopeTable {
    /// `theta^(-2i / head_dim)`, scaled as the config says.
    pub(crate) fn new(config: &ModelConfig) -> Self {
        Self {
            inverse_frequencies: config.rope_inv_freq(),
        }
    }

    /// Factors of tokens at `positions`.
    pub(crate) fn factors(&self, positions: &[usize], device: &Device) -> RopeFactors {
        let half = self.inverse_frequencies.len();
        let mut cos = Vec::with_capacity(positions.len() * half);
        let mut sin = Vec::with_capacity(positions.len() * half);
        for &position in positions {
            for frequency in &self.inverse_frequencies {
                let (s, c) = (position as f64 * frequency).sin_cos();
                cos.push(c as f32);
                sin.push(s as f32);
            }
        }
        let shape = [positions.len(), 1, half];
        RopeFactors {
            cos: Tensor::from_data(TensorData::new(cos, shape), device),
            sin: Tensor::from_data(TensorData::new(sin, shape), device),
        }
    }
}
