//! The steps of `cargo xtask test`, in their order.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::arrows::{Graph, WASM_CLEAN};
use crate::cargo::{cargo, output, run, watched};
use crate::report::{Outcome, Report};
use crate::setup::{self, Found, WASM};
use crate::tally::Tally;
use crate::web_tools::{self, WebTools};
use crate::{burn_builds, interop, mpi, openai_clients, reference, vectors, web, wheel};

/// Tests of faults in other people's code have names with this in it. They are ignored; the slow
/// tier runs them to tell when a fault is gone.
const KNOWN_FAULT: &str = "known_fault";

/// Tests of a binary with the feature `sandbox` have names with this in it.
const WITH_SANDBOX: &str = "with_sandbox";

/// Tests of a binary with the feature `mpi`, likewise.
const WITH_MPI: &str = "with_mpi";

/// Features of the binary that change burn's GPU kernels, each tested in the slow tier.
const BURN_MATRIX: &[&str] = &["fusion", "autotune"];

/// All of it; gives whether everything passed.
pub(crate) fn test(flags: &[&str]) -> Result<bool> {
    let install = !flags.contains(&"--no-install");
    let mut report = Report::default();
    let metadata = metadata()?;
    let target = target(&metadata)?;

    let mut found = Found::default();
    let mut tools = WebTools::default();
    let mut env = Vec::new();
    report.step("set-up", |report| {
        found = setup::set_up(install, report)?;
        env = reference::variables(&target, install, report)?;
        tools = web_set_up(&found, &metadata, &target, install, report)?;
        Ok(Outcome::Passed)
    });
    env.extend(gpu_variables(&found, flags.contains(&"--host-gpu"), &mut report));
    env.push(binary(&target));

    report.step("formatting", |_| done(run(&mut cargo("fmt --all --check"))));
    report.step("architecture", |_| done(check_arrows(&metadata)));
    report.step("clippy, host", |_| {
        let mut clippy = cargo("clippy --release --workspace --all-targets");
        done(run(clippy.args(["--", "-D", "warnings"])))
    });
    report.step("clippy, wasm32", |_| {
        if found.wasm { done(clippy_wasm(&metadata)) } else { skipped() }
    });
    report.step("documentation", |_| {
        let mut doc = cargo("doc --release --workspace --no-deps");
        done(run(doc.env("RUSTDOCFLAGS", "-D warnings")))
    });
    if report.step("build", |_| done(run(&mut cargo("build --release -p thinkling-cli")))) {
        report.step("tests", |report| {
            tests(&mut cargo("test --release --workspace"), &[], &env, report)
        });
        report.step("llama.cpp", |report| interop::llama_cpp(&target, install, &env, report));
        report.step("Python wheel", |report| wheel::check(&target, install, false, &env, report));
        openai_clients::steps(&target, install, &mut report);
        if found.wasm {
            web::steps(&tools, &target, &env, &mut report);
        }
        if flags.contains(&"--slow") {
            slow(install, &env, &mut report);
            mpi_steps(&target, install, &env, &mut report);
            learn_step(&found, &tools, &target, &mut report);
        }
        sandbox(&target, install, &env, &mut report);
    }
    Ok(report.finish())
}

/// Only the set-up.
pub(crate) fn set_up(flags: &[&str]) -> Result<bool> {
    let install = !flags.contains(&"--no-install");
    let mut report = Report::default();
    let metadata = metadata()?;
    let target = target(&metadata)?;
    report.step("set-up", |report| {
        let found = setup::set_up(install, report)?;
        reference::variables(&target, install, report)?;
        web_set_up(&found, &metadata, &target, install, report)?;
        Ok(Outcome::Passed)
    });
    Ok(report.finish())
}

/// Only what runs in the browser.
pub(crate) fn web(flags: &[&str]) -> Result<bool> {
    in_browser(flags, |found, tools, target, report| {
        let mut env = Vec::new();
        report.step("native program", |report| {
            env = reference::variables(target, !flags.contains(&"--no-install"), report)?;
            env.push(binary(target));
            done(run(&mut cargo("build --release -p thinkling-cli")))
        });
        if found.wasm {
            web::steps(tools, target, &env, report);
        }
    })
}

