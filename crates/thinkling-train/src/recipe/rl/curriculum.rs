//! The table `curriculum` of an `rl` stage.

use serde::Serialize;
use thinkling_learn::{Curriculum, LevelOrder};

use crate::error::Result;
use crate::recipe::choice::choices;
use crate::recipe::range::SHARE;
use crate::recipe::section::Section;

choices! {
    /// What a curriculum goes by.
    enum CurriculumKind {
        /// The data's levels.
        Level = "level",
        /// How often answers were right so far.
        PassRate = "pass-rate",
    }
}

/// Keys of the table `curriculum`: which questions are passed over for the time being.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum CurriculumKeys {
    /// `by = "level"`: from easy to hard (Kimi k1.5, arXiv 2501.12599, section 2.3, curriculum
    /// sampling). Of a source with `L` levels the n-th, from 0, joins after `n / L` of `steps`;
    /// questions without a level are there from the start.
    Level {
        /// Optimiser steps. Default: half of the stage's.
        steps: usize,
        /// The levels from easy to hard. Default: numbers by value, then other names.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        order: Vec<String>,
    },
    /// `by = "pass-rate"`: what the policy nearly always or nearly never answers rightly is asked
    /// less often. Kimi k1.5's prioritised sampling tracks the same rates, and draws by 1 less the
    /// rate; here are two bounds, since a group of right or of wrong answers alone teaches nothing.
    PassRate {
        /// Lowest share of right answers so far. Default 0.05.
        low: f64,
        /// Highest share. Default 0.95.
        high: f64,
        /// Share of the questions outside of these bounds that each epoch asks nevertheless.
        /// Default 0.1.
        outside: f64,
    },
}

impl CurriculumKeys {
    pub(super) fn read(mut s: Section<'_>, steps: usize) -> Result<Self> {
        let keys = match s.required_choice("by")? {
            CurriculumKind::Level => {
                let mut ramp = (steps / 2).max(1);
                s.count("steps", &mut ramp, 1)?;
                Self::Level { steps: ramp, order: s.texts("order")?.unwrap_or_default() }
            }
            CurriculumKind::PassRate => {
                let (mut low, mut high, mut outside) = (0.05, 0.95, 0.1);
                s.float("low", &mut low, SHARE)?;
                s.float("high", &mut high, SHARE)?;
                s.float("outside", &mut outside, SHARE)?;
                if low > high {
                    return Err(s.conflict("low", format!("at most `high` = {high}")));
                }
                Self::PassRate { low, high, outside }
            }
        };
        s.finish()?;
        Ok(keys)
    }

    /// It as the order of questions takes it.
    pub fn curriculum(&self) -> Curriculum {
        match self {
            Self::Level { steps, order } => Curriculum::Level {
                steps: *steps as u64,
                order: match order.as_slice() {
                    [] => LevelOrder::Natural,
                    listed => LevelOrder::Listed(listed.to_vec()),
                },
            },
            Self::PassRate { low, high, outside } => {
                Curriculum::PassRate { low: *low, high: *high, outside: *outside }
            }
        }
    }
}
