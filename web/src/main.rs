//! The page: a small reasoner thinks and is checked in a browser tab, and a nano base learns there.
//!
//! The document is `index.html`, its words are in `strings.rs`; this program connects the two with
//! the model client (`client.rs`) and the learner (`learner.rs`), both of which run in workers. It
//! draws with plain web-sys. What has nothing to do with a document (numbers, scales, words, gold
//! answers) compiles on any machine and is tested there.
//!
//! Left out: any judgement. Right and wrong, rewards and advantages come from the clients, which ask
//! the code that trained.

#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "only tests use these modules outside of a browser")
)]

mod gold;
mod number;

#[cfg(target_family = "wasm")]
mod page;
mod scale;
mod strings;
mod tags;

fn main() {
    #[cfg(target_family = "wasm")]
    page::start();
}
