//! What was asked for in a rollout, in one round or, with dynamic sampling, in several.

use thinkling_learn::{Chosen, Scored, choose_groups, has_variance};

/// Questions asked so far with their scored completions, and where the time went.
#[derive(Default)]
pub(super) struct Asked {
    /// The first completion's random stream; the others follow.
    pub(super) stream: u64,
    /// Where the questions stand.
    pub(super) picked: Vec<usize>,
    pub(super) prompts: Vec<Vec<u32>>,
    /// Those of one question together; their prompts count over all rounds.
    pub(super) scored: Vec<Scored>,
    pub(super) generate_s: f64,
    pub(super) weights_s: Option<f64>,
    pub(super) reward_s: f64,
    pub(super) logprob_s: f64,
}

/// What dynamic sampling asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resampled {
    /// Groups asked for.
    pub(super) groups: usize,
    /// Groups with variance among those that are learnt from.
    pub(super) with_variance: usize,
}

impl Asked {
    /// Adds a round.
    pub(super) fn add(
        &mut self,
        picked: Vec<usize>,
        prompts: Vec<Vec<u32>>,
        mut scored: Vec<Scored>,
    ) {
        let before = self.prompts.len();
        scored.iter_mut().for_each(|s| s.completion.prompt += before);
        self.picked.extend(picked);
        self.prompts.extend(prompts);
        self.scored.extend(scored);
    }

    /// Groups with variance.
    pub(super) fn varied(&self, group_size: usize) -> usize {
        self.scored.chunks(group_size).filter(|group| has_variance(group)).count()
    }

    /// Keeps the `wanted` groups that are learnt from.
    pub(super) fn choose(&mut self, group_size: usize, wanted: usize) -> Resampled {
        let asked = self.prompts.len();
        let Chosen { groups, with_variance } = choose_groups(&self.scored, group_size, wanted);
        let all = std::mem::take(&mut self.scored);
        let is_kept = |group: &usize| groups.binary_search(group).is_ok();
        for (i, mut scored) in all.into_iter().enumerate() {
            if let Ok(place) = groups.binary_search(&(i / group_size)) {
                scored.completion.prompt = place;
                self.scored.push(scored);
            }
        }
        let mut group = 0..;
        self.picked.retain(|_| group.next().as_ref().is_some_and(is_kept));
        let mut group = 0..;
        self.prompts.retain(|_| group.next().as_ref().is_some_and(is_kept));
        Resampled { groups: asked, with_variance }
    }
}
