//! The CPU kernels on machines with other vectors than this one's, emulated by qemu.

use anyhow::Result;

use crate::cargo::{cargo, output, program};
use crate::setup::{apt_install, apt_is_ours};
use std::process::Command;

/// What is emulated: name, target, qemu and its arguments.
pub(crate) const MACHINES: &[(&str, &str, &str)] = &[
    ("NEON", "aarch64-unknown-linux-gnu", "qemu-aarch64 -L /usr/aarch64-linux-gnu"),
    ("AVX2", "x86_64-unknown-linux-gnu", "qemu-x86_64 -cpu Haswell"),
    ("SSE4.2", "x86_64-unknown-linux-gnu", "qemu-x86_64 -cpu Nehalem"),
];

const PACKAGES: &[&str] = &["qemu-user", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];

/// Whether emulators, compiler and standard library are there, or now are.
pub(crate) fn set_up(install: bool) -> Result<bool> {
    let there = || output(program("qemu-aarch64").arg("--version")).is_ok();
    if !there() && install && apt_is_ours() {
        apt_install(PACKAGES)?;
    }
    let target = MACHINES[0].1;
    let added = output(program("rustup").args(["target", "add", target])).is_ok();
    Ok(there() && added && cfg!(all(target_arch = "x86_64", target_os = "linux")))
}

/// The tests of the crates without burn on one of [`MACHINES`].
pub(crate) fn tests(target: &str, emulator: &str) -> Command {
    let mut command = cargo("test --release -p thinkling-cpu -p thinkling-sampling --lib --target");
    command.arg(target).env(variable(target, "RUNNER"), emulator);
    with_linker(&mut command, target);
    command
}

/// Tells cargo the linker of a target that is not this machine's.
pub(crate) fn with_linker(command: &mut Command, target: &str) {
    if target.starts_with("aarch64") && !cfg!(target_arch = "aarch64") {
        command.env(variable(target, "LINKER"), "aarch64-linux-gnu-gcc");
    }
}

fn variable(target: &str, what: &str) -> String {
    format!("CARGO_TARGET_{}_{what}", target.to_uppercase().replace('-', "_"))
}
