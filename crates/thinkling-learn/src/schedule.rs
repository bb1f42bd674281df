//! Learning rates over a stage.

use serde::{Deserialize, Serialize};

/// How the learning rate goes on after warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// It stays.
    #[default]
    Constant,
    /// Half a cosine down to `min_lr_ratio` of it at the last step.
    Cosine,
}

/// A schedule: linear warm-up, then constant or cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Learning rate after warm-up.
    pub lr: f64,
    /// What follows.
    pub decay: Decay,
    /// Steps of warm-up; the first step already has `lr / warmup_steps`.
    pub warmup_steps: u64,
    /// Steps of the stage, warm-up included.
    pub total_steps: u64,
    /// Share of `lr` that is left at the end of a cosine.
    pub min_lr_ratio: f64,
}

impl Schedule {
    /// Learning rate of `step`, counted from 0.
    pub fn lr(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.lr * (step + 1) as f64 / self.warmup_steps as f64;
        }
        match self.decay {
            Decay::Constant => self.lr,
            Decay::Cosine => {
                let length = self.total_steps.saturating_sub(self.warmup_steps).max(1);
                let progress = ((step - self.warmup_steps) as f64 / length as f64).min(1.0);
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
                self.lr * (self.min_lr_ratio + (1.0 - self.min_lr_ratio) * cosine)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warms_up_then_falls_to_a_tenth() {
        let s = Schedule {
            lr: 1.0,
            decay: Decay::Cosine,
            warmup_steps: 4,
            total_steps: 104,
            min_lr_ratio: 0.1,
        };
        assert_eq!(s.lr(0), 0.25);
        assert_eq!(s.lr(3), 1.0);
        assert_eq!(s.lr(4), 1.0);
        assert!((s.lr(54) - 0.55).abs() < 1e-12, "half way between 1 and 0.1");
        assert!((s.lr(104) - 0.1).abs() < 1e-12);
        let constant = Schedule { decay: Decay::Constant, warmup_steps: 0, ..s };
        assert_eq!(constant.lr(0), 1.0);
        assert_eq!(constant.lr(1_000), 1.0);
    }
}
