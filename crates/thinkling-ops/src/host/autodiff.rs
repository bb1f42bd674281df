//! Calls of host functions on tensors with gradients.

use super::{Function, HostCalls};
use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

/// Backward pass of [`HostCalls::host_call1`].
#[derive(Debug)]
struct Call1;

impl<B: HostCalls> Backward<B, 1> for Call1 {
    type State = (FloatTensor<B>, Function);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (x, function) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::host_grad1(x, grad, function));
        }
    }
}

/// Backward pass of [`HostCalls::host_call2`].
#[derive(Debug)]
struct Call2;

impl<B: HostCalls> Backward<B, 2> for Call2 {
    type State = (FloatTensor<B>, FloatTensor<B>, Function);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [x_node, w_node] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (x, w, function) = ops.state;
        let wanted = [x_node.is_some(), w_node.is_some()];
        let (dx, dw) = B::host_grad2(x, w, grad, function, wanted);
        if let Some(node) = x_node {
            grads.register::<B>(node.id, dx);
        }
        if let Some(node) = w_node {
            grads.register::<B>(node.id, dw);
        }
    }
}

/// Backward pass of [`HostCalls::host_call4`]. The second input is never trained.
#[derive(Debug)]
struct Call4;

impl<B: HostCalls> Backward<B, 3> for Call4 {
    type State = ([FloatTensor<B>; 4], Function);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let nodes = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let ([x, w, a, b], function) = ops.state;
        let wanted = nodes.each_ref().map(Option::is_some);
        let (dx, da, db) = B::host_grad4(x, w, a, b, grad, function, wanted);
        for (node, grad) in nodes.into_iter().zip([dx, da, db]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

impl<B: HostCalls, C: CheckpointStrategy> HostCalls for Autodiff<B, C> {
    fn host_call1(x: FloatTensor<Self>, function: Function) -> FloatTensor<Self> {
        let input = x.primitive().clone();
        match Call1.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let out = B::host_call1(input.clone(), function.clone());
                prep.finish((input, function), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::host_call1(input, function)),
        }
    }

    fn host_call2(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self> {
        let (a, b) = (x.primitive().clone(), w.primitive().clone());
        match Call2.prepare::<C>([x.node(), w.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let out = B::host_call2(a.clone(), b.clone(), function.clone());
                prep.finish((a, b, function), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::host_call2(a, b, function)),
        }
    }

    fn host_call4(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), a.node(), b.node()];
        let inputs = [&x, &w, &a, &b].map(|tensor| tensor.primitive().clone());
        let run = |[x, w, a, b]: [FloatTensor<B>; 4], function| B::host_call4(x, w, a, b, function);
        match Call4.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let out = run(inputs.clone(), function.clone());
                prep.finish((inputs, function), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(run(inputs, function)),
        }
    }

    fn host_grad1(
        _x: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self> {
        unreachable!("a gradient of a gradient was asked for ({function:?}), which has none")
    }

    fn host_grad2(
        _x: FloatTensor<Self>,
        _w: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        function: Function,
        _wanted: [bool; 2],
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("a gradient of a gradient was asked for ({function:?}), which has none")
    }

    fn host_grad4(
        _x: FloatTensor<Self>,
        _w: FloatTensor<Self>,
        _a: FloatTensor<Self>,
        _b: FloatTensor<Self>,
        _grad: FloatTensor<Self>,
        function: Function,
        _wanted: [bool; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("a gradient of a gradient was asked for ({function:?}), which has none")
    }
}
