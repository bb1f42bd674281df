//! Cut and altered files: any answer but a panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use thinkling_weights::{
    Architecture, Checkpoint, FloatType, GgmlType, Gguf, ModelConfig, SafetensorsIndex,
    WeightsError, expected_tensors,
};

use crate::support::{config_of, gguf_bytes, safetensors_bytes, tiny};

/// Bytes of a header that are worth altering: the data behind it can be anything anyway.
const HEADER_BYTES: usize = 3000;

const ALL: [Architecture; 3] = [Architecture::Llama, Architecture::Qwen2, Architecture::Qwen3];

/// A model of each family, in both formats.
static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| ALL.into_iter().map(Model::new).collect());

struct Model {
    architecture: Architecture,
    json: String,
    gguf: Vec<u8>,
    safetensors: Vec<u8>,
}

impl Model {
    fn new(architecture: Architecture) -> Self {
        let config = tiny(architecture);
        Self {
            architecture,
            json: config.to_json().expect("writable"),
            gguf: gguf_bytes(&config, GgmlType::Q8_0),
            safetensors: safetensors_bytes(&expected_tensors(&config), FloatType::F16),
        }
    }
}

/// A failing case names the model, not its bytes.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.architecture.fmt(f)
    }
}

/// Places and new values of a few bytes, mostly near the front, with words of hostile numbers.
fn alterations() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    let numbers = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop_oneof![
            Just(u64::MAX),
            Just(u64::MAX / 2),
            Just(1u64 << 32),
            Just(1u64 << 61),
            Just(0),
            any::<u64>()
        ]
        .prop_map(|number| number.to_le_bytes().to_vec()),
        prop_oneof![Just(u32::MAX), Just(0), 0u32..40].prop_map(|n| n.to_le_bytes().to_vec()),
        prop_oneof![Just("18446744073709551615"), Just("-1"), Just("1e999"), Just("[[[[")]
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec((0..HEADER_BYTES, numbers), 1..6)
}

fn alter(bytes: &mut [u8], alterations: &[(usize, Vec<u8>)]) {
    for (at, new) in alterations {
        for (old, new) in bytes.iter_mut().skip(*at).zip(new) {
            *old = *new;
        }
    }
}

/// Reads every tensor that the checkpoint lists.
fn read_all(checkpoint: &Checkpoint) {
    let names: Vec<String> = checkpoint.tensors().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in expected_tensors(checkpoint.config()) {
        checkpoint.read_f32(&name).expect("what the config needs was checked on opening");
    }
    for name in names {
        if let Err(fault) = checkpoint.read_f32(&name) {
            assert!(fault.is_damaged_or_unsupported(), "{fault}");
        }
    }
}

fn model() -> impl Strategy<Value = &'static Model> {
    (0..ALL.len()).prop_map(|index| &MODELS[index])
}

/// Expects a fault of the file itself.
fn refused(result: Result<Checkpoint, WeightsError>) -> Result<(), TestCaseError> {
    let fault = result.expect_err("a cut file cannot be whole");
    prop_assert!(fault.is_damaged_or_unsupported(), "{fault}");
    Ok(())
}

/// Expects a fault of the file itself, or a model that can be read.
fn refused_or_readable(result: Result<Checkpoint, WeightsError>) -> Result<(), TestCaseError> {
    match result {
        Ok(checkpoint) => read_all(&checkpoint),
        Err(fault) => prop_assert!(fault.is_damaged_or_unsupported(), "{fault}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn altered_gguf_never_panics(model in model(), alterations in alterations()) {
        let mut bytes = model.gguf.clone();
        alter(&mut bytes, &alterations);
        refused_or_readable(Checkpoint::from_gguf_file(bytes))?;
    }

    #[test]
    fn cut_gguf_is_refused(model in model(), cut in 0.0..1.0f64) {
        // The last tensor's padding is not needed.
        let gguf = Gguf::parse(&model.gguf).expect("valid");
        let needed = gguf.tensors().iter().map(|tensor| tensor.range.end).max().expect("tensors");
        let cut = (needed as f64 * cut) as usize;
        refused(Checkpoint::from_gguf_file(model.gguf[..cut].to_vec()))?;
    }

    #[test]
    fn altered_safetensors_never_panic(model in model(), alterations in alterations()) {
        let mut bytes = model.safetensors.clone();
        alter(&mut bytes, &alterations);
        refused_or_readable(Checkpoint::from_safetensors_files(config_of(&model.json), vec![bytes]))?;
    }

    #[test]
    fn cut_safetensors_are_refused(model in model(), cut in 0.0..1.0f64) {
        let cut = (model.safetensors.len() as f64 * cut) as usize;
        let bytes = model.safetensors[..cut].to_vec();
        refused(Checkpoint::from_safetensors_files(config_of(&model.json), vec![bytes]))?;
    }

    #[test]
    fn altered_configs_never_panic(model in model(), alterations in alterations()) {
        let mut json = model.json.clone().into_bytes();
        let len = json.len();
        let near: Vec<_> = alterations.into_iter().map(|(at, new)| (at % len, new)).collect();
        alter(&mut json, &near);
        if let Ok(text) = std::str::from_utf8(&json)
            && let Ok(config) = ModelConfig::from_json(text)
        {
            // What passes is small enough to be listed and counted.
            prop_assert!(config.validate().is_ok());
            prop_assert!(config.parameter_count() > 0);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let with_magic = [b"GGUF\x03\0\0\0", &bytes[..]].concat();
        for bytes in [&bytes, &with_magic] {
            if let Ok(gguf) = Gguf::parse(bytes) {
                for tensor in gguf.tensors() {
                    let _ = gguf.read_f32(bytes, &tensor.name);
                }
            }
            let _ = SafetensorsIndex::parse(bytes);
        }
    }
}
