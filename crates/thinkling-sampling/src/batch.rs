//! Rows that decode side by side, each with its own way of drawing, its random stream and its end:
//! what the [loop over one request](crate::generate::generate) runs on, and a server whose requests
//! come and go between two steps.

use crate::generate::{Completion, Decode, EachToken, GenerateError, Logits, TokenEvent};
use crate::{
    Finish, LogSoftmax, Sampled, Sampler, SamplingParams, StopRules, Stream, top_logprobs,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use thinkling_cpu::profile::timed;
use thinkling_cpu::threads;

/// Logits from which on drawing from them is spread over threads.
const MIN_PARALLEL: usize = 1 << 16;

/// How the tokens of a completion are drawn, and when it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Temperature and filters.
    pub sampling: SamplingParams,
    /// Ids that end it, and its most tokens.
    pub stop: StopRules,
    /// Most probable tokens to give at each step; 0 for none.
    pub top_logprobs: usize,
}

/// A completion that begins, or goes on, after a prompt.
#[derive(Clone, Debug)]
pub struct NewRow {
    /// What it is known by to the caller.
    pub key: usize,
    /// Which of the prompts that are computed with it, from 0.
    pub prompt: usize,
    /// How it draws; rows of a group share it.
    pub drawing: Arc<Drawing>,
    /// Its random stream, where its first token is drawn from.
    pub stream: Stream,
    /// Tokens that it had when it was broken off; they count towards the most.
    pub tokens_before: usize,
}

/// What becomes of a row after a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes on, if it has not ended by itself.
    GoOn,
    /// It ends here.
    End,
    /// All rows end where they are.
    EndAll,
}

/// A running completion.
#[derive(Debug)]
struct Row {
    key: usize,
    /// Its prompt among those of the prefill that it began with.
    prompt: usize,
    prompt_len: usize,
    drawing: Arc<Drawing>,
    stream: Stream,
    tokens_before: usize,
    completion: Completion,
    /// Ended, but still in the batch.
    ended: bool,
}

impl Row {
    /// Tokens that it may still have.
    fn room(&self, context: usize) -> usize {
        let most = self.drawing.stop.max_tokens.saturating_sub(self.tokens_before);
        most.min(context - self.prompt_len).saturating_sub(self.completion.ids.len())
    }
}

/// A drawn token, and the most probable ones where asked for.
type Drawn = (Sampled, Vec<(u32, f64)>);

/// The running rows of one decoder, which every call takes: the same one each time.
#[derive(Debug, Default)]
pub struct Batch {
    banned: Vec<u32>,
    /// In the order of the decoder's rows.
    rows: Vec<Row>,
    ended: Vec<(usize, Completion)>,
    logits: Logits,
}

impl Batch {
    /// Without rows; `banned` ids are never drawn and have no probability.
    pub fn new(banned: Vec<u32>) -> Self {
        Self { banned, ..Self::default() }
    }

    /// Rows that the decoder has, those among them that ended but were not dropped yet.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing runs.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The completions that ended since this was last asked, by their keys.
    pub fn take_ended(&mut self) -> Vec<(usize, Completion)> {
        std::mem::take(&mut self.ended)
    }

    /// Ends the rows whose keys are meant, where they are; [`Self::drop_ended`] takes them out.
    pub fn end(&mut self, is_meant: impl Fn(usize) -> bool) {
        self.rows.iter_mut().filter(|row| is_meant(row.key)).for_each(|row| row.ended = true);
    }

    /// Drops ended rows: at once where that costs nothing, else once they are an eighth of the
    /// batch, a copy of the cache for less work in every later step.
    pub fn drop_ended<D: Decode>(&mut self, decoder: &mut D) {
        let ended = self.rows.iter().filter(|row| row.ended).count();
        let wait = ended < self.rows.len() && !decoder.is_flexible();
        if ended > 0 && !(wait && ended * 8 < self.rows.len()) {
            decoder.keep_rows(&|row| !self.rows[row].ended);
            self.take_out(0);
        }
    }

    /// Drops all rows.
    pub fn clear<D: Decode>(&mut self, decoder: &mut D) {
        if !self.rows.is_empty() {
            decoder.keep_rows(&|_| false);
        }
        let rows = std::mem::take(&mut self.rows);
        self.ended.extend(rows.into_iter().map(|row| (row.key, row.completion)));
    }

