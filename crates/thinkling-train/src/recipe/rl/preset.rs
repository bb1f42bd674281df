//! Named sets of values: one table of numbers and rewards a preset.

use thinkling_learn::RlNumbers;

use super::{RlStage, Template};
use crate::recipe::choice::choices;
use crate::recipe::rewards::{Part, Rewards};

choices! {
    /// Named sets of values; keys written in the recipe win over them.
    pub enum Preset {
        /// R1-Zero, [`RlNumbers::r1_zero`].
        R1Zero = "r1-zero",
        /// The RL stage on the cold start, [`RlNumbers::reasoning`]: with the language reward.
        Reasoning = "reasoning",
        /// The last RL stage, [`RlNumbers::all_scenarios`]: with the language reward, and with rewards by
        /// models in the last 400 steps.
        AllScenarios = "all-scenarios",
    }
}

/// What a preset sets.
struct Values {
    numbers: RlNumbers,
    /// Weight of the language reward beside accuracy and format; 0 without it.
    language: f64,
    /// Steps at the end in which rewards by models count; 0 for all.
    preference_steps: usize,
}

impl Preset {
    fn values(self) -> Values {
        match self {
            Self::R1Zero => {
                Values { numbers: RlNumbers::r1_zero(), language: 0.0, preference_steps: 0 }
            }
            // "We directly sum them": every reward of the report counts the same.
            Self::Reasoning => {
                Values { numbers: RlNumbers::reasoning(), language: 1.0, preference_steps: 0 }
            }
            Self::AllScenarios => Values {
                numbers: RlNumbers::all_scenarios(),
                language: 1.0,
                preference_steps: RlNumbers::PREFERENCE_STEPS,
            },
        }
    }
}

impl RlStage {
    /// Puts the preset's values in; keys of the recipe are read after it.
    pub(super) fn apply(&mut self, preset: Preset) {
        let n = preset.values().numbers;
        self.preset = Some(preset);
        self.training.lr = n.lr;
        self.training.schedule = n.schedule().decay;
        self.training.steps = n.steps;
        self.template = Template::R1Zero;
        self.group_size = n.group_size;
        self.questions_per_step = n.questions_per_step;
        self.minibatches = n.minibatches;
        self.inner_epochs = n.inner_epochs;
        self.max_completion_tokens = n.max_completion_tokens;
        self.temperature = n.temperature;
        self.clip_eps_low = n.objective.clip_eps_low;
        self.clip_eps_high = n.objective.clip_eps_high;
        self.kl_coef = n.objective.kl_coef;
        self.kl_estimator = n.objective.kl;
        self.entropy_coef = n.objective.entropy_coef;
        self.ref_replace_every = n.ref_replace_every;
        self.loss_type = n.objective.loss;
        self.ratio_level = n.objective.ratio;
        self.scale_rewards = n.scale_rewards;
    }

    /// Steps at the end in which rewards by models count where they do not say so; 0 for all.
    pub(super) fn preference_steps(&self) -> usize {
        self.preset.map_or(0, |preset| preset.values().preference_steps)
    }

    /// What is rewarded where no table says so: what the template has by itself, and what the preset
    /// adds.
    pub(super) fn rewards_by_itself(&self, template: Template) -> Rewards {
        let mut rewards = Rewards::of(template);
        let language = self.preset.map_or(0.0, |preset| preset.values().language);
        if language > 0.0 {
            rewards.language = Some(Part::new(language, Default::default()));
        }
        rewards
    }
}
