//! Tests of the crate from outside.

mod data_sets;
mod docs;
mod format_cases;
mod fuzz;
#[cfg(feature = "json")]
mod host_table;
mod language_cases;
mod math_cases;
mod properties;
mod samples;
#[cfg(feature = "json")]
mod table;
