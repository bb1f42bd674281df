//! The table `rewards` of an `rl` stage: one table for each component.
//!
//! ```toml
//! [stage.rewards]
//! accuracy = { weight = 1 }
//! format = { weight = 1, rule = "strict" }
//! language = { weight = 0.5, target = "en" }
//! judge = { command = ["python3", "judge.py"], weight = 0.5, timeout_s = 30, clip = [0, 1] }
//! ```
//!
//! Accuracy and format are there without being written; a component of weight 0 is not. Names
//! that are none of the fields of [`Rewards`] are rewards by a model where they have the key `model`
//! ([`ModelReward`]), else rewards from outside ([`ExternalReward`]).

mod model;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use thinkling_reward::code::CodeReward;
use thinkling_reward::format::FormatRule;
use thinkling_reward::length::{CosineLength, SoftOverlong};
use thinkling_reward::math::Policy;
use thinkling_reward::repetition::RepetitionRule;
use thinkling_reward::spec::{
    ACCURACY, AccuracyRule, FORMAT, FormatComponent, LANGUAGE, LENGTH, LanguageRule, OVERLONG,
    REPETITION,
};
use thinkling_reward::{ComponentSpec, Language, RewardSpec, Rule};

use super::Stage;
use super::choice::{Choice, nearest, spellings};
use super::policy::read_policy;
use super::range::{ANY, NOT_NEGATIVE, SECONDS};
use super::rl::Template;
use super::section::{Section, is_alike};
use crate::error::Result;

pub use model::ModelReward;
pub(super) use model::read_judge;

/// The components that are rules, in the order of records.
const RULES: [&str; 6] = [ACCURACY, FORMAT, LANGUAGE, REPETITION, LENGTH, OVERLONG];
/// What the metrics add to a component's name for the share of clipped values.
pub(crate) const CLIPPED: &str = "_clipped";

spellings!(FormatRule { Strict = "strict", TagCount = "tag-count", ThinkOnly = "think-only" });
spellings!(CodeReward { AllOrNothing = "all_or_nothing", Fraction = "fraction" });
spellings!(thinkling_reward::Template { R1Zero = "r1-zero", None = "none", Boxed = "boxed" });

/// Each language under its code.
const LANGUAGES: [(&str, Language); Language::ALL.len()] = {
    let mut named = [("", Language::En); Language::ALL.len()];
    let mut i = 0;
    while i < named.len() {
        named[i] = (Language::ALL[i].code(), Language::ALL[i]);
        i += 1;
    }
    named
};

impl Choice for Language {
    const ALL: &'static [(&'static str, Self)] = &LANGUAGES;
}

/// Keys of the table `rewards`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rewards {
    /// Whether the answer is right. Default weight 1, the report's.
    pub accuracy: Part<AccuracyKeys>,
    /// Whether the format is kept; `rule` is `strict` by default. Default weight 1 with the
    /// template `r1-zero`, the report's: the same as accuracy; 0 with the others.
    pub format: Part<FormatComponent>,
    /// Share of the chain of thought in a language; `target` is its code. Default: none, and with
    /// the table but no `target` each question's own language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Part<LanguageRule>>,
    /// Penalty for what repeats; keys are [`RepetitionRule`]'s. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition: Option<Part<RepetitionRule>>,
    /// Correctness scaled by length, in the place of accuracy; keys are [`CosineLength`]'s, and
    /// `max_tokens` is the stage's `max_completion_tokens` by default. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<Part<CosineLength>>,
    /// Soft punishment near the token limit; keys are [`SoftOverlong`]'s, `max_tokens` is the
    /// stage's `max_completion_tokens` by default and `cache_tokens` a fifth of it, DAPO's share.
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlong: Option<Part<SoftOverlong>>,
    /// Rewards by trained models, by name.
    #[serde(flatten)]
    pub models: BTreeMap<String, ModelReward>,
    /// Rewards from outside, by name.
    #[serde(flatten)]
    pub external: BTreeMap<String, ExternalReward>,
}

