//! With which numbers a page learns: those of `recipes/nano.toml`, which a test asserts.

use thinkling_learn::RlNumbers;
use thinkling_learn::world::LevelMix;

/// R1-Zero's numbers where a model of half a million parameters allows them. `steps` is the recipe's;
/// a page goes on for as long as its visitor likes.
pub fn numbers() -> RlNumbers {
    RlNumbers {
        lr: 1e-4,
        warmup_steps: 5,
        steps: 60,
        questions_per_step: 8,
        minibatches: 1,
        max_completion_tokens: 64,
        ..RlNumbers::r1_zero()
    }
}

/// Sums of two to four operands, in both languages.
pub fn mix() -> LevelMix {
    LevelMix { sums: [0.3, 0.4, 0.3, 0.0, 0.0], countdown: 0.0, ..LevelMix::default() }
}
