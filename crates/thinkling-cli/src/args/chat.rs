//! Arguments of `thinkling chat`.

use super::{DeviceArgs, Executor, SamplingArgs, TemplateArg};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ThinkingArg {
    /// Shown dimmed while it comes, then folded to one line; without a terminal only counted
    Fold,
    /// Shown and left there
    Show,
    /// Not shown
    Hide,
}

#[derive(Debug, Args)]
#[command(after_help = "Commands, at the beginning of a line:
  /think         show the last thinking
  /system TEXT   set the system message; alone: take it away
  /reset         begin a new conversation, with the same system message
  /save FILE     write the conversation as JSON, thinking apart
  /help  /quit   (// begins a message with a slash; a line that ends with \\ goes on)
Ctrl-C stops an answer; at the prompt twice, or Ctrl-D, it ends the chat.

Examples:
  thinkling chat --model Qwen/Qwen3-0.6B
  thinkling chat --model SmolLM2-135M-Instruct.Q4_1.gguf --system 'Answer in one sentence.'
  thinkling chat --model recipes/mini-world-base --template r1-zero
  printf 'What is 17 + 25?\\nAnd twice that?\\n' | thinkling chat --model MODEL --greedy
Without a terminal each line of standard input is a message, and answers alone go to standard output;
the first that fails ends it.",
    mut_arg("temperature", |a| a.default_value("0.6")),
    mut_arg("top_p", |a| a.default_value("0.95")))]
pub(crate) struct ChatArgs {
    /// A Hugging Face folder, a GGUF file, a model that a run wrote, or an id of the hub: OWNER/NAME
    /// or OWNER/NAME/FILE.gguf, with @REVISION or without
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// What stands around messages; with r1-zero and none each message is asked alone
    #[arg(long, value_enum, default_value = "chat")]
    pub(crate) template: TemplateArg,
    /// System message of the chat template
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// What to do with the thinking
    #[arg(long, value_enum, default_value = "fold")]
    pub(crate) thinking: ThinkingArg,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Tokens of an answer at most [default: what is left of the context]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,
    /// Tokens of the conversation at most; the oldest turns are left out beyond [default: the model's,
    /// at most 8192]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..))]
    pub(crate) context: Option<u32>,
    /// What computes the tokens; only the engine keeps what it computed of earlier turns
    #[arg(long, value_enum, default_value = "engine")]
    pub(crate) executor: Executor,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
