//! Tokens, operations, bytes and hours of a stage on GPUs that are not at hand.
//!
//! Operations follow from shapes, as those that a measured piece is scaled by do. Hours follow from a GPU's
//! data sheet and the shares of it that are reached ([`Assumed`]): those decide, and are told with the
//! result. Sampling and learning take turns on the same GPUs, as in the report (arXiv 2501.12948v2,
//! appendix). A rollout lasts at least as long as its longest completion. Left out: rewards, networks
//! slower than what is computed behind them, faults and restarts.

use super::memory::Memory;
use super::sizes::{Reference, RolloutSizes, Sequences, StageSizes};
use super::work;
use serde::Serialize;
use thinkling_engine::Groups;

/// A GPU by its data sheet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gpu {
    /// Its name.
    pub name: String,
    /// Dense products in bf16, in 10^12 operations a second.
    pub tflops: f64,
    /// Bandwidth of its memory, in 10^9 bytes a second.
    pub gb_per_s: f64,
    /// Its memory, in 10^9 bytes.
    pub gb: f64,
}

/// Name, dense bf16 TFLOP/s, GB/s and GB of GPUs, as their makers' data sheets have them.
pub const GPUS: [(&str, f64, f64, f64); 8] = [
    ("h100", 989.0, 3350.0, 80.0),
    ("h200", 989.0, 4800.0, 141.0),
    ("h800", 989.0, 3350.0, 80.0),
    ("a100", 312.0, 2039.0, 80.0),
    ("l40s", 362.0, 864.0, 48.0),
    ("rtx4090", 165.0, 1008.0, 24.0),
    ("rtx3090", 71.0, 936.0, 24.0),
    ("mi300x", 1307.0, 5300.0, 192.0),
];

impl Gpu {
    /// One of [`GPUS`].
    pub fn named(name: &str) -> Option<Self> {
        let (name, tflops, gb_per_s, gb) =
            *GPUS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        Some(Self { name: name.to_owned(), tflops, gb_per_s, gb })
    }
}

/// The machines, and a model in place of the recipe's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    /// The kind of GPU.
    pub gpu: Gpu,
    /// How many.
    pub gpus: usize,
    /// Parameters, of a model whose shape is not ours (experts); `None` takes the recipe's.
    pub parameters: Option<f64>,
    /// Those of them that a token is multiplied by.
    pub active_parameters: Option<f64>,
    /// Bytes of a token's keys and values; `None` takes the recipe's shape in bf16.
    pub kv_bytes: Option<f64>,
    /// What is assumed.
    pub assumed: Assumed,
}

/// What decides the hours and is not known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Assumed {
    /// Mean length of a completion, as a share of its limit.
    pub mean_share: f64,
    /// Share of the GPU's operations that learning reaches.
    pub update_use: f64,
    /// Share of the memory's bandwidth, and of the operations, that decoding reaches.
    pub decode_use: f64,
}

impl Default for Assumed {
    fn default() -> Self {
        Self { mean_share: 0.5, update_use: 0.35, decode_use: 0.5 }
    }
}

/// Floating-point operations of all of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Operations {
    /// Sampling.
    pub rollout: f64,
    /// The reference's passes.
    pub reference: f64,
    /// Optimiser steps.
    pub update: f64,
}

/// Hours of all of a stage, of all GPUs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Hours {
    /// Sampling.
    pub rollout: f64,
    /// The reference's passes.
    pub reference: f64,
    /// Optimiser steps.
    pub update: f64,
}

impl Hours {
    /// The stage's.
    pub fn total(&self) -> f64 {
        self.rollout + self.reference + self.update
    }
}

/// What a stage comes to on a cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterPlan {
    /// Tokens that are drawn.
    pub sampled_tokens: f64,
    /// Tokens that are learnt from.
    pub learnt_tokens: f64,
    /// Operations.
    pub operations: Operations,
    /// GPU hours.
    pub gpu_hours: Hours,
    /// Hours on the wall.
    pub hours: f64,
    /// GPUs over which one copy of the weights for sampling is spread, in bf16.
    pub replica_gpus: usize,
    /// Completions that such a copy runs at once.
    pub replica_rows: usize,
    /// Tokens a second of such a copy.
    pub replica_tokens_per_s: f64,
    /// Seconds of a rollout; at least those of its longest completion.
    pub rollout_s: f64,
    /// Whether its longest completion decides.
    pub waits_for_longest: bool,
    /// GPUs that hold weights, gradients, moments and activations of one micro-batch, at least.
    pub learner_gpus: usize,
    /// Bytes of new weights to each copy that samples, in bf16, over the stage.
    pub pushed_bytes: f64,
    /// Bytes of a checkpoint.
    pub checkpoint_bytes: f64,
}

/// Share of a GPU's memory that can be used.
const USABLE: f64 = 0.9;
/// Of the memory of a copy that samples, at least this share is for keys and values.
const KV_SHARE: f64 = 0.2;
const BF16: f64 = 2.0;
const F32: f64 = 4.0;

