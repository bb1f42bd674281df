//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Trains small language models to reason, as DeepSeek-R1 did, and runs them.
#[derive(Debug, Parser)]
#[command(name = "thinkling", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Start here: thinkling train recipes/quickstart.toml

Exit status: 0 done, 1 failed while running, 2 the call or recipe is wrong, 3 an input file is
damaged or unsupported. Results go to stdout, progress and notes to stderr.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a recipe's stages, or go on with a stopped run
    Train(TrainArgs),
    /// Complete a prompt
    Generate(Box<GenerateArgs>),
    /// Write a model as a folder that transformers opens
    Export(ExportArgs),
    /// List devices and their limits, and test the device at hand
    Doctor(DoctorArgs),
    /// Measure the speed of training steps
    Bench(BenchArgs),
}

/// Where and how a model runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// auto (a real GPU if there is one, else the CPU), cpu, gpu, or gpu:N as doctor lists them
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub(crate) device: String,
    /// Threads of the CPU device [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Do not test a GPU before using it
    #[arg(long)]
    pub(crate) skip_self_test: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thinkling train recipes/quickstart.toml
  thinkling train recipes/quickstart.toml --set seed=2 --set stage.rl.lr=5e-5
  thinkling train --resume runs/quickstart-1
Ctrl-C saves a checkpoint and says how to go on.")]
pub(crate) struct TrainArgs {
    /// The recipe (TOML)
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub(crate) recipe: Option<PathBuf>,
    /// Override a key of the recipe, such as stage.rl.lr=1e-4; may be repeated
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "resume")]
    pub(crate) set: Vec<String>,
    /// Folder of the run, new or empty [default: runs/NAME-N]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with the run in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) resume: Option<PathBuf>,
    /// Check the recipe, print it resolved, and run nothing
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    /// Seed, instead of the recipe's
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub(crate) seed: Option<u64>,
    /// Print one JSON object with the results at the end
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateArg {
    /// The prompt as it is
    None,
    /// The model's own chat template, the prompt as the user's message
    Chat,
    /// The template of R1-Zero, the prompt as the question
    R1Zero,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Executor {
    /// The model as it trains
    Burn,
    /// The decode engine (not there yet)
    Engine,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  thinkling generate --model SmolLM2-135M-Instruct.Q4_1.gguf --template chat \\
      --prompt 'What is 17 + 25?' --greedy")]
pub(crate) struct GenerateArgs {
    /// A Hugging Face folder (config.json, *.safetensors, tokenizer.json), a GGUF file, or a model
    /// that a run wrote
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The prompt
    #[arg(long, value_name = "TEXT", required_unless_present = "prompt_ids")]
    pub(crate) prompt: Option<String>,
    /// The prompt as token ids
    #[arg(long, value_name = "IDS", value_delimiter = ',', conflicts_with_all = ["prompt", "template"])]
    pub(crate) prompt_ids: Option<Vec<u32>>,
    /// What stands around the prompt
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) template: TemplateArg,
    /// Take the most probable token at each step
    #[arg(long, conflicts_with = "temperature")]
    pub(crate) greedy: bool,
    /// Divides the logits before sampling; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    pub(crate) temperature: f64,
    /// Sample from the smallest set of tokens with this probability in sum
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub(crate) top_p: f64,
    /// Sample from the K most probable tokens; 0 from all
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub(crate) top_k: usize,
    /// Drop tokens less probable than this share of the best
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(crate) min_p: f64,
    /// Tokens at most
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) max_tokens: usize,
    /// Completions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) n: u32,
    /// Go on after end-of-sequence tokens
    #[arg(long)]
    pub(crate) ignore_eos: bool,
    /// Give the log-probability of each prompt token after the first (with --json)
    #[arg(long, requires = "json")]
    pub(crate) prompt_logprobs: bool,
    /// Give the K most probable tokens of each step (with --json)
    #[arg(long, value_name = "K", default_value_t = 0, requires = "json")]
    pub(crate) top_logprobs: usize,
    /// What computes the tokens
    #[arg(long, value_enum, default_value = "burn")]
    pub(crate) executor: Executor,
    /// Seed of the random draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print one JSON object with ids and log-probabilities
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// config.json, model.safetensors, tokenizer.json, generation_config.json
    Safetensors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Quant {
    /// 32-bit floats
    F32,
    /// 16-bit floats
    F16,
    /// bfloat16
    Bf16,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A Hugging Face folder, a GGUF file, or a model that a run wrote
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "safetensors")]
    pub(crate) format: ExportFormat,
    /// Type of the weights
    #[arg(long, value_enum, default_value = "f32")]
    pub(crate) quant: Quant,
    /// Folder to write
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Test this device only [default: the CPU and the device that auto takes]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchKind {
    /// Steps of reinforcement learning: generate, reward, update
    Grpo,
    /// Steps of supervised training
    Sft,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_enum)]
    pub(crate) kind: BenchKind,
    /// Sizes and steps (JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Model, instead of the one the config names
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Seed, instead of the config's
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
