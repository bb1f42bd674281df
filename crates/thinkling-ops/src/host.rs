//! Functions over host slices as differentiable burn operations.
//!
//! One extension trait serves them all: a [`HostFunction`] has a forward and a backward pass over
//! plain `f32` slices, and burn's autodiff only has to know how to call it.

mod autodiff;

#[cfg(feature = "gpu")]
use crate::gpu::Kernels;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Device, Shape, Tensor};
use burn_flex::{FlexTensor, Layout};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use thinkling_cpu::profile::timed;

/// A function of one, two or four inputs on host memory with its vector-Jacobian product.
pub(crate) trait HostFunction: Debug + Send + Sync {
    /// Names of the forward and the backward pass in a profile.
    fn names(&self) -> [&'static str; 2];
    /// Shape of the output for these input shapes.
    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize>;
    /// Writes every value of the output, whatever it holds when called.
    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]);
    /// Writes every value of each input's gradient, whatever they hold when called. Where
    /// [`Self::skips_unwanted`] holds, the gradient of an input that nobody trains is empty and is
    /// left so.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]);
    /// Whether the work for gradients that nobody wants can be left out.
    fn skips_unwanted(&self) -> bool {
        false
    }
    /// The same function on a GPU.
    #[cfg(feature = "gpu")]
    fn kernels(&self) -> &dyn Kernels {
        unreachable!("{self:?} has no kernels for a GPU, and was called there")
    }
}

/// Shared, so that it can live in an autodiff graph.
pub(crate) type Function = Arc<dyn HostFunction>;

/// Whether tensors of `device` lie in host memory, so that the fused operations apply.
pub fn is_host(device: &Device) -> bool {
    *device == Device::flex()
}

/// Whether functions that have kernels too apply to `x`.
pub(crate) fn is_fused<const D: usize>(x: &Tensor<D>) -> bool {
    #[cfg(feature = "gpu")]
    if crate::gpu::is_f32(x) {
        return true;
    }
    is_host(&x.device())
}

/// Calls `function` on host tensors; differentiable where an input is.
pub(crate) fn call1<const A: usize, const D: usize>(function: Function, x: Tensor<A>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as HostCalls>::host_call1(x.into_dispatch(), function))
}

/// [`call1`] with two inputs.
pub(crate) fn call2<const A: usize, const B: usize, const D: usize>(
    function: Function,
    x: Tensor<A>,
    w: Tensor<B>,
) -> Tensor<D> {
    let (x, w) = (x.into_dispatch(), w.into_dispatch());
    Tensor::from_dispatch(<Dispatch as HostCalls>::host_call2(x, w, function))
}

/// [`call1`] with four inputs.
pub(crate) fn call4(function: Function, [x, w, a, b]: [Tensor<2>; 4]) -> Tensor<2> {
    let [x, w, a, b] = [x, w, a, b].map(Tensor::into_dispatch);
    Tensor::from_dispatch(<Dispatch as HostCalls>::host_call4(x, w, a, b, function))
}

/// What `read` makes of the values of a tensor in host memory, read where they lie.
///
/// # Panics
/// Where the tensor is on another device or not of f32.
pub fn read_host<const D: usize, R: Send + 'static>(
    x: Tensor<D>,
    read: impl FnOnce(&[f32]) -> R + Send + 'static,
) -> R {
    let (send, receive) = std::sync::mpsc::channel();
    let read: Reader = Box::new(move |values: &[f32]| {
        // The receiver waits below.
        let _ = send.send(read(values));
    });
    let _: Tensor<1> = call1(Arc::new(Read { read: Mutex::new(Some(read)) }), x.inner());
    receive.recv().expect("the function was called")
}

/// A function that looks at its input, once, and gives nothing.
struct Read {
    read: Mutex<Option<Reader>>,
}

type Reader = Box<dyn FnOnce(&[f32]) + Send>;

impl Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Read")
    }
}

impl HostFunction for Read {
    fn names(&self) -> [&'static str; 2] {
        ["read weights", "read weights backward"]
    }

    fn shape(&self, _inputs: &[&[usize]]) -> Vec<usize> {
        vec![1]
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        out.fill(0.0);
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(read) = read {
            read(inputs[0]);
        }
    }

    fn backward(&self, _inputs: &[&[f32]], _grad: &[f32], _grads: &mut [Vec<f32>]) {
        unreachable!("a look at a tensor has no gradient")
    }
}

/// Gradients of `function` in its two inputs, for the gradient of its output; no graph. The second
/// one only where it is wanted.
pub(crate) fn gradients2<const A: usize, const B: usize, const D: usize>(
    function: Function,
    x: Tensor<A>,
    w: Tensor<B>,
    grad: Tensor<D>,
    second: bool,
) -> (Tensor<A>, Option<Tensor<B>>) {
    let (x, w, grad) = (x.into_dispatch(), w.into_dispatch(), grad.into_dispatch());
    let (dx, dw) = <Dispatch as HostCalls>::host_grad2(x, w, grad, function, [true, second]);
    (Tensor::from_dispatch(dx), second.then(|| Tensor::from_dispatch(dw)))
}