/// What a stage of these sizes comes to on `cluster`.
pub fn on_cluster(sizes: &StageSizes, cluster: &Cluster) -> ClusterPlan {
    let model = Model::of(sizes, cluster);
    let gpu = &cluster.gpu;
    let at_mean = |tokens: usize| (tokens as f64 * cluster.assumed.mean_share).ceil() as usize;
    let rollout = sizes.rollout.as_ref().map(|rollout| RolloutSizes {
        groups: Groups { max_tokens: at_mean(rollout.groups.max_tokens), ..rollout.groups },
        ..rollout.clone()
    });
    let update = sizes.update.as_ref().map(|update| {
        let whole = update.sequences.tokens;
        let tokens = if rollout.is_some() { at_mean(whole) } else { whole };
        (update, Sequences { tokens, ..update.sequences })
    });
    let mut operations = Operations::default();
    let (mut sampled, mut learnt, mut decoding) = (0.0, 0.0, None);
    let rollouts = rollout.as_ref().map_or(0.0, |rollout| rollout.count as f64);
    if let (Some(rollout), Some(whole)) = (&rollout, &sizes.rollout) {
        let groups = rollout.groups;
        let rows = groups.prompts * groups.group_size;
        sampled = rollouts * (rows * groups.max_tokens) as f64;
        operations.rollout = rollouts * model.scale * work::rollout(&sizes.model, groups);
        decoding = Some(Decoding::of(&model, cluster, groups, whole.groups.max_tokens));
    }
    if let Some((update, sequences)) = update {
        let steps = update.steps as f64;
        learnt = steps * (sequences.count * sequences.tokens) as f64;
        operations.update = steps * model.scale * work::update(sizes, sequences);
        if update.reference != Reference::None {
            operations.reference = steps * model.scale * work::logprobs(&sizes.model, sequences);
        }
    }
    let all = cluster.gpus as f64;
    let hours =
        |operations: f64| operations / (gpu.tflops * 1e12 * cluster.assumed.update_use) / 3600.0;
    let rollout_s = decoding.as_ref().map_or(0.0, |decoding| decoding.rollout_s);
    let gpu_hours = Hours {
        rollout: rollouts * rollout_s * all / 3600.0,
        reference: hours(operations.reference),
        update: hours(operations.update),
    };
    let decoding = decoding.unwrap_or_default();
    let trained = model.trained;
    let copies = all / decoding.gpus.max(1) as f64;
    ClusterPlan {
        sampled_tokens: sampled,
        learnt_tokens: learnt,
        operations,
        gpu_hours,
        hours: gpu_hours.total() / all,
        replica_gpus: decoding.gpus,
        replica_rows: decoding.rows,
        replica_tokens_per_s: decoding.tokens_per_s,
        rollout_s,
        waits_for_longest: decoding.waits_for_longest,
        learner_gpus: (model.learner_bytes / (USABLE * gpu.gb * 1e9)).ceil().max(1.0) as usize,
        pushed_bytes: rollouts * copies.floor().max(1.0) * BF16 * trained,
        checkpoint_bytes: if sizes.update.is_some() { 3.0 * F32 * trained } else { 0.0 },
    }
}

/// The model by what it costs.
struct Model {
    parameters: f64,
    active: f64,
    trained: f64,
    kv_bytes: f64,
    /// Its operations a token over those of the recipe's shape.
    scale: f64,
    /// Bytes that learning holds at most.
    learner_bytes: f64,
}

impl Model {
    fn of(sizes: &StageSizes, cluster: &Cluster) -> Self {
        let own = sizes.model.parameter_count() as f64;
        let parameters = cluster.parameters.unwrap_or(own);
        let used = work::active_parameters(&sizes.model);
        let active = cluster.active_parameters.unwrap_or(used * parameters / own);
        let kv = BF16 * (2 * sizes.model.num_hidden_layers * sizes.model.kv_size()) as f64;
        Self {
            parameters,
            active,
            trained: sizes.trained() as f64 * parameters / own,
            kv_bytes: cluster.kv_bytes.unwrap_or(kv),
            scale: active / used,
            learner_bytes: Memory::of(sizes).peak().1 as f64 * parameters / own,
        }
    }
}

/// Sampling by copies of the weights over all GPUs.
#[derive(Default)]
struct Decoding {
    /// Of a copy.
    gpus: usize,
    rows: usize,
    tokens_per_s: f64,
    rollout_s: f64,
    waits_for_longest: bool,
}

