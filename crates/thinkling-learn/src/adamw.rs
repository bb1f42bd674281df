//! AdamW (arXiv 1711.05101) over all weights, with clipping by the global gradient norm.

mod bits8;

use bits8::Moments8;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thinkling_cpu::math::dot;
use thinkling_cpu::profile::timed;
use thinkling_cpu::{threads, vectorised};
use thinkling_model::{
    AdamWFactors, Decoder, ModelError, ParamGrads, ParamList, adamw, is_host, squares,
};

/// Weights of a piece of work.
const PIECE: usize = 1 << 16;

/// Constants of the optimiser; the learning rate comes with each step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled decay, times the learning rate, of matrices; norms and biases are not decayed.
    pub weight_decay: f64,
    /// Gradients whose global norm is larger are scaled down to it; 0 for no clipping.
    pub max_grad_norm: f64,
    /// How moments are kept between steps.
    pub states: StatePrecision,
}

/// How an optimiser's moments are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatePrecision {
    /// 8 bytes a weight.
    #[default]
    #[serde(rename = "f32")]
    F32,
    /// A little over 2 bytes a weight, in blocks of 256 with a scale each (arXiv 2110.02861), on the
    /// CPU; in f32 elsewhere, and for weights of fewer than 4,096 values.
    #[serde(rename = "8bit")]
    Bits8,
}

/// Weights with fewer values keep their moments in f32.
const LEAST_BITS8: usize = 4096;

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            max_grad_norm: 1.0,
            states: StatePrecision::F32,
        }
    }
}

/// Optimiser state: first and second moment of each weight, and the number of updates.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    decayed: Vec<bool>,
    moments: Vec<Moments>,
    updates: u64,
}

/// First and second moment of one weight.
#[derive(Clone, Debug)]
pub struct Moments(Kept);

#[derive(Clone, Debug)]
enum Kept {
    F32(Box<[Tensor<1>; 2]>),
    /// Shared with a checkpoint that is being written.
    Bits8(Arc<Moments8>),
}

impl Moments {
    /// The values of both; those of 8 bits come back to the same 8 bits.
    ///
    /// # Errors
    /// A device that fails.
    pub fn values(&self) -> Result<[Vec<f32>; 2], ModelError> {
        match &self.0 {
            Kept::Bits8(moments) => Ok(moments.values()),
            Kept::F32(moments) => {
                let [first, second] = &**moments;
                let read = |tensor: &Tensor<1>| {
                    tensor.try_to_vec_as().map_err(|e| ModelError::Device(format!("{e:?}")))
                };
                Ok([read(first)?, read(second)?])
            }
        }
    }
}

impl AdamWConfig {
    fn moments(&self, [first, second]: [Vec<f32>; 2], device: &Device) -> Moments {
        let small = first.len() < LEAST_BITS8;
        if self.states == StatePrecision::F32 || small || !is_host(device) {
            let tensor = |x: Vec<f32>| {
                let count = x.len();
                Tensor::from_data(TensorData::new(x, [count]), device)
            };
            return Moments(Kept::F32(Box::new([tensor(first), tensor(second)])));
        }
        Moments(Kept::Bits8(Arc::new(Moments8::new(&first, &second))))
    }
}

/// The numbers of one update.
#[derive(Clone, Copy, Debug)]
struct Update {
    config: AdamWConfig,
    lr: f64,
    /// Factor on the gradients from clipping.
    clip: f64,
    /// `1 - beta^t` of both moments.
    corrections: [f64; 2],
}

impl AdamW {
    /// Zero moments for the weights of `list` on `device`.
    pub fn new(config: AdamWConfig, list: &ParamList, device: &Device) -> Self {
        let zeros = |shape: &Vec<usize>| vec![0.0; shape.iter().product::<usize>()];
        let moments = |shape| config.moments([zeros(shape), zeros(shape)], device);
        Self {
            config,
            decayed: list.shapes.iter().map(|s| s.len() > 1).collect(),
            moments: list.shapes.iter().map(moments).collect(),
            updates: 0,
        }
    }

