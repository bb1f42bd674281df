//! Integration tests of thinkling-text.

mod experiment;
mod fixture;
mod smollm2;
mod stream;
mod tokenizer;
