//! Functions that change host memory where it lies, as differentiable burn operations.

use crate::host::contiguous;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use std::fmt::Debug;
use std::sync::Arc;
use thinkling_cpu::profile::timed;

/// A linear function from host memory to itself: its backward pass needs no values of the input.
pub(crate) trait InPlace: Debug + Send + Sync {
    /// Names of the forward and the backward pass in a profile.
    fn names(&self) -> [&'static str; 2];
    /// Puts the output in the place of `x`.
    fn forward(&self, x: &mut [f32]);
    /// Puts the gradient of the input in the place of that of the output.
    fn backward(&self, grad: &mut [f32]);
}

/// Calls `function` on a host tensor, which is copied only where somebody else holds it too;
/// differentiable where it is.
pub(crate) fn call_in_place<const D: usize>(function: Arc<dyn InPlace>, x: Tensor<D>) -> Tensor<D> {
    let x = x.into_dispatch();
    Tensor::from_dispatch(<Dispatch as InPlaceCalls>::in_place(x, function, Pass::Forward))
}

/// Which way a function is gone through.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pass {
    Forward,
    Backward,
}

/// Calls of such functions by a backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait InPlaceCalls: Backend {
    /// Forward `f(x)`, backward the gradient of `x` from that of `f(x)`.
    fn in_place(x: FloatTensor<Self>, function: Arc<dyn InPlace>, pass: Pass) -> FloatTensor<Self>;
}

impl InPlaceCalls for Flex {
    fn in_place(x: FlexTensor, function: Arc<dyn InPlace>, pass: Pass) -> FlexTensor {
        let mut x = contiguous(x);
        let (start, len) = (x.layout().start_offset(), x.layout().num_elements());
        let [forward, backward] = function.names();
        match pass {
            Pass::Forward => timed(forward, || {
                function.forward(&mut x.storage_mut::<f32>()[start..start + len]);
            }),
            Pass::Backward => timed(backward, || {
                function.backward(&mut x.storage_mut::<f32>()[start..start + len]);
            }),
        }
        x
    }
}

/// Backward pass of [`InPlaceCalls::in_place`].
#[derive(Debug)]
struct Back;

impl<B: InPlaceCalls> Backward<B, 1> for Back {
    type State = Arc<dyn InPlace>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        if let Some(node) = node {
            grads.register::<B>(node.id, B::in_place(grad, ops.state, Pass::Backward));
        }
    }
}

impl<B: InPlaceCalls, C: CheckpointStrategy> InPlaceCalls for Autodiff<B, C> {
    fn in_place(x: FloatTensor<Self>, function: Arc<dyn InPlace>, pass: Pass) -> FloatTensor<Self> {
        let prep = Back.prepare::<C>([x.node()]).compute_bound().stateful();
        // Held by nobody else from here on, where nobody else has a use for it.
        let x = x.into_primitive();
        match prep {
            OpsKind::Tracked(prep) => {
                let out = B::in_place(x, function.clone(), pass);
                prep.finish(function, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::in_place(x, function, pass)),
        }
    }
}
