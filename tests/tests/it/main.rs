//! The command line's contract, tried on the built binary.
#![allow(clippy::print_stdout, reason = "a failing test shows its random moments")]

mod bench;
mod code;
mod damaged_models;
mod eval;
mod eval_resume;
mod generate;
mod quickstart;
mod report;
mod rewards;
mod runs;
mod score;
mod train;
mod train_input;
mod train_rejection;
mod train_resume;
mod train_reward_model;
mod train_rl_keys;
mod train_rollout;
mod train_sft;
mod wrong_calls;
