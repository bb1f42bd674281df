//! A file's bytes, wherever they lie.

use std::borrow::Cow;
use std::ops::Range;

use crate::WeightsError;

/// A file that is read piece by piece: bytes in memory, or something behind a browser's interfaces.
pub trait ReadAt {
    /// Its length in bytes.
    fn len(&self) -> usize;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `out` with the bytes from `offset` on, which the file has.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn read_at(&self, offset: usize, out: &mut [u8]) -> std::io::Result<()>;

    /// All bytes, where they lie in memory.
    fn in_memory(&self) -> Option<&[u8]> {
        None
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn read_at(&self, offset: usize, out: &mut [u8]) -> std::io::Result<()> {
        let end = offset.saturating_add(out.len());
        let bytes = self.get(offset..end).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn in_memory(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn read_at(&self, offset: usize, out: &mut [u8]) -> std::io::Result<()> {
        self.as_slice().read_at(offset, out)
    }

    fn in_memory(&self) -> Option<&[u8]> {
        Some(self)
    }
}

/// Bytes of a file, copied only where they do not lie in memory.
pub(crate) fn bytes<'a>(
    file: &'a (impl ReadAt + ?Sized),
    range: Range<usize>,
    what: &dyn Fn() -> String,
) -> Result<Cow<'a, [u8]>, WeightsError> {
    if range.end > file.len() || range.start > range.end {
        return Err(WeightsError::Truncated {
            what: what(),
            needed: range.len() as u64,
            available: file.len().saturating_sub(range.start) as u64,
        });
    }
    if let Some(all) = file.in_memory() {
        return Ok(Cow::Borrowed(&all[range]));
    }
    let mut out = vec![0; range.len()];
    file.read_at(range.start, &mut out)
        .map_err(|source| WeightsError::Io { action: "read the file", source })?;
    Ok(Cow::Owned(out))
}
