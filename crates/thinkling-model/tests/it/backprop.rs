//! The backward pass that computes layers again against the one that keeps everything.

use crate::devices::{cpu, gpu};
use burn::tensor::{Device, Tensor};
use thinkling_model::{
    Decoder, HeadGrads, ModelConfig, PackedBatch, Recompute, Sequence, selftest,
};
use thinkling_weights::Architecture;

/// The same operations on the same values; a sum over two uses may run in another order.
const SAME: f32 = 1e-5;

pub(crate) fn configs() -> [ModelConfig; 3] {
    let qwen3 = selftest::config();
    let llama = ModelConfig { architecture: Architecture::Llama, ..qwen3.clone() };
    let qwen2 = ModelConfig {
        architecture: Architecture::Qwen2,
        attention_bias: true,
        tie_word_embeddings: false,
        ..qwen3.clone()
    };
    [qwen3, llama, qwen2]
}

pub(crate) fn values(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("f32")
}

fn gradients_do_not_depend_on_what_is_kept(device: &Device) {
    for config in configs() {
        let model = Decoder::init(&config, 3, device);
        let prompt = [5u32, 9, 2, 33];
        let rests = [vec![1u32, 4, 4], vec![60, 2]];
        let mut sequences = vec![Sequence { ids: &prompt, prefix: None }];
        sequences.extend(rests.iter().map(|ids| Sequence { ids, prefix: Some(0) }));
        let batch = PackedBatch::new(&model, &sequences);
        let run = |recompute| {
            let pass = model.begin_backprop(&batch, recompute);
            let hidden = pass.hidden();
            // Any gradients of the right shapes serve, as long as no two places have the same.
            let weight = Some(model.head() * model.head() + 0.5);
            let grads = pass.finish(HeadGrads { hidden: hidden.clone() * 0.3 + 0.1, weight });
            (hidden.reshape([-1]), grads)
        };
        let (hidden, kept) = run(Recompute::None);
        let (again, recomputed) = run(Recompute::Layer);
        assert_eq!(values(hidden), values(again), "hidden states");
        let names = model.param_list().names;
        assert_eq!((kept.len(), recomputed.len()), (names.len(), names.len()));
        for ((name, kept), recomputed) in names.iter().zip(kept).zip(recomputed) {
            let (kept, recomputed) = (values(kept), values(recomputed));
            assert!(kept.iter().any(|x| *x != 0.0), "{name} has no gradient");
            for (a, b) in kept.iter().zip(&recomputed) {
                assert!((a - b).abs() <= SAME * a.abs().max(1.0), "{name}: {a} and {b}");
            }
        }
    }
}

#[test]
fn gradients_do_not_depend_on_what_is_kept_on_the_cpu() {
    gradients_do_not_depend_on_what_is_kept(&cpu());
}

#[test]
fn gradients_do_not_depend_on_what_is_kept_on_the_gpu() {
    let Some(gpu) = gpu() else { return };
    gradients_do_not_depend_on_what_is_kept(&gpu);
}
