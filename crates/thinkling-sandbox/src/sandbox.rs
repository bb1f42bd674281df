//! The interpreter, ready to run programs.

use std::path::{Path, PathBuf};

use thinkling_reward::code::{CodeError, CodeTests, CodeVerdict, RunCode};
use wasmtime::{Engine, InstancePre, OptLevel};

use crate::host::Host;
use crate::instance::{self, Ended};
use crate::{Limits, SandboxError, asserts, snapshot, stdio};

/// Runs programs, each in an interpreter of its own.
///
/// Programs may be run from several threads at once.
pub struct Sandbox {
    pre: InstancePre<Host>,
    limits: Limits,
}

impl Sandbox {
    /// Prepares the interpreter in the file `interpreter`.
    ///
    /// The first time this compiles it, which takes some tens of seconds; the result is kept in
    /// the folder `cache` and loaded from there later. Whoever can write to that folder can run
    /// code as the user: it is made so that only the user can.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub fn open(
        interpreter: &Path,
        cache: Option<&Path>,
        limits: Limits,
    ) -> Result<Self, SandboxError> {
        let failed = |e: wasmtime::Error| SandboxError::Prepare { message: format!("{e:#}") };
        let engine: Engine = instance::engine(OptLevel::Speed).map_err(failed)?;
        let module = snapshot::module(&engine, interpreter, cache)?;
        Self { pre: instance::prepared(&engine, &module).map_err(failed)?, limits: Limits::DEFAULT }
            .with_limits(limits)
    }

    /// What each program may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same interpreter with other limits.
    ///
    /// # Errors
    /// [`SandboxError::MemoryLimit`].
    pub fn with_limits(&self, limits: Limits) -> Result<Self, SandboxError> {
        let pages = self.pre.module().resources_required().max_initial_memory_size.unwrap_or(0);
        let least = usize::try_from(pages).unwrap_or(usize::MAX).saturating_mul(65_536);
        if limits.memory_bytes < least {
            return Err(SandboxError::MemoryLimit { least, got: limits.memory_bytes });
        }
        Ok(Self { pre: self.pre.clone(), limits })
    }

    /// A program's system, which runs `function` of the harness.
    pub(crate) fn host(&self, function: &str) -> Host {
        // The limit is Python's own; the snapshot has another one.
        let code = format!("import _thinkling as t; t.sys.setrecursionlimit(1000); t.{function}()");
        Host::new(snapshot::arguments(&code), &self.limits)
    }

    /// Runs what [`Sandbox::host`] has made. Must be called within
    /// [`instance::on_large_stack`].
    pub(crate) fn run(&self, host: Host) -> Result<Ended, CodeError> {
        instance::run(&self.pre, host).map_err(runner)
    }
}

/// An error of the machine, not of a program.
pub(crate) fn runner(error: impl std::fmt::Display) -> CodeError {
    CodeError::Runner { message: format!("{error:#}") }
}

impl RunCode for Sandbox {
    fn run_code(&self, program: &str, tests: &CodeTests) -> Result<CodeVerdict, CodeError> {
        if tests.is_empty() {
            return Err(CodeError::NoTests);
        }
        match tests {
            CodeTests::Stdio { pairs, output } => stdio::judge(self, program, pairs, *output),
            CodeTests::Asserts(tests) => asserts::judge(self, program, tests),
            _ => Err(runner("tests of a kind that this sandbox does not know")),
        }
    }
}

/// Where the compiled interpreter is kept unless said otherwise: `thinkling/sandbox` in the
/// user's folder for caches.
pub fn default_cache() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        named("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        named("HOME").map(|home| home.join("Library/Caches"))
    } else {
        named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("thinkling").join("sandbox"))
}
