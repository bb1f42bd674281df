//! The mini world and the grown one as sources of texts, questions and examples.

use serde::Serialize;
use thinkling_learn::world::grown::{
    GrownConfig, default_mix, harmful_problems, labelled, preferences, readable_lessons,
    refusal_lessons, request_lessons, request_problems,
};
use thinkling_learn::world::{CorpusConfig, LevelMix, Split, WorldError, WorldProblem, problems};

use super::choice::choices;
use super::range::{NOT_NEGATIVE, SHARE};
use super::reward_model::RewardObjective;
use super::section::Section;
use crate::error::{Result, TrainError};

choices! {
    /// Questions of the grown mini world.
    #[derive(Default)]
    pub enum QuestionSet {
        /// Sums and countdown.
        #[default]
        Reasoning = "reasoning",
        /// Facts, words in a given form, how to do a deed; exact answers.
        Requests = "requests",
        /// Requests that do harm; the right answer is a refusal.
        Harmful = "harmful",
    }
}

/// Questions of the grown mini world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrownQuestions {
    /// Which ones. Default `reasoning`.
    pub set: QuestionSet,
    /// Levels and languages; requests and harmful ones have the share of English alone.
    #[serde(flatten)]
    pub mix: LevelMix,
}

impl GrownQuestions {
    pub(super) fn read(s: &mut Section<'_>) -> Result<Self> {
        let mut set = QuestionSet::default();
        s.choice("set", &mut set)?;
        Ok(Self { set, mix: read_mix(s, default_mix())? })
    }

    /// A set with the generator's levels and languages.
    pub fn of(set: QuestionSet) -> Self {
        Self { set, mix: default_mix() }
    }
}

choices! {
    /// Records of the grown mini world.
    pub enum WorldSet {
        /// Problems of the older world's kinds with their gold answers, as `thinkling score` and
        /// `thinkling eval` read them.
        Reasoning = "reasoning",
        /// Requests with exact answers, in the same layout.
        Requests = "requests",
        /// Requests that do harm, in the same layout; the right answer is a refusal.
        Harmful = "harmful",
        /// `{prompt, completion}`: readable replies to problems, with a summary.
        ReadableReplies = "readable-replies",
        /// `{prompt, completion}`: right replies to requests, with a summary.
        RequestReplies = "request-replies",
        /// `{prompt, completion}`: refusals of requests that do harm, with a summary.
        Refusals = "refusals",
        /// `{prompt, chosen, rejected}`: a helpful summary against one that is not.
        Preferences = "preferences",
        /// `{prompt, response, label}`: whether a response is harmless.
        Harmless = "harmless",
    }
}

impl WorldSet {
    /// Every set.
    pub const ALL: [Self; 8] = [
        Self::Reasoning,
        Self::Requests,
        Self::Harmful,
        Self::ReadableReplies,
        Self::RequestReplies,
        Self::Refusals,
        Self::Preferences,
        Self::Harmless,
    ];

    /// Records as JSON objects: those for training, or those held out for evaluation. There may be
    /// fewer than `count` of the sets that are small.
    ///
    /// # Errors
    /// A mix that cannot be drawn from.
    pub fn records(
        self,
        held_out: bool,
        count: usize,
        seed: u64,
        mix: &LevelMix,
    ) -> Result<Vec<serde_json::Value>> {
        let split = if held_out { Split::Eval } else { Split::Rl };
        let failed =
            |e: WorldError| TrainError::Failed { what: "the mini world", reason: e.to_string() };
        mix.validate().map_err(failed)?;
        let english = mix.english;
        match self {
            Self::Reasoning => {
                let drawn = problems(split, count, seed, mix).map_err(failed)?;
                to_json(&drawn.iter().map(WorldProblem::to_problem).collect::<Vec<_>>())
            }
            Self::Requests => to_json(&request_problems(split, count, seed, english)),
            Self::Harmful => to_json(&harmful_problems(split, count, seed, english)),
            Self::ReadableReplies => {
                to_json(&readable_lessons(split, count, seed, mix).map_err(failed)?)
            }
            Self::RequestReplies => to_json(&request_lessons(split, count, seed, english)),
            Self::Refusals => to_json(&refusal_lessons(split, count, seed, english)),
            Self::Preferences => to_json(&preferences(split, count, seed, english)),
            Self::Harmless => to_json(&labelled(split, count, seed, english)),
        }
    }
}

fn to_json<T: Serialize>(records: &[T]) -> Result<Vec<serde_json::Value>> {
    let encoded = records.iter().map(serde_json::to_value).collect::<serde_json::Result<_>>();
    encoded.map_err(|e| TrainError::Encode {
        what: "a record of the mini world",
        reason: e.to_string(),
    })
}

