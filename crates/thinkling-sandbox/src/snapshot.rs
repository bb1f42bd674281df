//! The interpreter as it stands once it has started, compiled and kept on disk.
//!
//! Starting CPython takes a good part of a second, most of it the same for every program. So it is
//! done once: the interpreter runs `python/start.py`, which imports what programs use and ends it
//! from within by `os._exit`; its memory then is written into the binary, and every program
//! begins from there. `_start` is called a second time in that memory: to CPython this looks like
//! a second `main` below the first, which takes new arguments and finds everything imported.
//!
//! The first stack of C is half a megabyte. The second one is 16 MiB of fresh memory, because
//! functions that are cached recurse in C.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module, OptLevel, Val};

use crate::binary;
use crate::host::Host;
use crate::instance::{self, End};
use crate::{INTERPRETER_SHA256, Limits, SandboxError};

/// What the interpreter runs before the snapshot.
const START: &str = include_str!("python/start.py");

/// What every program finds as module `_thinkling`.
const HARNESS: &str = concat!(
    include_str!("python/frames.py"),
    include_str!("python/stdio.py"),
    include_str!("python/values.py"),
    include_str!("python/program.py"),
    include_str!("python/judge.py"),
);

/// Where the known interpreter keeps whether it has been started: a `u32`, set at the beginning of
/// `_start`, which traps the second time.
const STARTED: usize = 4_728_656;

/// Size of the stack of C that programs have.
const STACK: usize = 48 << 20;

/// How deep functions in C may call each other through Python. CPython's own number for WASI, 500,
/// is meant for half a megabyte of stack, and ends cached functions at a depth of 240. A call
/// takes less than 6 KiB.
const C_RECURSION: u32 = 8000;

/// A limit on recursion in Python that `start.py` sets, to be found in memory.
const MARK: u32 = 123_457;

/// Arguments that run `code` in the interpreter: no site packages, nothing from outside.
pub(crate) fn arguments(code: &str) -> Vec<Vec<u8>> {
    ["python", "-S", "-I", "-X", "int_max_str_digits=0", "-c", code]
        .map(|arg| arg.as_bytes().to_vec())
        .to_vec()
}

/// The digest of a file, as sixty-four hexadecimal digits.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The interpreter's file, checked.
pub(crate) fn read_interpreter(path: &Path) -> Result<Vec<u8>, SandboxError> {
    let bytes = std::fs::read(path)
        .map_err(|source| SandboxError::Missing { path: path.to_owned(), source })?;
    let got = sha256(&[&bytes]);
    if got != INTERPRETER_SHA256 {
        return Err(SandboxError::Unknown { path: path.to_owned(), got });
    }
    Ok(bytes)
}

/// The started interpreter as a module, from `cache` where it has been made before.
pub(crate) fn module(
    engine: &Engine,
    interpreter: &Path,
    cache: Option<&Path>,
) -> Result<Module, SandboxError> {
    let kept = cache.map(Kept::in_folder);
    if let Some(module) = kept.as_ref().and_then(|kept| kept.load(engine)) {
        return Ok(module);
    }
    let binary = read_interpreter(interpreter)?;
    let frozen = instance::on_large_stack(|| freeze(&binary)).map_err(prepare)??;
    let module = Module::new(engine, &frozen).map_err(prepare)?;
    if let Some(kept) = kept {
        // A cache that cannot be written costs time, nothing else.
        let _ = module.serialize().map_err(std::io::Error::other).and_then(|m| kept.store(&m));
    }
    Ok(module)
}

fn prepare(error: impl std::fmt::Display) -> SandboxError {
    SandboxError::Prepare { message: format!("{error:#}") }
}

