//! Sizes that an engine is made for.

use crate::Adapter;
use thinkling_sampling::generate::GenerateRequest;
use thinkling_weights::ModelConfig;

/// Sizes of a decoder's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Sequences that run at once at most.
    pub rows: usize,
    /// Tokens whose keys and values are kept: of prompts, and of each running sequence as many as it
    /// may come to.
    pub cache_tokens: usize,
    /// Longest prompt, where prompts have places of one size and completions of another one, so that
    /// those that end leave no gaps too short for the next; 0 for places as long as each needs.
    pub prompt_tokens: usize,
    /// Tokens beside these, of a [conversation](crate::Engine::kept_tokens); no sequence is longer
    /// then. 0 for none.
    pub conversation_tokens: usize,
}

/// Requests of one kind, by their sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Prompts of a request at most.
    pub prompts: usize,
    /// Completions of each.
    pub group_size: usize,
    /// Tokens of a prompt at most.
    pub prompt_tokens: usize,
    /// Tokens of a completion at most.
    pub max_tokens: usize,
    /// Completions that run at once at most; whole groups, at least one.
    pub max_rows: usize,
}

impl Capacity {
    /// What a request needs of a model with so long a context.
    pub fn of(request: &GenerateRequest<'_>, context: usize) -> Self {
        let groups = Groups {
            prompts: request.prompts.len(),
            group_size: request.group_size,
            prompt_tokens: request.prompts.iter().map(Vec::len).max().unwrap_or(0),
            max_tokens: request.stop.max_tokens,
            max_rows: request.max_rows,
        };
        Self::of_groups(groups, context)
    }

    /// What requests of these sizes need of a model with so long a context, whichever of their
    /// completions end first.
    pub fn of_groups(groups: Groups, context: usize) -> Self {
        let Groups { prompts, prompt_tokens, max_tokens, .. } = groups;
        let group = groups.group_size.max(1);
        let rows = (prompts * group).min(groups.max_rows.max(group)).max(1);
        // Of each group one completion may be left, and groups that begin had no row yet.
        let prompts = prompts.min(rows + rows.div_ceil(group));
        let cache_tokens = prompts * prompt_tokens + rows * max_tokens.min(context) + 1;
        Self { rows, cache_tokens, prompt_tokens, conversation_tokens: 0 }
    }

    /// As [`of_groups`](Self::of_groups) with fewer rows where the keys and values of so many do not
    /// fit in a buffer of the GPU.
    pub fn fitting(groups: Groups, config: &ModelConfig, adapter: Option<&Adapter>) -> Self {
        let most = adapter.map_or(usize::MAX, |adapter| adapter.most_cache_tokens(config));
        let mut groups = groups;
        loop {
            let capacity = Self::of_groups(groups, config.max_position_embeddings);
            if capacity.cache_tokens <= most || capacity.rows <= groups.group_size.max(1) {
                return capacity;
            }
            groups.max_rows = capacity.rows - groups.group_size.max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_may_be_the_last_of_its_group() {
        let groups =
            Groups { prompts: 100, group_size: 4, prompt_tokens: 10, max_tokens: 50, max_rows: 8 };
        let capacity = Capacity::of_groups(groups, 40);
        assert_eq!((capacity.rows, capacity.cache_tokens), (8, 10 * 10 + 8 * 40 + 1));
        let all = Capacity::of_groups(Groups { prompts: 2, max_rows: usize::MAX, ..groups }, 60);
        assert_eq!((all.rows, all.cache_tokens), (8, 2 * 10 + 8 * 50 + 1));
    }
}
