//! Release archives for Linux: the binary with what belongs to it, tried as a stranger would unpack it,
//! and their checksums.

mod trial;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::{cargo, output, program, root, run};
use crate::pipeline::{metadata, target};
use crate::report::{Outcome, Report};
use crate::vectors;

/// Bytes of an archive at most.
const MAX_BYTES: u64 = 60_000_000;
/// The target that is cross-compiled where that is possible.
const AARCH64: &str = "aarch64-unknown-linux-gnu";
/// Files and folders of the workspace that each archive has.
const CONTENTS: [&str; 5] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "docs", "recipes"];
/// Shells, and the names under which they look for a script.
const SHELLS: [(&str, &str); 3] =
    [("bash", "thinkling.bash"), ("zsh", "_thinkling"), ("fish", "thinkling.fish")];

/// What the caller has asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    targets: Vec<String>,
    out: Option<PathBuf>,
}

impl Wanted {
    fn of(args: &[String]) -> Result<Self> {
        let mut wanted = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} without a value"));
            match arg.as_str() {
                "--target" => wanted.targets.push(value()?.clone()),
                "--out" => wanted.out = Some(std::path::absolute(value()?)?),
                other => bail!("unknown option `{other}`; `cargo xtask help` lists them"),
            }
        }
        Ok(wanted)
    }
}

/// Makes the archives; gives whether all went well.
pub(crate) fn make(args: &[String]) -> Result<bool> {
    let wanted = Wanted::of(args)?;
    if !cfg!(target_os = "linux") {
        bail!(
            "archives are made on Linux alone; elsewhere: cargo install --path crates/thinkling-cli"
        );
    }
    let metadata = metadata()?;
    let built = target(&metadata)?;
    let release = Release {
        version: version(&metadata)?,
        host: host()?,
        out: wanted.out.unwrap_or_else(|| built.join("archives")),
        built,
    };
    let mut report = Report::default();
    let mut targets = wanted.targets;
    if targets.is_empty() {
        targets.push(release.host.clone());
        if release.host.starts_with("x86_64") {
            match vectors::set_up(true) {
                Ok(true) => targets.push(AARCH64.to_owned()),
                Ok(false) => {
                    report.note(format!("no compiler or emulator for {AARCH64}: left out"))
                }
                Err(e) => report.note(format!("{AARCH64} is left out: {e:#}")),
            }
        }
    }
    let mut archives = Vec::new();
    for target in &targets {
        report.step(target, |report| {
            archives.push(release.archive(target, report)?);
            Ok(Outcome::Passed)
        });
    }
    if archives.len() == targets.len() {
        report.step("checksums", |_| release.checksums(&archives));
    }
    Ok(report.finish())
}

/// What all archives share.
struct Release {
    version: String,
    /// This machine's target.
    host: String,
    /// Cargo's folder.
    built: PathBuf,
    /// Where archives go.
    out: PathBuf,
}