/// Only the package for npm, and what npm would pack of it.
pub(crate) fn npm(flags: &[&str]) -> Result<bool> {
    in_browser(flags, |found, tools, _, report| {
        if found.wasm {
            report.step("npm package", |report| web::npm(tools, report));
        }
    })
}

/// Only the Python wheel.
pub(crate) fn wheel(flags: &[&str]) -> Result<bool> {
    let (install, trl) = (!flags.contains(&"--no-install"), flags.contains(&"--trl"));
    let mut report = Report::default();
    let target = target(&metadata()?)?;
    let built = report.step("build", |_| done(run(&mut cargo("build --release -p thinkling-cli"))));
    if built {
        let env = [binary(&target)];
        report.step("Python wheel", |report| wheel::check(&target, install, trl, &env, report));
    }
    Ok(report.finish())
}

/// Only OpenAI's own clients.
pub(crate) fn openai_clients(flags: &[&str]) -> Result<bool> {
    let install = !flags.contains(&"--no-install");
    let mut report = Report::default();
    let target = target(&metadata()?)?;
    if report.step("build", |_| done(run(&mut cargo("build --release -p thinkling-cli")))) {
        openai_clients::steps(&target, install, &mut report);
    }
    Ok(report.finish())
}

/// Only learning by several processes.
pub(crate) fn mpi(flags: &[&str]) -> Result<bool> {
    let mut report = Report::default();
    let target = target(&metadata()?)?;
    mpi_steps(&target, !flags.contains(&"--no-install"), &[], &mut report);
    Ok(report.finish())
}

fn mpi_steps(target: &Path, install: bool, env: &[(String, PathBuf)], report: &mut Report) {
    mpi::steps(target, install, env, report, |env, report| {
        // With the binary's features otherwise, so that burn is not compiled again.
        let mut command = cargo("test --release -p thinkling-e2e -p thinkling-cli --test it");
        tests(&mut command, &["--ignored", WITH_MPI], env, report)
    });
}

/// Only the slow check that the nano base learns in a page.
pub(crate) fn learn_in_page(flags: &[&str]) -> Result<bool> {
    in_browser(flags, learn_step)
}

/// Speed in the browser, with what is built already.
pub(crate) fn bench_web(args: &[String]) -> Result<bool> {
    let mut report = Report::default();
    let metadata = metadata()?;
    let found = Found { wasm: true, ..Found::default() };
    let tools = web_set_up(&found, &metadata, &target(&metadata)?, false, &mut report)?;
    web::bench::measure(&tools, args)?;
    Ok(true)
}

/// The browser's tools, then `steps` with them.
fn in_browser(
    flags: &[&str],
    steps: impl FnOnce(&Found, &WebTools, &Path, &mut Report),
) -> Result<bool> {
    let install = !flags.contains(&"--no-install");
    let mut report = Report::default();
    let metadata = metadata()?;
    let target = target(&metadata)?;
    let mut found = Found::default();
    let mut tools = WebTools::default();
    report.step("set-up", |report| {
        found.wasm = setup::wasm_target(install, report)?;
        tools = web_set_up(&found, &metadata, &target, install, report)?;
        Ok(Outcome::Passed)
    });
    steps(&found, &tools, &target, &mut report);
    Ok(report.finish())
}

fn learn_step(found: &Found, tools: &WebTools, target: &Path, report: &mut Report) {
    if found.wasm {
        report.step("learning in a page", |report| web::learn::learns(tools, target, report));
    }
}

/// The browser's tools, where there is anything to be done with them.
fn web_set_up(
    found: &Found,
    metadata: &Value,
    target: &Path,
    install: bool,
    report: &mut Report,
) -> Result<WebTools> {
    if !found.wasm {
        return Ok(WebTools::default());
    }
    let packages = metadata["packages"].as_array().context("no packages")?;
    let bindgen = packages.iter().find(|package| package["name"] == "wasm-bindgen");
    let version = bindgen.and_then(|package| package["version"].as_str());
    let version = version.context("no wasm-bindgen in Cargo.lock")?;
    web_tools::set_up(version, &target.join("web-tools"), install, report)
}

