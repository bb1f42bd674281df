//! Seconds of a stage from timed steps of a piece of it.
//!
//! The piece has random weights of the stage's shape and sequences of its lengths; where one step of the
//! whole would take long it has fewer layers, questions and tokens, and each part of the time is scaled
//! by its floating-point operations. Completions of the piece run to their limit, which those of a model
//! that ends its answers do not: sampling and learning then take less.

use super::sizes::{Reference, RolloutSizes, Sequences, StageSizes};
use super::work;
use crate::bench::{BenchConfig, BenchLora, BenchModel, GrpoBench, SftBench};
use crate::bench::{bench_grpo, bench_sft};
use crate::devices::Devices;
use crate::error::Result;
use crate::recipe::RolloutKind;
use serde::Serialize;
use thinkling_engine::Groups;
use thinkling_grpo::{LossType, ScaleRewards};
use thinkling_model::{ComputeType, ModelConfig, Recompute};

/// Timed steps, after one that is not.
const STEPS: usize = 3;
/// Operations of a timed step at most, so that it takes a second or so: on the CPU, on a GPU.
const WORK: [f64; 2] = [4e10, 4e12];
/// Values of the embedding at most: more take seconds to draw.
const EMBEDDING: usize = 2 << 20;

/// Seconds of a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageTime {
    /// A rollout, where there are some.
    pub rollout_s: Option<f64>,
    /// The reference's pass over a rollout, where there is a reference.
    pub reference_s: Option<f64>,
    /// An optimiser step, where there are some.
    pub update_s: Option<f64>,
    /// All evaluations of the stage.
    pub evaluations_s: f64,
    /// The whole stage.
    pub total_s: f64,
    /// The whole stage, were each step as fast as the fastest and as slow as the slowest timed one.
    pub range_s: [f64; 2],
    /// What was timed.
    pub timed: Timed,
}

/// The piece that was timed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timed {
    /// Timed steps.
    pub steps: usize,
    /// Seconds of each.
    pub seconds: Vec<f64>,
    /// Share of the whole's operations in one of them; 1 where nothing was cut.
    pub share: f64,
}

/// A stage cut down to what is timed.
struct Piece {
    model: ModelConfig,
    rollout: Option<RolloutSizes>,
    sequences: Option<Sequences>,
}

impl Piece {
    fn whole(sizes: &StageSizes) -> Self {
        let model = sizes.model.clone();
        // One optimiser step's share of a rollout stands for all of it, with the rows of the whole.
        let rollout = sizes.rollout.clone().map(|mut rollout| {
            let groups = &mut rollout.groups;
            let begun = (groups.max_rows / groups.group_size.max(1)).max(1);
            groups.prompts = groups.prompts.clamp(1, begun);
            rollout
        });
        Self { model, rollout, sequences: sizes.update.as_ref().map(|update| update.sequences) }
    }

    fn work(&self, sizes: &StageSizes) -> f64 {
        let sizes = StageSizes { model: self.model.clone(), ..sizes.clone() };
        let rollout = self.rollout.as_ref().map(|r| work::rollout(&sizes.model, r.groups));
        let update = self.sequences.map(|sequences| work::update(&sizes, sequences));
        rollout.unwrap_or(0.0) + update.unwrap_or(0.0)
    }

    /// Fewer layers, tokens and sequences until a step takes no longer than it may.
    fn cut(mut self, sizes: &StageSizes) -> Self {
        let most = WORK[usize::from(!sizes.on_host)];
        while self.model.vocab_size * self.model.hidden_size > EMBEDDING
            && self.model.vocab_size > 1024
        {
            self.model.vocab_size /= 2;
        }
        while self.work(sizes) > most && self.cut_once() {}
        self
    }