choices! {
    /// Examples of the grown mini world.
    pub enum LessonSet {
        /// Readable replies to problems, with a summary.
        ReadableReplies = "readable-replies",
        /// Right replies to requests, with a summary.
        RequestReplies = "request-replies",
        /// Refusals of requests that do harm, with a summary.
        Refusals = "refusals",
    }
}

impl LessonSet {
    /// The same as records.
    pub fn records(self) -> WorldSet {
        match self {
            Self::ReadableReplies => WorldSet::ReadableReplies,
            Self::RequestReplies => WorldSet::RequestReplies,
            Self::Refusals => WorldSet::Refusals,
        }
    }
}

/// Examples that the grown mini world makes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrownLessons {
    /// Which ones. Required.
    pub set: LessonSet,
    /// How many, or as many as there are. Default 1000.
    pub count: usize,
    /// Levels and languages, as in questions.
    #[serde(flatten)]
    pub mix: LevelMix,
}

impl GrownLessons {
    pub(super) fn read(s: &mut Section<'_>) -> Result<Self> {
        let set = s.required_choice("set")?;
        let mut count = 1000;
        s.count("count", &mut count, 1)?;
        Ok(Self { set, count, mix: read_mix(s, default_mix())? })
    }
}

choices! {
    /// Preferences of the grown mini world.
    pub enum PreferenceSet {
        /// A helpful summary against one that is not.
        Preferences = "preferences",
        /// Whether a response is harmless.
        Harmless = "harmless",
    }
}

impl PreferenceSet {
    /// The same as records.
    pub fn records(self) -> WorldSet {
        match self {
            Self::Preferences => WorldSet::Preferences,
            Self::Harmless => WorldSet::Harmless,
        }
    }

    /// What a reward model can learn of it.
    pub fn objective(self) -> RewardObjective {
        match self {
            Self::Preferences => RewardObjective::Pairwise,
            Self::Harmless => RewardObjective::Pointwise,
        }
    }
}

/// Pairs or labelled responses that the grown mini world makes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrownPreferences {
    /// Which ones. Required.
    pub set: PreferenceSet,
    /// How many. Default 1000.
    pub count: usize,
    /// Share of English ones. Default 0.6.
    pub english: f64,
}

impl GrownPreferences {
    pub(super) fn read(s: &mut Section<'_>) -> Result<Self> {
        let set = s.required_choice("set")?;
        let mut made = Self { set, count: 1000, english: default_mix().english };
        s.count("count", &mut made.count, 1)?;
        s.float("english", &mut made.english, SHARE)?;
        Ok(made)
    }

    /// The records, none of them held out for evaluation.
    ///
    /// # Errors
    /// As [`WorldSet::records`].
    pub fn records(&self, seed: u64) -> Result<Vec<serde_json::Value>> {
        let mix = LevelMix { english: self.english, ..default_mix() };
        self.set.records().records(false, self.count, seed, &mix)
    }
}

/// Reads `sums`, `countdown` and `english` over the given values.
pub(super) fn read_mix(s: &mut Section<'_>, mut mix: LevelMix) -> Result<LevelMix> {
    s.floats("sums", &mut mix.sums, NOT_NEGATIVE)?;
    s.float("countdown", &mut mix.countdown, NOT_NEGATIVE)?;
    s.float("english", &mut mix.english, SHARE)?;
    mix.validate().map_err(|e| s.misfit(e))?;
    Ok(mix)
}

/// Reads the fields of [`GrownConfig`] over the generator's defaults.
pub(super) fn read_grown_corpus(s: &mut Section<'_>) -> Result<GrownConfig> {
    let mut c = GrownConfig::default();
    c.common = read_corpus(s, c.common)?;
    s.count("tries_a_line", &mut c.tries_a_line, 1)?;
    s.count("statements_a_line", &mut c.statements_a_line, 1)?;
    for (key, slot) in [
        ("tries", &mut c.tries),
        ("statements", &mut c.statements),
        ("requests", &mut c.requests),
        ("request_wrong", &mut c.request_wrong),
        ("harmful", &mut c.harmful),
        ("comply", &mut c.comply),
        ("summary", &mut c.summary),
        ("systematic", &mut c.systematic),
    ] {
        s.float(key, slot, SHARE)?;
    }
    c.validate().map_err(|e| s.misfit(e))?;
    Ok(c)
}

