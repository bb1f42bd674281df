//! Which answers are judged against each other.

use super::counts::PreferencePairCounts;
use super::prompts::Prompt;
use crate::preferences::read_part;
use crate::recipe::{PreferencesStage, Reading};
use crate::sampling::Reply;
use crate::selection::{Duplicates, response_of, spaced};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;
use thinkling_sampling::Finish;
use thinkling_text::Message;

/// Two different answers to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Which prompt, counted from 0.
    pub(crate) prompt: usize,
    /// Which of its answers, the lower number first.
    pub(crate) samples: [usize; 2],
}

/// The pairs of a stage.
#[derive(Debug)]
pub(crate) struct Pairs<'a> {
    prompts: &'a [Prompt],
    /// The whole responses to each prompt.
    responses: Vec<Vec<String>>,
    pairs: Vec<Pair>,
}

impl<'a> Pairs<'a> {
    /// Forms pairs of whole answers with different summaries, at most `pairs_per_prompt` of a prompt,
    /// drawn by `seed`; `opening` is what the end of a prompt opens. Counts what is left out.
    pub(crate) fn form(
        stage: &PreferencesStage,
        prompts: &'a [Prompt],
        replies: &[Vec<Reply>],
        opening: &str,
        seed: u64,
        counts: &mut PreferencePairCounts,
    ) -> Self {
        let mut all = Self { prompts, responses: Vec::new(), pairs: Vec::new() };
        let (mut seen, mut rng) = (Duplicates::default(), ChaCha8Rng::seed_from_u64(seed));
        for (prompt, replies) in replies.iter().enumerate() {
            let response = |reply: &Reply| response_of(stage.template, opening, &reply.text);
            all.responses.push(replies.iter().map(response).collect());
            let good = all.different(prompt, replies, counts);
            let pairs: Vec<[usize; 2]> = good
                .iter()
                .enumerate()
                .flat_map(|(i, &second)| good[..i].iter().map(move |&first| [first, second]))
                .collect();
            counts.prompts_without_pair += usize::from(pairs.is_empty());
            rng.set_stream(prompt as u64);
            rng.set_word_pos(0);
            let most = stage.pairs_per_prompt.min(pairs.len());
            let mut drawn = sample(&mut rng, pairs.len(), most).into_vec();
            drawn.sort_unstable();
            for pair in drawn.into_iter().map(|at| Pair { prompt, samples: pairs[at] }) {
                match seen.seen(&all.named(&pair)) {
                    true => counts.duplicate_pairs += 1,
                    false => all.pairs.push(pair),
                }
            }
        }
        counts.prompts = prompts.len();
        counts.samples = stage.samples;
        counts.answers = replies.iter().map(Vec::len).sum();
        counts.pairs = all.pairs.len();
        all
    }

    /// The answers to a prompt that are whole and have a summary that no earlier one has.
    fn different(
        &self,
        prompt: usize,
        replies: &[Reply],
        counts: &mut PreferencePairCounts,
    ) -> Vec<usize> {
        let (mut good, mut seen) = (Vec::new(), HashSet::new());
        for (index, reply) in replies.iter().enumerate() {
            let summary = self.summary(prompt, index);
            if reply.finish == Finish::Length {
                counts.truncated += 1;
            } else if summary.is_empty() {
                counts.without_summary += 1;
            } else if !seen.insert(spaced(summary)) {
                counts.duplicates += 1;
            } else {
                good.push(index);
            }
        }
        good
    }

    /// A pair by prompt and summaries, whichever stands first.
    fn named(&self, pair: &Pair) -> Vec<Message> {
        let mut summaries = self.summaries(pair);
        summaries.sort_unstable();
        let said = summaries.map(|summary| Message::new("assistant", summary));
        self.prompts[pair.prompt].messages.iter().cloned().chain(said).collect()
    }

