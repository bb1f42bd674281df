//! The WGSL of `shaders/`, compiled into the program.

use crate::packed::Format;

macro_rules! wgsl {
    ($($name:literal $(+ $part:literal)*),* $(,)?) => {
        /// Every operation by its file's name, followed by the files of its parts.
        pub(crate) const OPERATIONS: &[(&str, &str)] = &[$((
            $name,
            concat!(
                include_str!(concat!("../../../../shaders/", $name, ".wgsl")),
                $("\n", include_str!(concat!("../../../../shaders/", $part, ".wgsl"))),*
            ),
        )),*];
    };
}

wgsl!(
    "attention",
    "attention_combine",
    "embed",
    "matmul",
    "matvec",
    "reward_counts"
        + "reward_counts/format"
        + "reward_counts/language"
        + "reward_counts/reflection"
        + "reward_counts/units",
    "rms_norm",
    "rope_kv",
    "sample",
);

fn weights(format: Format) -> &'static str {
    match format {
        Format::F32 => include_str!("../../../../shaders/weights/f32.wgsl"),
        Format::F16 => include_str!("../../../../shaders/weights/f16.wgsl"),
        Format::Bf16 => include_str!("../../../../shaders/weights/bf16.wgsl"),
        Format::Q8_0 => include_str!("../../../../shaders/weights/q8_0.wgsl"),
        Format::Q4_0 => include_str!("../../../../shaders/weights/q4_0.wgsl"),
        Format::Q4_1 => include_str!("../../../../shaders/weights/q4_1.wgsl"),
    }
}

/// The source of an operation, after that which reads its weights.
///
/// # Panics
/// Where there is no such operation.
pub(crate) fn source(name: &str, format: Option<Format>) -> String {
    let found = OPERATIONS.iter().find(|(known, _)| *known == name);
    let (_, operation) = found.unwrap_or_else(|| panic!("no shader `{name}`"));
    match format {
        None => (*operation).to_owned(),
        Some(format) => format!("{}\n{operation}", weights(format)),
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    /// Every source that is compiled, with a name.
    fn all() -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (name, text) in OPERATIONS {
            if text.contains("Follows one of weights") {
                for format in Format::ALL {
                    all.push((format!("{name} {format:?}"), source(name, Some(format))));
                }
            } else {
                all.push(((*name).to_owned(), source(name, None)));
            }
        }
        all
    }

    #[test]
    fn every_shader_is_valid() {
        for (name, source) in all() {
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&source)));
            let mut validator = naga::valid::Validator::new(
                naga::valid::ValidationFlags::all(),
                // `unpack2x16float`, which WebGPU always has.
                naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32,
            );
            validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert_eq!(module.entry_points.len(), 1, "{name} has one entry point");
            assert_eq!(module.entry_points[0].name, "main", "{name}");
        }
    }

    #[test]
    fn every_shader_is_written_for_metal_and_direct3d() {
        for (name, source) in all() {
            let module = naga::front::wgsl::parse_str(&source).expect("valid");
            let mut validator = naga::valid::Validator::new(
                naga::valid::ValidationFlags::all(),
                naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32,
            );
            let info = validator.validate(&module).expect("valid");
            let names = module.overrides.iter().filter_map(|(_, o)| o.name.clone());
            let constants: naga::back::PipelineConstants = names.map(|name| (name, 2.0)).collect();
            let (module, info) =
                naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
            let (metal, _) = naga::back::msl::write_string(
                &module,
                &info,
                &naga::back::msl::Options { fake_missing_bindings: true, ..Default::default() },
                &naga::back::msl::PipelineOptions::default(),
            )
            .unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(metal.contains("kernel void"), "{name}");
            let mut hlsl = String::new();
            let options = naga::back::hlsl::Options::default();
            let pipeline = naga::back::hlsl::PipelineOptions::default();
            naga::back::hlsl::Writer::new(&mut hlsl, &options, &pipeline)
                .write(&module, &info, None)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(hlsl.contains("numthreads"), "{name}");
        }
    }
}
