//! Counts of rewards of the completions that a GPU is drawing, from their ids where they lie.

use crate::{CountRule, Engine, EngineError, GpuDecoder, RewardCounts, RewardMeter};
use std::cell::RefCell;
use std::rc::Rc;

/// What completions came to so far, in the order in which they began: also while the engine draws.
#[derive(Clone, Debug, Default)]
pub struct LiveCounts(Rc<RefCell<Vec<Counted>>>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    /// Tokens that were counted.
    tokens: usize,
    counts: RewardCounts,
}

impl LiveCounts {
    /// Counts of a completion's first `tokens` tokens, where they were counted last.
    pub fn of(&self, completion: usize, tokens: usize) -> Option<RewardCounts> {
        let counted = self.0.borrow().get(completion).copied();
        counted.filter(|counted| counted.tokens == tokens).map(|counted| counted.counts)
    }
}

/// Says whether now is the time to count; asked once a step.
pub type Due = Box<dyn Fn() -> bool>;

impl Engine {
    /// Counts the completions of the rows that begin from now on while a GPU draws them, whenever
    /// `due` says so; `before` are tokens that the first of them has already, one that was broken off.
    /// The meter is of the engine's adapter and has a row for each. Gives nothing on a CPU, where
    /// [`RewardCounts::of`] counts what was drawn.
    ///
    /// # Errors
    /// More tokens than the meter was made for.
    pub fn follow(
        &mut self,
        meter: Rc<RewardMeter>,
        rule: CountRule,
        due: Due,
        before: &[u32],
    ) -> Result<Option<LiveCounts>, EngineError> {
        if self.usage().is_none() {
            return Ok(None);
        }
        let follower = Follower::new(meter, rule, due, before)?;
        let counted = follower.counted();
        self.follower = Some(follower);
        Ok(Some(counted))
    }

    /// Ends what [`Self::follow`] began.
    pub fn unfollow(&mut self) {
        self.follower = None;
    }
}

/// Follows the rows of an engine.
pub(crate) struct Follower {
    meter: Rc<RewardMeter>,
    rule: CountRule,
    due: Due,
    counted: LiveCounts,
    /// Of the engine's rows, in their order.
    rows: Vec<Followed>,
    /// Tokens of each completion that are in the meter.
    lengths: Vec<usize>,
    /// Tokens that the first completion has before its row begins.
    before: usize,
}

struct Followed {
    completion: usize,
    /// Whether its first token is in the meter.
    begun: bool,
}

impl Follower {
    /// Follows the rows that begin from now on; the first of them has the tokens `before` already.
    pub(crate) fn new(
        meter: Rc<RewardMeter>,
        rule: CountRule,
        due: Due,
        before: &[u32],
    ) -> Result<Self, EngineError> {
        if !before.is_empty() {
            meter.put(0, 0, before)?;
        }
        let (counted, rows, lengths) = (LiveCounts::default(), Vec::new(), Vec::new());
        Ok(Self { meter, rule, due, counted, rows, lengths, before: before.len() })
    }

    pub(crate) fn counted(&self) -> LiveCounts {
        self.counted.clone()
    }

    pub(crate) fn add_rows(&mut self, count: usize) {
        for _ in 0..count {
            self.rows.push(Followed { completion: self.lengths.len(), begun: false });
            self.lengths.push(std::mem::take(&mut self.before));
        }
    }

    pub(crate) fn keep_rows(&mut self, keep: &dyn Fn(usize) -> bool) {
        let mut index = 0;
        self.rows.retain(|_| {
            index += 1;
            keep(index - 1)
        });
    }

    /// Takes the tokens that `decoder` drew in some steps after `ids`, one a row and step. The first
    /// token of a row is drawn on the host, and comes up with `ids`; so do those of steps before the
    /// last, in whose place the next ones lie.
    pub(crate) async fn drawn(
        &mut self,
        decoder: &GpuDecoder,
        ids: &[u32],
        steps: &[Vec<(u32, f32)>],
    ) -> Result<(), EngineError> {
        let Some((_, earlier)) = steps.split_last() else { return Ok(()) };
        let mut places = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter_mut().enumerate() {
            let begins = !std::mem::replace(&mut row.begun, true);
            let first = ids[index..].iter().copied().take(begins.into());
            let up: Vec<u32> = first.chain(earlier.iter().map(|step| step[index].0)).collect();
            let tokens = &mut self.lengths[row.completion];
            if !up.is_empty() {
                self.meter.put(row.completion, *tokens, &up)?;
            }
            *tokens += up.len();
            places.push((row.completion, *tokens));
            *tokens += 1;
        }
        self.meter.keep(decoder, &places)?;
        if (self.due)() {
            let counts = self.meter.count_kept(&self.lengths, self.rule).await?;
            let counted = self.lengths.iter().zip(counts);
            let counted = counted.map(|(&tokens, counts)| Counted { tokens, counts });
            *self.counted.0.borrow_mut() = counted.collect();
        }
        Ok(())
    }
}
