//! The table `lora`: adapters in place of the weights.

use serde::Serialize;
use thinkling_model::{LoraConfig, Projection};

use super::choice::choices;
use super::range::{POSITIVE, Range};
use super::section::Section;
use super::tree::Value;
use crate::error::Result;

/// Names all linear maps of a layer at once.
const ALL_LINEAR: &str = "all-linear";

/// The only rate of dropout that there is.
const NO_DROPOUT: Range = Range::only_zero();

choices! {
    /// A projection with an adapter. In recipes also without `_proj`.
    pub enum Target {
        /// Queries.
        Q = "q_proj",
        /// Keys.
        K = "k_proj",
        /// Values.
        V = "v_proj",
        /// The attention's output.
        O = "o_proj",
        /// The MLP's gate.
        Gate = "gate_proj",
        /// The MLP's other input.
        Up = "up_proj",
        /// The MLP's output.
        Down = "down_proj",
    }
}

impl Target {
    const EVERY: [Self; 7] = [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    fn named(text: &str) -> Option<Self> {
        let short = |t: &Self| t.as_str().trim_end_matches("_proj") == text;
        Self::EVERY.into_iter().find(|t| t.as_str() == text || short(t))
    }

    fn projection(self) -> Projection {
        match self {
            Self::Q => Projection::Q,
            Self::K => Projection::K,
            Self::V => Projection::V,
            Self::O => Projection::O,
            Self::Gate => Projection::Gate,
            Self::Up => Projection::Up,
            Self::Down => Projection::Down,
        }
    }
}

/// Keys of the table `lora` (arXiv 2106.09685). The report trains all weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoraKeys {
    /// Rank of each adapter. Default 16.
    pub rank: usize,
    /// What is added to a weight is `alpha / rank B A`. Default 32.
    pub alpha: f64,
    /// Projections with an adapter: names such as `"q_proj"` or `"q"`, or `"all-linear"`. Default
    /// `"all-linear"`.
    pub targets: Vec<Target>,
    /// Dropout of the adapters' input; only 0, the default, is there.
    pub dropout: f64,
}

impl Default for LoraKeys {
    fn default() -> Self {
        Self { rank: 16, alpha: 32.0, targets: Target::EVERY.to_vec(), dropout: 0.0 }
    }
}

impl LoraKeys {
    /// Reads the key `lora` of a stage, where it is written.
    pub(crate) fn read_from(stage: &mut Section<'_>) -> Result<Option<Self>> {
        let Some(mut s) = stage.section("lora")? else { return Ok(None) };
        let mut lora = Self::default();
        s.count("rank", &mut lora.rank, 1)?;
        s.float("alpha", &mut lora.alpha, POSITIVE)?;
        s.float("dropout", &mut lora.dropout, NO_DROPOUT)?;
        if let Some(node) = s.node("targets") {
            let targets = match &node.value {
                Value::String(text) if text == ALL_LINEAR => Some(Target::EVERY.to_vec()),
                Value::Array(items) => items
                    .iter()
                    .map(|item| match &item.value {
                        Value::String(text) => Target::named(text),
                        _ => None,
                    })
                    .collect(),
                _ => None,
            };
            let Some(mut targets) = targets.filter(|t| !t.is_empty()) else {
                let names: Vec<&str> = Target::EVERY.iter().map(|t| t.as_str()).collect();
                let names = names.join("\", \"");
                return Err(
                    s.conflict("targets", format!("\"{ALL_LINEAR}\" or some of \"{names}\""))
                );
            };
            targets.sort_unstable_by_key(|t| *t as u8);
            targets.dedup();
            lora.targets = targets;
        }
        s.finish()?;
        Ok(Some(lora))
    }

    /// The same for the model.
    pub fn config(&self) -> LoraConfig {
        let targets = self.targets.iter().map(|t| t.projection()).collect();
        LoraConfig { rank: self.rank, alpha: self.alpha, targets }
    }
}
