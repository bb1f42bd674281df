//! Bytes of a stage by what they are for.
//!
//! Sampling and learning take turns, so the most that is held at once is what stays ([`Memory::standing`])
//! and the larger of both ([`Memory::peak`]). On the way back activations go as gradients come: of both
//! the larger one counts. Keys and values lie in many small blocks, which an allocator on the CPU keeps
//! for the next rollout.

use super::sizes::{Reference, StageSizes, UpdateSizes};
use crate::recipe::{RolloutDevice, RolloutKind};
use serde::Serialize;
use thinkling_engine::Capacity;
use thinkling_learn::{MIN_TOKENS, StatePrecision, activation_bytes, chunk_tokens_of};
use thinkling_model::ModelConfig;

/// The process itself: its code as far as it is read, threads, tokenizers, texts.
const PROGRAM: u64 = 34_000_000;
const F32: u64 = 4;

/// Bytes of a stage by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Code, tokenizer, texts.
    pub program: u64,
    /// The weights, with adapters beside them.
    pub weights: u64,
    /// The reference's own.
    pub reference: u64,
    /// Reward models that judge completions.
    pub reward_models: u64,
    /// The optimiser's moments.
    pub optimizer: u64,
    /// Buffers of the decode engine on the CPU.
    pub engine: u64,
    /// Files while the weights are read from them.
    pub loading: u64,
    /// Weights packed for decoding, or a merged copy of them.
    pub packed_weights: u64,
    /// Keys and values of the completions that run at once.
    pub kv_cache: u64,
    /// Logits of running rows, keys and values of prompts on their way.
    pub rollout_buffers: u64,
    /// Values of a weight on their way into a checkpoint.
    pub checkpoint_buffers: u64,
    /// The step's gradients.
    pub gradients: u64,
    /// What a micro-batch's forward pass keeps.
    pub activations: u64,
    /// Logits of a chunk of tokens, and the gradient of the head that they end in.
    pub update_buffers: u64,
    /// Tokens of the largest micro-batch.
    pub micro_batch_tokens: u64,
    /// Micro-batches of a step.
    pub micro_batches: u64,
    /// Whether an allocator keeps the cache's blocks while the stage learns.
    #[serde(skip)]
    keeps_cache: bool,
}

/// What a stage does when it holds the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Reads the weights.
    Loading,
    /// Samples.
    Rollout,
    /// Learns.
    Update,
}

impl Memory {
    /// What a stage of these sizes needs.
    pub fn of(sizes: &StageSizes) -> Self {
        let mut memory = Self::standing_of(sizes);
        memory.add_rollout(sizes);
        if let Some(update) = &sizes.update {
            let fixed = UpdateMemory::new(&memory, sizes, update);
            let limit = update.memory.and_then(|bytes| fixed.for_activations(bytes));
            memory.add_update(sizes, update, limit);
        }
        memory
    }

    fn standing_of(sizes: &StageSizes) -> Self {
        let (model, trained) = (sizes.model.parameter_count() as u64, sizes.trained() as u64);
        let adapters = if sizes.lora.is_some() { F32 * trained } else { 0 };
        let mut memory = Self {
            // A GPU holds none of it.
            program: if sizes.on_host { PROGRAM } else { 0 },
            weights: F32 * model + adapters,
            loading: sizes.stored_bytes,
            reward_models: sizes.judge_bytes,
            ..Self::default()
        };
        if let Some(update) = &sizes.update {
            memory.reference = match update.reference {
                Reference::None | Reference::Base => 0,
                Reference::Weights => F32 * model,
                Reference::Adapters => F32 * trained,
            };
            memory.optimizer = trained * state_bytes(update.states, sizes.on_host);
            let largest = sizes.model.vocab_size.max(2 * sizes.model.intermediate_size)
                * sizes.model.hidden_size;
            if update.checkpoints && sizes.lora.is_none() {
                memory.checkpoint_buffers = 2 * F32 * largest as u64;
            }
        }
        memory
    }

