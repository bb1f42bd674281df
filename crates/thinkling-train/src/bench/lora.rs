//! Adapters of a timed model.

use crate::error::{Result, TrainError};
use serde::Deserialize;
use thinkling_model::{LoraConfig, Projection};

/// `lora` of a bench config; names are `peft`'s.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchLora {
    /// Rank.
    pub r: usize,
    /// What is added is `alpha / r B A`.
    pub alpha: f64,
    /// Dropout; 0 is all there is.
    #[serde(default)]
    pub dropout: f64,
    /// Names of projections.
    pub target_modules: Vec<String>,
}

impl From<&LoraConfig> for BenchLora {
    fn from(lora: &LoraConfig) -> Self {
        let target_modules = lora.targets.iter().map(|target| target.name().to_owned()).collect();
        Self { r: lora.rank, alpha: lora.alpha, dropout: 0.0, target_modules }
    }
}

impl BenchLora {
    /// The same for the model.
    pub(super) fn config(&self) -> Result<LoraConfig> {
        let failed =
            |reason: String| TrainError::Failed { what: "the bench config's lora", reason };
        if self.dropout != 0.0 {
            return Err(failed(format!("dropout, expected: 0, got: {}", self.dropout)));
        }
        if self.r == 0 || self.target_modules.is_empty() {
            return Err(failed("expected: a rank of at least 1 and some target_modules".into()));
        }
        let target = |name: &String| {
            let unknown = || failed(format!("target_modules: no projection is called {name}"));
            Projection::of_name(name).ok_or_else(unknown)
        };
        let targets = self.target_modules.iter().map(target).collect::<Result<Vec<_>>>()?;
        Ok(LoraConfig { rank: self.r, alpha: self.alpha, targets })
    }
}
