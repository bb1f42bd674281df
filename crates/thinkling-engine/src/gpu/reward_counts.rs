//! Counts of rewards over the ids of a batch, where they lie on the GPU.

use super::kernels::Kernels;
use super::plan::{Grid, Plan, Sizes};
use super::{Adapter, GpuDecoder};
use crate::EngineError;
use crate::reward_counts::{COUNTS, CountRule, RewardCounts, RewardTable, room};

/// Counts the rows of a batch by `shaders/reward_counts.wgsl`: one dispatch, 104 bytes a row read back.
#[derive(Debug)]
pub struct RewardMeter {
    adapter: Adapter,
    max_rows: usize,
    max_tokens: usize,
    plan: Plan,
    ids: wgpu::Buffer,
    lengths: wgpu::Buffer,
    counts: wgpu::Buffer,
    params: wgpu::Buffer,
    read: wgpu::Buffer,
}

impl RewardMeter {
    /// A meter for so many rows of so many tokens each at most.
    ///
    /// # Errors
    /// [`EngineError::Limit`] where the table or the units of all rows are more than the adapter binds.
    pub fn new(
        adapter: &Adapter,
        table: &RewardTable,
        max_rows: usize,
        max_tokens: usize,
    ) -> Result<Self, EngineError> {
        let bytes = |words: usize| 4 * words as u64;
        let units = bytes(4 * max_rows * room(max_tokens));
        adapter.check_storage("reward table", bytes(table.words().len()))?;
        adapter.check_storage("units of repetition", units)?;
        let storage = |label, words| adapter.storage(label, bytes(words));
        let ids = storage("completions", max_rows * max_tokens);
        let lengths = storage("lengths of completions", max_rows);
        let counts = storage("counts of rewards", max_rows * COUNTS);
        let units = adapter.storage("units of repetition", units);
        let table = adapter.upload("reward table", table.words());
        let params = adapter.uniform("counting");
        let read = adapter.readback(bytes(max_rows * COUNTS));
        let mut plan = Plan::default();
        let buffers = [&ids, &lengths, &table, &units, &counts, &params];
        let grid = [Grid::Rows, Grid::Of(1), Grid::Of(1)];
        Kernels::new(adapter).push(&mut plan, "reward_counts", None, &[], &buffers, grid);
        let adapter = adapter.clone();
        Ok(Self { adapter, max_rows, max_tokens, plan, ids, lengths, counts, params, read })
    }

    /// Uploads completions and counts them.
    ///
    /// # Errors
    /// More or longer rows than the meter was made for, a device that fails.
    pub async fn count(
        &self,
        completions: &[&[u32]],
        rule: CountRule,
    ) -> Result<Vec<RewardCounts>, EngineError> {
        let lengths: Vec<usize> = completions.iter().map(|ids| ids.len()).collect();
        self.check(&lengths)?;
        for (row, ids) in completions.iter().enumerate() {
            self.put(row, 0, ids)?;
        }
        self.count_kept(&lengths, rule).await
    }

    /// Counts what [`Self::keep`] kept, so many tokens of each row.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub async fn count_kept(
        &self,
        lengths: &[usize],
        rule: CountRule,
    ) -> Result<Vec<RewardCounts>, EngineError> {
        self.check(lengths)?;
        if lengths.is_empty() {
            return Ok(Vec::new());
        }
        let queue = self.adapter.queue();
        let words: Vec<u32> = lengths.iter().map(|&tokens| tokens as u32).collect();
        queue.write_buffer(&self.lengths, 0, bytemuck::cast_slice(&words));
        let CountRule { ngram, inside_think } = rule;
        let room = room(self.max_tokens) as u32;
        let params = [self.max_tokens as u32, ngram, room, u32::from(inside_think)];
        queue.write_buffer(&self.params, 0, bytemuck::cast_slice(&params));
        let mut encoder = self.encoder();
        self.plan.record(&mut encoder, &Sizes::of(lengths.len(), 1), None);
        let bytes = size_of_val(&[RewardCounts::default()]) as u64 * lengths.len() as u64;
        encoder.copy_buffer_to_buffer(&self.counts, 0, &self.read, 0, bytes);
        queue.submit([encoder.finish()]);
        let read = self.adapter.read(&self.read, bytes).await?;
        Ok(bytemuck::pod_collect_to_vec(&read[..bytes as usize]))
    }

    /// Uploads tokens of row `row`, from its token `token` on.
    ///
    /// # Errors
    /// A place outside the rows and tokens that the meter was made for.
    pub fn put(&self, row: usize, token: usize, ids: &[u32]) -> Result<(), EngineError> {
        self.check_place(row, token + ids.len())?;
        let at = 4 * (row * self.max_tokens + token) as u64;
        self.adapter.queue().write_buffer(&self.ids, at, bytemuck::cast_slice(ids));
        Ok(())
    }

    /// Keeps the tokens that the decoder drew last, without reading them: the `i`-th of them as the
    /// token `places[i].1` of row `places[i].0`. The decoder must be of the same adapter.
    ///
    /// # Errors
    /// A place outside the rows and tokens that the meter was made for, and more places than draws.
    pub fn keep(&self, decoder: &GpuDecoder, places: &[(usize, usize)]) -> Result<(), EngineError> {
        fit("drawn tokens", decoder.limits.logits, places.len())?;
        let mut encoder = self.encoder();
        for (i, &(row, token)) in places.iter().enumerate() {
            self.check_place(row, token + 1)?;
            let at = 4 * (row * self.max_tokens + token) as u64;
            let sampled = &decoder.buffers.sampled;
            encoder.copy_buffer_to_buffer(sampled, 4 * i as u64, &self.ids, at, 4);
        }
        self.adapter.queue().submit([encoder.finish()]);
        Ok(())
    }

    fn check(&self, lengths: &[usize]) -> Result<(), EngineError> {
        let most = lengths.iter().copied().max().unwrap_or(0);
        fit("rows of a meter", self.max_rows, lengths.len())?;
        fit("tokens of a meter's row", self.max_tokens, most)
    }

    /// Whether a row has room for so many tokens.
    fn check_place(&self, row: usize, tokens: usize) -> Result<(), EngineError> {
        fit("rows of a meter", self.max_rows, row + 1)?;
        fit("tokens of a meter's row", self.max_tokens, tokens)
    }

    /// Whether it has room for so many rows of so many tokens each.
    pub fn has_room(&self, rows: usize, tokens: usize) -> bool {
        rows <= self.max_rows && tokens <= self.max_tokens
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        let label = Some("thinkling: counts of rewards");
        self.adapter.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label })
    }
}

fn fit(what: &'static str, expected: usize, got: usize) -> Result<(), EngineError> {
    match got <= expected {
        true => Ok(()),
        false => Err(EngineError::Shape { what, expected, got }),
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests;
