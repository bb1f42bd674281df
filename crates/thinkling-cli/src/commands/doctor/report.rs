//! What a report of a fault needs: the machine, its GPUs and the tests of them, as Markdown.

use super::SelfTestResult;
use crate::device::Adapter;
use std::fmt::Write;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// Beginnings of the names of environment variables that change what devices do.
const PREFIXES: [&str; 12] = [
    "VK_",
    "WGPU_",
    "CUBECL_",
    "MESA_",
    "LP_",
    "GALLIUM_",
    "DRI_",
    "RADV_",
    "CUDA_VISIBLE",
    "RAYON_",
    "RUST_BACKTRACE",
    "XDG_RUNTIME_DIR",
];

/// The whole text.
pub(super) fn markdown(threads: usize, adapters: &[Adapter], tests: &[SelfTestResult]) -> String {
    let mut out = String::new();
    // Writing to a text does not fail.
    let _ = write(&mut out, threads, adapters, tests);
    out
}

fn write(
    out: &mut String,
    threads: usize,
    adapters: &[Adapter],
    tests: &[SelfTestResult],
) -> std::fmt::Result {
    writeln!(out, "# thinkling {}: `doctor --report`\n", env!("CARGO_PKG_VERSION"))?;
    machine(out, threads)?;
    writeln!(out, "\n## Environment\n")?;
    for (name, value) in environment(std::env::vars_os()) {
        writeln!(out, "- `{name}={value}`")?;
    }
    for (i, adapter) in adapters.iter().enumerate() {
        writeln!(out, "\n## gpu:{i}\n")?;
        writeln!(out, "- name: {} ({:?})", adapter.name, adapter.kind)?;
        writeln!(out, "- API and driver: {}, {}", adapter.backend, adapter.driver)?;
        writeln!(out, "- features: `{:?}`", adapter.features())?;
        writeln!(out, "\n```text\n{:#?}\n```", adapter.limits)?;
    }
    if adapters.is_empty() {
        writeln!(out, "\n## GPU\n\nnone: no Vulkan, Metal or DirectX 12 driver answers")?;
    }
    writeln!(out, "\n## Self-tests\n")?;
    for test in tests {
        writeln!(out, "- {}", test.line())?;
    }
    Ok(())
}

fn machine(out: &mut String, threads: usize) -> std::fmt::Result {
    let what = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what);
    let unknown = || "unknown".to_owned();
    let processor = system.cpus().first().map_or_else(unknown, |cpu| cpu.brand().trim().to_owned());
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    writeln!(
        out,
        "- system: {}, kernel {}, {}",
        System::long_os_version().unwrap_or_else(unknown),
        System::kernel_version().unwrap_or_else(unknown),
        std::env::consts::ARCH,
    )?;
    writeln!(out, "- processor: {processor}, {} logical cores", system.cpus().len())?;
    writeln!(out, "- vector instructions: {}", thinkling_cpu::instructions())?;
    writeln!(
        out,
        "- memory: {:.1} GiB, of it {:.1} available",
        gib(system.total_memory()),
        gib(system.available_memory())
    )?;
    writeln!(out, "- threads: {threads}")
}

/// Variables that change what devices do, by name, with the home folder's path as `~`.
fn environment(
    all: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
) -> Vec<(String, String)> {
    let home = std::env::var("HOME").ok().filter(|home| home.len() > 1);
    let mut chosen: Vec<(String, String)> = all
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let value = value.to_string_lossy().into_owned();
            let value = home.as_ref().map_or(value.clone(), |home| value.replace(home, "~"));
            PREFIXES.iter().any(|prefix| name.starts_with(prefix)).then_some((name, value))
        })
        .collect();
    chosen.sort();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_devices_is_told_of_the_environment() {
        let all = [("WGPU_BACKEND", "vulkan"), ("API_KEY", "secret"), ("VK_ICD", "a")];
        let all = all.map(|(name, value)| (name.into(), value.into()));
        let told = environment(all.into_iter());
        let want = [("VK_ICD", "a"), ("WGPU_BACKEND", "vulkan")];
        assert_eq!(told, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
