//! `thinkling export`.

use crate::args::{ExportArgs, ExportFormat, Quant};
use crate::commands::open_model;
use crate::failure::Failure;
use burn::tensor::Device;
use clap::ValueEnum;
use thinkling_train::export_gguf::{GgufExport, write_gguf};
use thinkling_train::export_web::{WebExport, write_web};
use thinkling_train::model_io::{load_adapter, save_model};
use thinkling_weights::{FloatType, GgmlType, Training};

pub(crate) fn run(args: ExportArgs) -> Result<(), Failure> {
    if args.format != ExportFormat::Web && (args.template.is_some() || args.format_rule.is_some()) {
        return Err(Failure::usage("--template and --format-rule are for --format web"));
    }
    if args.format != ExportFormat::Safetensors && args.adapter.is_some() {
        return Err(Failure::usage(
            "--adapter is for --format safetensors; export that first, then its folder as this",
        ));
    }
    match args.format {
        ExportFormat::Safetensors => safetensors(&args)?,
        ExportFormat::Web => web(&args)?,
        ExportFormat::Gguf => gguf(&args)?,
    }
    println!("{}", args.out.display());
    Ok(())
}

fn safetensors(args: &ExportArgs) -> Result<(), Failure> {
    if args.name.is_some() {
        return Err(Failure::usage("--name is for --format web and --format gguf"));
    }
    let dtype = match args.quant {
        None | Some(Quant::F32) => FloatType::F32,
        Some(Quant::F16) => FloatType::F16,
        Some(Quant::Bf16) => FloatType::Bf16,
        Some(Quant::Q8_0 | Quant::Q4_0 | Quant::Q4_1) => {
            return Err(Failure::usage(
                "safetensors are not quantised; use --quant f32, f16 or bf16, or --format web or gguf",
            ));
        }
    };
    let mut model = open_model(&args.model)?.load(&Device::flex())?;
    if let Some(adapter) = &args.adapter {
        model.decoder = load_adapter(adapter, model.decoder)?;
    }
    let tokenizer_config = model.tokenizer_config.as_deref();
    save_model(&args.out, &model.decoder, model.tokenizer.as_ref(), tokenizer_config, dtype)?;
    Ok(())
}

fn web(args: &ExportArgs) -> Result<(), Failure> {
    let training = Training {
        template: args.template.as_ref().map(name_of),
        format_rule: args.format_rule.as_ref().map(name_of),
    };
    let export =
        WebExport { name: model_name(args), training, matrices: args.quant.map(ggml_type) };
    write_web(&args.out, &open_model(&args.model)?, &export)?;
    Ok(())
}

fn gguf(args: &ExportArgs) -> Result<(), Failure> {
    if args.out.extension().is_none_or(|e| !e.eq_ignore_ascii_case("gguf")) {
        return Err(Failure::usage("--format gguf writes one file: name it, as --out model.gguf"));
    }
    let matrices = args.quant.map_or(GgmlType::F16, ggml_type);
    let export = GgufExport { name: model_name(args), matrices };
    let for_llama_cpp = write_gguf(&args.out, &open_model(&args.model)?, &export)?;
    if !for_llama_cpp {
        eprintln!(
            "note: llama.cpp has no rules for this model's tokenizer and will take token ids alone; \
             thinkling reads the tokenizer.json in the file"
        );
    }
    Ok(())
}

fn ggml_type(quant: Quant) -> GgmlType {
    match quant {
        Quant::F32 => GgmlType::F32,
        Quant::F16 => GgmlType::F16,
        Quant::Bf16 => GgmlType::Bf16,
        Quant::Q8_0 => GgmlType::Q8_0,
        Quant::Q4_0 => GgmlType::Q4_0,
        Quant::Q4_1 => GgmlType::Q4_1,
    }
}

/// The name that was asked for, or that of the model's folder or file.
fn model_name(args: &ExportArgs) -> String {
    if let Some(name) = &args.name {
        return name.clone();
    }
    let path = &args.model;
    // An id of the hub ends with a name too, which may have dots.
    let is_file = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf"));
    let own = if is_file { path.file_stem() } else { path.file_name() };
    own.map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The name of an argument's value on the command line.
fn name_of<V: ValueEnum>(value: &V) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
