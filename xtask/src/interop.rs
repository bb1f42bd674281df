//! What others make of the files that the binary writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cargo::{output, program, root, run};
use crate::report::{Outcome, Report};
use crate::web_tools::NPM;

/// npm's build of llama.cpp; its own install script would look for a compiler.
const LLAMA_CPP: &str = "node-llama-cpp@3.22.1";
/// Its packages of compiled code for the CPU; those for GPUs are ten times as large.
const COMPILED: [(&str, &str, &str); 5] = [
    ("linux", "x86_64", "linux-x64"),
    ("linux", "aarch64", "linux-arm64"),
    ("macos", "aarch64", "mac-arm64-metal"),
    ("macos", "x86_64", "mac-x64"),
    ("windows", "x86_64", "win-x64"),
];
/// Types of matrices that a GGUF is written with; the first is exact.
const TYPES: [&str; 4] = ["f32", "f16", "q8_0", "q4_0"];

/// llama.cpp on the GGUF files that the binary writes of SmolLM2. Left out where the model, node or
/// llama.cpp is not to be had.
pub(crate) fn llama_cpp(
    target: &Path,
    install: bool,
    env: &[(String, PathBuf)],
    report: &mut Report,
) -> Result<Outcome> {
    let variable = |name: &str| {
        let set = env.iter().find(|(known, _)| known == name).map(|(_, path)| path.clone());
        set.or_else(|| std::env::var_os(name).map(PathBuf::from))
    };
    let (Some(model), Some(golden)) =
        (variable("THINKLING_SMOLLM2_GGUF"), variable("THINKLING_SMOLLM2_GOLDEN"))
    else {
        report.note("llama.cpp is left out: neither SmolLM2 nor its golden is there");
        return Ok(Outcome::Skipped);
    };
    let folder = target.join("interop");
    if let Err(e) = set_up(&folder, install) {
        report.note(format!("llama.cpp is left out: {e:#}"));
        return Ok(Outcome::Skipped);
    }
    let binary = variable("THINKLING_BIN").context("the tests' binary is named")?;
    let mut files = Vec::new();
    for quant in TYPES {
        let file = folder.join(format!("smollm2-{quant}.gguf"));
        run(program(&binary)
            .args(["export", "--format", "gguf", "--quant", quant, "--model"])
            .arg(&model)
            .arg("--out")
            .arg(&file))?;
        files.push(file);
    }
    // Beside its packages, where node looks for them.
    let script = folder.join("llamacpp.mjs");
    std::fs::copy(root().join("tests/interop/llamacpp.mjs"), &script)?;
    let result = run(program("node").arg(&script).arg(golden).args(&files));
    files.iter().try_for_each(std::fs::remove_file)?;
    result.map(|()| Outcome::Passed)
}

fn set_up(folder: &Path, install: bool) -> Result<()> {
    output(program("node").arg("--version")).context("no node")?;
    let there = folder.join("node_modules/node-llama-cpp/package.json");
    let version = LLAMA_CPP.rsplit('@').next().unwrap_or_default();
    let has_version = std::fs::read_to_string(&there)
        .is_ok_and(|json| json.contains(&format!("\"version\": \"{version}\"")));
    if has_version {
        return Ok(());
    }
    if !install {
        bail!("--no-install, and {} is not there; npm install {LLAMA_CPP}", there.display());
    }
    let here = (std::env::consts::OS, std::env::consts::ARCH);
    let (.., compiled) = COMPILED
        .into_iter()
        .find(|(os, arch, _)| (*os, *arch) == here)
        .with_context(|| format!("{LLAMA_CPP} is not compiled for {here:?}"))?;
    std::fs::create_dir_all(folder)?;
    run(program("npm")
        .args(NPM)
        .arg(folder)
        .args(["--omit=optional", LLAMA_CPP])
        .arg(format!("@node-llama-cpp/{compiled}@{version}")))
}
