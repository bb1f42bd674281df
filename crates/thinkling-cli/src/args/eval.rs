//! Arguments of `thinkling eval`.

use super::{DeviceArgs, Executor, TemplateArg};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerArg {
    /// The one answer block
    R1Zero,
    /// A box
    Boxed,
    /// All places outside the thinking, the last number at least
    Anywhere,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Data: JSON lines or a JSON array, plain or gzip, in the layout of GSM8K, MATH, AIME, AMC, SVAMP,
AQuA, MBPP or HumanEval, or with the columns (problem, answer) or (question, answer); or the word
mini-world, or grown-world, grown-world-requests, grown-world-harmful. The layout is found by the columns. docs/evaluation.md says how each is asked and judged.

Examples:
  thinkling eval --model runs/quickstart-1/stages/rl --data mini-world --template r1-zero --samples 8
  thinkling eval --model SmolLM2-135M-Instruct.Q4_1.gguf --executor engine --template chat \\
      --data gsm8k/test.jsonl --limit 200 --max-tokens 256 --out runs/smollm2-gsm8k
Ctrl-C keeps what has ended; the same call with --resume goes on."
)]
pub(crate) struct EvalArgs {
    /// A Hugging Face folder, a GGUF file, a model that a run wrote, or an id of the hub
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Problems with their gold answers, or mini-world, grown-world, grown-world-requests,
    /// grown-world-harmful
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Answers a problem (the report: 64 for AIME, 16 for MATH-500)
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) samples: u32,
    /// Divides the logits before sampling; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = 0.6)]
    pub(crate) temperature: f64,
    /// Sample from the smallest set of tokens with this probability in sum
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    pub(crate) top_p: f64,
    /// Tokens of a completion at most [default: 32768, or the model's context]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,
    /// Take the first N problems [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Seed of the random draws and of the intervals
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// What stands around a question
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) template: TemplateArg,
    /// System message of the chat template
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// Where an answer counts [default: r1-zero with that template, else anywhere]
    #[arg(long, value_enum)]
    pub(crate) answer: Option<AnswerArg>,
    /// Skip and count records that cannot be used, instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Folder of the evaluation, new or empty [default: runs/eval-DATA-N]
    #[arg(long, value_name = "DIR", required_if_eq("resume", "true"))]
    pub(crate) out: Option<PathBuf>,
    /// Go on with the evaluation in --out, which must have the same settings
    #[arg(long)]
    pub(crate) resume: bool,
    /// What computes the tokens
    #[arg(long, value_enum, default_value = "burn")]
    pub(crate) executor: Executor,
    /// Completions at once at most [default: what fits 1 GiB of keys and values, at most 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_rows: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
