//! Generation with a [`Decoder`]: prompts by its forward pass, steps by the CPU's decoder or by tensor
//! code over a cache.

use crate::batch::{PackedBatch, Sequence, int_tensor};
use crate::steps::{Prefill, Steps};
use crate::{Decoder, ModelError};
use burn::tensor::Tensor;
use std::ops::ControlFlow;
use thinkling_cpu::matmul::Precision;
use thinkling_ops::is_host;
use thinkling_sampling::generate::{self as sampling, Decode, EachToken};

pub use thinkling_sampling::generate::{
    Completion, GenerateRequest, Generated, Logits, TokenEvent,
};

/// Columns that a cache begins with beyond the prompt; it grows when a completion is longer.
const FIRST_COLUMNS: usize = 256;
/// Prompt tokens whose logits are on the host at once.
const PROMPT_CHUNK: usize = 32;

/// [`thinkling_sampling::generate::generate`] with a model.
///
/// # Errors
/// As there.
pub async fn generate(
    model: &Decoder,
    request: &GenerateRequest<'_>,
    on_token: impl FnMut(TokenEvent<'_>) -> ControlFlow<()>,
) -> Result<Generated, ModelError> {
    // On the CPU adapters are merged while the weights are packed.
    let merged = (model.lora().is_some() && !is_host(&model.device())).then(|| model.merged());
    let model = merged.as_ref().unwrap_or(model);
    let longest = request.prompts.iter().map(Vec::len).max().unwrap_or(0);
    let positions = longest.saturating_add(request.stop.max_tokens);
    let mut decoding = Decoding {
        model,
        positions: positions.min(model.config().max_position_embeddings),
        precision: request.precision,
        flexible: is_host(&model.device()),
        steps: None,
        prefill: None,
    };
    sampling::generate(&mut decoding, request, on_token).await
}

/// A model with its running rows.
struct Decoding<'a> {
    model: &'a Decoder,
    /// The most that a sequence comes to.
    positions: usize,
    precision: Precision,
    flexible: bool,
    /// Made when the first row needs a step.
    steps: Option<Steps>,
    /// The last prefill: batch, rotated fused rows of each layer, lengths.
    prefill: Option<(PackedBatch, Vec<Tensor<2>>, Vec<usize>)>,
}

impl Decode for Decoding<'_> {
    type Error = ModelError;

    fn vocab_size(&self) -> usize {
        self.model.config().vocab_size
    }

    fn context(&self) -> usize {
        self.model.config().max_position_embeddings
    }

    fn is_flexible(&self) -> bool {
        self.flexible
    }

    async fn prefill(
        &mut self,
        prompts: &[Vec<u32>],
        mut each: Option<EachToken<'_>>,
    ) -> Result<Logits, ModelError> {
        let model = self.model;
        let sequences: Vec<Sequence<'_>> =
            prompts.iter().map(|ids| Sequence { ids, prefix: None }).collect();
        let batch = PackedBatch::new(model, &sequences);
        let mut layers = Vec::new();
        let hidden = model.forward_with(&batch, |qkv| layers.push(qkv.clone()));
        let width = hidden.dims()[1];
        if let Some(each) = &mut each {
            for (i, prompt) in prompts.iter().enumerate() {
                let tokens = prompt.len() - 1;
                for first in (0..tokens).step_by(PROMPT_CHUNK) {
                    let rows = first..(first + PROMPT_CHUNK).min(tokens);
                    let start = batch.start(i);
                    let place = start + rows.start..start + rows.end;
                    let chunk = hidden.clone().slice([place, 0..width]);
                    let mut logits = read_logits(model, chunk).await?;
                    for (token, row) in rows.zip(logits.values.chunks_exact_mut(logits.vocab)) {
                        each(i, token, row);
                    }
                }
            }
        }
        let lens: Vec<usize> = prompts.iter().map(Vec::len).collect();
        let last = lens.iter().enumerate().map(|(i, len)| (batch.start(i) + len - 1) as i32);
        let hidden = hidden.select(0, int_tensor(last.collect(), &model.device()));
        self.prefill = Some((batch, layers, lens));
        read_logits(model, hidden).await
    }

    async fn add_rows(&mut self, prompts: &[usize], max_tokens: usize) -> Result<(), ModelError> {
        let (batch, layers, lens) = self.prefill.take().expect("rows follow a prefill");
        let prefill = Prefill { batch: &batch, layers, lens: &lens };
        let steps = match &mut self.steps {
            Some(steps) if self.flexible => steps,
            steps => steps.insert(Steps::new(self.model, self.positions, self.precision)),
        };
        steps.add_rows(self.model, prefill, prompts, max_tokens.min(FIRST_COLUMNS));
        Ok(())
    }

    async fn step(&mut self, ids: &[u32], logits: &mut Logits) -> Result<(), ModelError> {
        let steps = self.steps.as_mut().expect("steps follow rows");
        steps.step(self.model, ids, logits).await
    }

    fn keep_rows(&mut self, keep: &dyn Fn(usize) -> bool) {
        if let Some(steps) = &mut self.steps {
            steps.keep_rows(keep);
        }
    }
}

/// Logits of `hidden` (`[rows, hidden]`).
pub(crate) async fn read_logits(model: &Decoder, hidden: Tensor<2>) -> Result<Logits, ModelError> {
    let logits = model.logits(hidden);
    let vocab = logits.dims()[1];
    let data = logits.into_data_async().await.map_err(|e| ModelError::Device(format!("{e:?}")))?;
    let values = data.try_into_vec().map_err(|e| ModelError::Device(format!("{e:?}")))?;
    Ok(Logits { values, vocab })
}
