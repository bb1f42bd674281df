//! An archive as a stranger has it: unpacked in an empty folder, on a machine without Vulkan.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::{output, program};

/// A library that cannot be loaded stands in the way of these.
const HIDDEN: [&str; 4] = ["libvulkan.so.1", "libvulkan.so", "libEGL.so.1", "libEGL.so"];

/// Unpacks and runs; gives in words what was tried. `emulator` runs programs of another machine.
pub(super) fn run(archive: &Path, name: &str, emulator: Option<&str>) -> Result<String> {
    let folder = std::env::temp_dir().join(format!("thinkling-dist-{}", std::process::id()));
    let tried = in_folder(&folder, archive, name, emulator);
    std::fs::remove_dir_all(&folder)?;
    tried
}

fn in_folder(folder: &Path, archive: &Path, name: &str, emulator: Option<&str>) -> Result<String> {
    let hidden = folder.join("hidden");
    std::fs::create_dir_all(&hidden)?;
    for library in HIDDEN {
        std::fs::write(hidden.join(library), "")?;
    }
    output(program("tar").arg("--extract").arg("--file").arg(archive).current_dir(folder))?;
    let unpacked = folder.join(name);
    let call = |args: &[&str]| {
        let mut command = on(emulator, &unpacked.join("thinkling"), &hidden);
        output(command.args(args).current_dir(&unpacked))
    };
    let version = call(&["--version"])?.trim().to_owned();
    let doctor = call(&["doctor", "--device", "cpu"])?;
    let hidden_from_it = |line: &str| line.starts_with("gpu") && line.contains("none:");
    if !doctor.lines().any(hidden_from_it) {
        bail!("Vulkan was to be hidden, and doctor sees a GPU:\n{doctor}");
    }
    let generate = ["generate", "--model", "recipes/mini-world-base", "--template", "r1-zero"];
    let question = ["--prompt", "12 + 7 = ?", "--greedy", "--max-tokens", "48", "--device", "cpu"];
    let text = call(&[&generate[..], &question[..]].concat())?;
    if text.trim().is_empty() {
        bail!("the base model says nothing");
    }
    let plan = ["train", "recipes/quickstart.toml", "--dry-run", "--no-measure", "--device", "cpu"];
    call(&plan)?;
    let how = if emulator.is_some() { "runs under qemu" } else { "runs" };
    Ok(format!("{version} {how} without Vulkan: doctor, generate, train --dry-run"))
}

/// The binary where no Vulkan driver and no loader can be found.
fn on(emulator: Option<&str>, binary: &Path, hidden: &Path) -> Command {
    let mut command = match emulator {
        None => {
            let mut command = program(binary);
            command.env("LD_LIBRARY_PATH", hidden);
            command
        }
        // The emulator's folder of libraries has no Vulkan.
        Some(emulator) => {
            let mut words = emulator.split_whitespace();
            let mut command = program(words.next().unwrap_or_default());
            command.args(words).arg(binary);
            command
        }
    };
    for name in ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"] {
        command.env(name, hidden.join("no-driver.json"));
    }
    command
}
