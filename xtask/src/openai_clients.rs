//! OpenAI's own clients, of PyPI and npm, against `thinkling serve`.

use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::{output, program, root, run};
use crate::report::{Outcome, Report};
use crate::web_tools::NPM;

/// Versions that were tried.
const PYPI: &str = "openai==3.57.0";
const NPM_PACKAGE: &str = "openai@6.49.0";

/// One step a client; those that are not there and may not be installed are left out.
pub(crate) fn steps(target: &Path, install: bool, report: &mut Report) {
    let binary = target.join(format!("release/thinkling{}", std::env::consts::EXE_SUFFIX));
    let folder = target.join("openai-clients");
    report.step("openai's client, Python", |report| python(&binary, &folder, install, report));
    report.step("openai's client, JavaScript", |report| {
        javascript(&binary, &folder, install, report)
    });
}

fn python(binary: &Path, folder: &Path, install: bool, report: &mut Report) -> Result<Outcome> {
    let packages = folder.join("python");
    let found = ["python3", "python"]
        .into_iter()
        .find(|python| output(program(python).arg("--version")).is_ok());
    let Some(python) = found else {
        report.note("no Python, so its client is left out");
        return Ok(Outcome::Skipped);
    };
    let version = PYPI.rsplit("==").next().context("a version")?;
    let is_there = || packages.join(format!("openai-{version}.dist-info")).exists();
    let pip = ["-m", "pip", "install", "--quiet", "--upgrade", "--target"];
    if !is_there() && install && output(program(python).args(["-m", "pip", "--version"])).is_ok() {
        run(program(python).args(pip).arg(&packages).arg(PYPI))?;
    }
    if !is_there() {
        let command = pip.join(" ");
        report.note(format!("no {PYPI}; {python} {command} {} {PYPI}", packages.display()));
        return Ok(Outcome::Skipped);
    }
    let script = root().join("tests/serve/openai_client.py");
    run(program(python).arg(script).arg(binary).env("PYTHONPATH", &packages))?;
    Ok(Outcome::Passed)
}

fn javascript(binary: &Path, folder: &Path, install: bool, report: &mut Report) -> Result<Outcome> {
    if output(program("node").arg("--version")).is_err() {
        report.note("no Node.js, so its client is left out");
        return Ok(Outcome::Skipped);
    }
    let manifest = folder.join("node_modules/openai/package.json");
    let version = NPM_PACKAGE.rsplit('@').next().context("a version")?;
    let version = format!("\"version\": \"{version}\"");
    let is_there = || std::fs::read_to_string(&manifest).is_ok_and(|text| text.contains(&version));
    if !is_there() && install && output(program("npm").arg("--version")).is_ok() {
        std::fs::create_dir_all(folder)?;
        run(program("npm").args(NPM).arg(folder).arg(NPM_PACKAGE))?;
    }
    if !is_there() {
        let command = NPM.join(" ");
        report.note(format!("no {NPM_PACKAGE}; npm {command} {} {NPM_PACKAGE}", folder.display()));
        return Ok(Outcome::Skipped);
    }
    let script = root().join("tests/serve/openai_client.mjs");
    run(program("node").arg(script).arg(binary).current_dir(folder))?;
    Ok(Outcome::Passed)
}
