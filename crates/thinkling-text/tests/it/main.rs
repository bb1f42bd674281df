//! Integration tests of thinkling-text.

mod chat_templates;
mod fixture;
mod gguf;
#[cfg(not(target_family = "wasm"))]
mod reward_table;
mod smollm2;
mod stream;
mod tokenizer;
