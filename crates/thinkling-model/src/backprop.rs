//! The pass forth to the hidden states and, from their gradient, back through the decoder.
//!
//! The loss stands outside of the graph: it is a function of hidden states whose gradient is known
//! without one (`thinkling-grpo`'s head), so all that autodiff holds is the decoder.

use crate::batch::PackedBatch;
use crate::decoder::Decoder;
use crate::layer::DecoderLayer;
use crate::params::{ParamGrads, flatten, take_grads, track};
use burn::module::Param;
use burn::tensor::{Gradients, Tensor};
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
    Graph(Box<Graph>),
    /// Inputs of the layers, then of the last norm.
    Inputs(Vec<Tensor<2>>),
}

/// The graph of the layers and the last norm. The rows of the embedding are its leaf: the gradient of
/// the table would be zeros but for them.
#[derive(Debug)]
struct Graph {
    /// The model whose weights are the graph's other leaves.
    tracked: Decoder,
    rows: Tensor<2>,
    hidden: Tensor<2>,
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
                let rows = batch.ids.gather(self.embed_tokens.val()).autodiff();
                let rows = rows.set_require_grad(self.lora.is_none());
                let hidden = tracked.forward_rows(rows.clone(), batch, |_| {});
                let graph = Graph { tracked, rows, hidden };
                Backprop {
                    model: self,
                    batch,
                    hidden: graph.hidden.clone().inner(),
                    kept: Kept::Graph(Box::new(graph)),
                }
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
        let Self { model, batch, hidden, kept } = self;
        // Nobody else may hold what its owner could change in place.
        drop(hidden);
        let HeadGrads { hidden: grad, weight: head } = output;
        let scale = (model.compute() == ComputeType::F16).then(|| GradScale::of(&grad));
        let grad = match &scale {
            Some(scale) => scale.up(grad),
            None => grad,
        };
        let DecoderGrads { mut rows, mut layers, mut norm } = match kept {
            Kept::Graph(graph) => graph.backward(grad),
            Kept::Inputs(inputs) => layer_by_layer(model, batch, inputs, grad),
        };
        if let Some(scale) = scale {
            rows = rows.map(|rows| scale.down(rows));
            for grads in layers.iter_mut().chain([&mut norm]) {
                *grads = std::mem::take(grads).into_iter().map(|grad| scale.down(grad)).collect();
            }
        }
        let (lm_head, score) = (model.lm_head.as_ref(), model.score.as_ref());
        let tied = lm_head.is_none() && score.is_none();
        let or_zeros = |head: Option<Tensor<2>>, weight: &Param<Tensor<2>>| {
            head.unwrap_or_else(|| weight.val().zeros_like())
        };
        let mut head = head;
        let mut params = ParamGrads::new();
        if let Some(rows) = rows {
            // Tied: the rows are added to the gradient that is there already.
            let onto = or_zeros(head.take_if(|_| tied), &model.embed_tokens);
            params.push(flatten(batch.ids.add_to(onto, rows)));
        }
        params.extend(layers.into_iter().flatten());
        params.extend(norm);
        let trained_head = if model.lora.is_some() { score } else { lm_head.or(score) };
        params.extend(trained_head.map(|weight| flatten(or_zeros(head, weight))));
        params
    }
}

/// What autodiff gives: gradients of all below the head.
struct DecoderGrads {
    /// Of the rows of the embedding, one a token; `None` where they are not trained.
    rows: Option<Tensor<2>>,
    /// Of each layer's trained weights, from the first layer on.
    layers: Vec<ParamGrads>,
    /// Of the last norm, where it is trained.
    norm: ParamGrads,
}

impl Graph {
    fn backward(self, grad: Tensor<2>) -> DecoderGrads {
        let Self { tracked, rows, hidden } = self;
        let mut grads = (hidden * grad).sum().backward();
        let frozen = tracked.lora.is_some();
        DecoderGrads {
            rows: (!frozen).then(|| input_grad(&rows, &mut grads)),
            layers: tracked.layers.iter().map(|layer| layer.take_grads(&mut grads)).collect(),
            norm: if frozen { Vec::new() } else { take_grads(&tracked.norm, &mut grads) },
        }
    }
}

fn input_grad(x: &Tensor<2>, grads: &mut Gradients) -> Tensor<2> {
    x.grad_remove(grads).expect("what a layer gives depends on its input")
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

    fn down<const D: usize>(&self, grad: Tensor<D>) -> Tensor<D> {
        grad * self.0.clone().unsqueeze()
    }
}

/// From the gradient of the hidden states down. Takes the `inputs` from the last to the first, each
/// gone once it was used.
fn layer_by_layer(
    model: &Decoder,
    batch: &PackedBatch,
    mut inputs: Vec<Tensor<2>>,
    grad: Tensor<2>,
) -> DecoderGrads {
    let mut next = || {
        let input = inputs.pop().expect("an input for the last norm and for every layer");
        input.autodiff().require_grad()
    };
    let frozen = model.lora.is_some();
    let (x, norm) = (next(), track(model.norm.clone()));
    let y = rms_norm(x.clone(), norm.val(), model.config.rms_norm_eps);
    let mut grads = (y * grad).sum().backward();
    let mut grad = input_grad(&x, &mut grads);
    let norm = if frozen { Vec::new() } else { take_grads(&norm, &mut grads) };

    let run = model.layer_over(batch);
    let mut layers = Vec::with_capacity(model.layers.len());
    for layer in model.layers.iter().rev() {
        let (x, tracked) = (next(), layer.tracked());
        let y = run(&tracked, x.clone());
        let mut grads = (y * grad).sum().backward();
        grad = input_grad(&x, &mut grads);
        layers.push(tracked.take_grads(&mut grads));
    }
    layers.reverse();
    DecoderGrads { rows: (!frozen).then_some(grad), layers, norm }
}
