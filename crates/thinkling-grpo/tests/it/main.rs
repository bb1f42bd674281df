//! Integration tests: goldens, behaviour of the objectives, the chunked head.

mod golden;
mod head;
mod importance;
mod objective;
mod support;
