//! The four tags over characters.

use super::language::{Language, Place};
use super::units::{BLANK, WHITE};
use super::{Character, LINE_BREAK, Table};
use crate::reward_counts::RewardCounts;

const OUTSIDE: u32 = 0;
const THINK: u32 = 1;
const ANSWER: u32 = 2;
const TEXT_BEFORE: u32 = 1;
const EMPTY_THINK: u32 = 4;
const EMPTY_ANSWER: u32 = 5;
const MISPLACED: u32 = 6;
const MISSING: u32 = 10;
const THINK_OPEN: u32 = 0;
const THINK_CLOSE: u32 = 1;
const ANSWER_OPEN: u32 = 2;
const ANSWER_CLOSE: u32 = 3;

#[derive(Default)]
pub(super) struct Format {
    /// Characters of the start of a tag that is held back.
    held: u32,
    slash: u32,
    is_answer: bool,
    counts: RewardCounts,
    /// Tags seen in order, and whether the open block holds something.
    ordered: u32,
    filled: bool,
    /// Thinking alone: before, inside or behind it.
    stage: u32,
    stage_filled: bool,
    /// The region of the chain of thought, which takes no notice of the prompt.
    chain: u32,
}

fn region_after(region: u32, tag: u32) -> u32 {
    match (region, tag) {
        (THINK, THINK_CLOSE) => OUTSIDE,
        (THINK, _) | (_, THINK_OPEN) => THINK,
        (OUTSIDE, ANSWER_OPEN) => ANSWER,
        (_, ANSWER_CLOSE) => OUTSIDE,
        _ => region,
    }
}

impl Format {
    pub(super) fn new(inside_think: bool) -> Self {
        let mut format = Self::default();
        if inside_think {
            format.tag(THINK_OPEN);
        }
        format
    }

    pub(super) fn character(
        &mut self,
        character: Character,
        table: Table<'_>,
        language: &mut Language,
        place: Place,
    ) {
        if self.held > 0 {
            if self.extend(character.c, table, language, place) {
                return;
            }
            self.release(table, language, place);
        }
        if character.c == u32::from('<') {
            (self.held, self.slash) = (1, 0);
        } else {
            self.text(character, language, place);
        }
    }

    /// What was held back is text.
    pub(super) fn release(&mut self, table: Table<'_>, language: &mut Language, place: Place) {
        for i in 0..self.held {
            let c = match i {
                0 => u32::from('<'),
                1 if self.slash == 1 => u32::from('/'),
                _ => self.letter(i - 1 - self.slash),
            };
            self.text(table.character(c), language, place);
        }
        self.held = 0;
    }

    /// A character of the name, then the closing sign.
    fn letter(&self, i: u32) -> u32 {
        let name = if self.is_answer { b"answer>".as_slice() } else { b"think>" };
        u32::from(name[i as usize])
    }

    /// Goes on with a tag that is held back; gives whether `c` belongs to it.
    fn extend(&mut self, c: u32, table: Table<'_>, language: &mut Language, place: Place) -> bool {
        if self.held == 1 && c == u32::from('/') {
            (self.slash, self.held) = (1, 2);
            return true;
        }
        let at = self.held - 1 - self.slash;
        if at == 0 {
            self.is_answer = c != u32::from('t');
        }
        if c != self.letter(at) {
            return false;
        }
        self.held += 1;
        if c == u32::from('>') {
            self.held = 0;
            let tag = 2 * u32::from(self.is_answer) + self.slash;
            self.tag(tag);
            self.chain = region_after(self.chain, tag);
            language.character(table.character(LINE_BREAK), place);
        }
        true
    }

    fn text(&mut self, character: Character, language: &mut Language, place: Place) {
        let (white, visible) = (character.is(WHITE), !character.is(BLANK));
        let counts = &mut self.counts;
        if self.ordered & 1 == 1 {
            self.filled |= visible;
        } else if counts.strict_fault == 0 && !white {
            counts.strict_fault = TEXT_BEFORE + self.ordered / 2;
        }
        if self.stage > 0 {
            self.stage_filled |= visible;
        } else if counts.think_only_fault == 0 && !white {
            counts.think_only_fault = TEXT_BEFORE;
        }
        if self.chain != ANSWER {
            language.character(character, place);
        }
    }

    fn tag(&mut self, tag: u32) {
        self.strict_tag(tag);
        self.think_only_tag(tag);
        self.counts.tags[tag as usize] += 1;
        self.counts.region = region_after(self.counts.region, tag);
    }

    fn strict_tag(&mut self, tag: u32) {
        let fault = &mut self.counts.strict_fault;
        if *fault != 0 {
            return;
        }
        if tag != self.ordered {
            *fault = MISPLACED + tag;
            return;
        }
        if tag & 1 == 1 && !self.filled {
            *fault = EMPTY_THINK + tag / 2;
        }
        self.ordered += 1;
        self.filled = false;
    }

    fn think_only_tag(&mut self, tag: u32) {
        let fault = &mut self.counts.think_only_fault;
        if *fault != 0 {
            return;
        }
        match (self.stage, tag) {
            (0, THINK_OPEN) => self.stage = 1,
            (1, THINK_CLOSE) => {
                self.stage = 2;
                *fault = if self.stage_filled { 0 } else { EMPTY_THINK };
                self.stage_filled = false;
            }
            (1 | 2, ANSWER_OPEN | ANSWER_CLOSE) => {}
            _ => *fault = MISPLACED + tag,
        }
    }

    pub(super) fn finish(self, counts: &mut RewardCounts) {
        let RewardCounts { mut strict_fault, mut think_only_fault, region, tags, .. } = self.counts;
        if strict_fault == 0 && self.ordered < 4 {
            strict_fault = MISSING + self.ordered;
        }
        if think_only_fault == 0 {
            think_only_fault = match self.stage {
                2 if self.stage_filled => 0,
                2 => EMPTY_ANSWER,
                stage => MISSING + stage,
            };
        }
        *counts = RewardCounts { strict_fault, think_only_fault, region, tags, ..*counts };
    }
}
