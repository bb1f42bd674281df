//! The weights that are trained as a flat list: what an optimiser and a checkpoint go through.
//! Under adapters these are the adapters, and a reward model's head after them.

use crate::Decoder;
use crate::layer::DecoderLayer;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Gradients, Tensor};

/// Gradients in the order of [`Decoder::param_list`], each flattened to one axis.
pub type ParamGrads = Vec<Tensor<1>>;

/// Name and shape of each weight tensor, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParamList {
    /// Path in the module, such as `layers.0.qkv_proj`.
    pub names: Vec<String>,
    /// Shape of each.
    pub shapes: Vec<Vec<usize>>,
}

impl Decoder {
    /// Names and shapes of all trained weights.
    pub fn param_list(&self) -> ParamList {
        let mut collect = Collect::default();
        if self.lora.is_none() {
            self.visit(&mut collect);
        }
        for (i, layer) in self.layers.iter().enumerate() {
            collect.path = vec![format!("layers.{i}.lora")];
            layer.lora.visit(&mut collect);
        }
        if self.lora.is_some() {
            collect.path = vec!["score".to_owned()];
            self.score.visit(&mut collect);
        }
        collect.list
    }

    /// Values of all trained weights together.
    pub fn trained_count(&self) -> usize {
        self.param_list().shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// A copy whose trained weights are leaves of a new autodiff graph; shares their memory.
    pub fn tracked(&self) -> Self {
        if self.lora.is_none() {
            return track(self.clone());
        }
        let mut tracked = self.clone().map(&mut Freeze);
        for layer in &mut tracked.layers {
            layer.lora = layer.lora.take().map(track);
        }
        tracked.score = tracked.score.map(track);
        tracked
    }

    /// Takes this (tracked) model's gradients out of `grads`; zeros where the loss did not reach.
    pub fn take_grads(&self, grads: &mut Gradients) -> ParamGrads {
        match self.lora {
            None => take_grads(self, grads),
            Some(_) => {
                let layers = self.layers.iter().flat_map(|layer| layer.take_grads(grads));
                let mut all: ParamGrads = layers.collect();
                all.extend(self.score.iter().flat_map(|score| take_grads(score, grads)));
                all
            }
        }
    }

    /// Replaces each trained weight by `f(index, weight)`, both flattened to one axis.
    pub fn map_params(mut self, f: impl FnMut(usize, Tensor<1>) -> Tensor<1>) -> Self {
        let mut map = MapFlat { f, index: 0 };
        if self.lora.is_none() {
            return self.map(&mut map);
        }
        for layer in &mut self.layers {
            layer.lora = layer.lora.take().map(|adapters| adapters.map(&mut map));
        }
        // Not the method of `Option`.
        self.score = Module::map(self.score.take(), &mut map);
        self
    }

    /// All trained weights, flattened to one axis each.
    pub fn flat_params(&self) -> Vec<Tensor<1>> {
        let mut flat = Flat(Vec::new());
        match self.lora {
            None => self.visit(&mut flat),
            Some(_) => {
                self.layers.iter().for_each(|layer| layer.lora.visit(&mut flat));
                self.score.visit(&mut flat);
            }
        }
        flat.0
    }
}

impl DecoderLayer {
    /// As [`Decoder::tracked`].
    pub(crate) fn tracked(&self) -> Self {
        if self.lora.is_none() {
            return track(self.clone());
        }
        let mut tracked = self.clone().map(&mut Freeze);
        tracked.lora = tracked.lora.map(track);
        tracked
    }

    /// As [`Decoder::take_grads`].
    pub(crate) fn take_grads(&self, grads: &mut Gradients) -> ParamGrads {
        match &self.lora {
            None => take_grads(self, grads),
            Some(adapters) => take_grads(adapters, grads),
        }
    }
}

/// Makes the weights leaves of a new autodiff graph; they share their memory with the others.
pub(crate) fn track<M: Module>(module: M) -> M {
    module.map(&mut Track)
}

/// Takes a (tracked) module's gradients out of `grads`; zeros where the loss did not reach.
pub(crate) fn take_grads(module: &impl Module, grads: &mut Gradients) -> ParamGrads {
    let mut take = TakeGrads { grads, out: Vec::new() };
    module.visit(&mut take);
    take.out
}

#[derive(Default)]
struct Collect {
    path: Vec<String>,
    list: ParamList,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.list.names.push(self.path.join("."));
        self.list.shapes.push(param.val().dims().to_vec());
    }
}

struct Track;

impl ModuleMapper for Track {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::initialized(ParamId::new(), param.val().autodiff().require_grad())
    }
}

/// Takes weights into autodiff as constants.
struct Freeze;

impl ModuleMapper for Freeze {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::initialized(ParamId::new(), param.val().autodiff().set_require_grad(false))
    }
}

struct TakeGrads<'a> {
    grads: &'a mut Gradients,
    out: ParamGrads,
}

impl ModuleVisitor for TakeGrads<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weight = param.val();
        let grad =
            weight.grad_remove(self.grads).unwrap_or_else(|| weight.clone().inner().zeros_like());
        self.out.push(flatten(grad));
    }
}

struct MapFlat<F> {
    f: F,
    index: usize,
}

impl<F: FnMut(usize, Tensor<1>) -> Tensor<1>> ModuleMapper for MapFlat<F> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // Consumed, so that the weight's memory has one owner and can be updated in place.
        let (id, weight, _) = param.consume();
        let shape = weight.dims();
        let mapped = (self.f)(self.index, flatten(weight));
        self.index += 1;
        Param::initialized(id, mapped.reshape(shape))
    }
}

struct Flat(Vec<Tensor<1>>);

impl ModuleVisitor for Flat {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(flatten(param.val()));
    }
}

/// On one axis.
pub(crate) fn flatten<const D: usize>(t: Tensor<D>) -> Tensor<1> {
    let n = t.shape().num_elements();
    t.reshape([n])
}
