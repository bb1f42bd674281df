//! The command line's contract, tried on the built binary.
#![allow(clippy::print_stdout, reason = "a failing test shows its random moments")]

mod bench;
mod code;
mod damaged_models;
mod eval;
mod eval_resume;
mod fake_hub;
mod generate;
mod hub;
mod kills;
mod mini_r1;
mod quickstart;
mod report;
mod review;
mod rewards;
mod runs;
mod score;
mod small_disk;
mod teachers;
mod train;
mod train_cold_start;
mod train_distill;
mod train_eval;
mod train_input;
mod train_pipeline;
mod train_plan;
mod train_rejection;
mod train_resume;
mod train_reward_model;
mod train_rl_keys;
mod train_rollout;
mod train_sft;
mod train_sources;
mod world;
mod wrong_calls;
