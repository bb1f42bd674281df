//! How tokens are drawn: arguments that commands share.

use crate::failure::Failure;
use clap::Args;
use thinkling_sampling::SamplingParams;

#[derive(Debug, Args)]
pub(crate) struct SamplingArgs {
    /// Take the most probable token at each step
    #[arg(long, conflicts_with = "temperature")]
    pub(crate) greedy: bool,
    /// Divides the logits before sampling; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    pub(crate) temperature: f64,
    /// Sample from the smallest set of tokens with this probability in sum
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub(crate) top_p: f64,
    /// Sample from the K most probable tokens; 0 from all
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub(crate) top_k: usize,
    /// Drop tokens less probable than this share of the best
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(crate) min_p: f64,
    /// Seed of the random draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

impl SamplingArgs {
    /// As the sampler takes them.
    ///
    /// # Errors
    /// A value outside its range.
    pub(crate) fn params(&self) -> Result<SamplingParams, Failure> {
        let sampling = SamplingParams {
            temperature: if self.greedy { 0.0 } else { self.temperature },
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
        };
        sampling.validate().map_err(|e| Failure::usage(e.to_string()))?;
        Ok(sampling)
    }
}
