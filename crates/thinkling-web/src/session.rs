//! A model on a device.

use crate::device::{GpuHandle, Pass, Place};
use crate::generate::{Event, GenerateResult, Run};
use crate::meter::Counter;
use crate::request::{Prompt, Request};
use crate::{Bundle, DeviceInfo, LoadOptions, WebError};
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use thinkling_reward::FormatRule;
use thinkling_sampling::generate::{GenerateRequest, generate};

/// What a model is and where it runs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    name: String,
    architecture: String,
    parameters: u64,
    layers: usize,
    vocab_size: usize,
    context: usize,
    weight_bytes: u64,
    formats: BTreeSet<String>,
    device: DeviceInfo,
    gpu_bytes: u64,
    has_chat_template: bool,
    template: Option<String>,
    format_rule: Option<FormatRule>,
}

/// Log-probabilities of a text's tokens.
#[derive(Clone, Debug, Serialize)]
pub struct TokenLogprobs {
    /// The token ids.
    pub ids: Vec<u32>,
    /// Text of each.
    pub tokens: Vec<String>,
    /// Of each token after the first, nats.
    pub logprobs: Vec<f64>,
}

/// A model on a device: generates, one call at a time.
pub struct Session {
    bundle: Bundle,
    place: Place,
    counter: Counter,
    clock: Rc<dyn Fn() -> f64>,
}

impl Session {
    /// Puts a model on the device that is wanted. `clock` gives seconds; `pass` is asked before each
    /// pass whether to go on, see [`thinkling_engine::Engine::with_before_pass`].
    ///
    /// # Errors
    /// Weights that cannot be read, memory that is not there, a GPU that was asked for and is not fit.
    pub async fn open(
        bundle: Bundle,
        options: LoadOptions,
        clock: Box<dyn Fn() -> f64>,
        pass: impl Fn() -> std::pin::Pin<Box<dyn Future<Output = ControlFlow<()>>>> + 'static,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Self, WebError> {
        let pass: Pass = Rc::new(pass);
        let place = Place::open(&bundle, options, pass, emit).await?;
        Ok(Self { bundle, place, counter: Counter::default(), clock: clock.into() })
    }

    /// What it is and where it runs.
    pub fn info(&self) -> ModelInfo {
        let config = self.bundle.checkpoint.config();
        let used = thinkling_weights::expected_tensors(config);
        let types =
            used.iter().filter_map(|(name, _)| self.bundle.checkpoint.stored_type(name).ok());
        ModelInfo {
            name: self.bundle.name.clone(),
            architecture: config.architecture.model_type().to_owned(),
            parameters: self.bundle.parameters(),
            layers: config.num_hidden_layers,
            vocab_size: config.vocab_size,
            context: self.place.capacity.conversation_tokens,
            weight_bytes: self.bundle.weight_bytes,
            formats: types.map(|ty| ty.to_string()).collect(),
            device: self.place.info.clone(),
            gpu_bytes: self.place.engine.usage().map_or(0, |usage| usage.gpu_bytes),
            has_chat_template: self.bundle.chat.is_some(),
            template: self.bundle.template.clone(),
            format_rule: self.bundle.format_rule,
        }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.bundle.name
    }

    /// Completes a prompt or answers a conversation; `emit` sees each token.
    ///
    /// # Errors
    /// A request that cannot be met; a device that fails for another reason than being lost.
    pub async fn generate(
        &mut self,
        request: &Request,
        emit: &mut dyn FnMut(Event),
    ) -> Result<GenerateResult, WebError> {
        let Self { bundle, place, counter, clock } = self;
        let run = Run::new(bundle, request, counter, clock.clone())?;
        run.finish(place, counter, emit).await
    }

    /// Log-probability of each token of a text after the first.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub async fn logprobs(&mut self, text: Prompt) -> Result<TokenLogprobs, WebError> {
        let ids = match text {
            Prompt::Text(text) => self.bundle.tokenizer.encode(&text)?,
            Prompt::Ids(ids) => ids,
        };
        let prompts = [ids];
        let request =
            GenerateRequest { prompt_logprobs: true, ..GenerateRequest::new(&prompts, 0) };
        if self.place.is_lost() {
            self.counter.forget_gpu();
            self.place.restore(&self.bundle, &mut |_| {}).await?;
        }
        let go_on = |_: thinkling_sampling::generate::TokenEvent<'_>| ControlFlow::Continue(());
        let generated = generate(&mut self.place.engine, &request, go_on).await?;
        let mut stream = self.bundle.tokenizer.stream(false);
        let tokens = prompts[0].iter().map(|&id| stream.push(id)).collect();
        let [ids] = prompts;
        let logprobs = generated.prompt_logprobs.into_iter().next().unwrap_or_default();
        Ok(TokenLogprobs { ids, tokens, logprobs })
    }

    /// Its GPU, also while it is at work.
    pub fn gpu(&self) -> GpuHandle {
        self.place.gpu.clone()
    }
}
