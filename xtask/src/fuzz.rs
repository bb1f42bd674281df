//! `cargo xtask fuzz`: libFuzzer searches for inputs that break what reads them.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, program, root, run};
use crate::pipeline::{metadata, target};

/// The programs of `tests/fuzz`, without their `fuzz-`.
const TARGETS: [&str; 6] =
    ["weights", "tokenizer", "chat-template", "recipe", "http-body", "adapter"];

/// Seconds for each, where nothing is said.
const SECONDS: u64 = 600;
/// One input may take so long, seconds, and so much memory, MB.
const ONE_INPUT: [&str; 2] = ["-timeout=20", "-rss_limit_mb=3000"];

/// Builds them and runs each for a while; what is found lies below the target folder, and the inputs that
/// reach more than others are kept there for the next time.
pub(crate) fn fuzz(args: &[String]) -> Result<bool> {
    let (targets, seconds) = chosen(args)?;
    let target = target(&metadata()?)?;
    let folder = target.join("fuzz");
    // With the binary's features, so that burn is not compiled again; the workspace's own crates are.
    const BUILD: &str = "build --release -p thinkling-fuzz -p thinkling-cli";
    run(&mut cargo(&format!("{BUILD} --bin fuzz-seeds")))?;
    run(program(target.join("release/fuzz-seeds")).arg(folder.join("seeds")))?;
    let mut build = cargo(&format!("{BUILD} --features thinkling-fuzz/libfuzzer"));
    for name in &targets {
        build.args(["--bin", &format!("fuzz-{name}")]);
    }
    run(build.env("RUSTC_WORKSPACE_WRAPPER", root().join("xtask/fuzz/rustc.sh")))?;
    let mut found = Vec::new();
    for name in &targets {
        if let Err(e) = search(name, &target, &folder, seconds) {
            println!("{name}: {e:#}");
            found.push(*name);
        }
    }
    match found.as_slice() {
        [] => println!("{} targets, {seconds} s each: nothing found", targets.len()),
        names => println!("found something: {}", names.join(", ")),
    }
    Ok(found.is_empty())
}

fn search(name: &str, target: &Path, folder: &Path, seconds: u64) -> Result<()> {
    let (corpus, artifacts) = (folder.join("corpus").join(name), folder.join("found").join(name));
    for dir in [&corpus, &artifacts] {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let mut command = program(target.join(format!("release/fuzz-{name}")));
    command.arg(format!("-max_total_time={seconds}")).args(ONE_INPUT);
    command.args(["-print_final_stats=1", "-max_len=100000", "-verbosity=0"]);
    // With the slash: a folder, not the beginning of names.
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    run(command.arg(corpus).arg(folder.join("seeds").join(name)))
}

/// What is to be run, and for how many seconds each.
fn chosen(args: &[String]) -> Result<(Vec<&str>, u64)> {
    let (mut targets, mut seconds) = (Vec::new(), SECONDS);
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "--seconds" => {
                let value = args.next().context("--seconds, expected: a number")?;
                seconds = value.parse().with_context(|| format!("--seconds {value}"))?;
            }
            name => match TARGETS.iter().find(|target| **target == name) {
                Some(target) => targets.push(*target),
                None => bail!("expected: --seconds N, or of {}, got: {name}", TARGETS.join(", ")),
            },
        }
    }
    if targets.is_empty() {
        targets = TARGETS.to_vec();
    }
    Ok((targets, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_times_are_chosen() {
        let chosen = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            chosen(&args).map(|(targets, s)| (targets.iter().map(|t| t.to_string()).collect(), s))
        };
        let (all, seconds): (Vec<String>, u64) = chosen(&[]).unwrap();
        assert_eq!((all.len(), seconds), (6, 600));
        let some: (Vec<String>, u64) = chosen(&["recipe", "--seconds", "5"]).unwrap();
        assert_eq!(some, (vec!["recipe".to_owned()], 5));
        assert!(chosen(&["recipes"]).unwrap_err().to_string().contains("http-body"));
        assert!(chosen(&["--seconds"]).is_err());
    }
}
