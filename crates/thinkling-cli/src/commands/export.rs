//! `thinkling export`.

use crate::args::{ExportArgs, ExportFormat, Quant};
use crate::commands::open_model;
use crate::failure::Failure;
use burn::tensor::Device;
use thinkling_train::model_io::save_model;
use thinkling_weights::FloatType;

pub(crate) fn run(args: ExportArgs) -> Result<(), Failure> {
    let model = open_model(&args.model)?.load(&Device::flex())?;
    let dtype = match args.quant {
        Quant::F32 => FloatType::F32,
        Quant::F16 => FloatType::F16,
        Quant::Bf16 => FloatType::Bf16,
    };
    match args.format {
        ExportFormat::Safetensors => save_model(
            &args.out,
            &model.decoder,
            model.tokenizer.as_ref(),
            model.tokenizer_config.as_deref(),
            dtype,
        )?,
    }
    println!("{}", args.out.display());
    Ok(())
}
