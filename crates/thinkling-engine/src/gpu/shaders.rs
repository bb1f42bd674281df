//! The WGSL of `shaders/`, compiled into the program.

use crate::packed::Format;

/// What stands before an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    /// `reduce/*.wgsl`, as the GPU can.
    Reduce,
    Rows,
    Product,
    /// `weights/*.wgsl`, as the matrix is stored.
    Weights,
    Block,
    /// `tile/*.wgsl`, as the GPU can and the matrix is stored.
    Tile,
}

/// An operation: its file's name, its text with that of its parts, and what stands before it.
pub(crate) struct Operation {
    name: &'static str,
    text: &'static str,
    prefixes: &'static [Prefix],
}

macro_rules! wgsl {
    ($file:literal $(+ $part:literal)*) => {
        concat!(
            include_str!(concat!("../../../../shaders/", $file, ".wgsl"))
            $(, "\n", include_str!(concat!("../../../../shaders/", $part, ".wgsl")))*
        )
    };
}

macro_rules! operations {
    ($($name:literal $(+ $part:literal)* [$($prefix:ident)*])*) => {
        const OPERATIONS: &[Operation] = &[$(Operation {
            name: $name,
            text: wgsl!($name $(+ $part)*),
            prefixes: &[$(Prefix::$prefix),*],
        }),*];
    };
}

operations!(
    "attention" [Reduce Rows]
    "attention_combine" [Rows]
    "embed" [Weights Block]
    "matmul" [Product Weights Tile]
    "matvec" [Product Weights Block]
    "reward_counts"
        + "reward_counts/format"
        + "reward_counts/language"
        + "reward_counts/reflection"
        + "reward_counts/units" []
    "rms_norm" [Reduce]
    "rope_kv" [Reduce Rows]
    "sample" [Reduce]
);

/// What a shader is written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    /// How its matrix is stored, where it reads one.
    pub(crate) format: Option<Format>,
    /// Whether threads may add in subgroups.
    pub(crate) subgroups: bool,
    /// Whether products may be in half precision, where the matrix is stored in no more.
    pub(crate) half: bool,
}

impl Variant {
    fn is_half(self) -> bool {
        self.half && self.format != Some(Format::F32)
    }
}

impl Prefix {
    fn text(self, variant: Variant) -> &'static str {
        match self {
            Self::Reduce if variant.subgroups => wgsl!("reduce/subgroups"),
            Self::Reduce => wgsl!("reduce/shared"),
            Self::Rows => wgsl!("rows"),
            Self::Product => wgsl!("product"),
            Self::Weights => weights(variant.format.expect("a product is told its format")),
            Self::Block => wgsl!("weights/block"),
            Self::Tile if variant.is_half() => wgsl!("tile/f16"),
            Self::Tile => wgsl!("tile/f32"),
        }
    }
}

fn weights(format: Format) -> &'static str {
    match format {
        Format::F32 => wgsl!("weights/f32"),
        Format::F16 => wgsl!("weights/f16"),
        Format::Bf16 => wgsl!("weights/bf16"),
        Format::Q8_0 => wgsl!("weights/q8_0"),
        Format::Q4_0 => wgsl!("weights/q4_0"),
        Format::Q4_1 => wgsl!("weights/q4_1"),
        Format::Q5_0 => wgsl!("weights/q5_0" + "weights/parts/five_bits"),
        Format::Q5_1 => wgsl!("weights/q5_1" + "weights/parts/five_bits"),
        Format::Q4K => wgsl!("weights/q4_k" + "weights/parts/levels"),
        Format::Q5K => wgsl!("weights/q5_k" + "weights/parts/five_bits" + "weights/parts/levels"),
        Format::Q6K => wgsl!("weights/q6_k"),
        Format::Iq4Nl => wgsl!("weights/iq4_nl"),
    }
}

/// The source of an operation, after what stands before it.
///
/// # Panics
/// Where there is no such operation.
pub(crate) fn source(name: &str, variant: Variant) -> String {
    let found = OPERATIONS.iter().find(|known| known.name == name);
    let operation = found.unwrap_or_else(|| panic!("no shader `{name}`"));
    let half = variant.is_half() && operation.prefixes.contains(&Prefix::Tile);
    // naga, which reads it elsewhere, does not know the line of subgroups.
    let subgroups = variant.subgroups && cfg!(target_family = "wasm");
    let enable = [(half, "enable f16;"), (subgroups, "enable subgroups;")];
    let enable = enable.into_iter().filter_map(|(used, line)| used.then_some(line));
    let prefixes = operation.prefixes.iter().map(|prefix| prefix.text(variant));
    enable.chain(prefixes).chain([operation.text]).collect::<Vec<_>>().join("\n")
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    /// Every source that is compiled, with a name.
    fn all() -> Vec<(String, String)> {
        let mut all = Vec::new();
        for Operation { name, prefixes, .. } in OPERATIONS {
            let formats = match prefixes.contains(&Prefix::Weights) {
                true => Format::ALL.map(Some).to_vec(),
                false => vec![None],
            };
            for format in formats {
                for more in [false, true] {
                    let variant = Variant { format, subgroups: more, half: more };
                    all.push((format!("{name} {variant:?}"), source(name, variant)));
                }
            }
        }
        all
    }

    fn validator() -> naga::valid::Validator {
        use naga::valid::{Capabilities, ValidationFlags, Validator};
        // `unpack2x16float`, which WebGPU always has.
        let needed = Capabilities::SHADER_FLOAT16_IN_FLOAT32
            | Capabilities::SHADER_FLOAT16
            | Capabilities::SUBGROUP;
        let mut validator = Validator::new(ValidationFlags::all(), needed);
        validator
            .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
            .subgroup_operations(naga::valid::SubgroupOperationSet::all());
        validator
    }

    #[test]
    fn every_shader_is_valid() {
        for (name, source) in all() {
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&source)));
            let mut validator = validator();
            validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert_eq!(module.entry_points.len(), 1, "{name} has one entry point");
            assert_eq!(module.entry_points[0].name, "main", "{name}");
        }
    }

    #[test]
    fn every_shader_is_written_for_metal_and_direct3d() {
        for (name, source) in all() {
            let module = naga::front::wgsl::parse_str(&source).expect("valid");
            let mut validator = validator();
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