    /// Halves what there is most of; false where nothing is left to halve.
    fn cut_once(&mut self) -> bool {
        let layers = &mut self.model.num_hidden_layers;
        if *layers > 4 {
            *layers /= 2;
            return true;
        }
        if let Some(rollout) = &mut self.rollout
            && rollout.groups.max_tokens > 32
        {
            rollout.groups.max_tokens /= 2;
            if let Some(sequences) = &mut self.sequences {
                sequences.tokens = (sequences.tokens / 2).max(1);
            }
            return true;
        }
        if let (None, Some(sequences)) = (&self.rollout, &mut self.sequences)
            && sequences.tokens > 128
        {
            sequences.tokens /= 2;
            return true;
        }
        if let Some(sequences) = &mut self.sequences
            && sequences.count > sequences.group.max(2)
        {
            sequences.count = (sequences.count / 2).next_multiple_of(sequences.group.max(1));
            if let Some(rollout) = &mut self.rollout {
                let prompts = sequences.count / sequences.group.max(1);
                rollout.groups.prompts = rollout.groups.prompts.min(prompts).max(1);
            }
            return true;
        }
        if let Some(rollout) = &mut self.rollout
            && rollout.groups.prompts > 1
        {
            rollout.groups.prompts /= 2;
            return true;
        }
        if *layers > 1 {
            *layers /= 2;
            return true;
        }
        false
    }

    fn groups(&self) -> Groups {
        let none =
            Groups { prompts: 1, group_size: 2, prompt_tokens: 1, max_tokens: 2, max_rows: 2 };
        self.rollout.as_ref().map_or(none, |rollout| rollout.groups)
    }
}

/// Times a piece of a stage and gives the whole's seconds; `None` of a stage without steps and answers.
///
/// # Errors
/// A device that fails.
pub fn measure(sizes: &StageSizes, devices: Devices<'_>) -> Result<Option<StageTime>> {
    let piece = Piece::whole(sizes).cut(sizes);
    let result = match (&sizes.rollout, &sizes.update) {
        (None, None) => return Ok(None),
        (Some(_), _) => bench_grpo(&config(sizes, &piece), devices, |_, _| ())?,
        (None, Some(_)) => bench_sft(&config(sizes, &piece), devices.learner(), |_, _| ())?,
    };
    let cut = StageSizes { model: piece.model.clone(), ..sizes.clone() };
    let groups = piece.groups();
    // Seconds of an operation of each kind.
    let sampling = result.generate_s / work::rollout(&cut.model, groups);
    let timed_sequences = piece.sequences.map(|sequences| match &piece.rollout {
        // A rollout's own completions are learnt from.
        Some(rollout) => Sequences {
            count: rollout.groups.prompts * rollout.groups.group_size,
            tokens: rollout.groups.max_tokens,
            group: rollout.groups.group_size,
            prompt_tokens: rollout.groups.prompt_tokens,
        },
        None => sequences,
    });
    let rollout_s =
        sizes.rollout.as_ref().map(|r| sampling * work::rollout(&sizes.model, r.groups));
    let update = sizes.update.as_ref().zip(timed_sequences);
    let update_s = update.map(|(update, timed)| {
        let whole = work::update(sizes, update.sequences);
        result.loss_s * whole / work::update(&cut, timed)
    });
    let reference_s = update.filter(|(update, _)| update.reference != Reference::None);
    let reference_s = reference_s.zip(sizes.rollout.as_ref()).map(|((update, timed), rollout)| {
        let all = Sequences {
            count: rollout.groups.prompts * rollout.groups.group_size,
            ..update.sequences
        };
        let whole = work::logprobs(&sizes.model, all);
        result.logprob_s * whole / work::logprobs(&cut.model, timed)
    });
    let evaluations_s = sizes.evaluations.map_or(0.0, |(groups, times)| {
        times as f64 * sampling * work::rollout(&sizes.model, groups)
    });
    let rollouts = sizes.rollout.as_ref().map_or(0, |rollout| rollout.count) as f64;
    let steps = sizes.update.as_ref().map_or(0, |update| update.steps) as f64;
    let each = rollout_s.unwrap_or(0.0) + reference_s.unwrap_or(0.0);
    let total_s = rollouts * each + steps * update_s.unwrap_or(0.0) + evaluations_s;
    let ends = [f64::min, f64::max].map(|end| {
        let steps = result.steps_s.iter().copied();
        steps.reduce(end).unwrap_or(result.step_s) / result.step_s
    });
    let share = piece.work(sizes) / Piece::whole(sizes).work(sizes);
    Ok(Some(StageTime {
        rollout_s,
        reference_s,
        update_s,
        evaluations_s,
        total_s,
        range_s: ends.map(|end| end * total_s),
        timed: Timed { steps: STEPS, seconds: result.steps_s, share },
    }))
}