    fn add_rollout(&mut self, sizes: &StageSizes) {
        let (model, context) = (&sizes.model, sizes.model.max_position_embeddings);
        let token = token_bytes(model);
        let rollout = sizes.rollout.as_ref();
        let mut groups: Vec<_> = rollout.map(|rollout| rollout.groups).into_iter().collect();
        groups.extend(sizes.evaluations.map(|(groups, _)| groups));
        let Some(keys) = rollout.map(|rollout| rollout.keys) else { return };
        let most = groups.iter().map(|groups| {
            let capacity = Capacity::of_groups(*groups, context);
            let rows = capacity.rows;
            let tokens = match (keys.kind, sizes.on_host) {
                (RolloutKind::Engine, _) => capacity.cache_tokens,
                // Tensor code copies a prompt's keys to each of its rows.
                (RolloutKind::Burn, false) => rows * (groups.prompt_tokens + groups.max_tokens),
                // On the CPU a prompt goes with the last of its rows.
                (RolloutKind::Burn, true) => {
                    let prompts = groups.prompts.min(rows.div_ceil(groups.group_size.max(1)));
                    prompts * groups.prompt_tokens + rows * groups.max_tokens
                }
            };
            (capacity, tokens as u64)
        });
        let most: Vec<_> = most.collect();
        let cache = token * most.iter().map(|(_, tokens)| *tokens).max().unwrap_or(0);
        let rows = most.iter().map(|(capacity, _)| capacity.rows).max().unwrap_or(0);
        let values = model.parameter_count();
        if keys.kind == RolloutKind::Engine {
            // Where it decodes elsewhere, nothing of it lies here.
            let here = match keys.device {
                RolloutDevice::Same => true,
                RolloutDevice::Cpu => sizes.on_host,
                RolloutDevice::Gpu => false,
            };
            self.engine = if here { keys.weights.bytes(values) as u64 + cache } else { 0 };
        } else {
            self.kv_cache = cache;
            self.packed_weights = match (sizes.on_host, &sizes.lora) {
                (true, _) => keys.weights.bytes(values) as u64,
                (false, Some(_)) => F32 * values as u64,
                (false, None) => 0,
            };
            self.keeps_cache = sizes.on_host;
        }
        let prompts = groups.iter().map(|g| {
            let begun = g.prompts.min((g.max_rows / g.group_size.max(1)).max(1));
            begun * g.prompt_tokens
        });
        let fused = model.q_size() + 2 * model.kv_size();
        let kept = prompts.max().unwrap_or(0) * model.num_hidden_layers * fused;
        self.rollout_buffers = F32 * (rows * model.vocab_size + kept) as u64;
    }

    fn add_update(&mut self, sizes: &StageSizes, update: &UpdateSizes, limit: Option<u64>) {
        let limit = limit.map(|bytes| bytes as usize);
        let (tokens, parts) = sizes.micro_batch(update, limit);
        let trained = sizes.trained() as u64;
        self.micro_batch_tokens = tokens as u64;
        self.micro_batches = parts as u64;
        self.gradients = F32 * trained * if parts > 1 { 2 } else { 1 };
        self.activations = (tokens * activation_bytes(&sizes.model, update.recompute)) as u64;
        self.update_buffers = update_buffers(sizes, tokens);
    }

    /// What stays while sampling and learning take turns.
    pub fn standing(&self) -> u64 {
        self.program
            + self.weights
            + self.reference
            + self.reward_models
            + self.optimizer
            + self.engine
    }

    /// Bytes that a phase holds.
    pub fn during(&self, phase: Phase) -> u64 {
        match phase {
            Phase::Loading => self.program + self.weights + self.loading,
            Phase::Rollout => {
                let rollout = self.packed_weights + self.kv_cache + self.rollout_buffers;
                self.standing() + rollout + self.checkpoint_buffers
            }
            Phase::Update => {
                let kept = if self.keeps_cache { self.kv_cache } else { 0 };
                // Of several micro-batches the sum of those before stays beside the next one.
                let part = self.gradients / self.micro_batches.clamp(1, 2);
                let summed = self.gradients - part;
                let pass = part.max(self.activations + self.update_buffers);
                self.standing() + kept + summed + pass
            }
        }
    }

