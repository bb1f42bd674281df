//! Next-token training: the loss of a micro-batch and its gradient.

use crate::policy::LearnError;
use burn::tensor::Tensor;
use thinkling_cpu::threads;
use thinkling_grpo::{HeadWeight, RowMap, cross_entropy};
use thinkling_model::{Decoder, ModelError, PackedBatch, ParamGrads, Recompute, Sequence, is_host};

/// A loss over tokens and the gradient of all weights.
#[derive(Debug)]
pub struct TokenLoss {
    /// Sum of the targets' negative log-probabilities in nats, already divided by the normaliser.
    pub loss: f64,
    /// Gradient of `loss`.
    pub grads: ParamGrads,
    /// Tokens that were predicted.
    pub targets: usize,
}

/// `-(1 / normaliser) sum_t log p(x_t | x_<t)` over all tokens of `documents` after the first of
/// each; documents do not see each other.
///
/// `normaliser` is the number of targets of the whole step, so that the gradients of its
/// micro-batches add up to that of the step. `chunk_tokens` bounds the logits held at once.
///
/// # Errors
/// A device that fails.
pub async fn language_model_loss(
    model: &Decoder,
    documents: &[&[u32]],
    normaliser: usize,
    chunk_tokens: usize,
    recompute: Recompute,
) -> Result<TokenLoss, LearnError> {
    let device = model.device();
    let inputs: Vec<Sequence<'_>> =
        documents.iter().map(|ids| Sequence { ids: &ids[..ids.len() - 1], prefix: None }).collect();
    let targets: Vec<i32> =
        documents.iter().flat_map(|ids| ids[1..].iter().map(|&id| id as i32)).collect();
    let count = targets.len();
    let batch = PackedBatch::new(model, &inputs);
    let pass = model.begin_backprop(&batch, recompute);
    let targets = RowMap::new(targets, model.head().dims()[0], &device);
    let weights = Tensor::ones([count], &device);
    let norm = normaliser as f64;
    let output =
        cross_entropy(pass.hidden(), head_weight(model), targets, weights, norm, chunk_tokens)?;
    let loss = scalar(output.loss).await?;
    let grads = pass.finish(output.grads);
    Ok(TokenLoss { loss, grads, targets: count })
}

/// The output head, frozen where only adapters are trained.
pub(crate) fn head_weight(model: &Decoder) -> HeadWeight {
    match model.lora() {
        Some(_) => HeadWeight::Frozen(model.head()),
        None => HeadWeight::Trained(model.head()),
    }
}

/// The only value of `t`.
pub(crate) async fn scalar(t: Tensor<1>) -> Result<f64, ModelError> {
    Ok(vector(t).await?[0])
}

/// The values of `t` on the host.
pub(crate) async fn vector(t: Tensor<1>) -> Result<Vec<f64>, ModelError> {
    let data = t.into_data_async().await.map_err(|e| ModelError::Device(format!("{e:?}")))?;
    // What a device does not give back shows in the conversion alone.
    let data = data.try_cast_as::<f64>().map_err(|e| ModelError::Device(e.to_string()))?;
    data.try_into_vec().map_err(|e| ModelError::Device(format!("{e:?}")))
}

/// Adds the gradients of a further micro-batch, in place on the CPU.
pub(crate) fn add_grads(sum: Option<ParamGrads>, grads: ParamGrads) -> ParamGrads {
    /// Values of a row; a piece of work has many.
    const WIDTH: usize = 1024;
    let Some(sum) = sum else { return grads };
    let add = |a: Tensor<1>, b: Tensor<1>| {
        let device = a.device();
        if !is_host(&device) {
            return a + b;
        }
        let (mut a, b) = (a.into_data(), b.into_data());
        let a_values = a.as_mut_slice::<f32>().expect("gradients are f32");
        let b_values = b.as_slice::<f32>().expect("gradients are f32");
        threads::rows2(a_values, WIDTH, b_values, WIDTH, |a, b| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        });
        Tensor::from_data(a, &device)
    };
    sum.into_iter().zip(grads).map(|(a, b)| add(a, b)).collect()
}