/// Where tests find the native program.
fn binary(target: &Path) -> (String, PathBuf) {
    let binary = Path::new("release").join(format!("thinkling{}", std::env::consts::EXE_SUFFIX));
    ("THINKLING_BIN".to_owned(), target.join(binary))
}

/// Only the arrows.
pub(crate) fn arrows(_: &[&str]) -> Result<bool> {
    check_arrows(&metadata()?)?;
    Ok(true)
}

fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn skipped() -> Result<Outcome> {
    Ok(Outcome::Skipped)
}

/// What `cargo metadata` says.
pub(crate) fn metadata() -> Result<Value> {
    let text = output(&mut cargo("metadata --format-version 1"))?;
    serde_json::from_str(&text).context("cargo metadata is not JSON")
}

/// The target folder.
pub(crate) fn target(metadata: &Value) -> Result<PathBuf> {
    Ok(metadata["target_directory"].as_str().context("no target_directory")?.into())
}

fn check_arrows(metadata: &Value) -> Result<()> {
    let graph = Graph::from_metadata(metadata)?;
    let mut wrong = graph.violations();
    wrong.extend(burn_builds::differences()?);
    if !wrong.is_empty() {
        bail!("\n  {}", wrong.join("\n  "));
    }
    println!("the arrows of {} crates hold; binary and tests share burn's build", graph.ruled());
    Ok(())
}

fn clippy_wasm(metadata: &Value) -> Result<()> {
    let graph = Graph::from_metadata(metadata)?;
    let clippy = format!("clippy --release --target {WASM}");
    let packages = WASM_CLEAN.iter().filter(|name| graph.has(name)).flat_map(|name| ["-p", name]);
    run(cargo(&clippy).args(packages).args(["--", "-D", "warnings"]))?;
    let module = format!("{clippy} -p thinkling-reward --features wasm --lib --test web");
    run(cargo(&module).args(["--", "-D", "warnings"]))?;
    // The inference page takes the advantages without burn.
    let lean = format!("{clippy} -p thinkling-grpo --no-default-features");
    run(cargo(&lean).args(["--", "-D", "warnings"]))
}

/// Which device GPU tests take. What the caller has set stays.
fn gpu_variables(found: &Found, host_gpu: bool, report: &mut Report) -> Vec<(String, PathBuf)> {
    let mut env = Vec::new();
    let mut set = |name: &str, value: &Path| {
        if std::env::var_os(name).is_none() {
            env.push((name.to_owned(), value.to_owned()));
        }
    };
    if host_gpu {
        report.note("GPU tests run on this machine's own driver");
    } else if let Some(icd) = &found.software_vulkan {
        set("VK_ICD_FILENAMES", icd);
        set("XDG_RUNTIME_DIR", &std::env::temp_dir());
    } else {
        return env;
    }
    set("REQUIRE_GPU", Path::new("1"));
    env
}

/// Runs tests, prints what they print, and adds them to the sum.
fn tests(
    command: &mut Command,
    args: &[&str],
    env: &[(String, PathBuf)],
    report: &mut Report,
) -> Result<Outcome> {
    // What a test prints is a fact one wants in the log, also when it passes.
    command.args(["--no-fail-fast", "--", "--show-output"]).args(args);
    command.envs(env.iter().map(|(k, v)| (k, v)));
    let mut tally = Tally::default();
    let ok = watched(command, |line| tally.read(line))?;
    println!("{tally}");
    report.count(&tally);
    match (ok, tally.failed) {
        (true, 0) if tally.passed == 0 => bail!("no test ran"),
        (true, 0) => Ok(Outcome::Passed),
        (_, 0) => bail!("the tests could not be built or were stopped"),
        (_, failed) => bail!("{failed} tests failed"),
    }
}

