//! Files that lie outside of WebAssembly's memory: pieces of a blob, read when they are asked for.

use std::io;
use thinkling_weights::ReadAt;
use wasm_bindgen::JsValue;
use web_sys::{Blob, FileReaderSync};

/// Bytes that are read at a time: what JavaScript holds of a file is no more.
const PIECE: usize = 4 << 20;

/// A file of blobs one after the other.
pub(crate) struct BlobFile {
    /// Each with where it begins.
    blobs: Vec<(usize, Blob)>,
    len: usize,
    reader: FileReaderSync,
}

impl BlobFile {
    /// # Errors
    /// A file of more than WebAssembly can address; a browser without synchronous readers.
    pub(crate) fn new(blobs: Vec<Blob>) -> io::Result<Self> {
        let mut len = 0f64;
        let mut placed = Vec::with_capacity(blobs.len());
        for blob in blobs {
            let size = blob.size();
            placed.push((len as usize, blob));
            len += size;
        }
        if len > usize::MAX as f64 {
            return Err(io::Error::other("the file has more than 4 GiB"));
        }
        let reader = FileReaderSync::new().map_err(|e| failed(&e))?;
        Ok(Self { blobs: placed, len: len as usize, reader })
    }
}

impl ReadAt for BlobFile {
    fn len(&self) -> usize {
        self.len
    }

    fn read_at(&self, offset: usize, out: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(out.len()).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < out.len() {
            let at = offset + done;
            let index = self.blobs.partition_point(|(start, _)| *start <= at) - 1;
            let (start, blob) = &self.blobs[index];
            let within = at - start;
            let len = (blob.size() as usize - within).min(out.len() - done).min(PIECE);
            let part = blob
                .slice_with_f64_and_f64(within as f64, (within + len) as f64)
                .map_err(|e| failed(&e))?;
            let bytes = self.reader.read_as_array_buffer(&part).map_err(|e| failed(&e))?;
            js_sys::Uint8Array::new(&bytes).copy_to(&mut out[done..done + len]);
            done += len;
        }
        Ok(())
    }
}

fn failed(thrown: &JsValue) -> io::Error {
    io::Error::other(super::js::words(thrown))
}
