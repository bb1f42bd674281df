//! Running sequences over a decoder and its cache: what `thinkling-sampling`'s loop generates with.

use crate::segments::{Segment, Segments};
use crate::{Adapter, CpuDecoder, EngineError, GpuDecoder, GpuOptions, Row, WeightsReader};
use std::sync::Arc;
use thinkling_sampling::generate::{Decode, EachToken, GenerateRequest, Logits};
use thinkling_sampling::{Sampled, SamplingParams};

/// Rows of a pass over prompts.
const PROMPT_ROWS: usize = 64;
/// Logits of a pass whose rows are all wanted.
const LOGITS_ROWS: usize = 32;

/// What decodes.
#[derive(Debug)]
enum Decoder {
    Cpu(Box<CpuDecoder>),
    Gpu(Box<GpuDecoder>),
}

impl Decoder {
    async fn logits(
        &mut self,
        ids: &[u32],
        rows: &[Row],
        wanted: &[usize],
    ) -> Result<Vec<f32>, EngineError> {
        match self {
            Self::Cpu(decoder) => decoder.logits(ids, rows, wanted),
            Self::Gpu(decoder) => decoder.logits(ids, rows, wanted).await,
        }
    }
}

/// Sizes of a decoder's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Sequences that run at once at most.
    pub rows: usize,
    /// Tokens whose keys and values are kept: of prompts, and of each running sequence as many as it
    /// may come to.
    pub cache_tokens: usize,
}

impl Capacity {
    /// What a request needs of a model with so long a context.
    pub fn of(request: &GenerateRequest<'_>, context: usize) -> Self {
        let group = request.group_size.max(1);
        let rows = (request.prompts.len() * group).min(request.max_rows.max(group)).max(1);
        let longest = request.prompts.iter().map(Vec::len).max().unwrap_or(0);
        let own = request.stop.max_tokens.min(context);
        // Prompts of running groups, and those that the next ones begin with.
        let prompts = (2 * rows.div_ceil(group)).min(request.prompts.len());
        Self { rows, cache_tokens: prompts * longest + rows * own + 1 }
    }
}

/// A model that decodes rows of tokens.
#[derive(Debug)]
pub struct Engine {
    decoder: Decoder,
    vocab_size: usize,
    context: usize,
    segments: Segments,
    /// Prompts of the last prefill that rows may begin after.
    prompts: Vec<Arc<Segment>>,
    rows: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    prompt: Arc<Segment>,
    own: Segment,
    /// Tokens that it has, without the prompt's.
    len: usize,
}

impl Engine {
    /// On a GPU.
    ///
    /// # Errors
    /// As [`GpuDecoder::new`].
    pub async fn on_gpu(
        adapter: &Adapter,
        weights: &WeightsReader<'_>,
        capacity: Capacity,
    ) -> Result<Self, EngineError> {
        let options = GpuOptions {
            max_rows: capacity.rows.max(PROMPT_ROWS),
            max_logits: capacity.rows.max(LOGITS_ROWS),
            cache_tokens: capacity.cache_tokens,
        };
        let decoder = GpuDecoder::new(adapter, weights, options).await?;
        Ok(Self::new(Decoder::Gpu(Box::new(decoder)), weights, capacity))
    }

    /// On the CPU.
    ///
    /// # Errors
    /// As [`CpuDecoder::new`].
    pub fn on_cpu(weights: &WeightsReader<'_>, capacity: Capacity) -> Result<Self, EngineError> {
        let decoder = CpuDecoder::new(weights, capacity.cache_tokens)?;
        Ok(Self::new(Decoder::Cpu(Box::new(decoder)), weights, capacity))
    }