    /// The phase that holds the most, and how much.
    pub fn peak(&self) -> (Phase, u64) {
        let phases = [Phase::Loading, Phase::Rollout, Phase::Update];
        let all = phases.map(|phase| (phase, self.during(phase)));
        all.into_iter().max_by_key(|(_, bytes)| *bytes).unwrap_or((Phase::Update, 0))
    }
}

/// What the updates of a stage need beside activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateMemory {
    fixed: u64,
    least: u64,
}

impl UpdateMemory {
    /// Of a stage of these sizes.
    pub fn of(sizes: &StageSizes, update: &UpdateSizes) -> Self {
        let mut memory = Memory::standing_of(sizes);
        memory.add_rollout(sizes);
        Self::new(&memory, sizes, update)
    }

    fn new(memory: &Memory, sizes: &StageSizes, update: &UpdateSizes) -> Self {
        let kept = if memory.keeps_cache { memory.kv_cache } else { 0 };
        // Two sets of gradients: one is a sum, the other comes beside activations.
        let gradients = 2 * F32 * sizes.trained() as u64;
        let buffers = update_buffers(sizes, usize::MAX);
        let fixed = memory.standing() + kept + gradients + buffers;
        let token = activation_bytes(&sizes.model, update.recompute) as u64;
        // Prompts run with their completions and are not cut off.
        let prompt = (update.sequences.prompt_tokens as u64) * token;
        Self { fixed: fixed + prompt, least: fixed + prompt + MIN_TOKENS as u64 * token }
    }

    /// Bytes that a stage has to be allowed at least: fewer tokens are not cut off.
    pub fn least(&self) -> u64 {
        self.least
    }

    /// What `bytes` leave for the activations of a micro-batch; `None` where it is too little.
    pub fn for_activations(&self, bytes: u64) -> Option<u64> {
        (bytes >= self.least).then(|| bytes - self.fixed)
    }
}

/// Logits of a chunk, and the gradient of the head.
fn update_buffers(sizes: &StageSizes, tokens: usize) -> u64 {
    let vocab = sizes.model.vocab_size;
    let logits = chunk_tokens_of(vocab).min(tokens) * vocab;
    let head = if sizes.lora.is_some() { 0 } else { vocab * sizes.model.hidden_size };
    F32 * (logits + head) as u64
}

/// Bytes of both moments of a value.
fn state_bytes(states: StatePrecision, on_host: bool) -> u64 {
    match states {
        StatePrecision::Bits8 if on_host => 2,
        StatePrecision::F32 | StatePrecision::Bits8 => 2 * F32,
    }
}

/// Keys and values of a token in all layers.
fn token_bytes(model: &ModelConfig) -> u64 {
    2 * F32 * (model.num_hidden_layers * model.kv_size()) as u64
}

