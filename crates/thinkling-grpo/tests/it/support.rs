//! Tensors and numbers for the tests.

use burn::prelude::*;
use burn::tensor::DType;

/// A matrix of `rows` as a tensor of `dtype` on the CPU device.
pub(crate) fn matrix(rows: &[Vec<f64>], dtype: DType) -> Tensor<2> {
    matrix_on(rows, &Device::flex(), dtype)
}

/// A matrix of `rows` as a tensor of `dtype`.
pub(crate) fn matrix_on(rows: &[Vec<f64>], device: &Device, dtype: DType) -> Tensor<2> {
    let shape = [rows.len(), rows[0].len()];
    Tensor::from_data(TensorData::new(rows.concat(), shape), (device, dtype))
}

/// A vector as a tensor of `dtype` on the CPU device.
pub(crate) fn vector(values: &[f64], dtype: DType) -> Tensor<1> {
    vector_on(values, &Device::flex(), dtype)
}

/// A vector as a tensor of `dtype`.
pub(crate) fn vector_on(values: &[f64], device: &Device, dtype: DType) -> Tensor<1> {
    let data = TensorData::new(values.to_vec(), [values.len()]);
    Tensor::from_data(data, (device, dtype))
}

/// A mask from zeros and ones, on the CPU device.
pub(crate) fn mask(rows: &[Vec<f64>]) -> Tensor<2, Bool> {
    mask_on(rows, &Device::flex())
}

/// A mask from zeros and ones.
pub(crate) fn mask_on(rows: &[Vec<f64>], device: &Device) -> Tensor<2, Bool> {
    let flags: Vec<bool> = rows.concat().iter().map(|&value| value != 0.0).collect();
    let shape = [rows.len(), rows[0].len()];
    Tensor::from_data(TensorData::new(flags, shape), device)
}

/// The numbers of a tensor, row by row.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f64>().expect("the CPU device reads back")
}

/// Fails with `what` where a number is further from its reference than
/// `absolute + relative * |reference|`.
pub(crate) fn assert_close(
    what: &str,
    got: &[f64],
    expected: &[f64],
    absolute: f64,
    relative: f64,
) {
    assert_eq!(got.len(), expected.len(), "{what}: number of values");
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        let limit = absolute + relative * expected.abs();
        let difference = (got - expected).abs();
        // Not `difference > limit`, which a NaN would pass.
        assert!(difference <= limit, "{what}[{place}], expected: {expected}, got: {got}");
    }
}

/// A small generator (SplitMix64), so that the tests need no crate for random numbers.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// Uniform in -1 to 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    pub(crate) fn vector(&mut self, length: usize) -> Vec<f64> {
        (0..length).map(|_| self.next()).collect()
    }

    pub(crate) fn matrix(&mut self, rows: usize, columns: usize) -> Vec<Vec<f64>> {
        (0..rows).map(|_| self.vector(columns)).collect()
    }

    pub(crate) fn below(&mut self, limit: usize) -> i64 {
        ((self.next() + 1.0) / 2.0 * limit as f64).floor().min(limit as f64 - 1.0) as i64
    }
}
