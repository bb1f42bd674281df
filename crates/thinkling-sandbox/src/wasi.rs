//! The system that a program sees: a clock, three streams, and nothing else.
//!
//! Implements the part of WASI preview 1 that CPython needs, over [`Host`]. There are no files
//! (the standard library lies inside the interpreter's own binary), no sockets, no environment,
//! no processes and no threads: every other call fails with `ENOSYS` or `EBADF`. Time starts in
//! 2025 for every program, sleeping only moves the clock on, and random bytes come from a fixed
//! seed, so that a program is judged the same each time.

use std::time::Duration;

use wasmtime::{Caller, Error, Extern, Linker, Memory, Module, Result, Val};

use crate::host::{Host, Stop};

const SUCCESS: i32 = 0;
const EBADF: i32 = 8;
const EFAULT: i32 = 21;
const EINVAL: i32 = 28;
const ENOSYS: i32 = 52;
const ESPIPE: i32 = 70;

const MODULE: &str = "wasi_snapshot_preview1";

/// A program's memory and its system, in one call.
struct Call<'a> {
    memory: &'a mut [u8],
    host: &'a mut Host,
}

/// An error number, or the end of the program.
enum Fault {
    Number(i32),
    Stop(Stop),
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

type Done = Result<(), Fault>;

impl Call<'_> {
    fn slice(&mut self, at: u32, len: u32) -> Result<&mut [u8], Fault> {
        let start = usize::try_from(at).map_err(|_| Fault::Number(EFAULT))?;
        let len = usize::try_from(len).map_err(|_| Fault::Number(EFAULT))?;
        let end = start.checked_add(len).ok_or(Fault::Number(EFAULT))?;
        self.memory.get_mut(start..end).ok_or(Fault::Number(EFAULT))
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Done {
        let len = u32::try_from(bytes.len()).map_err(|_| Fault::Number(EFAULT))?;
        self.slice(at, len)?.copy_from_slice(bytes);
        Ok(())
    }

    fn array<const N: usize>(&mut self, at: u32) -> Result<[u8; N], Fault> {
        let len = u32::try_from(N).map_err(|_| Fault::Number(EFAULT))?;
        let slice = self.slice(at, len)?;
        slice.try_into().map_err(|_| Fault::Number(EFAULT))
    }

    fn u32(&mut self, at: u32) -> Result<u32, Fault> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(&mut self, at: u32) -> Result<u64, Fault> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// The `index`th of the stretches of memory that a vector at `at` lists.
    fn stretch(&mut self, at: u32, index: u32) -> Result<(u32, u32), Fault> {
        let entry = offset(at, index, 8)?;
        Ok((self.u32(entry)?, self.u32(offset(entry, 1, 4)?)?))
    }

    fn args(&mut self, mut pointers: u32, mut buffer: u32) -> Done {
        for arg in std::mem::take(&mut self.host.args) {
            self.put(pointers, &buffer.to_le_bytes())?;
            self.put(buffer, &arg)?;
            let len = u32::try_from(arg.len()).map_err(|_| Fault::Number(EFAULT))?;
            self.put(offset(buffer, len, 1)?, &[0])?;
            pointers = offset(pointers, 1, 4)?;
            buffer = offset(offset(buffer, len, 1)?, 1, 1)?;
        }
        Ok(())
    }

    fn args_sizes(&mut self, count: u32, size: u32) -> Done {
        let args = &self.host.args;
        let bytes: usize = args.iter().map(|arg| arg.len() + 1).sum();
        let (args, bytes) = (u32::try_from(args.len()), u32::try_from(bytes));
        let too_many = |_| Fault::Number(EINVAL);
        self.put(count, &args.map_err(too_many)?.to_le_bytes())?;
        self.put(size, &bytes.map_err(too_many)?.to_le_bytes())
    }

    fn clock_time(&mut self, id: i32, to: u32) -> Done {
        let time = self.host.clock_ns(id).ok_or(Fault::Number(EINVAL))?;
        self.put(to, &time.to_le_bytes())
    }

    fn fd_read(&mut self, fd: i32, vector: u32, count: u32, to: u32) -> Done {
        if fd != 0 {
            return Err(Fault::Number(EBADF));
        }
        let (stdin, deadline) = (self.host.stdin.clone(), self.host.deadline);
        let mut read = 0;
        // One stretch is enough: a read may always be a short one.
        for index in 0..count {
            let (at, len) = self.stretch(vector, index)?;
            if len > 0 {
                let count = stdin.read(self.slice(at, len)?, deadline).map_err(Stop::from)?;
                read = u32::try_from(count).map_err(|_| Fault::Number(EINVAL))?;
                break;
            }
        }
        self.put(to, &read.to_le_bytes())
    }

    fn fd_write(&mut self, fd: i32, vector: u32, count: u32, to: u32) -> Done {
        if !matches!(fd, 1 | 2) {
            return Err(Fault::Number(EBADF));
        }
        let mut written = 0_u32;
        for index in 0..count {
            let (at, len) = self.stretch(vector, index)?;
            // Not through `slice`: memory and host are borrowed together.
            let (start, len_bytes) = (usize::try_from(at), usize::try_from(len));
            let (Ok(start), Ok(len_bytes)) = (start, len_bytes) else {
                return Err(Fault::Number(EFAULT));
            };
            let end = start.checked_add(len_bytes).ok_or(Fault::Number(EFAULT))?;
            let bytes = self.memory.get(start..end).ok_or(Fault::Number(EFAULT))?;
            self.host.write(fd, bytes)?;
            written = written.checked_add(len).ok_or(Fault::Number(EINVAL))?;
        }
        self.put(to, &written.to_le_bytes())
    }

    /// Three streams that are neither files nor terminals: type 0, unknown.
    fn fd_status(&mut self, fd: i32, to: u32, size: u32) -> Done {
        if !matches!(fd, 0..=2) {
            return Err(Fault::Number(EBADF));
        }
        self.slice(to, size)?.fill(0);
        Ok(())
    }

    fn random(&mut self, to: u32, len: u32) -> Done {
        let mut at = to;
        for left in (1..=len).rev().step_by(8) {
            let bytes = self.host.random_u64().to_le_bytes();
            let part = bytes.get(..usize::try_from(left).unwrap_or(8).min(8)).unwrap_or(&bytes);
            self.put(at, part)?;
            at = at.wrapping_add(8);
        }
        Ok(())
    }

    /// Waits for streams, which are always ready, or for a time.
    fn poll(&mut self, from: u32, to: u32, count: u32, found: u32) -> Done {
        const SUBSCRIPTION: u32 = 48;
        const EVENT: u32 = 32;
        const CLOCK: u8 = 0;
        let mut ready = Vec::new();
        let mut next: Option<(Duration, u64)> = None;
        // More is no program's need, and each costs the host an entry.
        for index in 0..count.min(64) {
            let entry = offset(from, index, SUBSCRIPTION)?;
            let (data, [kind]) = (self.u64(entry)?, self.array(offset(entry, 8, 1)?)?);
            if kind != CLOCK {
                ready.push((data, kind));
                continue;
            }
            let id = self.u32(offset(entry, 16, 1)?)?.cast_signed();
            let time = self.u64(offset(entry, 24, 1)?)?;
            let [absolute, _] = self.array(offset(entry, 40, 1)?)?;
            let now = self.host.clock_ns(id).ok_or(Fault::Number(EINVAL))?;
            let ns = if absolute & 1 == 1 { time.saturating_sub(now) } else { time };
            let wait = Duration::from_nanos(ns);
            if next.is_none_or(|(least, _)| wait < least) {
                next = Some((wait, data));
            }
        }
        if let (true, Some((wait, data))) = (ready.is_empty(), next) {
            self.host.sleep(wait)?;
            ready.push((data, CLOCK));
        }
        for (event, (data, kind)) in (0_u32..).zip(&ready) {
            let at = offset(to, event, EVENT)?;
            self.slice(at, EVENT)?.fill(0);
            self.put(at, &data.to_le_bytes())?;
            self.put(offset(at, 10, 1)?, &[*kind])?;
        }
        let events = u32::try_from(ready.len()).map_err(|_| Fault::Number(EINVAL))?;
        self.put(found, &events.to_le_bytes())
    }
}

fn offset(at: u32, index: u32, size: u32) -> Result<u32, Fault> {
    index.checked_mul(size).and_then(|by| at.checked_add(by)).ok_or(Fault::Number(EFAULT))
}

/// Runs `call` on the program's memory and turns its result into what WASI gives.
fn with(mut caller: Caller<'_, Host>, call: impl FnOnce(&mut Call<'_>) -> Done) -> Result<i32> {
    let memory = memory_of(&mut caller)?;
    let (memory, host) = memory.data_and_store_mut(&mut caller);
    match call(&mut Call { memory, host }) {
        Ok(()) => Ok(SUCCESS),
        Err(Fault::Number(number)) => Ok(number),
        Err(Fault::Stop(stop)) => Err(Error::new(stop)),
    }
}

