//! Rotary frequencies.

use std::f64::consts::TAU;

use super::{Llama3RopeScaling, ModelConfig};

/// Largest relative difference at which stored divisors count as those of a known scaling: they
/// are stored in single precision.
const SAME_FACTOR: f64 = 1e-4;

impl Llama3RopeScaling {
    /// What the frequency `inv_freq` (radians a token) is divided by.
    ///
    /// With `wavelength = 2 pi / inv_freq` and `original` tokens of context: `1` below
    /// `original / high_freq_factor`, `factor` above `original / low_freq_factor`, between them
    /// `1 / ((1 - s) / factor + s)` with
    /// `s = (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor)`.
    pub fn divisor(&self, inv_freq: f64) -> f64 {
        let wavelength = TAU / inv_freq;
        let turns = self.original_max_position_embeddings as f64 / wavelength;
        if turns > self.high_freq_factor {
            1.0
        } else if turns < self.low_freq_factor {
            self.factor
        } else {
            let smooth =
                (turns - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor);
            1.0 / ((1.0 - smooth) / self.factor + smooth)
        }
    }
}

impl ModelConfig {
    /// Rotary frequencies in radians a token, `[head_dim / 2]`: `rope_theta^(-2i / head_dim)`,
    /// divided as `rope_scaling` or `rope_freq_factors` say.
    pub fn rope_inv_freq(&self) -> Vec<f64> {
        let mut frequencies = self.unscaled_inv_freq();
        if let Some(scaling) = &self.rope_scaling {
            for frequency in &mut frequencies {
                *frequency /= scaling.divisor(*frequency);
            }
        } else if let Some(factors) = &self.rope_freq_factors {
            for (frequency, &factor) in frequencies.iter_mut().zip(factors) {
                *frequency /= f64::from(factor);
            }
        }
        frequencies
    }

    fn unscaled_inv_freq(&self) -> Vec<f64> {
        (0..self.head_dim / 2)
            .map(|i| self.rope_theta.powf(-((2 * i) as f64) / self.head_dim as f64))
            .collect()
    }

    /// Takes the divisors of a GGUF's `rope_freqs.weight`. Files of Llama 3.1 and 3.2 lose the
    /// numbers they were made from; where the published ones give the same divisors they are put
    /// back, so that the model can be written as a config.json again.
    pub(super) fn set_rope_freq_factors(&mut self, factors: Vec<f32>) {
        let frequencies = self.unscaled_inv_freq();
        let known = [8.0, 32.0].map(|factor| Llama3RopeScaling {
            factor,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8192,
        });
        let same = |scaling: &Llama3RopeScaling| {
            frequencies.iter().zip(&factors).all(|(&frequency, &factor)| {
                (scaling.divisor(frequency) / f64::from(factor) - 1.0).abs() < SAME_FACTOR
            })
        };
        // A wrong number of divisors is kept as it is, for `validate` to name.
        let right_number = frequencies.len() == factors.len();
        match known.into_iter().find(same).filter(|_| right_number) {
            Some(scaling) => self.rope_scaling = Some(scaling),
            None if right_number && factors.iter().all(|&factor| factor == 1.0) => {}
            None => self.rope_freq_factors = Some(factors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, tiny};
    use super::*;

    /// Llama-3.2-1B: head_dim 64, theta 500000, factor 32.
    fn llama32() -> ModelConfig {
        let mut config = tiny(Architecture::Llama);
        config.head_dim = 64;
        config.rope_theta = 500_000.0;
        config
    }

    const LLAMA32: Llama3RopeScaling = Llama3RopeScaling {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8192,
    };

    #[test]
    fn frequencies_fall_from_one() {
        let mut config = tiny(Architecture::Llama);
        config.head_dim = 4;
        let frequencies = config.rope_inv_freq();
        assert_eq!(frequencies[0], 1.0);
        assert!((frequencies[1] - 0.01).abs() < 1e-15);
        config.rope_freq_factors = Some(vec![1.0, 4.0]);
        assert!((config.rope_inv_freq()[1] - 0.0025).abs() < 1e-15);
    }

    #[test]
    fn three_bands_of_llama3_scaling() {
        // turns = 8192 * frequency / (2 pi); high band above 4 turns, low band below 1.
        let frequency = |turns: f64| turns * TAU / 8192.0;
        assert_eq!(LLAMA32.divisor(frequency(5.0)), 1.0);
        assert_eq!(LLAMA32.divisor(frequency(0.5)), 32.0);
        // Half way, s = 0.5: 1 / (0.5 / 32 + 0.5).
        assert!((LLAMA32.divisor(frequency(2.5)) - 1.0 / 0.515_625).abs() < 1e-9);
    }

    #[test]
    fn published_divisors_become_scaling_again_and_others_stay() {
        let mut config = llama32();
        let factors: Vec<f32> =
            config.rope_inv_freq().iter().map(|&f| LLAMA32.divisor(f) as f32).collect();
        config.set_rope_freq_factors(factors.clone());
        assert_eq!((config.rope_scaling, &config.rope_freq_factors), (Some(LLAMA32), &None));

        let mut config = llama32();
        let odd: Vec<f32> = factors.iter().map(|factor| factor * 1.01).collect();
        config.set_rope_freq_factors(odd.clone());
        assert_eq!((config.rope_scaling, &config.rope_freq_factors), (None, &Some(odd)));

        let mut config = llama32();
        config.set_rope_freq_factors(vec![1.0; 32]);
        assert_eq!((config.rope_scaling, &config.rope_freq_factors), (None, &None));
    }
}
