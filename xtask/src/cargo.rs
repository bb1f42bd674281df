//! Starting other programs, cargo above all, from the workspace root.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace this program belongs to.
pub(crate) fn root() -> PathBuf {
    // Asked at run time: a target folder that serves several checkouts keeps the first one's program.
    let manifest = std::env::var("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let manifest = Path::new(&manifest);
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// A program to be run in the workspace root.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The cargo that runs this program, with `line` split at its blanks as arguments.
pub(crate) fn cargo(line: &str) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(line.split_whitespace());
    command
}

/// Prints the command, lets it use the terminal, and fails where it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", shown(command));
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if status.success() { Ok(()) } else { bail!("{} gave {status}", shown(command)) }
}

/// Runs without output on the terminal; gives standard output, or an error with what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!("{} gave {}: {}", shown(command), out.status, said.trim());
    }
    String::from_utf8(out.stdout).context("output is not UTF-8")
}

/// Runs with its output on the terminal, and hands each line of standard output to `see`.
/// Gives whether the program ended well.
pub(crate) fn watched(command: &mut Command, mut see: impl FnMut(&str)) -> Result<bool> {
    println!("$ {}", shown(command));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    let stdout = child.stdout.take().context("standard output was piped")?;
    let mut lines = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        // Bytes, not text: a failing test may print anything.
        if lines.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        println!("{text}");
        see(text);
    }
    Ok(child.wait()?.success())
}

/// The command as one would type it, with the environment given to it.
fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let env = command.get_envs().filter_map(|(key, value)| {
        Some(format!("{}={}", key.to_string_lossy(), quoted(&value?.to_string_lossy())))
    });
    let args = command.get_args().map(|a| quoted(&a.to_string_lossy()));
    env.chain([name.to_string_lossy().into_owned()]).chain(args).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    if word.contains([' ', '\n', '"', '$', ';']) { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_seen_and_a_failure_is_told() {
        let mut seen = Vec::new();
        let ok = watched(&mut cargo("--version"), |l| seen.push(l.to_owned())).unwrap();
        assert!(ok && seen.len() == 1 && seen[0].starts_with("cargo "), "{seen:?}");
        assert!(!watched(&mut cargo("no-such-command"), |_| ()).unwrap());
        assert!(output(&mut cargo("no-such-command")).is_err());
    }

    #[test]
    fn a_shown_command_can_be_typed() {
        let mut command = program("/usr/bin/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--no-deps"]);
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }
}