    /// Takes ended rows from `first` on out of the list.
    fn take_out(&mut self, first: usize) {
        for row in self.rows.split_off(first) {
            match row.ended {
                true => self.ended.push((row.key, row.completion)),
                false => self.rows.push(row),
            }
        }
    }

    /// Computes `prompts` and draws the first token of each of `rows`, in the order of their prompts;
    /// those that go on after it join the running ones, if the decoder
    /// [is flexible](Decode::is_flexible), else there must be none. `each` sees the logits after the
    /// prompts' tokens but the last.
    ///
    /// # Errors
    /// A prompt that is empty, too long or outside the vocabulary; sampling parameters outside their
    /// range; logits that are not numbers; a device that fails. The rows are then no longer the
    /// decoder's: [`Self::clear`] is to follow.
    pub async fn begin<D: Decode>(
        &mut self,
        decoder: &mut D,
        (prompts, first_prompt): (&[Vec<u32>], usize),
        rows: Vec<NewRow>,
        each: Option<EachToken<'_>>,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> Then,
    ) -> Result<ControlFlow<()>, D::Error> {
        check_prompts(decoder.context(), decoder.vocab_size(), prompts, first_prompt)?;
        for row in &rows {
            row.drawing.sampling.validate().map_err(GenerateError::from)?;
        }
        let mut logits = decoder.prefill(prompts, each).await?;
        let first = self.rows.len();
        self.rows.extend(rows.into_iter().map(|row| Row {
            key: row.key,
            prompt: row.prompt,
            prompt_len: prompts[row.prompt].len(),
            drawing: row.drawing,
            stream: row.stream,
            tokens_before: row.tokens_before,
            completion: Completion::empty(first_prompt + row.prompt),
            ended: false,
        }));
        let context = decoder.context();
        let flow = self.draw(context, first, &mut logits, |row, _| row.prompt, on_token)?;
        self.take_out(first);
        let began = &self.rows[first..];
        if began.is_empty() || flow.is_break() {
            return Ok(flow);
        }
        let row_prompts: Vec<usize> = began.iter().map(|row| row.prompt).collect();
        let most = began.iter().map(|row| row.drawing.stop.max_tokens).max().unwrap_or(0);
        decoder.add_rows(&row_prompts, most).await?;
        Ok(flow)
    }

