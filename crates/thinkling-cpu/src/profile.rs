//! Where the seconds go: times of named pieces of work, once a program has given a clock.
//!
//! Without a clock a call costs one load. Pieces may nest, so times of an outer one hold those of
//! its inner ones; pieces that run on several threads count each thread's time.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Nanoseconds since any fixed moment.
pub type Clock = fn() -> u64;

static CLOCK: OnceLock<Clock> = OnceLock::new();
static PIECES: Mutex<BTreeMap<&'static str, Piece>> = Mutex::new(BTreeMap::new());

/// How often a piece of work ran and how long it took in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Calls.
    pub calls: u64,
    /// Nanoseconds in all of them.
    pub nanoseconds: u64,
}

/// Begins to measure; the first clock of a process stays.
pub fn start(clock: Clock) {
    let _ = CLOCK.set(clock);
    take();
}

/// All pieces since the last call, by name.
pub fn take() -> BTreeMap<&'static str, Piece> {
    std::mem::take(&mut *PIECES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs `f` and adds its time to the piece `name`.
pub fn timed<R>(name: &'static str, f: impl FnOnce() -> R) -> R {
    let Some(clock) = CLOCK.get() else { return f() };
    let before = clock();
    let result = f();
    let nanoseconds = clock().saturating_sub(before);
    let mut pieces = PIECES.lock().unwrap_or_else(PoisonError::into_inner);
    let piece = pieces.entry(name).or_default();
    piece.calls += 1;
    piece.nanoseconds += nanoseconds;
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn pieces_add_up_and_are_taken() {
        static NOW: AtomicU64 = AtomicU64::new(0);
        assert_eq!(timed("before", || 1), 1);
        start(|| NOW.fetch_add(5, Ordering::Relaxed));
        timed("a", || timed("b", || ()));
        timed("a", || ());
        let pieces = take();
        assert_eq!(pieces.get("a"), Some(&Piece { calls: 2, nanoseconds: 20 }));
        assert_eq!(pieces.get("b"), Some(&Piece { calls: 1, nanoseconds: 5 }));
        assert!(!pieces.contains_key("before") && take().is_empty());
    }
}