fn memory_of(caller: &mut Caller<'_, Host>) -> Result<Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => wasmtime::bail!("the interpreter has no memory"),
    }
}

/// Gives `linker` everything that `module` imports.
pub(crate) fn link(linker: &mut Linker<Host>, module: &Module) -> Result<()> {
    type C<'a> = Caller<'a, Host>;
    linker.allow_shadowing(true);
    for import in module.imports() {
        let Some(kind) = import.ty().func().cloned() else {
            wasmtime::bail!("the interpreter imports {}, which is no function", import.name());
        };
        linker.func_new(import.module(), import.name(), kind, |_, _, results| {
            results.fill(Val::I32(ENOSYS));
            Ok(())
        })?;
    }
    linker.func_wrap(MODULE, "args_sizes_get", |c: C<'_>, count: u32, size: u32| {
        with(c, |call| call.args_sizes(count, size))
    })?;
    linker.func_wrap(MODULE, "args_get", |c: C<'_>, pointers: u32, buffer: u32| {
        with(c, |call| call.args(pointers, buffer))
    })?;
    linker.func_wrap(MODULE, "environ_sizes_get", |c: C<'_>, count: u32, size: u32| {
        with(c, |call| call.put(count, &[0; 4]).and_then(|()| call.put(size, &[0; 4])))
    })?;
    linker.func_wrap(MODULE, "environ_get", |_: C<'_>, _: u32, _: u32| SUCCESS)?;
    linker.func_wrap(MODULE, "clock_res_get", |c: C<'_>, _: i32, to: u32| {
        with(c, |call| call.put(to, &1_u64.to_le_bytes()))
    })?;
    linker.func_wrap(MODULE, "clock_time_get", |c: C<'_>, id: i32, _: i64, to: u32| {
        with(c, |call| call.clock_time(id, to))
    })?;
    linker.func_wrap(MODULE, "fd_read", |c: C<'_>, fd: i32, v: u32, n: u32, to: u32| {
        with(c, |call| call.fd_read(fd, v, n, to))
    })?;
    linker.func_wrap(MODULE, "fd_write", |c: C<'_>, fd: i32, v: u32, n: u32, to: u32| {
        with(c, |call| call.fd_write(fd, v, n, to))
    })?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |c: C<'_>, fd: i32, to: u32| {
        with(c, |call| call.fd_status(fd, to, 24))
    })?;
    linker.func_wrap(MODULE, "fd_filestat_get", |c: C<'_>, fd: i32, to: u32| {
        with(c, |call| call.fd_status(fd, to, 64))
    })?;
    linker.func_wrap(MODULE, "fd_prestat_get", |_: C<'_>, _: i32, _: u32| EBADF)?;
    linker.func_wrap(MODULE, "fd_seek", |_: C<'_>, _: i32, _: i64, _: i32, _: u32| ESPIPE)?;
    linker.func_wrap(MODULE, "random_get", |c: C<'_>, to: u32, len: u32| {
        with(c, |call| call.random(to, len))
    })?;
    linker.func_wrap(
        MODULE,
        "poll_oneoff",
        |c: C<'_>, from: u32, to: u32, n: u32, found: u32| {
            with(c, |call| call.poll(from, to, n, found))
        },
    )?;
    linker.func_wrap(MODULE, "sched_yield", |_: C<'_>| SUCCESS)?;
    linker.func_wrap(MODULE, "proc_exit", |_: C<'_>, code: i32| -> Result<()> {
        Err(Error::new(Stop::Exit(code)))
    })?;
    Ok(())
}
