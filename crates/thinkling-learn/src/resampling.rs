//! Dynamic sampling (DAPO, arXiv 2503.14476, section 3.2): which groups of those that were asked for
//! are learnt from, and how many more questions to ask.

use crate::rollout::Scored;

/// Whether the completions of a group are told apart by their rewards; otherwise all advantages are
/// 0 and nothing is learnt from it.
pub fn has_variance(group: &[Scored]) -> bool {
    group.iter().any(|scored| scored.reward != group[0].reward)
}

/// What [`choose_groups`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Indices of the groups to learn from, ascending.
    pub groups: Vec<usize>,
    /// How many of them have variance.
    pub with_variance: usize,
}

/// Of the groups of `group_size` completions in `scored`, in the order they were asked for: the first
/// `wanted` with variance, and where there are fewer the first others until it is as many.
pub fn choose_groups(scored: &[Scored], group_size: usize, wanted: usize) -> Chosen {
    let varied: Vec<bool> = scored.chunks(group_size.max(1)).map(has_variance).collect();
    choose(&varied, wanted)
}

fn choose(varied: &[bool], wanted: usize) -> Chosen {
    let of = |varies: bool| (0..varied.len()).filter(move |&group| varied[group] == varies);
    let mut groups: Vec<usize> = of(true).take(wanted).collect();
    let with_variance = groups.len();
    groups.extend(of(false).take(wanted - with_variance));
    groups.sort_unstable();
    Chosen { groups, with_variance }
}

/// Questions of the next round, at most `left` and `wanted`: as many as bring the groups that lack,
/// were variance as frequent as among the `asked` so far; 0 once `varied` of them are enough.
pub fn next_round(wanted: usize, asked: usize, varied: usize, left: usize) -> usize {
    let lacking = wanted.saturating_sub(varied);
    let expected = match varied {
        0 => wanted,
        varied => (lacking.saturating_mul(asked)).div_ceil(varied),
    };
    expected.min(wanted).min(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(varied: &str, wanted: usize) -> (Vec<usize>, usize) {
        let varied: Vec<bool> = varied.chars().map(|c| c == 'v').collect();
        let Chosen { groups, with_variance } = choose(&varied, wanted);
        (groups, with_variance)
    }

    #[test]
    fn the_first_groups_with_variance_are_taken_and_others_fill_the_rest() {
        assert_eq!(chosen("-v-vvv", 3), (vec![1, 3, 4], 3));
        assert_eq!(chosen("--v-v", 4), (vec![0, 1, 2, 4], 2));
        assert_eq!(chosen("vv", 2), (vec![0, 1], 2));
        assert_eq!(chosen("---", 2), (vec![0, 1], 0));
    }

    #[test]
    fn a_round_asks_for_what_lacks_at_the_share_seen_and_keeps_its_bounds() {
        // 3 of 8 had variance: 5 that lack need 13.3 questions, 8 at most are asked at once.
        assert_eq!(next_round(8, 8, 3, 24), 8);
        // 6 of 8: 2 that lack need 2.7.
        assert_eq!(next_round(8, 8, 6, 24), 3);
        assert_eq!(next_round(8, 8, 6, 2), 2);
        assert_eq!(next_round(8, 8, 0, 24), 8);
        assert_eq!(next_round(8, 8, 8, 24), 0);
        assert_eq!(next_round(8, 16, 9, 24), 0);
        assert_eq!(next_round(8, 8, 0, 0), 0);
    }
}
