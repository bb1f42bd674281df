//! Memory that a thread keeps between calls, aligned to cache lines.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Words of four bytes in a cache line.
const LINE: usize = 16;

/// Words that begin at a cache line: a vector load across two lines costs as much as two.
#[derive(Debug, Default)]
pub(crate) struct Aligned<T = f32> {
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// Of that many words.
    pub(crate) fn of(len: usize) -> Self {
        let mut aligned = Self { memory: Vec::new(), start: 0, len: 0 };
        aligned.resize(len);
        aligned
    }

    /// Makes it that many words long; what they hold is not said.
    pub(crate) fn resize(&mut self, len: usize) {
        if self.memory.len() < len + LINE {
            self.memory = vec![T::default(); len + LINE];
            // May be anything where alignment is not to be had, which costs speed alone.
            self.start = self.memory.as_ptr().align_offset(LINE * size_of::<T>()).min(LINE);
        }
        self.len = len;
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.memory[self.start..self.start + self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

thread_local! {
    static SCRATCH: RefCell<Aligned> = RefCell::default();
    static BLOCK: RefCell<Aligned> = RefCell::default();
}

/// Calls `f` on that many floats of this thread's memory for a step, whatever they hold; on fresh
/// memory inside such a call.
pub(crate) fn with_scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    with(&SCRATCH, len, f)
}

/// [`with_scratch`] for a product's block of rows: other memory, for it is called inside a step.
pub(crate) fn with_block<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    with(&BLOCK, len, f)
}

fn with<R>(
    memory: &'static LocalKey<RefCell<Aligned>>,
    len: usize,
    f: impl FnOnce(&mut [f32]) -> R,
) -> R {
    let mut taken = memory.take();
    taken.resize(len);
    let result = f(taken.as_mut_slice());
    memory.set(taken);
    result
}