/// A component: the keys of its rule, and what every component has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part<R> {
    /// How much it counts; 0 leaves it out. Default 1.
    pub weight: f64,
    /// Lowest and highest value, before weighting. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<[f64; 2]>,
    /// The keys of the rule.
    #[serde(flatten)]
    pub rule: R,
}

/// Keys of `accuracy`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AccuracyKeys {
    /// Which places count as the answer: `r1-zero`, `boxed` or `none`. Default: `r1-zero` with
    /// that template, else `none`.
    pub template: thinkling_reward::Template,
    /// How the tests of a program become a value: `all_or_nothing` or `fraction`. Default
    /// `all_or_nothing`.
    pub code: CodeReward,
    /// Conventions of mathematical answers and options; keys are [`Policy`]'s. Default: the
    /// policy's.
    #[serde(skip_serializing_if = "is_default")]
    pub policy: Policy,
}

fn is_default(policy: &Policy) -> bool {
    *policy == Policy::default()
}

/// Keys of a reward from outside: a program that stays alive for the stage, or an HTTP address.
/// Both get one JSON object a line and completion, and answer one JSON object a line
/// ([`crate::external`]).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExternalReward {
    /// How much it counts; 0 leaves it out. Default 1.
    pub weight: f64,
    /// Lowest and highest value, before weighting. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<[f64; 2]>,
    /// Seconds that the answers to one rollout may take, of the first one the start of the
    /// program included. Default 30.
    pub timeout_s: f64,
    /// Where the values come from.
    #[serde(flatten)]
    pub source: ExternalSource,
}

/// Where the values of a reward from outside come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ExternalSource {
    /// A program.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// The folder it runs in. Default: the recipe's folder, and the current one where `--set`
        /// wrote the command.
        dir: PathBuf,
    },
    /// An HTTP server.
    Http {
        /// The address, beginning with `http://`.
        url: String,
    },
}

impl<R> Part<R> {
    pub(super) fn new(weight: f64, rule: R) -> Self {
        Self { weight, clip: None, rule }
    }

    fn read(&mut self, s: &mut Section<'_>) -> Result<()> {
        s.float("weight", &mut self.weight, NOT_NEGATIVE)?;
        self.clip = s.bounds("clip")?;
        Ok(())
    }

    fn component(&self, name: &'static str, rule: impl Fn(&R) -> Rule) -> Option<ComponentSpec> {
        (self.weight > 0.0).then(|| {
            let component = ComponentSpec::new(name, rule(&self.rule));
            ComponentSpec { weight: self.weight, clip: self.clip, ..component }
        })
    }
}

