//! Lengths of chosen and rejected responses, which a reward model would learn in the place of what is
//! better.

/// Lengths of a pair in characters: of the chosen response and of the rejected one.
pub(super) type Lengths = (usize, usize);

/// Which pairs stay so that the chosen ones together are at most `max_ratio` times as long as the
/// rejected ones, and the other way round.
///
/// As long as one side is longer than that, the pair in which it is longer by the most characters goes,
/// so that few have to. Where that never comes to an end, nothing stays.
pub(super) fn balanced(lengths: &[Lengths], max_ratio: f64) -> Vec<bool> {
    let mut stays = vec![true; lengths.len()];
    let difference = |at: usize| lengths[at].0 as i64 - lengths[at].1 as i64;
    // From the pairs that speak most for a longer rejected response to the opposite.
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&at| (difference(at), at));
    let mut left = order.as_slice();
    let mut chosen: usize = lengths.iter().map(|(chosen, _)| chosen).sum();
    let mut rejected: usize = lengths.iter().map(|(_, rejected)| rejected).sum();
    loop {
        let dropped = if chosen as f64 > max_ratio * rejected as f64 {
            left.split_last()
        } else if rejected as f64 > max_ratio * chosen as f64 {
            left.split_first()
        } else {
            None
        };
        let Some((&at, rest)) = dropped else { return stays };
        stays[at] = false;
        chosen -= lengths[at].0;
        rejected -= lengths[at].1;
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pairs_that_speak_most_for_length_go_first() {
        let longer = [(10, 10), (40, 10), (12, 10), (30, 10), (9, 10)];
        assert_eq!(balanced(&longer, 1.1), [true, false, true, false, true]);
        assert_eq!(balanced(&longer, 2.02), [true; 5], "101 against 50 characters");
        assert_eq!(balanced(&longer, 1.9), [true, false, true, true, true]);
        let shorter = longer.map(|(chosen, rejected)| (rejected, chosen));
        assert_eq!(balanced(&shorter, 1.1), [true, false, true, false, true], "either way");
    }

    #[test]
    fn comparable_lengths_stay_and_hopeless_ones_go() {
        assert_eq!(
            balanced(&[(20, 10), (10, 20)], 1.1),
            [true, true],
            "they make up for each other"
        );
        assert_eq!(balanced(&[(20, 10), (20, 10)], 1.5), [false, false]);
        assert_eq!(balanced(&[(20, 10), (20, 10), (11, 10)], 1.2), [false, false, true]);
        assert!(balanced(&[], 1.0).is_empty());
    }

    #[test]
    fn what_stays_keeps_the_bound_whatever_the_lengths() {
        // A small generator of lengths (Numerical Recipes' constants).
        let mut state = 1_u32;
        let mut draw = |most: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            1 + (state >> 8) as usize % most
        };
        for (chosen, rejected) in [(400, 100), (100, 100), (50, 300)] {
            let all: Vec<Lengths> = (0..200).map(|_| (draw(chosen), draw(rejected))).collect();
            let stays = balanced(&all, 1.1);
            let kept = || all.iter().zip(&stays).filter(|(_, stays)| **stays).map(|(l, _)| l);
            let sum = |side: fn(&Lengths) -> usize| kept().map(side).sum::<usize>() as f64;
            let ratio = sum(|l| l.0) / sum(|l| l.1);
            assert!(ratio <= 1.1 && 1.0 / ratio <= 1.1, "{ratio} of {} pairs", kept().count());
            assert!(kept().count() > 20, "{} pairs", kept().count());
        }
    }
}
