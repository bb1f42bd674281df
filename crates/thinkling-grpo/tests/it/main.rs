//! Integration tests: goldens, behaviour of the objectives, the chunked head.

mod golden;
mod head;
mod objective;
mod support;
