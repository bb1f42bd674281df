//! The table `dynamic_sampling` of an `rl` stage.

use serde::Serialize;

use crate::error::Result;
use crate::recipe::range::NOT_NEGATIVE;
use crate::recipe::section::Section;

/// Keys of the table `dynamic_sampling`: groups whose rewards are all alike give way to groups of
/// further questions (DAPO, arXiv 2503.14476, section 3.2 and equation 11).
///
/// The paper samples until a batch is full; here `max_extra` bounds it, and what cannot be filled
/// keeps its groups without variance. It looks at total rewards, not at accuracy alone: a group
/// teaches something where any component tells its completions apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DynamicSampling {
    /// Further questions at most, as a multiple of a rollout's own. Default 3.
    pub max_extra: f64,
}

impl Default for DynamicSampling {
    fn default() -> Self {
        Self { max_extra: 3.0 }
    }
}

impl DynamicSampling {
    pub(super) fn read(mut s: Section<'_>) -> Result<Self> {
        let mut keys = Self::default();
        s.float("max_extra", &mut keys.max_extra, NOT_NEGATIVE)?;
        s.finish()?;
        Ok(keys)
    }

    /// Further questions at most, of a rollout of `questions`.
    pub fn most_extra(&self, questions: usize) -> usize {
        // A float as cast: huge shares end at the largest count.
        (self.max_extra * questions as f64) as usize
    }
}
