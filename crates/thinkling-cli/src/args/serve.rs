//! Arguments of `thinkling serve`.

use super::{DeviceArgs, TemplateArg};
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    after_help = "Endpoints: /v1/models, /v1/completions, /v1/chat/completions, /health, /metrics, and with
--allow-updates /v1/weights. docs/serve.md has every field, limit and error.

Examples:
  thinkling serve --model Qwen/Qwen3-0.6B
  thinkling serve --model recipes/mini-world-base --template r1-zero --port 8080
  curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\
      -d '{\"messages\": [{\"role\": \"user\", \"content\": \"What is 17 + 25?\"}]}'
  THINKLING_API_KEY=secret thinkling serve --model MODEL --host 0.0.0.0 --allow-updates
Ctrl-C lets what runs end; a second one does not wait."
)]
pub(crate) struct ServeArgs {
    /// A Hugging Face folder, a GGUF file, a model that a run wrote, or an id of the hub: OWNER/NAME
    /// or OWNER/NAME/FILE.gguf, with @REVISION or without
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// What requests call the model [default: its id on the hub, or the name of its folder or file]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// What stands around the messages of a chat; with r1-zero each is asked alone, with none there is
    /// no chat
    #[arg(long, value_enum, default_value = "chat")]
    pub(crate) template: TemplateArg,
    /// Address to listen on; 0.0.0.0 for all of the machine's
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Port to listen on; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8000)]
    pub(crate) port: u16,
    /// Key that requests must bring as `Authorization: Bearer KEY` [default: the environment variable
    /// THINKLING_API_KEY, which other users of the machine do not see; else none]
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// Take new weights at /v1/weights
    #[arg(long)]
    pub(crate) allow_updates: bool,
    /// Completions that run at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) rows: u32,
    /// Tokens whose keys and values are kept: of all prompts and completions that run, each of these
    /// with as many as it may come to [default: what fits 2 GiB, at least one context, at most what all
    /// rows could need]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) cache_tokens: Option<u32>,
    /// Tokens of a prompt and its completion together [default: the model's, at most 8192]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) context: Option<u32>,
    /// Tokens of a chat's answer where the request does not say
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) default_max_tokens: u32,
    /// Requests beside the running ones that may be in the server; further ones are told to come again
    /// (429)
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) queue: u32,
    /// Completions of a request: prompts times n
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_choices: u32,
    /// Megabytes of a request's body
    #[arg(long, value_name = "MB", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_body: u32,
    /// Seconds from a request to its last token
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// Seconds that a client may leave a request half sent or an answer unread
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stall_timeout: u64,
    /// Seconds that running requests have after Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) grace: u64,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
