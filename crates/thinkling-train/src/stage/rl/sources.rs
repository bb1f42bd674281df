//! The questions of a stage, of one source or several, with how each is rewarded and which come when.

use super::note_skipped;
use crate::error::{Result, TrainError};
use crate::model_io::LoadedModel;
use crate::prompts::Prompts;
use crate::questions::{Checks, load_questions};
use crate::recipe::{CurriculumKeys, Rewards, RlStage};
use crate::stage::StageContext;
use std::ops::Range;
use thinkling_learn::{Curriculum, Mixture, Question, SourceQuestions, source_seed};

/// What a stage draws from.
pub(super) struct Material<'a> {
    /// Of all sources, one after the other.
    pub(super) questions: Vec<Question>,
    pub(super) sources: Vec<Source<'a>>,
    /// The rewards that some source has, each once.
    pub(super) rewards: Vec<&'a Rewards>,
    pub(super) mixture: Mixture,
}

/// A source of questions.
pub(super) struct Source<'a> {
    /// Absent where the only source has none.
    pub(super) name: Option<&'a str>,
    /// Place of its rewards.
    pub(super) rewards: usize,
    /// Places of its questions.
    pub(super) questions: Range<usize>,
    /// What its prompts open, which completions go on from.
    pub(super) opening: String,
}

impl<'a> Material<'a> {
    /// Reads or generates what a stage of `seed` trains on.
    ///
    /// # Errors
    /// As [`load_questions`], and a curriculum that the data's levels do not fit.
    pub(super) fn load(
        context: &mut StageContext<'_>,
        stage: &'a RlStage,
        model: &LoadedModel,
        seed: u64,
    ) -> Result<Self> {
        let name = &context.recipe.stages[context.index].name;
        let rewards = stage.all_rewards();
        let positions = model.decoder.config().max_position_embeddings;
        let (mut questions, mut sources) = (Vec::new(), Vec::new());
        for (index, source) in stage.data.iter().enumerate() {
            let own = stage.rewards_of(source);
            let spec = own.spec();
            let checks = Checks { stage: name, rewards: &spec, tools: context.tools };
            let prompts = Prompts::of(model, stage.template_of(source))?;
            let opening = prompts.opening()?;
            let seed = (source_seed(seed, index), false);
            let loaded = load_questions(
                checks,
                &source.source,
                Some((prompts, positions)),
                seed,
                usize::MAX,
            )?;
            note_skipped(context, &loaded);
            let first = questions.len();
            questions.extend(loaded.questions);
            sources.push(Source {
                name: source.name.as_deref(),
                rewards: rewards.iter().position(|r| std::ptr::eq(*r, own)).unwrap_or(0),
                questions: first..questions.len(),
                opening,
            });
        }
        let levels = |source: &Source<'_>| {
            let own = questions[source.questions.clone()].iter();
            own.map(|question| question.problem.level.as_deref()).collect()
        };
        let mixture = mixture(stage, name, sources.iter().map(levels).collect(), seed)?;
        Ok(Self { questions, sources, rewards, mixture })
    }

    /// The source of a question.
    pub(super) fn source_of(&self, question: usize) -> &Source<'a> {
        &self.sources[self.mixture.source_of(question)]
    }
}

/// The order of questions with these levels, by source.
///
/// # Errors
/// A curriculum by levels that the data does not have, or that its order does not name.
pub(crate) fn mixture(
    stage: &RlStage,
    name: &str,
    levels: Vec<Vec<Option<&str>>>,
    seed: u64,
) -> Result<Mixture> {
    let misfit = |reason| TrainError::DoesNotFit { stage: name.to_owned(), reason };
    let curriculum = stage.curriculum.as_ref().map_or(Curriculum::None, CurriculumKeys::curriculum);
    let by_level = matches!(curriculum, Curriculum::Level { .. });
    if by_level && levels.iter().flatten().all(Option::is_none) {
        let reason = "`curriculum` goes by level, expected: problems with a level, got: none of them \
                      has one; use `by = \"pass-rate\"` or no curriculum";
        return Err(misfit(reason.to_owned()));
    }
    let weights = stage.data.iter().map(|source| source.weight.unwrap_or(1.0));
    let sources: Vec<SourceQuestions<'_>> =
        weights.zip(levels).map(|(weight, levels)| SourceQuestions { weight, levels }).collect();
    Mixture::new(&sources, curriculum, seed).map_err(|level| {
        misfit(format!(
            "the data has the level `{level}`, expected: one of `curriculum.order`; name it there"
        ))
    })
}
