//! Tests of the crate from outside.

mod format_cases;
mod properties;
