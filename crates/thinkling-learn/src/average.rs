//! A moving average of weights.

use thinkling_model::Decoder;

/// `keep * average + (1 - keep) * policy` of each trained weight; under adapters of their matrices
/// `A` and `B`. Both are of one shape and on one device.
#[must_use]
pub fn move_average(average: Decoder, policy: &Decoder, keep: f64) -> Decoder {
    let policy = policy.flat_params();
    average.map_params(|index, weight| {
        weight.mul_scalar(keep) + policy[index].clone().mul_scalar(1.0 - keep)
    })
}
