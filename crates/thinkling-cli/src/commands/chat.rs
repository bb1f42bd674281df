//! `thinkling chat`.

use crate::args::ChatArgs;
use crate::chat::{Session, Settings, talk};
use crate::commands::open_model;
use crate::device;
use crate::failure::Failure;
use std::sync::Arc;
use thinkling_engine::Capacity;
use thinkling_train::hub::name_in_cache;

/// Tokens of a conversation, where nothing else is said: their keys and values take memory.
const CONTEXT: usize = 8192;

pub(crate) fn run(args: &ChatArgs) -> Result<(), Failure> {
    let sampling = args.sampling.params()?;
    let (executor, _) = device::open_executor(args.executor, &args.device)?;
    let model = open_model(&args.model)?;
    let most = model.checkpoint.config().max_position_embeddings;
    let context = args.context.map_or(CONTEXT, |tokens| tokens as usize).min(most);
    let capacity =
        Capacity { rows: 1, cache_tokens: 0, prompt_tokens: 0, conversation_tokens: context };
    let last = || args.model.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name_in_cache(&model.path).or_else(last).unwrap_or_else(|| "model".to_owned());
    let settings = Settings {
        template: args.template.template(),
        system: args.system.clone(),
        sampling,
        seed: args.sampling.seed,
        max_tokens: args.max_tokens.map(|tokens| tokens as usize),
        context,
        name,
    };
    let generator = executor.load(&model, capacity)?;
    talk(Session::new(&model, generator, Arc::default(), settings)?, args.thinking)
}