impl Release {
    /// Builds for a target, packs, and tries what was packed; gives the archive's name.
    fn archive(&self, target: &str, report: &mut Report) -> Result<String> {
        let binary = self.build(target)?;
        // Scripts and pages are the same for all targets, and only this machine's binary runs here.
        let own = if target == self.host { binary.clone() } else { self.build(&self.host)? };
        let name = format!("thinkling-{}-{target}", self.version);
        let folder = self.built.join("dist-staging").join(&name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        stage(&folder, &binary, &own)?;
        let packed = format!("{name}.tar.gz");
        let archive = self.out.join(&packed);
        std::fs::create_dir_all(&self.out)?;
        pack(&folder, &archive)?;
        let size = std::fs::metadata(&archive)?.len();
        let raw = std::fs::metadata(&binary)?.len();
        report.figure_of(format!("{packed}: {size} bytes, the binary in it {raw}"));
        if size > MAX_BYTES {
            bail!("{packed} is too large, expected: at most {MAX_BYTES} bytes, got: {size}");
        }
        let emulator = (target != self.host).then_some(vectors::MACHINES[0].2);
        report.figure_of(format!("{packed}: {}", trial::run(&archive, &name, emulator)?));
        Ok(packed)
    }

    fn build(&self, target: &str) -> Result<PathBuf> {
        let mut command = cargo("build --profile dist -p thinkling-cli");
        let mut folder = self.built.clone();
        command.env("CARGO_ENCODED_RUSTFLAGS", without_own_paths());
        // Without --target what runs while compiling is shared with the rest.
        if target != self.host {
            command.args(["--target", target]);
            vectors::with_linker(&mut command, target);
            folder.push(target);
        }
        run(&mut command)?;
        Ok(folder.join("dist/thinkling"))
    }

    fn checksums(&self, archives: &[String]) -> Result<Outcome> {
        let sums = output(program("sha256sum").args(archives).current_dir(&self.out))?;
        print!("{sums}");
        std::fs::write(self.out.join("SHA256SUMS"), sums)?;
        println!("{}", self.out.display());
        Ok(Outcome::Passed)
    }
}

/// Lays out what goes into an archive. `own` is a binary that runs here.
fn stage(folder: &Path, binary: &Path, own: &Path) -> Result<()> {
    std::fs::create_dir_all(folder.join("completions"))?;
    std::fs::copy(binary, folder.join("thinkling"))
        .with_context(|| binary.display().to_string())?;
    for name in CONTENTS {
        copy(&root().join(name), &folder.join(name))?;
    }
    for (shell, name) in SHELLS {
        let script = output(program(own).args(["completions", shell]))?;
        std::fs::write(folder.join("completions").join(name), script)?;
    }
    run(program(own).arg("man").arg(folder.join("man/man1")))
}

/// Copies a file or a folder with all in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        std::fs::copy(from, to).with_context(|| from.display().to_string())?;
        return Ok(());
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Packs a folder so that the same files give the same bytes, whoever packs them and when.
fn pack(folder: &Path, archive: &Path) -> Result<()> {
    let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) else {
        bail!("{} is no folder to pack", folder.display());
    };
    let time = format!("--mtime=@{}", time_of_commit());
    let mut tar = program("tar");
    tar.args([
        "--create",
        "--format=gnu",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ]);
    tar.args(["--mode=u+rwX,go+rX,go-w", "--use-compress-program=gzip -9n", &time, "--file"]);
    run(tar.arg(archive).arg("--directory").arg(above).arg(name))
}

/// Flags of the compiler, as cargo wants them, so that the binary does not hold the folders of whoever
/// built it, and is the same in any folder.
fn without_own_paths() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let named =
        [(home.map(|home| home.join("registry/src")), "registry"), (Some(root()), "thinkling")];
    let flags = named.into_iter().filter_map(|(folder, name)| {
        Some(format!("--remap-path-prefix={}={name}", folder?.display()))
    });
    flags.collect::<Vec<_>>().join("\u{1f}")
}

/// Seconds since 1970 that files in archives have.
fn time_of_commit() -> String {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let commit = || output(program("git").args(["log", "-1", "--format=%ct"])).ok();
    given.or_else(commit).map_or_else(|| "0".to_owned(), |time| time.trim().to_owned())
}

fn version(metadata: &Value) -> Result<String> {
    let packages = metadata["packages"].as_array().context("no packages")?;
    let cli = packages.iter().find(|package| package["name"] == "thinkling-cli");
    Ok(cli
        .and_then(|cli| cli["version"].as_str())
        .context("no version of thinkling-cli")?
        .to_owned())
}

/// This machine's target.
fn host() -> Result<String> {
    let said = output(program("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(args: &[&str]) -> Result<Wanted> {
        Wanted::of(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn targets_and_folder_are_read_and_mistakes_named() {
        let some = wanted(&["--target", "a", "--target", "b", "--out", "/o"]).unwrap();
        assert_eq!(some.targets, ["a", "b"]);
        assert_eq!(some.out, Some(PathBuf::from("/o")));
        assert_eq!(wanted(&[]).unwrap(), Wanted::default());
        for (args, word) in [(&["--target"][..], "--target"), (&["--strip"][..], "--strip")] {
            let said = wanted(args).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }
}