    /// Updates done so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Moments in the order of the weights, for checkpoints.
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Puts back the [values](Moments::values) of [`moments`](Self::moments), and
    /// [`updates`](Self::updates).
    pub fn restore(
        &mut self,
        values: impl ExactSizeIterator<Item = [Vec<f32>; 2]>,
        updates: u64,
        device: &Device,
    ) {
        assert_eq!(values.len(), self.moments.len(), "as many moments as weights");
        self.moments = values.map(|values| self.config.moments(values, device)).collect();
        self.updates = updates;
    }

    /// Updates `model` by `grads` at learning rate `lr`; gives it back with the gradients' global
    /// norm before clipping.
    ///
    /// A norm that is not a number leaves model and moments as they were: the caller sees it in
    /// the norm.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn step(
        &mut self,
        model: Decoder,
        grads: ParamGrads,
        lr: f64,
    ) -> Result<(Decoder, f64), ModelError> {
        let on_host = is_host(&model.device());
        let (grads, norm) = global_norm(grads, on_host).await?;
        if !norm.is_finite() {
            return Ok((model, norm));
        }
        self.updates += 1;
        let max = self.config.max_grad_norm;
        let clip = if max > 0.0 && norm > max { max / (norm + 1e-6) } else { 1.0 };
        let t = self.updates as i32;
        let corrections = [self.config.beta1, self.config.beta2].map(|b| 1.0 - b.powi(t));
        let mut grads = grads.into_iter();
        let moments = std::mem::take(&mut self.moments);
        let mut updated = Vec::with_capacity(moments.len());
        let mut moments = moments.into_iter();
        let decayed = &self.decayed;
        let config = self.config;
        let model = model.map_params(|i, weight| {
            let grad = grads.next().expect("a gradient for each weight");
            let old = moments.next().expect("moments for each weight");
            let weight_decay = if decayed[i] { config.weight_decay } else { 0.0 };
            let config = AdamWConfig { weight_decay, ..config };
            let update = Update { config, lr, clip, corrections };
            let (weight, new) = timed("adamw", || match (old.0, on_host) {
                (Kept::Bits8(old), _) => {
                    let (weight, new) = update.on_bits8(weight, grad, old);
                    (weight, Kept::Bits8(new))
                }
                (Kept::F32(old), true) => {
                    let (weight, new) = update.on_slices(weight, grad, *old);
                    (weight, Kept::F32(Box::new(new)))
                }
                (Kept::F32(old), false) => {
                    let (weight, new) = update.on_device(weight, grad, *old);
                    (weight, Kept::F32(Box::new(new)))
                }
            });
            updated.push(Moments(new));
            weight
        });
        self.moments = updated;
        Ok((model, norm))
    }
}

impl Update {
    fn factors(&self) -> AdamWFactors {
        let AdamWConfig { beta1, beta2, eps, weight_decay, .. } = self.config;
        AdamWFactors {
            clip: self.clip as f32,
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            keep: (1.0 - self.lr * weight_decay) as f32,
            rate: (self.lr / self.corrections[0]) as f32,
            second: (1.0 / self.corrections[1]) as f32,
            eps: eps as f32,
        }
    }

    /// On the device: any one.
    fn on_device(
        &self,
        weight: Tensor<1>,
        grad: Tensor<1>,
        moments: [Tensor<1>; 2],
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        adamw(weight, grad, moments, self.factors())
    }

    /// One pass over host memory, in place: where the device is the CPU.
    fn on_slices(
        &self,
        weight: Tensor<1>,
        grad: Tensor<1>,
        [m, v]: [Tensor<1>; 2],
    ) -> (Tensor<1>, [Tensor<1>; 2]) {
        let device = weight.device();
        let [mut w, g, mut m, mut v] = [weight, grad, m, v].map(Tensor::into_data);
        let ws = floats_mut(&mut w);
        let (ms, vs) = (floats_mut(&mut m), floats_mut(&mut v));
        let gs = g.as_slice::<f32>().expect("gradients are f32");
        threads::chunks4_mut(PIECE, [ws, ms, vs], gs, |values, gs| {
            update_piece(self, values, gs);
        });
        let [w, m, v] = [w, m, v].map(|data| Tensor::from_data(data, &device));
        (w, [m, v])
    }
}

impl Update {
    /// [`Self::on_slices`] with states in 8 bits.
    fn on_bits8(
        &self,
        weight: Tensor<1>,
        grad: Tensor<1>,
        mut moments: Arc<Moments8>,
    ) -> (Tensor<1>, Arc<Moments8>) {
        let device = weight.device();
        let [mut w, g] = [weight, grad].map(Tensor::into_data);
        let grads = g.as_slice::<f32>().expect("gradients are f32");
        Arc::make_mut(&mut moments).update(self, floats_mut(&mut w), grads);
        (Tensor::from_data(w, &device), moments)
    }
}

