//! What was asked for in a rollout, in one round or, with dynamic sampling, in several.

use super::{Rl, State};
use crate::rollout_executor::ServedStats;
use thinkling_learn::{Chosen, Scored, Summary, choose_groups, has_variance};

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
    pub(super) served: Option<ServedStats>,
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

/// What a rollout shows.
pub(super) struct Seen {
    pub(super) summary: Summary,
    /// Name and questions of each source that was asked, where there are several.
    pub(super) by_source: Vec<(String, usize, Summary)>,
}

impl Asked {
    /// What everything that was asked shows; the order of questions is told of it.
    /// `bounded` are the components with bounds.
    pub(super) fn seen(&self, rl: &Rl<'_>, state: &mut State, bounded: &[&str]) -> Seen {
        let (material, group_size) = (&rl.material, rl.stage.group_size);
        let groups: Vec<&[Scored]> = self.scored.chunks(group_size).collect();
        for (&question, group) in self.picked.iter().zip(&groups) {
            let right = group.iter().filter(|s| s.record.verdict.is_correct()).count();
            material.mixture.saw(&mut state.order, question, right as u32, group.len() as u32);
        }
        let summary = Summary::of_groups(&groups, bounded);
        let several = material.sources.len() > 1;
        let named = material.sources.iter().filter(|_| several);
        let by_source = named.filter_map(|source| {
            let asked = self.picked.iter().zip(&groups);
            let own: Vec<&[Scored]> = asked
                .filter(|(question, _)| source.questions.contains(*question))
                .map(|(_, group)| *group)
                .collect();
            let name = source.name.filter(|_| !own.is_empty())?;
            Some((name.to_owned(), own.len(), Summary::of_groups(&own, bounded)))
        });
        Seen { summary, by_source: by_source.collect() }
    }

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
