//! The Python wheel of the rewards: built by maturin, installed into a folder of its own, and compared
//! with the command. Nothing is installed into the Python that is used.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, output, program, root, run};
use crate::reference::{python, with_pip};
use crate::report::{Outcome, Report};

/// The version that was tried.
const MATURIN: &str = "1.16.0";

/// Where things lie below the target folder.
struct Folders {
    /// Maturin.
    tools: PathBuf,
    /// The wheel, and nothing else.
    wheels: PathBuf,
    /// What Python imports from: the wheel, installed.
    site: PathBuf,
    /// The same for what TRL needs.
    trl: PathBuf,
}

impl Folders {
    fn below(target: &Path) -> Self {
        let folder = |name: &str| target.join("wheel").join(name);
        Self {
            tools: folder("tools"),
            wheels: folder("wheels"),
            // dill, which TRL's data sets are hashed by, knows libraries by this name of their folder.
            site: folder("rewards/site-packages"),
            trl: folder("with-trl/site-packages"),
        }
    }
}

/// Builds the wheel and checks it against the binary. Skipped without Python or maturin.
pub(crate) fn check(
    target: &Path,
    install: bool,
    trl: bool,
    env: &[(String, PathBuf)],
    report: &mut Report,
) -> Result<Outcome> {
    let folders = Folders::below(target);
    let (python, maturin) = match tools(&folders, install) {
        Ok(tools) => tools,
        Err(e) => {
            report.note(format!("the Python wheel is left out: {e:#}"));
            return Ok(Outcome::Skipped);
        }
    };
    let mut clippy = cargo("clippy --release -p thinkling-py --features python --lib");
    run(clippy.args(["--", "-D", "warnings"]))?;
    let wheel = build(&maturin, &folders.wheels)?;
    let size = std::fs::metadata(&wheel)?.len();
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    report.figure_of(format!("wheel: {name}, {size} bytes"));
    pip(python, &folders.site, &["--no-deps", "--no-index"], &[wheel.as_os_str()])?;
    let script = root().join("tests/wheel/check_rewards.py");
    let mut command = with_site(python, &[&folders.site]);
    command.arg(script).envs(env.iter().map(|(name, value)| (name, value)));
    run(&mut command)?;
    if trl {
        if install {
            let needed = root().join("tests/wheel/requirements.txt");
            pip(python, &folders.trl, &[], &["-r".as_ref(), needed.as_os_str()])?;
        }
        let script = root().join("tests/wheel/check_trl.py");
        run(with_site(python, &[&folders.site, &folders.trl]).arg(script))?;
    }
    Ok(Outcome::Passed)
}

/// A Python that the wheel serves, and maturin.
fn tools(folders: &Folders, install: bool) -> Result<(&'static str, PathBuf)> {
    let python = python()?;
    let recent = "import sys; sys.exit(sys.version_info < (3, 10))";
    output(program(python).args(["-c", recent])).context("Python is older than 3.10")?;
    Ok((python, maturin(python, &folders.tools, install)?))
}

/// The wheel as its users get it.
fn build(maturin: &Path, wheels: &Path) -> Result<PathBuf> {
    if wheels.exists() {
        std::fs::remove_dir_all(wheels)?;
    }
    let mut command = program(maturin);
    command.args(["build", "--release", "--manifest-path", "crates/thinkling-py/Cargo.toml"]);
    run(command.arg("--out").arg(wheels))?;
    let files = std::fs::read_dir(wheels)?.flatten().map(|file| file.path());
    let mut files = files.filter(|path| path.extension().is_some_and(|ending| ending == "whl"));
    files.next().context("maturin gave no wheel")
}

/// Maturin of the version that was tried, from PyPI.
fn maturin(python: &str, folder: &Path, install: bool) -> Result<PathBuf> {
    let bin = folder.join("bin/maturin");
    let there = || output(program(&bin).arg("--version")).is_ok_and(|said| said.contains(MATURIN));
    if !there() {
        let package = format!("maturin=={MATURIN}");
        if !install {
            bail!("--no-install, and there is no {}", bin.display());
        }
        with_pip(python)?;
        pip(python, folder, &["--only-binary=:all:"], &[package.as_ref()])?;
    }
    match there() {
        true => Ok(bin),
        false => bail!("{} does not run", bin.display()),
    }
}

/// Installs into a folder of its own.
fn pip(python: &str, folder: &Path, options: &[&str], what: &[&std::ffi::OsStr]) -> Result<()> {
    let mut command = program(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
    command.args(options).arg("--target").arg(folder).args(what);
    // A notice of root's rights says nothing here.
    run(command.env("PIP_ROOT_USER_ACTION", "ignore"))
}

/// Python that imports from these folders.
fn with_site(python: &str, folders: &[&Path]) -> Command {
    let mut command = program(python);
    let path = std::env::join_paths(folders).unwrap_or_default();
    command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
