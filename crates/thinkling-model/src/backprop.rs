//! The pass forth to the hidden states and, from their gradient, back through the decoder.
//!
//! The loss stands outside of the graph: it is a function of hidden states whose gradient is known
//! without one (`thinkling-grpo`'s head), so all that autodiff holds is the decoder.

use crate::batch::PackedBatch;
use crate::decoder::Decoder;
use crate::layer::DecoderLayer;
use crate::params::{ParamGrads, flatten, take_grads, track};
use burn::tensor::Tensor;
use thinkling_ops::{ComputeType, HeadGrads, packed_attention, rms_norm};

/// What is kept of a forward pass for the backward pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recompute {
    /// The inputs of every operation.
    #[default]
    None,
    /// The input of each layer, which is computed once more on the way back: a third more work in
    /// the layers for the memory of one of them.
    Layer,
}

/// A forward pass whose backward pass is still to come.
#[derive(Debug)]
pub struct Backprop<'a> {
    model: &'a Decoder,
    batch: &'a PackedBatch,
    hidden: Tensor<2>,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    /// The model whose weights are the graph's leaves, and its hidden states.
    Graph(Box<(Decoder, Tensor<2>)>),
    /// Inputs of the layers, then of the last norm.
    Inputs(Vec<Tensor<2>>),
}

impl Decoder {
    /// Runs the decoder forward over `batch`.
    pub fn begin_backprop<'a>(
        &'a self,
        batch: &'a PackedBatch,
        recompute: Recompute,
    ) -> Backprop<'a> {
        match recompute {
            Recompute::None => {
                let tracked = self.tracked();
                let hidden = tracked.forward(batch);
                let kept = Kept::Graph(Box::new((tracked, hidden.clone())));
                Backprop { model: self, batch, hidden: hidden.inner(), kept }
            }
            Recompute::Layer => {
                let mut inputs = vec![batch.ids.gather(self.embed_tokens.val())];
                let run = self.layer_over(batch);
                for layer in &self.layers {
                    let x = run(layer, inputs[inputs.len() - 1].clone());
                    inputs.push(x);
                }
                let last = inputs[inputs.len() - 1].clone();
                let hidden = rms_norm(last, self.norm.val(), self.config.rms_norm_eps);
                Backprop { model: self, batch, hidden, kept: Kept::Inputs(inputs) }
            }
        }
    }

    /// A layer's forward pass over `batch`.
    fn layer_over<'a>(
        &self,
        batch: &'a PackedBatch,
    ) -> impl Fn(&DecoderLayer, Tensor<2>) -> Tensor<2> + use<'a> {
        let (heads, eps) = (self.heads(), self.config.rms_norm_eps);
        let rope = self.rope(&batch.positions);
        move |layer, x| {
            layer.forward(x, heads, eps, &rope, |qkv| packed_attention(qkv, &batch.layout, heads))
        }
    }
}

impl Backprop<'_> {
    /// Hidden states after the last norm, `[tokens, hidden]`, outside of any graph.
    pub fn hidden(&self) -> Tensor<2> {
        self.hidden.clone()
    }

    /// The gradient of all trained weights, from that of [`Self::hidden`] and of the head:
    /// [`Decoder::head`], in a reward model [`Decoder::score`]. A head without a gradient is frozen, as
    /// one for next tokens is under adapters.
    pub fn finish(self, output: HeadGrads) -> ParamGrads {
        let Self { model, batch, kept, .. } = self;
        let frozen = model.lora.is_some();
        let scale = (model.compute() == ComputeType::F16).then(|| GradScale::of(&output.hidden));
        let grad = match &scale {
            Some(scale) => scale.up(output.hidden),
            None => output.hidden,
        };
        let mut params = match kept {
            Kept::Graph(graph) => {
                let (tracked, hidden) = *graph;
                let mut grads = (hidden * grad).sum().backward();
                tracked.take_grads(&mut grads)
            }
            Kept::Inputs(inputs) => layer_by_layer(model, batch, inputs, grad),
        };
        if let Some(scale) = scale {
            params = params.into_iter().map(|grad| scale.down(grad)).collect();
        }
        let trained = !frozen || model.score.is_some();
        let Some(head) = output.weight.filter(|_| trained) else { return params };
        let head = flatten(head);
        if model.score.is_some() {
            if let Some(last) = params.last_mut() {
                *last = head;
            }
        } else if model.lm_head.is_none() {
            // Tied: the embedding's own part is there already.
            let embedding = params.remove(0);
            params.insert(0, embedding + head);
        } else if let Some(last) = params.last_mut() {
            *last = head;
        }
        params
    }
}

/// A factor that brings gradients into the range of half precision on their way back through the
/// decoder. It is found anew for each pass, so that no state goes from step to step.
struct GradScale(Tensor<1>);

impl GradScale {
    /// Largest gradient of a hidden state after scaling: 4,096 times below the largest number in
    /// half precision, 270 million times above the smallest one.
    const LARGEST: f64 = 16.0;

    fn of(grad: &Tensor<2>) -> Self {
        // Gradients that are all zero stay so.
        Self(grad.clone().abs().max().clamp_min(1e-30) / Self::LARGEST)
    }

    fn up(&self, grad: Tensor<2>) -> Tensor<2> {
        grad / self.0.clone().unsqueeze()
    }

    fn down(&self, grad: Tensor<1>) -> Tensor<1> {
        grad * self.0.clone()
    }
}

/// From the gradient of the hidden states to that of every trained weight but the head's, of which
/// there are zeros. Takes the `inputs` from the last to the first, each gone once it was used.
fn layer_by_layer(
    model: &Decoder,
    batch: &PackedBatch,
    mut inputs: Vec<Tensor<2>>,
    grad: Tensor<2>,
) -> ParamGrads {
    let mut next = || {
        let input = inputs.pop().expect("an input for the last norm and for every layer");
        input.autodiff().require_grad()
    };
    let input_grad = |x: &Tensor<2>, grads: &mut _| {
        x.grad_remove(grads).expect("a layer's output depends on its input")
    };

    let frozen = model.lora.is_some();
    let (x, norm) = (next(), track(model.norm.clone()));
    let y = rms_norm(x.clone(), norm.val(), model.config.rms_norm_eps);
    let mut grads = (y * grad).sum().backward();
    let mut grad = input_grad(&x, &mut grads);
    let last_norm = take_grads(&norm, &mut grads);

    let run = model.layer_over(batch);
    let mut layers = Vec::with_capacity(model.layers.len());
    for layer in model.layers.iter().rev() {
        let (x, tracked) = (next(), layer.tracked());
        let y = run(&tracked, x.clone());
        let mut grads = (y * grad).sum().backward();
        grad = input_grad(&x, &mut grads);
        layers.push(tracked.take_grads(&mut grads));
    }
    let score = model.score.as_ref().map(|head| flatten(head.val().zeros_like()));
    if frozen {
        return layers.into_iter().rev().flatten().chain(score).collect();
    }

    let embedding = track(model.embed_tokens.clone());
    let y = batch.ids.gather(embedding.val());
    let mut grads = (y * grad).sum().backward();
    let mut params = take_grads(&embedding, &mut grads);
    params.extend(layers.into_iter().rev().flatten());
    params.extend(last_norm);
    params.extend(model.lm_head.as_ref().map(|head| flatten(head.val().zeros_like())));
    params.extend(score);
    params
}