/// Reads the fields of [`CorpusConfig`] over the given values.
pub(super) fn read_corpus(s: &mut Section<'_>, mut c: CorpusConfig) -> Result<CorpusConfig> {
    if let Some(mut mix) = s.section("mix")? {
        c.mix = read_mix(&mut mix, c.mix)?;
        mix.finish()?;
    }
    s.count("facts_a_line", &mut c.facts_a_line, 1)?;
    for (key, slot) in [
        ("facts", &mut c.facts),
        ("template", &mut c.template),
        ("format", &mut c.format),
        ("guess", &mut c.guess),
        ("guess_wrong", &mut c.guess_wrong),
        ("rush", &mut c.rush),
        ("slip", &mut c.slip),
        ("noticed", &mut c.noticed),
        ("check", &mut c.check),
        ("countdown_guess", &mut c.countdown_guess),
        ("give_up", &mut c.give_up),
        ("other_language", &mut c.other_language),
        ("mixed_language", &mut c.mixed_language),
    ] {
        s.float(key, slot, SHARE)?;
    }
    c.validate().map_err(|e| s.misfit(e))?;
    Ok(c)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::recipe::{
        ExamplePlace, PreferencePlace, QuestionSource, Recipe, StageKind, TextSource,
    };

    const STAGES: &str = "name='a'\n\
        [model]\ntokenizer='grown-world'\nhidden_size=8\nnum_hidden_layers=1\n\
        num_attention_heads=1\nintermediate_size=8\n\
        [[stage]]\nname='base'\nkind='pretrain'\n\
        data={kind='grown-world', tries=0.3, give_up=0.1, mix={countdown=2}}\n\
        [[stage]]\nname='sft'\nkind='sft'\n\
        data={kind='grown-world', set='request-replies', count=7, english=0.5}\n\
        [[stage]]\nname='rl'\nkind='rl'\ndata={kind='grown-world', set='requests'}\neval={}\n\
        [[stage]]\nname='safe'\nkind='reward-model'\nobjective='pointwise'\n\
        data={kind='grown-world', set='harmless', english=1}\n";

    fn parse(text: &str) -> Result<Recipe> {
        Recipe::parse(text, Path::new("r.toml"), Path::new("/r"), &[])
    }

    #[test]
    fn keys_are_read_over_the_generators_values() {
        let recipe = parse(STAGES).expect("valid");
        let kinds: Vec<&StageKind> = recipe.stages.iter().map(|stage| &stage.kind).collect();
        let [
            StageKind::Pretrain(base),
            StageKind::Sft(sft),
            StageKind::Rl(rl),
            StageKind::RewardModel(safe),
        ] = kinds[..]
        else {
            panic!("other stages")
        };
        let TextSource::GrownWorld(corpus) = &base.data else { panic!("{:?}", base.data) };
        let default = GrownConfig::default();
        assert_eq!((corpus.tries, corpus.common.give_up), (0.3, 0.1));
        assert_eq!((corpus.common.mix.countdown, corpus.common.mix.sums[0]), (2.0, 0.1));
        assert_eq!((corpus.harmful, corpus.common.facts), (default.harmful, default.common.facts));
        let ExamplePlace::GrownWorld(lessons) = &sft.data[0].place else { panic!("other data") };
        assert_eq!((lessons.set, lessons.count), (LessonSet::RequestReplies, 7));
        assert_eq!(lessons.mix, LevelMix { english: 0.5, ..default_mix() });
        let PreferencePlace::GrownWorld(made) = &safe.data[0].place else { panic!("other data") };
        assert_eq!((made.set, made.count, made.english), (PreferenceSet::Harmless, 1000, 1.0));
        let asked = QuestionSource::GrownWorld(GrownQuestions::of(QuestionSet::Requests));
        assert_eq!(rl.data.len(), 1);
        assert_eq!(rl.data[0].source, asked);
        let evaluated = rl.eval.as_ref().map(|e| &e.data[0].source);
        assert_eq!(evaluated, Some(&asked), "those held out");
    }

    #[test]
    fn a_resolved_recipe_reads_back_the_same() {
        let recipe = parse(STAGES).expect("valid");
        let text = recipe.to_toml().expect("serialised");
        assert_eq!(parse(&text).expect("valid"), recipe);
    }

    #[test]
    fn mistakes_are_told_with_what_there_is() {
        for (right, wrong, told) in [
            ("set='requests'", "set='request'", "requests"),
            ("set='request-replies'", "set='labels'", "readable-replies"),
            ("tries=0.3", "tries=1.3", "tries"),
            ("tries=0.3", "tries=0.9", "together"),
            ("count=7", "count=0", "count"),
            ("set='harmless', english", "set='harm', english", "preferences"),
            ("'pointwise'", "'pairwise'", "that `objective` = \"pairwise\" learns from"),
        ] {
            let error = parse(&STAGES.replace(right, wrong)).expect_err("refused").to_string();
            assert!(error.contains(told), "no {told} in {error}");
        }
    }
}
