//! GGUF models of every quantised type: the trainer reads their values as floats.

use crate::devices::cpu;
use crate::tiny_gguf::{as_f32, mixed, quantised};
use thinkling_model::{Decoder, PackedBatch, Sequence};
use thinkling_weights::{Checkpoint, GgmlType};

fn logits(checkpoint: &Checkpoint) -> Vec<f32> {
    let model = Decoder::load(checkpoint, &cpu()).expect("a model");
    let ids: Vec<u32> = (0..24).map(|i| i * 29 % 80).collect();
    let batch = PackedBatch::new(&model, &[Sequence { ids: &ids, prefix: None }]);
    model.logits(model.forward(&batch)).into_data().try_to_vec().expect("floats")
}

#[test]
fn quantised_models_have_the_logits_of_their_values() {
    let models = GgmlType::QUANTISED.map(|ty| (ty.to_string(), quantised(|_| ty)));
    for (what, model) in models.into_iter().chain([("mixed".to_owned(), quantised(mixed))]) {
        let got = logits(&model);
        assert!(got.len() == 24 * 80 && got.iter().all(|logit| logit.is_finite()), "{what}");
        assert!(got.iter().any(|logit| logit.abs() > 1.0), "{what}");
        assert_eq!(got, logits(&as_f32(&model)), "{what}");
    }
}
