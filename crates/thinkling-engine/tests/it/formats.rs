//! Whole small models in every quantised type against the same values as floats.

use crate::tiny_gguf::{as_f32, mixed, quantised};
use crate::{adapter, decoders, sequence};
use thinkling_engine::{Capacity, Engine, Keep, WeightsReader};
use thinkling_weights::{Checkpoint, GgmlType, expected_tensors};

/// Share of the largest logit: f32 sums in another order over two layers.
const TOLERANCE: f32 = 1e-4;

#[track_caller]
fn assert_near(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    assert!(got.iter().all(|logit| logit.is_finite()), "{what}");
    let largest = want.iter().fold(0f32, |most, logit| most.max(logit.abs()));
    assert!(largest > 1.0, "{what}: flat logits would hide errors");
    let worst = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
    assert!(worst <= TOLERANCE * largest, "{what}: logits differ by {worst} of {largest}");
}

fn logits_are_those_of_floats(model: &Checkpoint, what: &str) {
    let ids: Vec<u32> = (0..40).map(|i| i * 29 % 80).collect();
    let floats = as_f32(model);
    let all: Vec<usize> = (0..ids.len()).collect();
    let (_, mut reference) = decoders(&floats, Keep::F32, 64).swap_remove(0);
    let want = reference.logits(&ids, &sequence(0, 0, ids.len()), &all).expect("logits");
    for (device, mut decoder) in decoders(model, Keep::Stored, 64) {
        let what = format!("{what} on {device}");
        let got = decoder.logits(&ids, &sequence(3, 0, ids.len()), &all).expect("logits");
        assert_near(&got, &want, &what);
        // One row at a time, over the cache.
        let last = ids.len() - 1;
        let got = decoder.logits(&ids[last..], &sequence(3, last, last + 1), &[0]).expect("logits");
        assert_near(&got, &want[last * 80..], &what);
    }
}

#[test]
fn models_of_every_type_give_the_logits_of_their_values() {
    for ty in GgmlType::QUANTISED {
        logits_are_those_of_floats(&quantised(|_| ty), &ty.to_string());
    }
    logits_are_those_of_floats(&quantised(mixed), "Q4_K and Q6_K");
}

/// Bits a weight that the engine keeps on a device.
fn bits(model: &Checkpoint) -> Option<f64> {
    let weights = WeightsReader::new(model, Keep::Stored);
    let capacity = Capacity { rows: 1, cache_tokens: 64, prompt_tokens: 0, conversation_tokens: 0 };
    let engine = pollster::block_on(Engine::on_gpu(&adapter()?, &weights, capacity));
    let usage = engine.expect("an engine").usage().expect("a GPU's");
    let matrices =
        expected_tensors(model.config()).into_iter().filter(|(_, shape)| shape.len() == 2);
    // Rows to whole panels of 64.
    let elements = matrices.map(|(_, shape)| shape[0].next_multiple_of(64) * shape[1]);
    Some(8.0 * usage.weight_bytes as f64 / elements.sum::<usize>() as f64)
}

#[test]
fn quantised_weights_take_the_room_on_the_gpu_that_they_take_in_a_file() {
    for ty in GgmlType::QUANTISED {
        let (_, bytes) = match ty {
            GgmlType::Q3K => GgmlType::Q6K.block(),
            _ => ty.block(),
        }
        .map(|(len, bytes)| (len, 8.0 * bytes as f64 / len as f64))
        .expect("a type that is read");
        let Some(got) = bits(&quantised(|_| ty)) else { return };
        assert!((got - bytes).abs() < 1e-9, "{ty}: {got} bits a weight for {bytes}");
    }
    // Values of one layer that have another type than its queries and keys do not widen them.
    let Some(got) = bits(&quantised(mixed)) else { return };
    assert!((4.5..6.5625).contains(&got), "{got}");
}