impl Memory {
    /// Parts that are not empty, with what they are, in bytes: what stays, of a rollout, of an update.
    pub fn parts(&self) -> [Vec<(&'static str, u64)>; 3] {
        let some = |parts: &[(&'static str, u64)]| {
            parts.iter().copied().filter(|(_, bytes)| *bytes > 0).collect::<Vec<_>>()
        };
        [
            some(&[
                ("program", self.program),
                ("weights", self.weights),
                ("reference", self.reference),
                ("optimiser states", self.optimizer),
                ("decode engine", self.engine),
            ]),
            some(&[
                ("packed decode weights", self.packed_weights),
                ("KV cache", self.kv_cache),
                ("buffers", self.rollout_buffers),
                ("checkpoint buffers", self.checkpoint_buffers),
            ]),
            some(&[
                ("gradients", self.gradients),
                ("activations", self.activations),
                ("buffers", self.update_buffers),
            ]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::DataSizes;
    use crate::recipe::Recipe;
    use std::path::Path;

    const SHAPE: &str = "vocab_size=1000\nhidden_size=64\nnum_hidden_layers=4\n\
                         num_attention_heads=4\nintermediate_size=128\n";

    fn sizes(stage: &str, on_host: bool) -> StageSizes {
        let text = format!("name='a'\n[model]\n{SHAPE}\n[[stage]]\nname='s'\n{stage}");
        let recipe = Recipe::parse(&text, Path::new("r.toml"), Path::new("/"), &[]).expect("valid");
        let config = crate::cost::Origin::of(&recipe, 0).expect("a shape").config;
        let data = DataSizes { prompt_tokens: Some(20), ..DataSizes::default() };
        StageSizes::of(&recipe, 0, config, on_host, &data)
    }

    fn rl(keys: &str) -> String {
        format!("kind='rl'\ndata={{kind='mini-world'}}\nmax_completion_tokens=40\n{keys}")
    }

    #[test]
    fn each_part_is_what_its_tensors_take() {
        let sizes = sizes(&rl("kl_coef=0.1\ngroup_size=4\nquestions_per_step=3"), true);
        let (memory, model) = (Memory::of(&sizes), sizes.model.parameter_count() as u64);
        assert_eq!((memory.weights, memory.reference), (4 * model, 4 * model));
        // Of two micro-batches one set of gradients is the sum.
        assert_eq!((memory.optimizer, memory.gradients), (8 * model, 2 * 4 * model));
        // 12 completions of 40 tokens and 3 prompts of 20; keys and values of 4 layers of 64.
        assert_eq!(memory.kv_cache, (12 * 40 + 3 * 20) * 2 * 4 * 4 * 64);
        // Micro-batches of 8 completions, cut to like sizes of whole ones.
        assert_eq!((memory.micro_batches, memory.micro_batch_tokens), (2, 8 * 40 + 2 * 20));
        let (phase, bytes) = memory.peak();
        assert_eq!(bytes, memory.during(phase));
        assert!(bytes >= memory.standing() + memory.activations);
    }

    #[test]
    fn an_engine_keeps_its_weights_where_it_decodes() {
        let keys = |device: &str| rl(&format!("rollout={{kind='engine', device='{device}'}}"));
        let same = sizes(&keys("same"), true);
        let memory = Memory::of(&same);
        assert!(memory.engine > 4 * same.model.parameter_count() as u64);
        assert_eq!((memory.kv_cache, memory.packed_weights), (0, 0));
        assert_eq!(Memory::of(&sizes(&keys("gpu"), true)).engine, 0);
        assert_eq!(Memory::of(&sizes(&keys("cpu"), false)).engine, 0);
    }

    #[test]
    fn adapters_take_no_second_model_and_little_optimiser_state() {
        let keys = "kl_coef=0.1\nlora={rank=4}";
        let adapted = Memory::of(&sizes(&rl(keys), true));
        let full = Memory::of(&sizes(&rl("kl_coef=0.1"), true));
        assert_eq!(adapted.reference, 0);
        let trained = adapted.optimizer / 8;
        assert_eq!(adapted.weights, full.weights + 4 * trained);
        assert!(adapted.gradients < full.gradients / 4);
        let moving = Memory::of(&sizes(&rl("kl_coef=0.1\nlora={rank=4}\nref_ema=0.9"), true));
        assert_eq!(moving.reference, 4 * trained);
    }

    #[test]
    fn less_memory_makes_smaller_micro_batches_and_too_little_none() {
        let keys = "micro_batch=64\ngroup_size=64\nquestions_per_step=4";
        let free = sizes(&rl(keys), false);
        let update = free.update.clone().expect("updates");
        let need = UpdateMemory::of(&free, &update);
        let whole = Memory::of(&free);
        assert_eq!(whole.micro_batches, 4);
        let allowed = need.least() + 10_000_000;
        let keys = format!("{keys}\nmemory='{} MB'", allowed / 1_000_000);
        let cut = Memory::of(&sizes(&rl(&keys), false));
        assert!(cut.micro_batches > whole.micro_batches && cut.activations < whole.activations);
        assert!(cut.during(Phase::Update) <= allowed, "{cut:?}");
        assert_eq!(need.for_activations(need.least() - 1), None);
        assert!(need.for_activations(need.least()).is_some());
    }
}
