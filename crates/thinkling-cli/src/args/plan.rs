//! `thinkling plan`.

use clap::Args;
use std::path::PathBuf;

/// What the call says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thinkling plan recipes/gpu-r1-zero-qwen2.5-1.5b.toml --gpus 8 --gpu h100 \\
      --set model.path=Qwen/Qwen2.5-1.5B
  thinkling plan recipes/gpu-r1-zero-qwen2.5-1.5b.toml --gpus 512 --gpu h800 --params 671e9 \\
      --active-params 37e9 --set model.path=Qwen/Qwen2.5-1.5B --set stage.rl.steps=10400
docs/scale.md explains the numbers. What a recipe takes on this machine says `train --dry-run`.")]
pub(crate) struct PlanArgs {
    /// The recipe (TOML); of its model the shape is enough (config.json)
    pub(crate) recipe: PathBuf,
    /// Override a key of the recipe, as in train; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// GPUs
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) gpus: u32,
    /// Their kind: h100, h200, h800, a100, l40s, rtx4090, rtx3090 or mi300x
    #[arg(long, value_name = "NAME", default_value = "h100")]
    pub(crate) gpu: String,
    /// Dense bf16 products in TFLOP/s, instead of the kind's
    #[arg(long, value_name = "X")]
    pub(crate) tflops: Option<f64>,
    /// Bandwidth of the memory in GB/s, instead of the kind's
    #[arg(long, value_name = "X")]
    pub(crate) bandwidth: Option<f64>,
    /// Memory in GB, instead of the kind's
    #[arg(long, value_name = "X")]
    pub(crate) memory: Option<f64>,
    /// Parameters, instead of those of the recipe's model
    #[arg(long, value_name = "N")]
    pub(crate) params: Option<f64>,
    /// Parameters that a token is multiplied by, of a model with experts
    #[arg(long, value_name = "N")]
    pub(crate) active_params: Option<f64>,
    /// Bytes of a token's keys and values, instead of those of the recipe's shape in bf16
    #[arg(long, value_name = "N")]
    pub(crate) kv_bytes: Option<f64>,
    /// Mean length of completions as a share of their limit
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(crate) mean_share: f64,
    /// Share of the operations that learning reaches
    #[arg(long, value_name = "SHARE", default_value_t = 0.35)]
    pub(crate) update_use: f64,
    /// Share of bandwidth and operations that decoding reaches
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(crate) decode_use: f64,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
