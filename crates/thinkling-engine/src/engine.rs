//! Running sequences over a decoder and its cache: what `thinkling-sampling`'s loop generates with.

mod decode;

use crate::conversation::Conversation;
use crate::live_counts::Follower;
use crate::segments::{Segment, Segments};
use crate::{
    Adapter, Capacity, CpuDecoder, DispatchTime, EngineError, GpuDecoder, GpuOptions, MAX_STEPS,
    Row, WeightsReader,
};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use thinkling_weights::ModelConfig;

/// Rows of a pass over prompts on the CPU, and on a GPU at least.
const PROMPT_ROWS: usize = 64;
/// The same on a GPU that has the memory for it.
const MANY_PROMPT_ROWS: usize = 256;
/// Steps on a GPU before their tokens are read.
const STEPS_AT_ONCE: usize = 4;
/// Memory that the activations of so many rows may take.
const PASS_BYTES: u64 = 64 << 20;
/// Logits of a pass whose rows are all wanted.
const LOGITS_ROWS: usize = 32;

/// What decodes.
#[derive(Debug)]
pub(crate) enum Decoder {
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

/// Asked before each pass: whether to go on. An event loop has its turn while it is awaited.
pub type BeforePass = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ControlFlow<()>>>>>;

/// A model that decodes rows of tokens.
pub struct Engine {
    pub(crate) decoder: Decoder,
    config: ModelConfig,
    context: usize,
    /// Rows of a pass over prompts.
    prompt_rows: usize,
    /// Steps on a GPU before their tokens are read.
    steps_at_once: usize,
    segments: Segments,
    /// Tokens of a prompt's place, see [`Capacity::prompt_tokens`].
    prompt_tokens: usize,
    conversation: Option<Conversation>,
    /// Prompts of the last prefill that rows may begin after.
    prompts: Vec<Prompt>,
    rows: Vec<Running>,
    before_pass: Option<BeforePass>,
    /// See [`Self::follow`].
    pub(crate) follower: Option<Follower>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}

/// Where a prompt's keys and values lie.
#[derive(Clone, Debug)]
enum Prompt {
    Own {
        place: Arc<Segment>,
        len: usize,
    },
    /// At the beginning of the conversation.
    Conversation {
        len: usize,
    },
}

#[derive(Debug)]
enum Running {
    /// After a prompt that others may share.
    Apart {
        prompt: Prompt,
        own: Segment,
        /// Tokens that it has, without the prompt's.
        len: usize,
    },
    /// The conversation itself goes on.
    Conversation,
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
        let cache_tokens = capacity.cache_tokens + capacity.conversation_tokens;
        let options = |prompt_rows| GpuOptions {
            max_rows: capacity.rows.max(prompt_rows),
            max_logits: capacity.rows.max(LOGITS_ROWS),
            cache_tokens,
        };
        let bytes = GpuDecoder::pass_bytes(weights.config(), options(MANY_PROMPT_ROWS));
        let many = !adapter.is_software() && bytes <= PASS_BYTES.min(adapter.max_binding());
        let steps_at_once = if adapter.is_software() { 1 } else { STEPS_AT_ONCE };
        let prompt_rows = if many { MANY_PROMPT_ROWS } else { PROMPT_ROWS };
        let decoder = GpuDecoder::new(adapter, weights, options(prompt_rows)).await?;
        let engine = Self::new(Decoder::Gpu(Box::new(decoder)), weights, prompt_rows, capacity)?;
        Ok(engine.with_steps_at_once(steps_at_once))
    }

    /// On the CPU.
    ///
    /// # Errors
    /// As [`CpuDecoder::new`].
    pub fn on_cpu(weights: &WeightsReader<'_>, capacity: Capacity) -> Result<Self, EngineError> {
        let tokens = capacity.cache_tokens + capacity.conversation_tokens;
        let decoder = CpuDecoder::new(weights, tokens)?;
        Self::new(Decoder::Cpu(Box::new(decoder)), weights, PROMPT_ROWS, capacity)
    }

    fn new(
        decoder: Decoder,
        weights: &WeightsReader<'_>,
        prompt_rows: usize,
        capacity: Capacity,
    ) -> Result<Self, EngineError> {
        let config = weights.config();
        let mut segments = Segments::new(capacity.cache_tokens + capacity.conversation_tokens);
        let (conversation, most) = match capacity.conversation_tokens {
            0 => (None, usize::MAX),
            tokens => (Some(Conversation::new(segments.take(tokens)?)), tokens),
        };
        Ok(Self {
            decoder,
            config: config.clone(),
            context: config.max_position_embeddings.min(most),
            prompt_rows,
            steps_at_once: 1,
            segments,
            prompt_tokens: capacity.prompt_tokens,
            conversation,
            prompts: Vec::new(),
            rows: Vec::new(),
            before_pass: None,
            follower: None,
        })
    }

    /// Runs so many steps on a GPU before their tokens are read, at most [`MAX_STEPS`]:
    /// reading takes its time, and what runs after the end of a sequence is of no use.
    #[must_use]
    pub fn with_steps_at_once(mut self, steps: usize) -> Self {
        self.steps_at_once = steps.clamp(1, MAX_STEPS);
        self
    }

    /// On the CPU: gives a row the same numbers bit for bit whatever runs beside it, for what few rows
    /// lose in speed, since products of up to four cost the same then. Without it, and on a GPU, sums
    /// of few and of many rows differ in their last bits.
    #[must_use]
    pub fn with_independent_rows(mut self) -> Self {
        if let Decoder::Cpu(decoder) = &mut self.decoder {
            decoder.make_rows_independent();
        }
        self
    }

