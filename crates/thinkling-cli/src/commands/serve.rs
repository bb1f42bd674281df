//! `thinkling serve`.

use crate::args::{ServeArgs, TemplateArg};
use crate::commands::{on_ctrl_c, open_model};
use crate::device::{self, OpenedEngine};
use crate::failure::Failure;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thinkling_engine::{Capacity, Engine, Keep, WeightsReader};
use thinkling_serve::{ChatPrompt, Limits, ServeConfig, ServedModel, Server};
use thinkling_train::hub::name_in_cache;
use thinkling_train::model_io::{StoredModel, required};
use thinkling_weights::{Checkpoint, ModelConfig};

/// Where the key is, if not on the command line.
const KEY: &str = "THINKLING_API_KEY";
/// Tokens of a sequence, where nothing else is said: their keys and values take memory.
const CONTEXT: usize = 8192;
/// Bytes of keys and values, where nothing else is said.
const CACHE_BYTES: usize = 2 << 30;

pub(crate) fn run(args: ServeArgs) -> Result<(), Failure> {
    let api_key = api_key(args.api_key.clone())?;
    let OpenedEngine { adapter, .. } = device::open_engine(&args.device)?;
    let model = open_model(&args.model)?;
    let config = model.checkpoint.config().clone();
    let most = adapter.as_ref().map_or(usize::MAX, |adapter| adapter.most_cache_tokens(&config));
    let limits = limits(&args, &config, most)?;
    let last = || args.model.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or_else(|| name_in_cache(&model.path)).or_else(last);
    let StoredModel { tokenizer, chat, path, .. } = model;
    let tokenizer = required(tokenizer, &path)?;
    let chat = match (args.template, chat) {
        (TemplateArg::Chat, Some(template)) => ChatPrompt::Template(Box::new(template)),
        (TemplateArg::R1Zero, _) => ChatPrompt::R1Zero,
        (TemplateArg::Chat, None) => {
            eprintln!(
                "note: the model has no chat template, so there are completions but no chats (or start \
                 with --template r1-zero)"
            );
            ChatPrompt::None
        }
        (TemplateArg::None, _) => ChatPrompt::None,
    };
    let served = ServedModel {
        name: name.unwrap_or_else(|| "model".to_owned()),
        stop_ids: config.eos_token_ids.clone(),
        config,
        tokenizer: Arc::new(tokenizer),
        chat,
        path: Some(path.clone()),
    };
    let address = SocketAddr::new(args.host, args.port);
    if !args.host.is_loopback() && api_key.is_none() {
        eprintln!(
            "warning: {address} is open to other machines and there is no key: everyone who reaches it \
             may use it; set {KEY} or --api-key"
        );
    }
    let allow_updates = args.allow_updates;
    if allow_updates && api_key.is_none() {
        eprintln!("warning: everyone who reaches {address} may replace the weights; set {KEY}");
    }
    let name = served.name.clone();
    let has_key = api_key.is_some();
    let Limits { rows, cache_tokens, context, .. } = limits;
    let server = Server::start(
        ServeConfig { address, api_key, allow_updates, limits },
        served,
        move || {
            // Opened again: what reads the files stays in one thread.
            let checkpoint = Checkpoint::open(&path)?;
            let weights = WeightsReader::new(&checkpoint, Keep::Stored);
            let capacity =
                Capacity { rows, cache_tokens, prompt_tokens: 0, conversation_tokens: 0 };
            match &adapter {
                Some(adapter) => pollster::block_on(Engine::on_gpu(adapter, &weights, capacity)),
                None => Engine::on_cpu(&weights, capacity),
            }
        },
    )?;
    let stopper = server.stopper();
    on_ctrl_c("ending: what runs may finish; Ctrl-C again to end at once", move || stopper.stop())?;
    let key = if has_key { "with a key" } else { "without a key" };
    eprintln!(
        "serving `{name}` on http://{}/v1 {key}: {rows} completions at once, {context} tokens each at \
         most, {cache_tokens} in the cache",
        server.address()
    );
    server.wait()?;
    eprintln!("ended");
    Ok(())
}

/// The key of the call or of the environment; an empty one is a mistake.
fn api_key(given: Option<String>) -> Result<Option<String>, Failure> {
    let key = given.or_else(|| std::env::var(KEY).ok());
    match key {
        Some(key) if key.trim().is_empty() => {
            Err(Failure::usage(format!("the API key (--api-key or {KEY}) is empty")))
        }
        key => Ok(key),
    }
}

/// What the server takes on; `most_cache` is what the device has room for.
fn limits(args: &ServeArgs, config: &ModelConfig, most_cache: usize) -> Result<Limits, Failure> {
    let most = config.max_position_embeddings;
    let context = match args.context {
        None => CONTEXT.min(most),
        Some(context) if context as usize <= most => context as usize,
        Some(context) => {
            return Err(Failure::usage(format!(
                "--context, expected: at most {most}, the model's, got: {context}"
            )));
        }
    };
    let rows = args.rows as usize;
    let token = 8 * config.num_hidden_layers * config.kv_size();
    let fitting = (CACHE_BYTES / token.max(1)).min(rows * context).max(context);
    let cache_tokens = args.cache_tokens.map_or(fitting.min(most_cache), |tokens| tokens as usize);
    if cache_tokens < context || cache_tokens > most_cache {
        return Err(Failure::usage(format!(
            "tokens in the cache, expected: from {context} (--context) to {most_cache} (what fits a \
             buffer of the GPU), got: {cache_tokens}; a shorter --context may help"
        )));
    }
    Ok(Limits {
        rows,
        cache_tokens,
        queue: args.queue as usize,
        context,
        default_max_tokens: args.default_max_tokens as usize,
        choices: args.max_choices as usize,
        body_bytes: args.max_body as usize * 1_000_000,
        request_timeout: Duration::from_secs(args.timeout),
        stall_timeout: Duration::from_secs(args.stall_timeout),
        grace: Duration::from_secs(args.grace),
        ..Limits::default()
    })
}