/// Reads one component that may be absent.
fn read_part<R>(
    s: &mut Section<'_>,
    name: &str,
    rule: R,
    read: impl FnOnce(&mut Section<'_>, &mut R) -> Result<()>,
) -> Result<Option<Part<R>>> {
    let Some(mut s) = s.section(name)? else { return Ok(None) };
    let mut part = Part::new(1.0, rule);
    part.read(&mut s)?;
    read(&mut s, &mut part.rule)?;
    s.finish()?;
    Ok(Some(part))
}

impl Rewards {
    /// What a template has by itself.
    pub(crate) fn of(template: Template) -> Self {
        let (places, format) = match template {
            Template::R1Zero => (thinkling_reward::Template::R1Zero, 1.0),
            Template::None | Template::Chat => (thinkling_reward::Template::None, 0.0),
        };
        Self {
            accuracy: Part::new(1.0, AccuracyKeys { template: places, ..AccuracyKeys::default() }),
            format: Part::new(format, FormatComponent::default()),
            language: None,
            repetition: None,
            length: None,
            overlong: None,
            models: BTreeMap::new(),
            external: BTreeMap::new(),
        }
    }

    /// Reads the table over what the template has by itself.
    pub(crate) fn read(
        &mut self,
        mut s: Section<'_>,
        max_tokens: usize,
        earlier: &[Stage],
        last_steps: usize,
    ) -> Result<()> {
        if let Some(mut s) = s.section(ACCURACY)? {
            self.accuracy.read(&mut s)?;
            self.accuracy.rule.read(&mut s)?;
            s.finish()?;
        }
        if let Some(mut s) = s.section(FORMAT)? {
            // Who writes the table wants the component, whatever the template.
            self.format.weight = 1.0;
            self.format.read(&mut s)?;
            s.choice("rule", &mut self.format.rule.rule)?;
            s.finish()?;
        }
        let language = read_part(&mut s, LANGUAGE, LanguageRule::default(), |s, rule| {
            rule.target = s.optional_choice("target")?;
            Ok(())
        })?;
        // Without the table that of a preset stays.
        self.language = language.or_else(|| self.language.take());
        self.repetition = read_part(&mut s, REPETITION, RepetitionRule::default(), |s, rule| {
            s.count("ngram", &mut rule.ngram, 1)?;
            s.float("max_penalty", &mut rule.max_penalty, ANY)
        })?;
        self.length = read_part(&mut s, LENGTH, CosineLength::new(max_tokens), read_length)?;
        let overlong = SoftOverlong { max_tokens, cache_tokens: max_tokens / 5 };
        self.overlong = read_part(&mut s, OVERLONG, overlong, |s, rule| {
            s.count("max_tokens", &mut rule.max_tokens, 1)?;
            rule.cache_tokens = rule.max_tokens / 5;
            s.count("cache_tokens", &mut rule.cache_tokens, 0)
        })?;
        for name in s.keys().filter(|name| !RULES.contains(name)) {
            if ModelReward::is_meant(&mut s, name) {
                let reward = ModelReward::read(&mut s, name, earlier, last_steps)?;
                self.models.insert(name.to_owned(), reward);
            } else {
                let external = read_external(&mut s, name)?;
                self.external.insert(name.to_owned(), external);
            }
        }
        let others = self.active_external().count() + self.active_models().count();
        if self.spec().components.is_empty() && others == 0 {
            return Err(s.misfit("no component with a weight above 0"));
        }
        s.finish()
    }

    /// The rules as they are applied.
    pub fn spec(&self) -> RewardSpec {
        let components = [
            self.accuracy.component(ACCURACY, accuracy_rule),
            self.format.component(FORMAT, |rule| Rule::Format(*rule)),
            self.language.as_ref().and_then(|p| p.component(LANGUAGE, |r| Rule::Language(*r))),
            self.repetition
                .as_ref()
                .and_then(|p| p.component(REPETITION, |r| Rule::Repetition(*r))),
            self.length.as_ref().and_then(|p| p.component(LENGTH, |r| Rule::Length(*r))),
            self.overlong.as_ref().and_then(|p| p.component(OVERLONG, |r| Rule::Overlong(*r))),
        ];
        RewardSpec {
            template: self.accuracy.rule.template,
            truncated_earns_nothing: true,
            components: components.into_iter().flatten().collect(),
        }
    }

    /// What an evaluation needs: the answer alone, judged as in training.
    pub fn accuracy_spec(&self) -> RewardSpec {
        let accuracy = Part::new(1.0, self.accuracy.rule.clone());
        let accuracy = accuracy.component(ACCURACY, accuracy_rule);
        RewardSpec { components: accuracy.into_iter().collect(), ..self.spec() }
    }

    /// Names of the components with bounds, in the order of records; without those by a model, which
    /// may join late.
    pub fn bounded(&self) -> Vec<&str> {
        let rules = self.spec().components;
        let rules = RULES
            .into_iter()
            .filter(|name| rules.iter().any(|part| part.name == *name && part.clip.is_some()));
        let external = self.active_external().filter(|(_, reward)| reward.clip.is_some());
        rules.chain(external.map(|(name, _)| name)).collect()
    }

    /// The rewards by a model that count, in the order of their names.
    pub fn active_models(&self) -> impl Iterator<Item = (&str, &ModelReward)> {
        let all = self.models.iter().map(|(name, reward)| (name.as_str(), reward));
        all.filter(|(_, reward)| reward.weight > 0.0)
    }

    /// The rewards from outside that count, in the order of their names.
    pub fn active_external(&self) -> impl Iterator<Item = (&str, &ExternalReward)> {
        let all = self.external.iter().map(|(name, reward)| (name.as_str(), reward));
        all.filter(|(_, reward)| reward.weight > 0.0)
    }
}

fn accuracy_rule(keys: &AccuracyKeys) -> Rule {
    Rule::Accuracy(AccuracyRule { policy: keys.policy.clone(), code: keys.code })
}

impl AccuracyKeys {
    pub(super) fn read(&mut self, s: &mut Section<'_>) -> Result<()> {
        s.choice("template", &mut self.template)?;
        s.choice("code", &mut self.code)?;
        if let Some(policy) = s.section("policy")? {
            self.policy = read_policy(policy)?;
        }
        Ok(())
    }
}

fn read_length(s: &mut Section<'_>, rule: &mut CosineLength) -> Result<()> {
    s.count("max_tokens", &mut rule.max_tokens, 1)?;
    for (key, slot) in [
        ("correct_at_zero", &mut rule.correct_at_zero),
        ("correct_at_max", &mut rule.correct_at_max),
        ("wrong_at_zero", &mut rule.wrong_at_zero),
        ("wrong_at_max", &mut rule.wrong_at_max),
        ("exceeded", &mut rule.exceeded),
    ] {
        s.float(key, slot, ANY)?;
    }
    Ok(())
}

/// Refuses a component's name that metrics could not have.
fn check_name(parent: &Section<'_>, name: &str) -> Result<()> {
    if super::is_plain_name(name) && !name.ends_with(CLIPPED) {
        return Ok(());
    }
    let expected = format!("a name of letters, digits, `-` and `_` that ends not in {CLIPPED}");
    Err(parent.conflict(name, expected))
}

fn read_external(parent: &mut Section<'_>, name: &str) -> Result<ExternalReward> {
    let Some(mut s) = parent.section(name)? else {
        return Err(parent.conflict(name, "a table"));
    };
    let (command, url) = (s.texts("command")?, s.text("url")?);
    if command.is_none() && url.is_none() {
        // A rule's name misspelt, rather than a reward from outside that lacks its source.
        let rule = nearest(name, RULES.into_iter()).filter(|rule| is_alike(rule, name));
        return Err(match rule {
            Some(rule) => parent.unknown(name, Some(rule)),
            None => s.absent("command", "a program with its arguments, `url`, or `model`"),
        });
    }
    check_name(parent, name)?;
    let (mut part, mut timeout_s) = (Part::new(1.0, ()), 30.0);
    part.read(&mut s)?;
    s.float("timeout_s", &mut timeout_s, SECONDS)?;
    let dir = s.text("dir")?;
    let source = match (command, url) {
        (Some(_), Some(_)) => return Err(s.conflict("url", "`command` or `url`, not both")),
        (Some(command), None) => {
            // Without `dir`, from where the command was written.
            let dir = match dir {
                Some(dir) => s.resolve("dir", &dir),
                None => s.resolve("command", "."),
            };
            ExternalSource::Command { command, dir }
        }
        (None, _) if dir.is_some() => return Err(s.conflict("dir", "no folder beside `url`")),
        (None, url) => {
            let url = url.unwrap_or_default();
            let host = url.strip_prefix("http://").map(|rest| rest.split('/').next());
            if host.flatten().is_none_or(|h| h.is_empty() || h.contains(char::is_whitespace)) {
                let expected = "an address that begins with `http://` (https is not supported)";
                return Err(s.conflict("url", expected));
            }
            ExternalSource::Http { url }
        }
    };
    s.finish()?;
    Ok(ExternalReward { weight: part.weight, clip: part.clip, timeout_s, source })
}

#[cfg(test)]
mod tests;