impl Decoding {
    /// `groups` have the mean length, `longest` is the limit.
    fn of(model: &Model, cluster: &Cluster, groups: Groups, longest: usize) -> Self {
        let usable = USABLE * cluster.gpu.gb * 1e9;
        let weights = BF16 * model.parameters;
        let least = (weights / (1.0 - KV_SHARE) / usable).ceil().max(1.0) as usize;
        let gpus = least.next_power_of_two();
        let copies = (cluster.gpus / gpus).max(1);
        let all = groups.prompts * groups.group_size;
        let context = (groups.prompt_tokens + groups.max_tokens) as f64;
        let fit = (gpus as f64 * usable - weights) / (model.kv_bytes * context);
        let rows = (fit as usize).clamp(1, all.div_ceil(copies).max(1));
        // Half of a completion's tokens are there on average.
        let seen = (groups.prompt_tokens + groups.max_tokens / 2) as f64;
        let step_s = |rows: f64, seen: f64| {
            // A step reads what its rows use of the weights, and their keys and values.
            let read = BF16 * model.parameters.min(rows * model.active);
            let bytes = read + rows * seen * model.kv_bytes;
            let (gpu, share) = (&cluster.gpu, cluster.assumed.decode_use * gpus as f64);
            let reading = bytes / (gpu.gb_per_s * 1e9 * share);
            reading.max(2.0 * rows * model.active / (gpu.tflops * 1e12 * share))
        };
        let tokens_per_s = rows as f64 / step_s(rows as f64, seen);
        let mean = (all * groups.max_tokens) as f64 / (copies as f64 * tokens_per_s);
        // At its end few rows run, each as long as it may.
        let last = longest as f64 * step_s(1.0, (groups.prompt_tokens + longest / 2) as f64);
        Self { gpus, rows, tokens_per_s, rollout_s: mean.max(last), waits_for_longest: last > mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{DataSizes, StageSizes};
    use crate::recipe::Recipe;
    use std::path::Path;
    use thinkling_model::ModelConfig;

    /// R1-Zero's stage with the report's sizes, for a dense shape.
    fn sizes(more: &str) -> StageSizes {
        let text = format!(
            "name='a'\nmodel.path='m'\n[[stage]]\nname='rl'\nkind='rl'\npreset='r1-zero'\n\
             steps=160\nmax_completion_tokens=1024\ndata={{kind='mini-world'}}\n{more}"
        );
        let recipe = Recipe::parse(&text, Path::new("r.toml"), Path::new("."), &[]).expect("valid");
        let config = ModelConfig::from_json(
            r#"{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":1000,
            "hidden_size":512,"intermediate_size":1024,"num_hidden_layers":8,
            "num_attention_heads":8,"num_key_value_heads":2,"rms_norm_eps":1e-5,
            "max_position_embeddings":4096,"tie_word_embeddings":true}"#,
        );
        let data = DataSizes { prompt_tokens: Some(100), ..DataSizes::default() };
        StageSizes::of(&recipe, 0, config.expect("valid"), false, &data)
    }

    fn cluster(gpus: usize) -> Cluster {
        Cluster {
            gpu: Gpu::named("H100").expect("known"),
            gpus,
            parameters: None,
            active_parameters: None,
            kv_bytes: None,
            assumed: Assumed::default(),
        }
    }

    #[test]
    fn tokens_are_steps_times_completions_times_their_mean_length() {
        let plan = on_cluster(&sizes(""), &cluster(8));
        // 512 completions a step, the report's.
        assert_eq!(plan.sampled_tokens, 160.0 * 512.0 * 512.0);
        assert_eq!(plan.learnt_tokens, plan.sampled_tokens);
        let parts = plan.operations;
        // The way forth and back against a pass forth.
        assert!((parts.update / parts.reference - 3.0).abs() < 1e-9, "{parts:?}");
        let total = plan.gpu_hours.total();
        assert!((plan.hours * 8.0 - total).abs() < 1e-9 * total);
    }

    #[test]
    fn more_gpus_take_less_time_until_the_longest_completion_decides() {
        let (few, many) =
            (on_cluster(&sizes(""), &cluster(1)), on_cluster(&sizes(""), &cluster(8)));
        assert!(many.hours < 0.5 * few.hours, "{} {}", many.hours, few.hours);
        let flood = on_cluster(&sizes(""), &cluster(4096));
        assert!(flood.waits_for_longest && flood.rollout_s > 0.0);
        assert_eq!(flood.rollout_s, on_cluster(&sizes(""), &cluster(8192)).rollout_s);
    }

    #[test]
    fn a_larger_model_is_spread_and_costs_by_what_it_uses() {
        let sparse = Cluster {
            parameters: Some(671e9),
            active_parameters: Some(37e9),
            kv_bytes: Some(70e3),
            ..cluster(512)
        };
        let plan = on_cluster(&sizes(""), &sparse);
        // 1,342 GB in 80 GB, a fifth of it for keys and values.
        assert_eq!(plan.replica_gpus, 32);
        assert!(plan.learner_gpus > 100, "{}", plan.learner_gpus);
        let dense = Cluster { active_parameters: Some(671e9), ..sparse };
        let ratio = on_cluster(&sizes(""), &dense).operations.update / plan.operations.update;
        assert!((ratio - 671.0 / 37.0).abs() < 1e-6, "{ratio}");
    }
}
