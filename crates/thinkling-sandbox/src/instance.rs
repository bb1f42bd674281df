//! One start of the interpreter, from its binary to how it ended.

use std::time::Duration;

use wasmtime::{
    Config, Engine, Instance, InstancePre, Linker, Module, OptLevel, Store, Trap, UpdateDeadline,
};

use crate::host::{Host, Sink, Stop};
use crate::wasi;

/// How often a running program looks at its deadline.
const TICK: Duration = Duration::from_millis(10);

/// Native stack of a program: what its recursion in C may need. Only what is used takes memory.
const STACK: usize = 64 << 20;

/// What the host's own functions need of a thread's stack beside the program's.
const HOST_STACK: usize = 1 << 20;

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i32),
    Timeout,
    Flood,
    /// The interpreter itself broke off: its stack was used up, or an assertion in C failed.
    Abort(String),
}

/// What is left of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) memory_refused: bool,
}

/// An engine whose programs can be interrupted.
pub(crate) fn engine(level: OptLevel) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.epoch_interruption(true).cranelift_opt_level(level);
    // The second is for futures, which nobody uses here, but must not be the smaller one.
    config.max_wasm_stack(STACK).async_stack_size(STACK);
    let engine = Engine::new(&config)?;
    let weak = engine.weak();
    let tick = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("sandbox clock".to_owned()).spawn(tick)?;
    Ok(engine)
}

/// A module with its imports, ready to be started any number of times.
pub(crate) fn prepared(engine: &Engine, module: &Module) -> wasmtime::Result<InstancePre<Host>> {
    let mut linker = Linker::new(engine);
    wasi::link(&mut linker, module)?;
    linker.instantiate_pre(module)
}

/// Runs `work` on a thread whose stack is large enough for programs.
pub(crate) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK + HOST_STACK);
        let thread = builder.spawn_scoped(scope, work)?;
        thread.join().map_err(|_| std::io::Error::other("a thread of the sandbox panicked"))
    })
}

/// Starts the interpreter and waits for its end. Must be called within [`on_large_stack`].
pub(crate) fn run(pre: &InstancePre<Host>, host: Host) -> wasmtime::Result<Ended> {
    Ok(start(pre, host)?.1)
}

/// As [`run`], and leaves what the interpreter was started in.
pub(crate) fn start(
    pre: &InstancePre<Host>,
    host: Host,
) -> wasmtime::Result<((Store<Host>, Instance), Ended)> {
    let mut store = Store::new(pre.module().engine(), host);
    store.limiter(|host| host);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| match context.data().must_stop() {
        None => Ok(UpdateDeadline::Continue(1)),
        Some(stop) => Err(wasmtime::Error::new(stop)),
    });
    let instance = pre.instantiate(&mut store)?;
    let main = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    store.data_mut().begin();
    let end = match main.call(&mut store, ()) {
        Ok(()) => End::Exit(0),
        Err(error) => how(&error),
    };
    let host = store.data_mut();
    let ended = Ended {
        end,
        stdout: close(&mut host.stdout),
        stderr: close(&mut host.stderr),
        memory_refused: host.memory_refused,
    };
    host.stdin.close();
    Ok(((store, instance), ended))
}

fn how(error: &wasmtime::Error) -> End {
    match (error.downcast_ref::<Stop>(), error.downcast_ref::<Trap>()) {
        (Some(Stop::Exit(code)), _) => End::Exit(*code),
        (Some(Stop::Timeout), _) => End::Timeout,
        (Some(Stop::Flood), _) => End::Flood,
        (None, Some(trap)) => End::Abort(trap.to_string()),
        (None, None) => End::Abort(format!("{error:#}")),
    }
}

fn close(sink: &mut Sink) -> Vec<u8> {
    match sink {
        Sink::Capture(kept) | Sink::Tail(kept) => std::mem::take(kept),
        Sink::Pipe(pipe) => {
            pipe.close();
            Vec::new()
        }
    }
}