/// The piece as a bench.
fn config(sizes: &StageSizes, piece: &Piece) -> BenchConfig {
    let groups = piece.groups();
    let update = sizes.update.as_ref();
    let lora = sizes.lora.as_ref().map(BenchLora::from);
    let compared = update.is_some_and(|update| update.reference != Reference::None);
    let micro_batch = update.map_or(groups.group_size, |update| update.micro_batch);
    let recompute = update.map(|update| update.recompute);
    let states = update.map(|update| update.states).unwrap_or_default();
    let compute_dtype: ComputeType = update.map(|update| update.compute).unwrap_or_default();
    let mut rollout = sizes.rollout.as_ref().map(|r| r.keys).unwrap_or_default();
    if rollout.kind == RolloutKind::Burn {
        rollout.max_rows = groups.max_rows;
    }
    let sequences =
        piece.sequences.unwrap_or(Sequences { count: 1, tokens: 2, group: 1, prompt_tokens: 0 });
    BenchConfig {
        name: "plan".into(),
        seed: 0,
        model: BenchModel::Config(Box::new(piece.model.clone())),
        grpo: GrpoBench {
            prompts_per_step: groups.prompts,
            group_size: groups.group_size.max(1),
            prompt_len: groups.prompt_tokens.max(1),
            completion_len: groups.max_tokens,
            steps: STEPS,
            warmup_steps: 1,
            lr: 1e-5,
            loss_type: LossType::Grpo,
            // Also where a group has one answer.
            scale_rewards: ScaleRewards::None,
            beta: if compared { 1e-3 } else { 0.0 },
            epsilon: 0.2,
            temperature: 1.0,
            num_iterations: 1,
            max_grad_norm: 1.0,
            weight_decay: 0.0,
            micro_batch,
            gradient_checkpointing: recompute == Some(Recompute::Layer),
            rollout,
            optimizer_states: states,
            compute_dtype,
            lora: lora.clone(),
            learn: update.is_some(),
        },
        sft: SftBench {
            batch: sequences.count,
            seq_len: sequences.tokens.max(2),
            steps: STEPS,
            warmup_steps: 1,
            lr: 1e-5,
            micro_batch: Some(micro_batch),
            gradient_checkpointing: recompute == Some(Recompute::Layer),
            optimizer_states: states,
            compute_dtype,
            lora,
        },
        decode: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{DataSizes, Origin};
    use crate::recipe::Recipe;
    use std::path::Path;

    fn sizes(stage: &str) -> StageSizes {
        let text = format!(
            "name='a'\n[model]\nvocab_size=50000\nhidden_size=512\nnum_hidden_layers=24\n\
             num_attention_heads=8\nintermediate_size=1536\nmax_position_embeddings=4096\n\
             [[stage]]\nname='s'\n{stage}"
        );
        let recipe = Recipe::parse(&text, Path::new("r.toml"), Path::new("/"), &[]).expect("valid");
        let config = Origin::of(&recipe, 0).expect("a shape").config;
        let data = DataSizes { prompt_tokens: Some(100), ..DataSizes::default() };
        StageSizes::of(&recipe, 0, config, true, &data)
    }

    #[test]
    fn a_piece_is_small_and_keeps_the_kind_of_its_work() {
        for stage in [
            "kind='rl'\ndata={kind='mini-world'}\nmax_completion_tokens=2000",
            "kind='sft'\ndata={kind='jsonl', path='a'}\nmax_tokens=2048\nbatch=64",
        ] {
            let sizes = sizes(stage);
            let (whole, piece) = (Piece::whole(&sizes), Piece::whole(&sizes).cut(&sizes));
            assert!(piece.work(&sizes) <= WORK[0], "{stage}");
            assert!(whole.work(&sizes) > 100.0 * piece.work(&sizes), "{stage}");
            assert_eq!(piece.rollout.is_some(), sizes.rollout.is_some());
            assert!(piece.model.num_hidden_layers > 0 && piece.model.validate().is_ok());
        }
    }

    #[test]
    fn work_grows_with_tokens_layers_and_completions() {
        let sizes = sizes("kind='rl'\ndata={kind='mini-world'}\ngroup_size=4");
        let groups = sizes.rollout.as_ref().expect("rollouts").groups;
        let base = work::rollout(&sizes.model, groups);
        let twice = Groups { prompts: 2 * groups.prompts, ..groups };
        assert!((work::rollout(&sizes.model, twice) / base - 2.0).abs() < 1e-9);
        let longer = Groups { max_tokens: 2 * groups.max_tokens, ..groups };
        assert!(work::rollout(&sizes.model, longer) > 1.3 * base);
    }
}