fn slow(install: bool, env: &[(String, PathBuf)], report: &mut Report) {
    report.step("slow tests", |report| {
        let args = ["--ignored", "--skip", KNOWN_FAULT, "--skip", WITH_SANDBOX, "--skip", WITH_MPI];
        tests(&mut cargo("test --release --workspace"), &args, env, report)
    });
    report.step("known faults", |report| {
        let mut command = cargo("test --release --workspace --no-fail-fast --");
        command.args(["--ignored", KNOWN_FAULT]).envs(env.iter().map(|(k, v)| (k, v)));
        let mut fixed = Vec::new();
        // They are expected to fail: only a surprise is worth a word.
        watched(&mut command, |line| {
            let name = line.strip_prefix("test ").and_then(|l| l.strip_suffix(" ... ok"));
            fixed.extend(name.map(str::to_owned));
        })?;
        for name in fixed {
            report.note(format!("{name} passes now: make it a normal test"));
        }
        Ok(Outcome::Passed)
    });
    let mut emulated = false;
    report.step("emulators", |report| {
        emulated = vectors::set_up(install)?;
        if !emulated {
            report.note("no qemu for x86-64 and AArch64: other machines' vectors are left out");
        }
        if emulated { Ok(Outcome::Passed) } else { skipped() }
    });
    for (name, target, emulator) in vectors::MACHINES.iter().filter(|_| emulated) {
        report.step(&format!("kernels with {name}"), |report| {
            tests(&mut vectors::tests(target, emulator), &[], &[], report)
        });
    }
    for feature in BURN_MATRIX {
        report.step(&format!("tests with {feature}"), |report| {
            let line = format!(
                "test --release -p thinkling-cli -p thinkling-model -p thinkling-grpo --features \
                 thinkling-cli/{feature}"
            );
            tests(&mut cargo(&line), &[], env, report)
        });
    }
}

/// The binary with the sandbox, and what runs programs on its interpreter. Burn is not compiled
/// again for it (`burn_builds`).
fn sandbox(target: &Path, install: bool, env: &[(String, PathBuf)], report: &mut Report) {
    const SANDBOX: &str = "--features thinkling-cli/sandbox";
    const PACKAGES: &str = "-p thinkling-cli -p thinkling-sandbox";
    report.step("clippy, sandbox", |_| {
        let mut clippy = cargo(&format!("clippy --release {PACKAGES} {SANDBOX} --all-targets"));
        done(run(clippy.args(["--", "-D", "warnings"])))
    });
    let mut env = env.to_vec();
    let mut there = false;
    report.step("interpreter of the sandbox", |report| {
        match reference::wasi_python(target, install) {
            Ok(variable) => env.extend(variable),
            Err(e) => {
                report.note(format!("tests of the sandbox are left out: {e:#}"));
                return skipped();
            }
        }
        there = true;
        Ok(Outcome::Passed)
    });
    // A copy, since any other build puts its own binary in this one's place.
    let binary = target.join(format!("thinkling-with-sandbox{}", std::env::consts::EXE_SUFFIX));
    if there
        && report.step("build, sandbox", |_| {
            run(&mut cargo(&format!("build --release -p thinkling-cli {SANDBOX}")))?;
            let built = format!("release/thinkling{}", std::env::consts::EXE_SUFFIX);
            std::fs::copy(target.join(built), &binary)?;
            Ok(Outcome::Passed)
        })
    {
        env.retain(|(name, _)| name != "THINKLING_BIN");
        env.push(("THINKLING_BIN".to_owned(), binary));
        report.step("tests of the sandbox", |report| {
            let line = format!("test --release -p thinkling-sandbox {SANDBOX} -p thinkling-cli");
            tests(&mut cargo(&line), &["--include-ignored"], &env, report)
        });
        report.step("code rewards", |report| {
            let line = format!("test --release -p thinkling-e2e -p thinkling-cli {SANDBOX}");
            let mut command = cargo(&line);
            tests(command.arg("--test").arg("it"), &["--ignored", WITH_SANDBOX], &env, report)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_software_device_is_required_where_it_is_installed() {
        let found = Found { wasm: true, software_vulkan: Some(PathBuf::from("/icd.json")) };
        let env = gpu_variables(&found, false, &mut Report::default());
        if std::env::var_os("VK_ICD_FILENAMES").is_none() {
            assert!(env.contains(&("VK_ICD_FILENAMES".to_owned(), PathBuf::from("/icd.json"))));
        }
        if std::env::var_os("REQUIRE_GPU").is_none() {
            assert!(env.contains(&("REQUIRE_GPU".to_owned(), PathBuf::from("1"))));
        }
    }

    #[test]
    fn without_any_device_none_is_required() {
        assert!(gpu_variables(&Found::default(), false, &mut Report::default()).is_empty());
    }
}
