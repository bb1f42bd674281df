//! Which tokens of the cache are taken.

use crate::EngineError;

/// Neighbouring tokens of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// Free tokens of a cache, ascending, never next to each other.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    free: Vec<Segment>,
    tokens: usize,
}

impl Segments {
    pub(crate) fn new(tokens: usize) -> Self {
        Self { free: vec![Segment { start: 0, len: tokens }], tokens }
    }

    /// The first free place of so many tokens.
    pub(crate) fn take(&mut self, len: usize) -> Result<Segment, EngineError> {
        let Some(free) = self.free.iter_mut().find(|free| free.len >= len) else {
            return Err(EngineError::CacheFull { tokens: len, cache_tokens: self.tokens });
        };
        let taken = Segment { start: free.start, len };
        free.start += len;
        free.len -= len;
        self.free.retain(|free| free.len > 0);
        Ok(taken)
    }

    /// The last free place of so many tokens.
    pub(crate) fn take_last(&mut self, len: usize) -> Result<Segment, EngineError> {
        let Some(free) = self.free.iter_mut().rfind(|free| free.len >= len) else {
            return Err(EngineError::CacheFull { tokens: len, cache_tokens: self.tokens });
        };
        free.len -= len;
        let taken = Segment { start: free.start + free.len, len };
        self.free.retain(|free| free.len > 0);
        Ok(taken)
    }

    /// How many tokens are taken.
    pub(crate) fn taken(&self) -> usize {
        self.tokens - self.free.iter().map(|free| free.len).sum::<usize>()
    }

    /// Gives a taken segment back.
    pub(crate) fn give_back(&mut self, segment: Segment) {
        if segment.len == 0 {
            return;
        }
        let place = self.free.partition_point(|free| free.start < segment.start);
        self.free.insert(place, segment);
        self.free.dedup_by(|next, free| {
            let touch = free.start + free.len == next.start;
            if touch {
                free.len += next.len;
            }
            touch
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_one_place_again() {
        let mut segments = Segments::new(10);
        let taken = [4, 3, 3].map(|len| segments.take(len).unwrap());
        assert_eq!(taken.map(|s| s.start), [0, 4, 7]);
        assert!(matches!(segments.take(1), Err(EngineError::CacheFull { tokens: 1, .. })));
        segments.give_back(taken[0]);
        segments.give_back(taken[2]);
        assert!(segments.take(5).is_err(), "two places of 4 and 3");
        assert_eq!(segments.taken(), 3);
        segments.give_back(taken[1]);
        let last = segments.take_last(3).unwrap();
        assert_eq!((last.start, segments.take(7).unwrap().start), (7, 0));
        assert!(segments.take_last(1).is_err());
        segments.give_back(last);
        segments.give_back(Segment { start: 0, len: 7 });
        assert_eq!(segments.take(10).unwrap(), Segment { start: 0, len: 10 });
    }
}
