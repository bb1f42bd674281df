//! What a forward pass computes: rows of tokens, each with what it sees.

use crate::EngineError;
use bytemuck::{Pod, Zeroable};

/// One token and the tokens it sees, by their places in the cache: a prompt, which several rows may
/// share, and then its own sequence up to itself. Layout of `Row` in the shaders.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Row {
    /// First token of the prompt.
    pub prompt_start: u32,
    /// Tokens of the prompt; 0 for none.
    pub prompt_len: u32,
    /// First token of its own sequence.
    pub own_start: u32,
    /// Tokens of its own sequence, itself included: its keys and values are written at
    /// `own_start + own_len - 1`.
    pub own_len: u32,
    /// Its position, for the rotary embedding.
    pub position: u32,
}

impl Row {
    /// The token at `position` of a sequence that begins in the cache at `start`, after no shared
    /// prompt.
    pub fn alone(start: usize, position: usize) -> Self {
        Self {
            own_start: start as u32,
            own_len: position as u32 + 1,
            position: position as u32,
            ..Self::default()
        }
    }

    /// The token so many after it in its own sequence.
    pub(crate) fn later(self, tokens: u32) -> Self {
        Self { own_len: self.own_len + tokens, position: self.position + tokens, ..self }
    }

    /// Tokens that it sees, itself included.
    pub(crate) fn tokens(&self) -> usize {
        self.prompt_len as usize + self.own_len as usize
    }
}

/// What a decoder was made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rows of a pass.
    pub(crate) rows: usize,
    /// Rows of a pass whose logits are computed.
    pub(crate) logits: usize,
    pub(crate) cache_tokens: usize,
    pub(crate) positions: usize,
    pub(crate) vocab: usize,
}

impl Limits {
    /// Whether a pass stays within them.
    pub(crate) fn check(
        &self,
        ids: &[u32],
        rows: &[Row],
        wanted: &[usize],
    ) -> Result<(), EngineError> {
        let at_most = |what, expected, got| match got <= expected {
            true => Ok(()),
            false => Err(EngineError::Shape { what, expected, got }),
        };
        at_most("rows of a pass, at most", self.rows, rows.len())?;
        at_most("rows with logits, at most", self.logits, wanted.len())?;
        if ids.len() != rows.len() || rows.is_empty() {
            let (expected, got) = (rows.len().max(1), ids.len());
            return Err(EngineError::Shape { what: "ids, one a row", expected, got });
        }
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= self.vocab) {
            return Err(EngineError::TokenOutOfRange { id, vocab_size: self.vocab });
        }
        for row in rows {
            let own_end = row.own_start as usize + row.own_len as usize;
            let prompt_end = row.prompt_start as usize + row.prompt_len as usize;
            at_most("tokens of the cache, at most", self.cache_tokens, own_end.max(prompt_end))?;
            at_most("positions, at most", self.positions, row.position as usize + 1)?;
            at_most("tokens that a row sees, at most", self.positions, row.tokens())?;
            if row.own_len == 0 {
                let what = "a row's own tokens, at least";
                return Err(EngineError::Shape { what, expected: 1, got: 0 });
            }
        }
        let last = wanted.iter().copied().max().unwrap_or(0);
        at_most("a wanted row, at most", rows.len() - 1, last)
    }
}
