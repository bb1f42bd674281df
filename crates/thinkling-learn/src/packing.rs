//! Packing of examples of different lengths into sequences of one.

use std::collections::BTreeMap;

/// Best-fit decreasing: the longest first, each into the fullest sequence that still has room for it.
/// Gives the indices of each sequence's items; items of equal length keep their order, and the same
/// lengths always give the same sequences. An item longer than `capacity` is alone.
///
/// Needs at most 11/9 of the fewest sequences and a few (Johnson 1973).
pub fn best_fit_decreasing(lens: &[usize], capacity: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lens.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lens[i]));
    let mut sequences: Vec<Vec<usize>> = Vec::new();
    // Sequences by the room that is left in them.
    let mut by_room: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for item in order {
        let len = lens[item];
        let fullest = by_room.range(len..).next().map(|(&room, _)| room);
        let (index, room) = match fullest {
            Some(room) => {
                let candidates = by_room.entry(room).or_default();
                let index = candidates.pop();
                if candidates.is_empty() {
                    by_room.remove(&room);
                }
                (index.unwrap_or(sequences.len()), room)
            }
            None => (sequences.len(), capacity),
        };
        if index == sequences.len() {
            sequences.push(Vec::new());
        }
        sequences[index].push(item);
        if let Some(left) = room.checked_sub(len).filter(|left| *left > 0) {
            by_room.entry(left).or_default().push(index);
        }
    }
    sequences
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinkling_sampling::Stream;

    #[test]
    fn the_fullest_sequence_with_room_takes_the_next_longest_item() {
        let packed = best_fit_decreasing(&[3, 7, 5, 2, 4], 10);
        assert_eq!(packed, [vec![1, 0], vec![2, 4], vec![3]]);
        assert_eq!(best_fit_decreasing(&[5, 12, 5], 10), [vec![1], vec![0, 2]]);
        assert!(best_fit_decreasing(&[], 10).is_empty());
    }

    #[test]
    fn every_item_lies_in_one_sequence_and_none_overflows() {
        let mut stream = Stream::new(5, 0);
        let mut below = |n: usize| (stream.uniform() * n as f64) as usize;
        for _ in 0..200 {
            let capacity = 1 + below(64);
            let lens: Vec<usize> = (0..below(80)).map(|_| 1 + below(capacity)).collect();
            let packed = best_fit_decreasing(&lens, capacity);
            let mut seen: Vec<usize> = packed.concat();
            seen.sort_unstable();
            assert_eq!(seen, (0..lens.len()).collect::<Vec<_>>(), "each item once");
            let sums: Vec<usize> =
                packed.iter().map(|items| items.iter().map(|&i| lens[i]).sum()).collect();
            assert!(sums.iter().all(|sum| *sum <= capacity), "{sums:?} over {capacity}");
            // No two sequences would fit into one: the packing left no obvious room.
            let mut sorted = sums.clone();
            sorted.sort_unstable();
            assert!(sorted.len() < 2 || sorted[0] + sorted[1] > capacity, "{sums:?}");
        }
    }
}