fn floats_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice::<f32>().expect("weights and moments are f32")
}

/// `sqrt(sum of squares)` of all gradients, and the gradients again.
async fn global_norm(grads: ParamGrads, on_host: bool) -> Result<(ParamGrads, f64), ModelError> {
    if on_host {
        let mut sum = 0f64;
        let mut back = Vec::with_capacity(grads.len());
        for grad in grads {
            let device = grad.device();
            let data = grad.into_data();
            let values = data.as_slice::<f32>().expect("gradients are f32");
            sum += timed("gradient norm", || sum_of_squares(values));
            back.push(Tensor::from_data(data, &device));
        }
        return Ok((back, sum.sqrt()));
    }
    let sums: Vec<Tensor<1>> = grads.iter().map(|grad| squares(grad.clone())).collect();
    let data = Tensor::cat(sums, 0)
        .into_data_async()
        .await
        .map_err(|e| ModelError::Device(format!("{e:?}")))?;
    let sum: f64 = data.iter::<f32>().map(f64::from).sum();
    Ok((grads, sum.sqrt()))
}

/// In blocks whose inner loop runs in f32 lanes, so that nothing large is lost, and whose order does
/// not depend on the threads.
fn sum_of_squares(values: &[f32]) -> f64 {
    threads::map_chunks(values, PIECE, squares_of_piece).into_iter().sum()
}

vectorised! {
    fn squares_of_piece(piece: &[f32]) -> f64 {
        let mut sum = 0.0;
        for block in piece.chunks(1024) {
            sum += f64::from(dot(block, block));
        }
        sum
    }
}

vectorised! {
    /// Weights, first and second moments of a piece.
    fn update_piece(update: &Update, [ws, ms, vs]: [&mut [f32]; 3], gs: &[f32]) {
        let AdamWFactors { clip, beta1, beta2, keep, rate, second, eps } = update.factors();
        for (((w, &g), m), v) in ws.iter_mut().zip(gs).zip(ms).zip(vs) {
            let g = g * clip;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *w = keep * *w - rate * *m / ((*v * second).sqrt() + eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update() -> Update {
        let config = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
        Update {
            config,
            lr: 0.01,
            clip: 0.5,
            corrections: [1.0 - 0.9f64.powi(2), 1.0 - 0.999f64.powi(2)],
        }
    }

    fn tensor(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    #[test]
    fn an_update_follows_the_formula_on_both_paths() {
        let (w, g, m, v) = (0.5f64, 0.8f64, 0.02f64, 0.003f64);
        let clipped = g * 0.5;
        let m1 = 0.9 * m + 0.1 * clipped;
        let v1 = 0.999 * v + 0.001 * clipped * clipped;
        let (c1, c2) = (1.0 - 0.81, 1.0 - 0.999f64 * 0.999);
        let expected = w * (1.0 - 0.01 * 0.1) - 0.01 * (m1 / c1) / ((v1 / c2).sqrt() + 1e-8);
        for path in [Update::on_device, Update::on_slices] {
            let args = [w, g, m, v].map(|x| tensor(&[x as f32, x as f32]));
            let [w, g, m, v] = args;
            let (w, [m, v]) = path(&update(), w, g, [m, v]);
            let read = |t: Tensor<1>| f64::from(t.into_data().try_to_vec::<f32>().unwrap()[1]);
            // f32 arithmetic on numbers near 1.
            assert!((read(w) - expected).abs() < 1e-6);
            assert!((read(m) - m1).abs() < 1e-8 && (read(v) - v1).abs() < 1e-8);
        }
    }

    #[test]
    fn the_norm_is_the_same_on_host_and_device_path() {
        let grads = vec![tensor(&[3.0; 2000]), tensor(&[4.0])];
        let expected = (9.0f64 * 2000.0 + 16.0).sqrt();
        for on_host in [true, false] {
            let (_, norm) = pollster::block_on(global_norm(grads.clone(), on_host)).unwrap();
            assert!((norm - expected).abs() < 1e-4);
        }
    }
}