    /// Forgets the keys and values of prompts and of the conversation.
    pub(crate) fn forget(&mut self) {
        let prompts = std::mem::take(&mut self.prompts);
        self.drop_prompts(prompts);
        if let Some(conversation) = &mut self.conversation {
            conversation.ids.clear();
        }
    }

    /// Whether sequences run.
    pub(crate) fn is_busy(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Asks `before_pass` before each pass whether to go on; where not, what runs ends with
    /// [`EngineError::Stopped`].
    #[must_use]
    pub fn with_before_pass(mut self, before_pass: BeforePass) -> Self {
        self.before_pass = Some(before_pass);
        self
    }

    /// The model's config.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// What it uses of the GPU, if it is on one.
    pub fn usage(&self) -> Option<crate::Usage> {
        match &self.decoder {
            Decoder::Cpu(_) => None,
            Decoder::Gpu(decoder) => Some(decoder.usage()),
        }
    }

    /// Rows of a pass over prompts at most.
    pub fn prompt_rows(&self) -> usize {
        self.prompt_rows
    }

    /// Times of the dispatches of a pass of `rows` rows of which each sees `tokens` tokens, on a GPU
    /// that tells; for every row a token is drawn where `draws` says so, else for the last. Nothing
    /// may run meanwhile, and what the cache held is lost.
    ///
    /// # Errors
    /// As [`GpuDecoder::times`]; no GPU.
    pub async fn times(
        &mut self,
        rows: usize,
        tokens: usize,
        draws: bool,
    ) -> Result<Vec<DispatchTime>, EngineError> {
        let Decoder::Gpu(decoder) = &self.decoder else {
            return Err(EngineError::Gpu("there is none".to_owned()));
        };
        let ids = vec![0; rows];
        let wanted: Vec<usize> = if draws { (0..rows).collect() } else { vec![rows - 1] };
        let rows = vec![Row::alone(0, tokens.saturating_sub(1)); rows];
        decoder.times(&ids, &rows, &wanted).await
    }

    /// Tokens of the last prompt that were not computed, since the one before it, with what was
    /// generated after it, began with them. Only a request of one prompt is kept, where there is
    /// [room](Capacity::conversation_tokens) for a conversation.
    pub fn kept_tokens(&self) -> usize {
        self.conversation.as_ref().map_or(0, |conversation| conversation.kept)
    }

    async fn go_on(&self) -> Result<(), EngineError> {
        match &self.before_pass {
            Some(before_pass) if before_pass().await.is_break() => Err(EngineError::Stopped),
            _ => Ok(()),
        }
    }

    fn conversation(&self) -> &Conversation {
        self.conversation.as_ref().expect("rows and prompts of a conversation are of this one")
    }

    /// Where a prompt begins, and its length.
    fn place(&self, prompt: &Prompt) -> Segment {
        match prompt {
            Prompt::Own { place, len } => Segment { start: place.start, len: *len },
            &Prompt::Conversation { len } => {
                Segment { start: self.conversation().segment.start, len }
            }
        }
    }

    /// The next token of each running sequence, with all of them wanted.
    fn next_rows(&self) -> (Vec<Row>, Vec<usize>) {
        let row = |running: &Running| match running {
            Running::Apart { prompt, own, len } => {
                let prompt = self.place(prompt);
                Row {
                    prompt_start: prompt.start as u32,
                    prompt_len: prompt.len as u32,
                    own_start: own.start as u32,
                    own_len: *len as u32 + 1,
                    position: (prompt.len + len) as u32,
                }
            }
            Running::Conversation => {
                let Conversation { segment, ids, .. } = self.conversation();
                Row::alone(segment.start, ids.len())
            }
        };
        (self.rows.iter().map(row).collect(), (0..self.rows.len()).collect())
    }

    /// Notes that these tokens of the rows have keys and values now.
    fn have_run(&mut self, ids: &[u32]) {
        for (row, &id) in self.rows.iter_mut().zip(ids) {
            match row {
                Running::Apart { len, .. } => *len += 1,
                Running::Conversation => {
                    self.conversation.as_mut().expect("its own row runs").ids.push(id);
                }
            }
        }
    }

    /// Finds places for prompts; gives how many tokens of each need not be computed.
    fn place_prompts(
        &mut self,
        prompts: &[Vec<u32>],
        all_wanted: bool,
    ) -> Result<usize, EngineError> {
        let old = std::mem::take(&mut self.prompts);
        self.drop_prompts(old);
        if let ([ids], Some(conversation)) = (prompts, &mut self.conversation)
            && self.rows.is_empty()
            && ids.len() <= conversation.segment.len
        {
            self.prompts.push(Prompt::Conversation { len: ids.len() });
            return Ok(conversation.begin(ids, all_wanted));
        }
        for ids in prompts {
            let place = self.segments.take_last(ids.len().max(self.prompt_tokens))?;
            self.prompts.push(Prompt::Own { place: Arc::new(place), len: ids.len() });
        }
        Ok(0)
    }

    /// Tokens of the place of a row after a prompt of so many.
    fn row_room(&self, prompt_tokens: usize, max_tokens: usize) -> usize {
        match self.prompt_tokens {
            0 => max_tokens.min(self.context.saturating_sub(prompt_tokens)),
            _ => max_tokens.min(self.context),
        }
    }

    /// Tokens of the cache that are taken.
    pub fn cache_tokens_taken(&self) -> usize {
        self.segments.taken()
    }

    /// Frees prompts that no row reads.
    fn drop_prompts(&mut self, prompts: Vec<Prompt>) {
        for prompt in prompts {
            if let Prompt::Own { place, .. } = prompt
                && let Ok(segment) = Arc::try_unwrap(place)
            {
                self.segments.give_back(segment);
            }
        }
    }
}