    pub(crate) fn prompts(&self) -> &'a [Prompt] {
        self.prompts
    }

    /// All pairs, in the order of their prompts.
    pub(crate) fn all(&self) -> &[Pair] {
        &self.pairs
    }

    /// The whole responses of a pair.
    pub(crate) fn responses(&self, pair: &Pair) -> [&str; 2] {
        pair.samples.map(|sample| self.responses[pair.prompt][sample].as_str())
    }

    /// What is judged of a pair.
    pub(crate) fn summaries(&self, pair: &Pair) -> [&str; 2] {
        pair.samples.map(|sample| self.summary(pair.prompt, sample))
    }

    fn summary(&self, prompt: usize, sample: usize) -> &str {
        read_part(&self.responses[prompt][sample], Reading::Summary)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::recipe::{Recipe, StageKind};
    use std::path::Path;

    /// A stage with these keys.
    pub(in crate::pairwise) fn stage(keys: &str) -> PreferencesStage {
        let text = format!(
            "name='r'\nmodel.path='m'\n[[stage]]\nname='p'\nkind='preferences'\n\
             data={{kind='mini-world'}}\njudge={{kind='local'}}\n{keys}\n"
        );
        let recipe = Recipe::parse(&text, Path::new("r.toml"), Path::new("/"), &[]).expect("valid");
        match &recipe.stages[0].kind {
            StageKind::Preferences(stage) => stage.as_ref().clone(),
            other => panic!("another stage: {other:?}"),
        }
    }

    pub(in crate::pairwise) fn prompts(texts: &[&str]) -> Vec<Prompt> {
        let prompt = |(i, text): (usize, &&str)| Prompt {
            id: format!("line {}", i + 1),
            messages: vec![Message::new("user", *text)],
        };
        texts.iter().enumerate().map(prompt).collect()
    }

    pub(in crate::pairwise) fn reply(text: &str) -> Reply {
        let finish = if text.ends_with('~') { Finish::Length } else { Finish::Stop };
        Reply { finish, tokens: 3, prompt_tokens: 2, text: text.to_owned(), ids: Vec::new() }
    }

    fn replies(texts: &[&str]) -> Vec<Reply> {
        texts.iter().map(|text| reply(text)).collect()
    }

    #[test]
    fn pairs_are_of_whole_answers_with_different_summaries() {
        let (stage, prompts) = (stage("pairs_per_prompt=9\nsamples=6"), prompts(&["a", "b"]));
        let first = replies(&[
            " <think>x</think>1",
            "<think>y</think> 1 ",
            "<think>x</think> 2",
            "<think>3",
            "4 and~",
            "<think>x</think>3",
        ]);
        let all = [first, replies(&["1", "1", "1", "1", "1", "1"])];
        let mut counts = PreferencePairCounts::default();
        let pairs = Pairs::form(&stage, &prompts, &all, "", 1, &mut counts);
        let samples: Vec<[usize; 2]> = pairs.all().iter().map(|pair| pair.samples).collect();
        assert_eq!(samples, [[0, 2], [0, 5], [2, 5]]);
        assert_eq!(pairs.summaries(&pairs.all()[0]), ["1", "2"]);
        assert_eq!(pairs.responses(&pairs.all()[0])[0], "<think>x</think>1");
        let c = &counts;
        assert_eq!((c.answers, c.truncated, c.without_summary, c.duplicates), (12, 1, 1, 6));
        assert_eq!((c.prompts, c.pairs, c.prompts_without_pair), (2, 3, 1));
        // What the end of a prompt opened belongs to the response.
        let opened = [replies(&["x</think>1", "x</think>2"])];
        let pairs = Pairs::form(&stage, &prompts, &opened, "<think>", 1, &mut counts);
        assert_eq!(pairs.responses(&pairs.all()[0])[1], "<think>x</think>2");
    }

    #[test]
    fn so_many_of_a_prompt_are_drawn_by_the_seed_and_none_twice() {
        let stage = stage("pairs_per_prompt=2\nsamples=4");
        let asked = prompts(&["a", "b", "c", "d", "a"]);
        let of_one = replies(&["1", "2", "3", "4"]);
        let all = vec![of_one; 5];
        let of = |seed| {
            let mut counts = PreferencePairCounts::default();
            let pairs = Pairs::form(&stage, &asked, &all, "", seed, &mut counts);
            assert_eq!(counts.pairs + counts.duplicate_pairs, 10);
            pairs.all().to_vec()
        };
        assert_eq!(of(1), of(1));
        assert!((2..9).any(|seed| of(seed) != of(1)), "every seed draws the same");
        // A prompt that stands twice has no pair twice, in either order.
        let one = prompts(&["a", "a"]);
        let turned = [replies(&["1", "2"]), replies(&["2", " 1"])];
        let mut counts = PreferencePairCounts::default();
        let pairs = Pairs::form(&stage, &one, &turned, "", 1, &mut counts);
        assert_eq!((pairs.all().len(), counts.duplicate_pairs), (1, 1));
    }
}
