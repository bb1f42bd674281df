//! A bounded stream of bytes between two threads, where every wait has a deadline.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes that may wait to be read.
const CAPACITY: usize = 1 << 20;

/// A wait that reached its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimedOut;

/// Either end of the stream. Any end may close it: what was written is still read, then comes the
/// end, and what is written later is dropped.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    closed: bool,
}

impl Pipe {
    /// A stream that holds `bytes`.
    pub(crate) fn holding(bytes: Vec<u8>) -> Self {
        let pipe = Self::default();
        pipe.lock().bytes = bytes.into();
        pipe
    }

    /// Waits for bytes, and moves as many as there are and fit; 0 only at the end.
    pub(crate) fn read(&self, into: &mut [u8], deadline: Instant) -> Result<usize, TimedOut> {
        let mut state = self.wait(deadline, |state| state.bytes.is_empty() && !state.closed)?;
        let count = into.len().min(state.bytes.len());
        for (to, from) in into.iter_mut().zip(state.bytes.drain(..count)) {
            *to = from;
        }
        self.0.changed.notify_all();
        Ok(count)
    }

    /// Waits for room, and writes all.
    pub(crate) fn write(&self, mut bytes: &[u8], deadline: Instant) -> Result<(), TimedOut> {
        while !bytes.is_empty() {
            let full = |state: &State| state.bytes.len() >= CAPACITY && !state.closed;
            let mut state = self.wait(deadline, full)?;
            if state.closed {
                return Ok(());
            }
            let count = bytes.len().min(CAPACITY - state.bytes.len());
            state.bytes.extend(&bytes[..count]);
            bytes = &bytes[count..];
            self.0.changed.notify_all();
        }
        Ok(())
    }

    /// Ends the stream.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_all();
    }

    /// Whether the stream has been ended; there may be bytes left to read.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs while the lock is held.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state once it is no longer `blocked`.
    fn wait(
        &self,
        deadline: Instant,
        blocked: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'_, State>, TimedOut> {
        let mut state = self.lock();
        while blocked(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TimedOut);
            }
            let woken = self.0.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn bytes_come_out_in_order_then_the_end() {
        let pipe = Pipe::holding(b"abc".to_vec());
        pipe.write(b"de", late()).unwrap();
        pipe.close();
        pipe.write(b"dropped", late()).unwrap();
        let mut two = [0; 2];
        let mut read = Vec::new();
        while let count @ 1.. = pipe.read(&mut two, late()).unwrap() {
            read.extend_from_slice(&two[..count]);
        }
        assert_eq!(read, b"abcde");
    }

    #[test]
    fn nobody_waits_beyond_the_deadline() {
        let pipe = Pipe::default();
        assert_eq!(pipe.read(&mut [0], soon()), Err(TimedOut));
        assert_eq!(pipe.write(&vec![0; CAPACITY + 1], soon()), Err(TimedOut));
    }

    #[test]
    fn more_than_the_capacity_passes_while_it_is_read() {
        let (pipe, writer) = (Pipe::default(), Pipe::default());
        let writer_end = writer.clone();
        let thread = std::thread::spawn(move || {
            writer_end.write(&vec![7; 3 * CAPACITY], late()).unwrap();
            writer_end.close();
        });
        let (mut buffer, mut total) = (vec![0; 100_000], 0);
        while let count @ 1.. = writer.read(&mut buffer, late()).unwrap() {
            assert!(buffer[..count].iter().all(|&b| b == 7));
            total += count;
        }
        thread.join().unwrap();
        assert_eq!(total, 3 * CAPACITY);
        drop(pipe);
    }

    #[test]
    fn a_writer_that_waits_for_room_is_freed_by_the_end() {
        let pipe = Pipe::default();
        let other = pipe.clone();
        let thread = std::thread::spawn(move || other.write(&vec![0; 2 * CAPACITY], late()));
        let mut one = [0];
        assert_eq!(pipe.read(&mut one, late()), Ok(1));
        pipe.close();
        assert_eq!(thread.join().unwrap(), Ok(()));
    }
}
