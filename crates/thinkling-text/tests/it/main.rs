//! Integration tests of thinkling-text.

mod fixture;
mod gguf;
mod smollm2;
mod stream;
mod tokenizer;
