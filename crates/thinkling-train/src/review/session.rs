//! The state of a review: what is decided, what is open, and the way back.

use super::decisions::{By, Change, Decision, DecisionLog, Line, decisions_file};
use super::item::{Item, Texts, read_queue};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A review that goes on; each change is on disk before it is told.
#[derive(Debug)]
pub struct Review {
    queue: PathBuf,
    items: Vec<Item>,
    decided: Decided,
    log: DecisionLog,
}

/// What is decided.
#[derive(Debug)]
struct Decided {
    /// Checksum of each item.
    sums: Vec<String>,
    states: Vec<Option<(Decision, By)>>,
    /// Decisions in their order: the item, and what it was before.
    history: Vec<(usize, Option<(Decision, By)>)>,
}

impl Decided {
    fn replay(&mut self, line: Line) -> std::result::Result<(), String> {
        if self.sums.get(line.item) != Some(&line.sum) {
            return Err(format!(
                "a decision on item {} of another queue; move this file away to review anew",
                line.item
            ));
        }
        match line.change {
            Change::Decided { decision, by } => self.apply(line.item, decision, by),
            Change::Undone { .. } => {
                if self.history.last().map(|(item, _)| *item) != Some(line.item) {
                    return Err(format!("no decision on item {} to take back", line.item));
                }
                self.take_back();
            }
        }
        Ok(())
    }

    fn apply(&mut self, item: usize, decision: Decision, by: By) {
        let before = self.states[item].replace((decision, by));
        self.history.push((item, before));
    }

    fn take_back(&mut self) -> Option<usize> {
        let (item, before) = self.history.pop()?;
        self.states[item] = before;
        Some(item)
    }

    fn line(&self, item: usize, change: Change) -> Line {
        Line { item, sum: self.sums[item].clone(), change }
    }
}

/// What became of the items of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewCounts {
    /// Items of the queue.
    pub items: usize,
    /// Accepted as they are.
    pub accepted: usize,
    /// Accepted with other texts.
    pub edited: usize,
    /// Left out.
    pub rejected: usize,
    /// Without a decision.
    pub open: usize,
    /// Decisions of a person.
    pub by_person: usize,
    /// Items that were accepted unread.
    pub by_accept_all: usize,
}

impl ReviewCounts {
    /// It in one sentence.
    pub fn words(&self) -> String {
        let mut text = format!(
            "{} items: {} accepted, {} edited, {} rejected, {} open",
            self.items, self.accepted, self.edited, self.rejected, self.open
        );
        if self.by_accept_all > 0 {
            text += &format!("; {} of them accepted unread", self.by_accept_all);
        }
        text
    }
}

impl Review {
    /// Opens a queue with the decisions that are there.
    ///
    /// # Errors
    /// Files that cannot be read, decisions on another queue, another process that reviews it.
    pub fn open(queue: &Path) -> Result<Self> {
        let (items, sums) = read_queue(queue)?;
        let mut decided = Decided { states: vec![None; sums.len()], sums, history: Vec::new() };
        let log = DecisionLog::open(&decisions_file(queue), |line| decided.replay(line))?;
        Ok(Self { queue: queue.to_owned(), items, decided, log })
    }

    /// The queue.
    pub fn queue(&self) -> &Path {
        &self.queue
    }

    /// Where the decisions are kept.
    pub fn decisions(&self) -> &Path {
        self.log.path()
    }

    /// What waits, or waited.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// What was decided on an item, and by whom.
    ///
    /// # Panics
    /// Where there is no such item.
    pub fn state(&self, item: usize) -> Option<&(Decision, By)> {
        self.decided.states[item].as_ref()
    }

    /// An item's texts, as edited.
    ///
    /// # Panics
    /// Where there is no such item.
    pub fn texts(&self, item: usize) -> &Texts {
        match &self.decided.states[item] {
            Some((Decision::Edit(texts), _)) => texts,
            _ => &self.items[item].texts,
        }
    }

    /// Decides on an item. Accepting one that was edited keeps it edited; an edit that changes
    /// nothing accepts it as it was.
    ///
    /// # Errors
    /// A disk that is full.
    ///
    /// # Panics
    /// Where there is no such item.
    pub fn decide(&mut self, item: usize, decision: Decision) -> Result<()> {
        let decision = match decision {
            Decision::Accept => match &self.decided.states[item] {
                Some((Decision::Edit(texts), _)) => Decision::Edit(texts.clone()),
                _ => Decision::Accept,
            },
            Decision::Edit(texts) if texts == self.items[item].texts => Decision::Accept,
            other => other,
        };
        let by = By::Person;
        if self.decided.states[item].as_ref() == Some(&(decision.clone(), by)) {
            return Ok(());
        }
        let change = Change::Decided { decision: decision.clone(), by };
        self.log.append(&[self.decided.line(item, change)])?;
        self.decided.apply(item, decision, by);
        Ok(())
    }

    /// Takes the last decision back; gives its item, or nothing where there is none.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn undo(&mut self) -> Result<Option<usize>> {
        let Some(&(item, _)) = self.decided.history.last() else { return Ok(None) };
        self.log.append(&[self.decided.line(item, Change::Undone { undo: true })])?;
        Ok(self.decided.take_back())
    }

    /// Accepts all items that are open, unread; says how many these were.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn accept_all(&mut self) -> Result<usize> {
        let open: Vec<usize> =
            (0..self.items.len()).filter(|&i| self.decided.states[i].is_none()).collect();
        let accept = || Change::Decided { decision: Decision::Accept, by: By::AcceptAll };
        let lines: Vec<Line> = open.iter().map(|&item| self.decided.line(item, accept())).collect();
        self.log.append(&lines)?;
        for &item in &open {
            self.decided.apply(item, Decision::Accept, By::AcceptAll);
        }
        Ok(open.len())
    }

    /// The next open item from `from` on, else the first one of all.
    pub fn next_open(&self, from: usize) -> Option<usize> {
        let open = |item: &usize| self.decided.states[*item].is_none();
        (from..self.items.len()).chain(0..from.min(self.items.len())).find(open)
    }

    /// What became of the items so far.
    pub fn counts(&self) -> ReviewCounts {
        let mut counts = ReviewCounts { items: self.items.len(), ..ReviewCounts::default() };
        for state in &self.decided.states {
            let Some((decision, by)) = state else {
                counts.open += 1;
                continue;
            };
            match decision {
                Decision::Accept => counts.accepted += 1,
                Decision::Edit(_) => counts.edited += 1,
                Decision::Reject => counts.rejected += 1,
            }
            match by {
                By::Person => counts.by_person += 1,
                By::AcceptAll => counts.by_accept_all += 1,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;
