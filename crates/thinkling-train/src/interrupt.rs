//! The wish to stop, set by a signal handler and polled by the loops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag shared by the one who asks to stop and the loops that poll it between steps.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop; returns whether that had been asked before, so that a handler can end the
    /// process at the second request.
    pub fn request(&self) -> bool {
        self.0.swap(true, Ordering::SeqCst)
    }

    /// Whether someone asked to stop.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reaches_every_clone_and_the_second_one_is_told_apart() {
        let handler = Interrupt::new();
        let polled = handler.clone();
        assert!(!polled.is_requested());
        assert!(!std::thread::spawn(move || handler.request()).join().expect("thread ends"));
        assert!(polled.is_requested());
        assert!(polled.request());
    }
}