    fn new(decoder: Decoder, weights: &WeightsReader<'_>, capacity: Capacity) -> Self {
        let config = weights.config();
        Self {
            decoder,
            vocab_size: config.vocab_size,
            context: config.max_position_embeddings,
            segments: Segments::new(capacity.cache_tokens),
            prompts: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// What it uses of the GPU, if it is on one.
    pub fn usage(&self) -> Option<crate::Usage> {
        match &self.decoder {
            Decoder::Cpu(_) => None,
            Decoder::Gpu(decoder) => Some(decoder.usage()),
        }
    }

    /// The next token of each running sequence, with all of them wanted.
    fn next_rows(&self) -> (Vec<Row>, Vec<usize>) {
        let row = |running: &Running| Row {
            prompt_start: running.prompt.start as u32,
            prompt_len: running.prompt.len as u32,
            own_start: running.own.start as u32,
            own_len: running.len as u32 + 1,
            position: (running.prompt.len + running.len) as u32,
        };
        (self.rows.iter().map(row).collect(), (0..self.rows.len()).collect())
    }

    /// Frees prompts that no row reads.
    fn drop_prompts(&mut self, prompts: Vec<Arc<Segment>>) {
        for prompt in prompts {
            if let Ok(segment) = Arc::try_unwrap(prompt) {
                self.segments.give_back(segment);
            }
        }
    }
}

impl Decode for Engine {
    type Error = EngineError;

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn context(&self) -> usize {
        self.context
    }

    fn is_flexible(&self) -> bool {
        true
    }

    async fn prefill(
        &mut self,
        prompts: &[Vec<u32>],
        mut each: Option<EachToken<'_>>,
    ) -> Result<Logits, EngineError> {
        let old = std::mem::take(&mut self.prompts);
        self.drop_prompts(old);
        for ids in prompts {
            self.prompts.push(Arc::new(self.segments.take(ids.len())?));
        }
        let mut logits = Logits { values: Vec::new(), vocab: self.vocab_size };
        let tokens = prompts.iter().enumerate();
        let mut tokens = tokens.flat_map(|(p, ids)| (0..ids.len()).map(move |t| (p, t))).peekable();
        let is_last = |(prompt, token): (usize, usize)| token + 1 == prompts[prompt].len();
        while tokens.peek().is_some() {
            let (mut ids, mut rows, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
            let mut seen = Vec::new();
            while rows.len() < PROMPT_ROWS
                && wanted.len() < LOGITS_ROWS
                && let Some(place) = tokens.next()
            {
                let (prompt, token) = place;
                if each.is_some() || is_last(place) {
                    wanted.push(rows.len());
                    seen.push(place);
                }
                ids.push(prompts[prompt][token]);
                rows.push(Row {
                    own_start: self.prompts[prompt].start as u32,
                    own_len: token as u32 + 1,
                    position: token as u32,
                    ..Row::default()
                });
            }
            let mut values = self.decoder.logits(&ids, &rows, &wanted).await?;
            for (place, row) in seen.into_iter().zip(values.chunks_exact_mut(self.vocab_size)) {
                match &mut each {
                    _ if is_last(place) => logits.values.extend_from_slice(row),
                    Some(each) => each(place.0, place.1, row),
                    None => {}
                }
            }
        }
        Ok(logits)
    }

    async fn add_rows(&mut self, prompts: &[usize], max_tokens: usize) -> Result<(), EngineError> {
        let known = std::mem::take(&mut self.prompts);
        for &prompt in prompts {
            let prompt = known[prompt].clone();
            // The last token of a completion is drawn, never run.
            let room = max_tokens.min(self.context - prompt.len);
            let own = self.segments.take(room)?;
            self.rows.push(Running { prompt, own, len: 0 });
        }
        self.drop_prompts(known);
        Ok(())
    }

    async fn step(&mut self, ids: &[u32], logits: &mut Logits) -> Result<(), EngineError> {
        let (rows, wanted) = self.next_rows();
        logits.vocab = self.vocab_size;
        logits.values = self.decoder.logits(ids, &rows, &wanted).await?;
        self.rows.iter_mut().for_each(|row| row.len += 1);
        Ok(())
    }

    fn draws(&self) -> bool {
        matches!(self.decoder, Decoder::Gpu(_))
    }

    async fn step_and_draw(
        &mut self,
        ids: &[u32],
        params: &SamplingParams,
        uniforms: &[f64],
    ) -> Result<Vec<Sampled>, EngineError> {
        let (rows, wanted) = self.next_rows();
        let Decoder::Gpu(decoder) = &self.decoder else {
            unreachable!("only a GPU draws");
        };
        let draws: Vec<f32> = uniforms.iter().map(|&x| x as f32).collect();
        let drawn = decoder.sample(ids, &rows, &wanted, params, &draws).await?;
        self.rows.iter_mut().for_each(|row| row.len += 1);
        let sampled = |(id, logprob)| Sampled { id, logprob: f64::from(logprob) };
        Ok(drawn.into_iter().map(sampled).collect())
    }

    fn keep_rows(&mut self, keep: &dyn Fn(usize) -> bool) {
        let mut ended = Vec::new();
        for (index, row) in std::mem::take(&mut self.rows).into_iter().enumerate() {
            if keep(index) {
                self.rows.push(row);
            } else {
                self.segments.give_back(row.own);
                ended.push(row.prompt);
            }
        }
        self.drop_prompts(ended);
    }
}
