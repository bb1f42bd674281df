//! In what number format a device multiplies matrices.

use burn::tensor::{Device, FloatDType, Tensor};
use serde::{Deserialize, Serialize};

use crate::host::is_host;

/// Format of the inputs of matrix products. Weights, sums over tokens, norms, softmax, gradients and
/// the optimiser stay in f32 (mixed precision, arXiv 1710.03740).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComputeType {
    /// Single precision.
    #[default]
    F32,
    /// Half precision: 10 bits of fraction, at most 65,504. Gradients need a scale.
    F16,
    /// 7 bits of fraction, the range of f32.
    BF16,
}

impl ComputeType {
    /// Whether products in this format run on `device`.
    pub fn is_supported(self, device: &Device) -> bool {
        match self.dtype() {
            None => true,
            Some(dtype) => !is_host(device) && device.supports_dtype(dtype),
        }
    }

    fn dtype(self) -> Option<FloatDType> {
        match self {
            Self::F32 => None,
            Self::F16 => Some(FloatDType::F16),
            Self::BF16 => Some(FloatDType::BF16),
        }
    }

    /// An f32 tensor in this format.
    pub(crate) fn of<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self.dtype() {
            None => x,
            Some(dtype) => x.cast(dtype),
        }
    }

    /// A tensor of this format in f32.
    pub(crate) fn back<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::F32 => x,
            Self::F16 | Self::BF16 => x.cast(FloatDType::F32),
        }
    }
}