/// Calls of host functions, and of their backward passes, by a backend.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "fusion"),
    Autodiff
)]
pub(crate) trait HostCalls: Backend {
    /// `f(x)`.
    #[fusion(dtype = x, shape = output_shape(function, &[x]))]
    fn host_call1(x: FloatTensor<Self>, function: Function) -> FloatTensor<Self>;
    /// `f(x, w)`.
    #[fusion(dtype = x, shape = output_shape(function, &[x, w]))]
    fn host_call2(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self>;
    /// `f(x, w, a, b)`.
    #[fusion(dtype = x, shape = output_shape(function, &[x, w, a, b]))]
    fn host_call4(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self>;
    /// Gradient of `f(x)`.
    #[fusion(dtype = x, shape = x)]
    fn host_grad1(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self>;
    /// Gradients of `f(x, w)`; one that is not wanted is empty or anything else.
    #[fusion(meta = |x, w, _, _, _| (x.clone(), w.clone()))]
    fn host_grad2(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Function,
        wanted: [bool; 2],
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// Gradients of `f(x, w, a, b)` in `x`, `a` and `b`; as [`Self::host_grad2`].
    #[fusion(meta = |x, _, a, b, _, _, _| (x.clone(), a.clone(), b.clone()))]
    #[allow(clippy::too_many_arguments, reason = "four inputs, their gradient and what is wanted")]
    fn host_grad4(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        function: Function,
        wanted: [bool; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

#[cfg(feature = "fusion")]
fn output_shape(function: &Function, inputs: &[&Shape]) -> Shape {
    let inputs: Vec<&[usize]> = inputs.iter().map(|shape| &shape[..]).collect();
    Shape::from(function.shape(&inputs))
}

pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    assert_eq!(tensor.dtype(), DType::F32, "host functions work on f32");
    if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("the tensor was made contiguous")
}

fn dims(tensor: &FlexTensor) -> Vec<usize> {
    tensor.layout().shape().to_vec()
}

fn to_tensor(values: Vec<f32>, shape: Vec<usize>) -> FlexTensor {
    let layout = Layout::contiguous(Shape::from(shape));
    FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
}

/// Floats that are still to be written: clearing them first would cost a twentieth of a step.
fn unwritten(len: usize) -> Vec<f32> {
    let mut values = Vec::<f32>::with_capacity(len);
    #[allow(unsafe_code, clippy::uninit_vec, reason = "every host function writes all of them")]
    // SAFETY: the capacity is there, every bit pattern is an f32, and `HostFunction` asks that all
    // values are written before any is read.
    unsafe {
        values.set_len(len);
    }
    values
}

fn forward(function: &Function, inputs: &[FlexTensor]) -> FlexTensor {
    let shapes: Vec<Vec<usize>> = inputs.iter().map(dims).collect();
    let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let shape = function.shape(&shapes);
    let mut out = unwritten(shape.iter().product());
    let slices: Vec<&[f32]> = inputs.iter().map(slice).collect();
    timed(function.names()[0], || function.forward(&slices, &mut out));
    to_tensor(out, shape)
}

fn backward(
    function: &Function,
    inputs: &[FlexTensor],
    grad: &FlexTensor,
    wanted: &[bool],
) -> Vec<FlexTensor> {
    let slices: Vec<&[f32]> = inputs.iter().map(slice).collect();
    let made = |wanted: &bool| *wanted || !function.skips_unwanted();
    let mut grads: Vec<Vec<f32>> = slices
        .iter()
        .zip(wanted)
        .map(|(s, wanted)| if made(wanted) { unwritten(s.len()) } else { Vec::new() })
        .collect();
    timed(function.names()[1], || function.backward(&slices, slice(grad), &mut grads));
    let shape = |wanted, input| if made(wanted) { dims(input) } else { vec![0] };
    let shapes = wanted.iter().zip(inputs).map(|(wanted, input)| shape(wanted, input));
    grads.into_iter().zip(shapes).map(|(grad, shape)| to_tensor(grad, shape)).collect()
}

impl HostCalls for Flex {
    fn host_call1(x: FlexTensor, function: Function) -> FlexTensor {
        forward(&function, &[contiguous(x)])
    }

    fn host_call2(x: FlexTensor, w: FlexTensor, function: Function) -> FlexTensor {
        forward(&function, &[contiguous(x), contiguous(w)])
    }

    fn host_call4(
        x: FlexTensor,
        w: FlexTensor,
        a: FlexTensor,
        b: FlexTensor,
        function: Function,
    ) -> FlexTensor {
        forward(&function, &[x, w, a, b].map(contiguous))
    }

    fn host_grad1(x: FlexTensor, grad: FlexTensor, function: Function) -> FlexTensor {
        backward(&function, &[contiguous(x)], &contiguous(grad), &[true]).swap_remove(0)
    }

    fn host_grad2(
        x: FlexTensor,
        w: FlexTensor,
        grad: FlexTensor,
        function: Function,
        wanted: [bool; 2],
    ) -> (FlexTensor, FlexTensor) {
        let inputs = [contiguous(x), contiguous(w)];
        let mut grads = backward(&function, &inputs, &contiguous(grad), &wanted);
        let dw = grads.swap_remove(1);
        (grads.swap_remove(0), dw)
    }

    fn host_grad4(
        x: FlexTensor,
        w: FlexTensor,
        a: FlexTensor,
        b: FlexTensor,
        grad: FlexTensor,
        function: Function,
        [dx, da, db]: [bool; 3],
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let inputs = [x, w, a, b].map(contiguous);
        let mut grads = backward(&function, &inputs, &contiguous(grad), &[dx, false, da, db]);
        let (b, a) = (grads.swap_remove(3), grads.swap_remove(2));
        (grads.swap_remove(0), a, b)
    }
}
