//! A reader over the bytes of a header that never goes past their end.

use crate::WeightsError;

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.position as u64
    }

    fn remaining(&self) -> u64 {
        (self.bytes.len() - self.position) as u64
    }

    /// Fails unless `needed` more bytes are there.
    pub(super) fn require(&self, needed: u64, what: &str) -> Result<(), WeightsError> {
        let available = self.remaining();
        if needed <= available {
            Ok(())
        } else {
            Err(WeightsError::Truncated { what: what.to_owned(), needed, available })
        }
    }

    pub(super) fn take(&mut self, len: u64, what: &str) -> Result<&'a [u8], WeightsError> {
        self.require(len, what)?;
        // `len` is at most the length of a slice, so it is a `usize`.
        let end = self.position + len as usize;
        let taken = &self.bytes[self.position..end];
        self.position = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], WeightsError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, what)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, WeightsError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, WeightsError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Reads a count of items of at least `min_bytes` each, and fails where so many cannot follow:
    /// a count that passes may be allocated for.
    pub(super) fn count(&mut self, what: &str, min_bytes: u64) -> Result<usize, WeightsError> {
        let count = self.u64(what)?;
        self.require(count.saturating_mul(min_bytes), what)?;
        Ok(count as usize)
    }

    pub(super) fn string(&mut self, what: &str) -> Result<String, WeightsError> {
        let len = self.u64(what)?;
        let bytes = self.take(len, what)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(fault) => Err(WeightsError::invalid(
                what,
                "UTF-8",
                format!("a foreign byte {} bytes into it", fault.valid_up_to()),
            )),
        }
    }
}