/// Starts the interpreter and writes its memory into its binary.
fn freeze(interpreter: &[u8]) -> Result<Vec<u8>, SandboxError> {
    let binary = binary::instrumented(interpreter).map_err(prepare)?;
    // Runs once: time spent on making it fast would be lost.
    let engine = instance::engine(OptLevel::None).map_err(prepare)?;
    let module = Module::new(&engine, &binary).map_err(prepare)?;
    let pre = instance::prepared(&engine, &module).map_err(prepare)?;
    let mut args = arguments(START);
    args.push(HARNESS.as_bytes().to_vec());
    let limits = Limits { time: Duration::from_secs(300), ..Limits::DEFAULT };
    let started = instance::start(&pre, Host::new(args, &limits)).map_err(prepare)?;
    let ((mut store, instance), ended) = started;
    if ended.end != End::Exit(0) {
        let stderr = String::from_utf8_lossy(&ended.stderr);
        return Err(prepare(format!("it ended with {:?}: {stderr}", ended.end)));
    }
    let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| prepare("no memory"))?;
    let mut memory = memory.data(&store).to_vec();
    let stack = instance.get_global(&mut store, binary::STACK_POINTER);
    if !matches!(stack.map(|global| global.get(&mut store)), Some(Val::I32(_))) {
        return Err(prepare("no stack pointer"));
    }
    match memory.get_mut(STARTED..STARTED + 4) {
        Some(started) if *started == [1, 0, 0, 0] => started.fill(0),
        _ => return Err(prepare("it does not say that it has been started")),
    }
    allow_recursion(&mut memory)?;
    let top = i32::try_from(memory.len() + STACK).map_err(prepare)?;
    binary::frozen(&binary, &memory, STACK, top).map_err(prepare)
}

/// Sets how deep functions in C may go. The number stands in CPython's state of its one thread
/// (`struct _ts` of 3.12), behind the remaining depth and the limit for Python.
fn allow_recursion(memory: &mut [u8]) -> Result<(), SandboxError> {
    let word = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or(0);
    let is_state = |window: &[u8]| {
        let (left, limit, c_left) = (&window[..4], &window[4..8], &window[8..]);
        // A few calls deep, in both.
        word(limit) == MARK
            && (MARK - 100..MARK).contains(&word(left))
            && (400..500).contains(&word(c_left))
    };
    let found = (0..memory.len().saturating_sub(11)).step_by(4);
    let found: Vec<usize> = found.filter(|&at| is_state(&memory[at..at + 12])).collect();
    let [at] = found[..] else {
        return Err(prepare(format!("its recursion limit stands in {} places", found.len())));
    };
    memory[at + 8..at + 12].copy_from_slice(&C_RECURSION.to_le_bytes());
    Ok(())
}

/// A compiled module on disk.
struct Kept {
    code: PathBuf,
    digest: PathBuf,
}

impl Kept {
    /// Its name changes with everything that it is made of. A module of another wasmtime, of
    /// other settings or of another processor is refused by wasmtime itself.
    fn in_folder(folder: &Path) -> Self {
        let ours = format!("{} {STACK} {C_RECURSION}", env!("CARGO_PKG_VERSION"));
        let parts = [INTERPRETER_SHA256, START, HARNESS, &ours].map(str::as_bytes);
        let code = folder.join(format!("cpython-{:.16}.cwasm", sha256(&parts)));
        Self { digest: code.with_extension("sha256"), code }
    }

    fn load(&self, engine: &Engine) -> Option<Module> {
        let expected = std::fs::read_to_string(&self.digest).ok()?;
        let code = std::fs::read(&self.code).ok()?;
        if sha256(&[&code]) != expected {
            return None;
        }
        #[allow(unsafe_code, reason = "wasmtime has no safe way to load what it has compiled")]
        // SAFETY: The bytes are what `Module::serialize` gave to `store`: they have its digest,
        // and lie in a folder that only this user may write to. They are in memory, so nobody
        // changes them while they are read. Wasmtime checks its version and the settings.
        let module = unsafe { Module::deserialize(engine, &code) };
        module.ok()
    }

    fn store(&self, code: &[u8]) -> std::io::Result<()> {
        let folder = self.code.parent().ok_or(std::io::ErrorKind::NotFound)?;
        private_folder(folder)?;
        let digest = sha256(&[code]);
        // Renamed into place, so that nobody reads half a file.
        for (path, bytes) in [(&self.code, code), (&self.digest, digest.as_bytes())] {
            let part = path.with_extension(format!("{}.part", std::process::id()));
            std::fs::write(&part, bytes)?;
            std::fs::rename(&part, path)?;
        }
        Ok(())
    }
}

/// A folder that only this user may enter, where the system knows such.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
