//! Small reasoners for pages: a model in a web worker, with the rewards that trained it.
//!
//! JavaScript uses `js/client.js`, which talks to `js/worker.js`, which calls the module `worker`. What they
//! send each other is JSON of the types of `js/client.d.ts`; below that border nothing knows of a
//! browser, and is tested without one:
//!
//! - [`Bundle`]: a model's files, opened: weights, tokenizer, chat template.
//! - [`Session`]: a bundle on a device; generates, and goes on after a device was lost.
//! - [`judge`](mod@judge): the rewards.
//!
//! The rest, `browser`, is files, downloads and the cache. Left out: training (another bundle), and
//! threads, which WebAssembly from stable Rust does not have.

mod bundle;
mod chat;
mod device;
mod error;
mod generate;
pub mod judge;
mod meter;
mod reason;
mod request;
mod session;

#[cfg(target_family = "wasm")]
mod browser;
#[cfg(target_family = "wasm")]
pub mod worker;

pub use bundle::{Bundle, BundleFile};
pub use chat::ChunkWriter;
pub use device::{DeviceChoice, DeviceInfo, GpuHandle, LoadOptions};
pub use error::WebError;
pub use generate::{Event, GenerateResult, Notice, NoticeKind};
pub use meter::{Meter, MeterOptions, MeterWish};
pub use reason::{Reason, ReasonCode};
pub use request::{Prompt, Request};
pub use session::{ModelInfo, Session};
