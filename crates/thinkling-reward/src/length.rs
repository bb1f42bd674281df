//! Length rewards: pure functions of a count of tokens.
//!
//! - [`CosineLength`]: the cosine reward of *Demystifying Long Chain-of-Thought Reasoning in LLMs*
//!   (arXiv 2502.03373). It takes the place of the accuracy reward.
//! - [`SoftOverlong`]: the soft overlong punishment of DAPO (arXiv 2503.14476, equation 13). It is
//!   added to the other rewards.
//!
//! Tokens are those of the policy, as sampled; what counts (the end token, the prompt) is the
//! caller's choice.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Cosine-scaled accuracy: short right answers earn more than long ones, long wrong answers lose
/// less than short ones, and running into the limit earns [`exceeded`](Self::exceeded).
///
/// ```text
/// R = r_e                                            where tokens >= max_tokens
///     r_L + (r_0 - r_L) / 2 * (1 + cos(pi * tokens / max_tokens))  else
/// ```
///
/// with `r_0` the reward at no tokens and `r_L` the limit of the reward at `max_tokens`, each for
/// right and for wrong answers.
///
/// The paper writes the curve as `CosFn(t, T, min, max)`, which is `max` at `t = 0`, and calls it
/// with `r_0` in the place of `min`; here the names decide: `r_0` is the value at 0.
///
/// ```
/// use thinkling_reward::length::CosineLength;
///
/// let length = CosineLength::new(1000);
/// assert_eq!(length.reward(true, 0), 2.0);
/// assert_eq!(length.reward(false, 0), -10.0);
/// assert_eq!(length.reward(true, 1000), -10.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineLength {
    /// The most tokens a completion may have, `L_max`.
    pub max_tokens: usize,
    /// A right answer of no tokens, `r_0^c`.
    #[serde(default = "paper::correct_at_zero")]
    pub correct_at_zero: f64,
    /// A right answer just below `max_tokens`, `r_L^c`.
    #[serde(default = "paper::correct_at_max")]
    pub correct_at_max: f64,
    /// A wrong answer of no tokens, `r_0^w`.
    #[serde(default = "paper::wrong_at_zero")]
    pub wrong_at_zero: f64,
    /// A wrong answer just below `max_tokens`, `r_L^w`.
    #[serde(default = "paper::wrong_at_max")]
    pub wrong_at_max: f64,
    /// Any completion of `max_tokens` or more, `r_e`.
    #[serde(default = "paper::exceeded")]
    pub exceeded: f64,
}

/// The paper's values (arXiv 2502.03373).
mod paper {
    pub(super) const fn correct_at_zero() -> f64 {
        2.0
    }
    pub(super) const fn correct_at_max() -> f64 {
        1.0
    }
    pub(super) const fn wrong_at_zero() -> f64 {
        -10.0
    }
    pub(super) const fn wrong_at_max() -> f64 {
        0.0
    }
    pub(super) const fn exceeded() -> f64 {
        -10.0
    }
}

impl CosineLength {
    /// The paper's values: right 2 to 1, wrong -10 to 0, exceeded -10.
    pub const fn new(max_tokens: usize) -> Self {
        Self {
            max_tokens,
            correct_at_zero: paper::correct_at_zero(),
            correct_at_max: paper::correct_at_max(),
            wrong_at_zero: paper::wrong_at_zero(),
            wrong_at_max: paper::wrong_at_max(),
            exceeded: paper::exceeded(),
        }
    }

    /// The reward of a completion of so many tokens. Finite where the values are.
    pub fn reward(&self, correct: bool, tokens: usize) -> f64 {
        if tokens >= self.max_tokens {
            return self.exceeded;
        }
        let (at_zero, at_max) = if correct {
            (self.correct_at_zero, self.correct_at_max)
        } else {
            (self.wrong_at_zero, self.wrong_at_max)
        };
        let cos = (PI * (tokens as f64 / self.max_tokens as f64)).cos();
        at_max + (at_zero - at_max) / 2.0 * (1.0 + cos)
    }
}

/// DAPO's soft overlong punishment: nothing up to `max_tokens - cache_tokens`, then falling in a
/// line to -1 at `max_tokens`, and -1 beyond.
///
/// ```text
/// R = 0                                       where tokens <= L_max - L_cache
///     ((L_max - L_cache) - tokens) / L_cache  where L_max - L_cache < tokens <= L_max
///     -1                                      where L_max < tokens
/// ```
///
/// Without a cache it is a hard limit: 0 up to `max_tokens`, -1 beyond. A cache above `max_tokens`
/// counts as `max_tokens`. Where the sampler stops at `max_tokens`, as in the paper, a completion
/// that it cut has exactly `max_tokens` and loses 1.
///
/// ```
/// use thinkling_reward::length::SoftOverlong;
///
/// let length = SoftOverlong::default();
/// assert_eq!((length.max_tokens, length.cache_tokens), (20_480, 4_096));
/// assert_eq!(length.reward(16_384), 0.0);
/// assert_eq!(length.reward(18_432), -0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftOverlong {
    /// The most tokens a completion may have, `L_max`.
    pub max_tokens: usize,
    /// How many of them, at the end, are punished, `L_cache`.
    pub cache_tokens: usize,
}

impl Default for SoftOverlong {
    /// The paper's setting: 16,384 expected tokens and a cache of 4,096 more.
    fn default() -> Self {
        Self { max_tokens: 16_384 + 4_096, cache_tokens: 4_096 }
    }
}

impl SoftOverlong {
    /// The reward of a completion of so many tokens, in [-1, 0].
    pub fn reward(&self, tokens: usize) -> f64 {
        let cache = self.cache_tokens.min(self.max_tokens);
        let free = self.max_tokens - cache;
        if tokens <= free {
            0.0
        } else if tokens <= self.max_tokens {
            -((tokens - free) as f64 / cache as f64)
        } else {
            -1.0
        }
    }
}

#[cfg(test)]
mod tests;