    /// The next token of each running row; or the next several, where the decoder draws by itself.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn step<D: Decode>(
        &mut self,
        decoder: &mut D,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> Then,
    ) -> Result<ControlFlow<()>, D::Error> {
        let last = |row: &Row| row.completion.ids.last().copied().unwrap_or(0);
        let ids: Vec<u32> = self.rows.iter().map(last).collect();
        let most = match self.rows.iter().any(|row| row.drawing.top_logprobs > 0) {
            true => 0,
            false => decoder.steps_at_once(self.banned.len()),
        };
        if most > 0 {
            return self.draw_steps(decoder, &ids, most, on_token).await;
        }
        let mut logits = std::mem::take(&mut self.logits);
        decoder.step(&ids, &mut logits).await?;
        let flow = self.draw(decoder.context(), 0, &mut logits, |_, i| i, on_token);
        self.logits = logits;
        Ok(flow?)
    }

    /// Steps whose tokens the decoder draws: at most so many, and none that a row has no room for.
    async fn draw_steps<D: Decode>(
        &mut self,
        decoder: &mut D,
        ids: &[u32],
        most: usize,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> Then,
    ) -> Result<ControlFlow<()>, D::Error> {
        let context = decoder.context();
        let running = self.rows.iter().filter(|row| !row.ended);
        let room = running.map(|row| row.room(context)).min().unwrap_or(0);
        let uniform = |row: &mut Row| match row.ended || row.drawing.sampling.is_greedy() {
            true => 0.0,
            false => row.stream.uniform(),
        };
        let uniforms: Vec<Vec<f64>> = (0..most.min(room).max(1))
            .map(|_| self.rows.iter_mut().map(uniform).collect())
            .collect();
        let sampling: Vec<SamplingParams> =
            self.rows.iter().map(|row| row.drawing.sampling).collect();
        for drawn in decoder.draw_steps(ids, &sampling, &self.banned, &uniforms).await? {
            for (row, sampled) in drawn.into_iter().enumerate() {
                if !self.rows[row].ended
                    && self.record(context, row, (sampled, Vec::new()), on_token)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Draws the next token of the rows from `first` on, by the row of `logits` that `logits_row`
    /// gives for a row and its index from there.
    fn draw(
        &mut self,
        context: usize,
        first: usize,
        logits: &mut Logits,
        logits_row: impl Fn(&Row, usize) -> usize + Sync,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> Then,
    ) -> Result<ControlFlow<()>, GenerateError> {
        logits.ban(&self.banned);
        let logits = &*logits;
        let rows = &mut self.rows[first..];
        let mut drawn: Vec<Option<Drawn>> = vec![None; rows.len()];
        let parallel = rows.len() * logits.vocab >= MIN_PARALLEL;
        let tasks = if parallel { threads::count() } else { 1 };
        let len = rows.len().div_ceil(tasks).max(1);
        let draw = |task: usize, rows: &mut [Row], drawn: &mut [Option<Drawn>]| {
            let mut sampler = Sampler::default();
            for (i, (row, drawn)) in rows.iter_mut().zip(drawn).enumerate() {
                if !row.ended {
                    let logits = logits.row(logits_row(row, task * len + i));
                    *drawn = Some(draw_one(&mut sampler, row, logits));
                }
            }
        };
        timed("draw tokens", || {
            if tasks == 1 {
                draw(0, rows, &mut drawn);
            } else {
                threads::chunks2_mut((rows, len), (&mut drawn, len), draw);
            }
        });
        let mut flow = ControlFlow::Continue(());
        for (i, drawn) in drawn.into_iter().enumerate() {
            if let Some(drawn) = drawn
                && self.record(context, first + i, drawn, on_token)?.is_break()
            {
                flow = ControlFlow::Break(());
            }
        }
        Ok(flow)
    }

    /// Adds a token to its completion, and tells of it.
    fn record(
        &mut self,
        context: usize,
        row: usize,
        (sampled, top): Drawn,
        on_token: &mut impl FnMut(TokenEvent<'_>) -> Then,
    ) -> Result<ControlFlow<()>, GenerateError> {
        if sampled.logprob.is_nan() {
            return Err(GenerateError::NotNumbers);
        }
        let row = &mut self.rows[row];
        let completion = &mut row.completion;
        if row.drawing.top_logprobs > 0 {
            completion.top_logprobs.push(top);
        }
        completion.ids.push(sampled.id);
        completion.logprobs.push(sampled.logprob as f32);
        let len = completion.ids.len();
        let full = row.prompt_len + len >= context;
        let finish = row.drawing.stop.finish(sampled.id, row.tokens_before + len);
        let finish = finish.or(full.then_some(Finish::Length));
        completion.finish = finish.unwrap_or(Finish::Length);
        row.ended = finish.is_some();
        let event = TokenEvent { completion: row.key, so_far: completion, id: sampled.id, finish };
        let then = on_token(event);
        row.ended |= then == Then::End;
        Ok(match then {
            Then::EndAll => ControlFlow::Break(()),
            Then::GoOn | Then::End => ControlFlow::Continue(()),
        })
    }
}

/// Draws for one row, by its own parameters and stream.
fn draw_one(sampler: &mut Sampler, row: &mut Row, logits: &[f32]) -> Drawn {
    let Drawing { sampling, top_logprobs: most, .. } = &*row.drawing;
    let sampled = sampler.sample_by(sampling, logits, &mut row.stream);
    let top = match *most {
        0 => Vec::new(),
        k => top_logprobs(logits, &LogSoftmax::new(logits, sampling.logprob_temperature()), k),
    };
    (sampled, top)
}

pub(crate) fn check_prompts(
    context: usize,
    vocab_size: usize,
    prompts: &[Vec<u32>],
    first: usize,
) -> Result<(), GenerateError> {
    for (index, prompt) in (first..).zip(prompts) {
        if prompt.is_empty() {
            return Err(GenerateError::EmptyPrompt { index });
        }
        if prompt.len() >= context {
            return Err(GenerateError::PromptTooLong { index, len: prompt.len(), context });
        }
        if let Some(&id) = prompt.iter().find(|&&id| id as usize >= vocab_size) {
            return Err(GenerateError::TokenOutOfRange { index, id, vocab_size });
        }
    }
    Ok(())
}
