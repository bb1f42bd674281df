//! Which n-grams of a sequence were seen before, by a rolling hash with full comparison.

/// For each token, whether it stands in an n-gram that was seen before: the mask of the paper's
/// algorithm, for rewards by token. `n` of 0 counts as 1.
///
/// ```
/// use thinkling_reward::repetition::repeated_tokens;
///
/// let mask = repeated_tokens(&[7, 8, 9, 7, 8, 5], 2);
/// assert_eq!(mask, [false, false, false, true, true, false]);
/// ```
pub fn repeated_tokens(ids: &[u32], n: usize) -> Vec<bool> {
    let n = n.max(1);
    let mut mask = vec![false; ids.len()];
    let mut open = 0;
    for_each(ids, n, |start, seen_before| {
        if seen_before {
            mask[open.max(start)..start + n].fill(true);
            open = start + n;
        }
    });
    mask
}

/// Reports each n-gram by its start, in order, and whether an equal one started before it.
pub(super) fn for_each(ids: &[u32], n: usize, mut report: impl FnMut(usize, bool)) {
    // Positions are kept in 32 bits; 4 billion tokens are beyond any completion.
    let ids = &ids[..ids.len().min(u32::MAX as usize)];
    let Some(count) = ids.len().checked_sub(n).map(|last| last + 1) else {
        return;
    };
    let mut seen = Seen::new(count);
    let mut previous = None;
    let mut rolling = Rolling::new(&ids[..n]);
    for start in 0..count {
        if start > 0 {
            rolling.step(ids[start - 1], ids[start + n - 1]);
        }
        previous = seen.find_or_insert(ids, n, start, rolling.hash, previous);
        report(start, previous.is_some());
    }
}

/// A polynomial hash of `n` tokens modulo 2^64.
struct Rolling {
    hash: u64,
    /// The base to the power of `n`: what the oldest token is multiplied by when it leaves.
    leaving: u64,
}

impl Rolling {
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

    fn new(first: &[u32]) -> Self {
        let (mut hash, mut leaving) = (0_u64, 1_u64);
        for &id in first {
            hash = hash.wrapping_mul(Self::BASE).wrapping_add(spread(id));
            leaving = leaving.wrapping_mul(Self::BASE);
        }
        Self { hash, leaving }
    }

    fn step(&mut self, old: u32, new: u32) {
        self.hash = self
            .hash
            .wrapping_mul(Self::BASE)
            .wrapping_add(spread(new))
            .wrapping_sub(spread(old).wrapping_mul(self.leaving));
    }
}

/// Spreads a token over 64 bits, so that small numbers do not give related hashes.
fn spread(id: u32) -> u64 {
    let mut x = u64::from(id).wrapping_add(0xD6E8_FEB8_6659_FD93);
    x = (x ^ (x >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^ (x >> 32)
}

/// The first start of every distinct n-gram, by hash: open addressing, at most half full.
struct Seen {
    /// Start plus one; zero is empty.
    slots: Vec<u32>,
    /// The upper half of the hash of the slot's n-gram, to skip most comparisons.
    tags: Vec<u32>,
}

impl Seen {
    fn new(count: usize) -> Self {
        let slots = count.saturating_mul(2).next_power_of_two();
        Self { slots: vec![0; slots], tags: vec![0; slots] }
    }

    /// The start of the first n-gram that equals the one at `start`, or nothing where it is new,
    /// and then it is kept. `previous` is the answer for `start - 1`.
    fn find_or_insert(
        &mut self,
        ids: &[u32],
        n: usize,
        start: usize,
        hash: u64,
        previous: Option<usize>,
    ) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let tag = (hash >> 32) as u32;
        let mut slot = (hash ^ (hash >> 29)) as usize & mask;
        while let Some(first) = (self.slots[slot] as usize).checked_sub(1) {
            if self.tags[slot] == tag {
                // Inside a repeated passage the n-gram before was equal too, so that one token
                // decides; this keeps long n-grams linear.
                let equal = if first > 0 && previous == Some(first - 1) {
                    ids[first + n - 1] == ids[start + n - 1]
                } else {
                    ids[first..first + n] == ids[start..start + n]
                };
                if equal {
                    return Some(first);
                }
            }
            slot = (slot + 1) & mask;
        }
        // `start` is below `u32::MAX`, see `for_each`.
        self.slots[slot] = start as u32 + 1;
        self.tags[slot] = tag;
        None
    }
}
