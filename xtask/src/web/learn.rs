//! The module that learns in a page: how it is built, and that it learns.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{SHARED_SCRIPT, bytes, copy_scripts, site};
use crate::cargo::{cargo, program, root, run};
use crate::report::{Outcome, Report};
use crate::setup::WASM;
use crate::web_tools::WebTools;

/// What a page imports beside what wasm-bindgen writes.
const SCRIPTS: [&str; 3] = ["learn.js", "learn.d.ts", "worker.js"];
/// By how much accuracy on unseen problems must rise.
const LEAST_RISE: f64 = 0.30;
/// Seconds from the opening of the page to the end, evaluations included.
const MOST_S: f64 = 600.0;

/// Builds the package into the folder that the page takes it from. `None` without the tools.
pub(crate) fn package(tools: &WebTools, target: &Path) -> Result<Option<PathBuf>> {
    let Some(wasm_bindgen) = &tools.wasm_bindgen else { return Ok(None) };
    run(&mut cargo(&format!(
        "build --profile web-learn --target {WASM} -p thinkling-web-learn --lib"
    )))?;
    let built = target.join(WASM).join("web-learn/thinkling_web_learn.wasm");
    let folder = root().join("web/generated/thinkling-web-learn");
    run(program(wasm_bindgen).args(["--target", "web", "--out-dir"]).arg(&folder).arg(&built))?;
    let module = folder.join("thinkling_web_learn_bg.wasm");
    // -Oz takes five times as long for a module that is larger when it is compressed.
    if tools.optimise("-O1", &module)? {
        println!("module that learns: {} bytes", bytes(&module)?);
    }
    copy_scripts("thinkling-web-learn", &SCRIPTS, &folder)?;
    copy_scripts("thinkling-web", &[SHARED_SCRIPT], &folder)?;
    Ok(Some(folder))
}

/// The nano base learns in headless Chromium, through the worker and the client of a visitor's page.
pub(crate) fn learns(tools: &WebTools, target: &Path, report: &mut Report) -> Result<Outcome> {
    let (Some(browser), Some(package)) = (&tools.browser, package(tools, target)?) else {
        return Ok(Outcome::Skipped);
    };
    let folders = vec![
        ("/package/", package),
        ("/model/", root().join("recipes/nano-base")),
        ("/", root().join("crates/thinkling-web-learn/check")),
    ];
    let (address, said) = site::serve(folders)?;
    let profile = target.join("web/learn-profile");
    if profile.exists() {
        std::fs::remove_dir_all(&profile)?;
    }
    let mut command = program(browser);
    command.args(["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"]);
    command.args(["--disable-background-networking", "--disable-component-update"]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    let child = command.arg(&address).stderr(Stdio::null()).spawn().context("no browser")?;
    let end = listen(&said, Instant::now() + Duration::from_secs_f64(MOST_S));
    stop(child);
    let end = end?;
    report.figure_of(format!("learning in a page: {}", verdict(&end)?));
    Ok(Outcome::Passed)
}

fn stop(mut browser: Child) {
    // It may have ended by itself.
    let _ = browser.kill();
    let _ = browser.wait();
}

/// Prints what the page says; gives the last of it.
fn listen(said: &Receiver<String>, until: Instant) -> Result<Value> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let line = said.recv_timeout(left).context("the page did not come to an end in time")?;
        println!("{line}");
        let line: Value = serde_json::from_str(&line)?;
        if let Some(error) = line["error"].as_str() {
            bail!("the page failed: {error}");
        }
        if line["done"].is_object() {
            return Ok(line);
        }
    }
}

/// What was learnt, in words; an error where it is too little or took too long.
fn verdict(end: &Value) -> Result<String> {
    let done = &end["done"];
    let number = |value: &Value| value.as_f64().context("the page leaves out a number");
    let (before, after) =
        (number(&done["before"]["accuracy"])?, number(&done["after"]["accuracy"])?);
    let (problems, steps) = (number(&done["problems"])?, number(&done["steps"])?);
    let (step_s, all_s) = (number(&done["medianStepSeconds"])?, number(&end["at"])?);
    let device = done["info"]["device"]["kind"].as_str().unwrap_or_default();
    let said = format!(
        "accuracy {before:.3} -> {after:.3} on {problems} unseen problems in {steps} steps, median \
         {step_s:.2} s a step, {all_s:.0} s in all, device {device}"
    );
    if after - before < LEAST_RISE || all_s > MOST_S {
        bail!("{said}, expected: a rise of {LEAST_RISE} in {MOST_S} s");
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn end(after: f64, at: f64) -> Value {
        json!({ "at": at, "done": {
            "before": { "accuracy": 0.2 }, "after": { "accuracy": after }, "problems": 300,
            "steps": 60, "medianStepSeconds": 0.5, "info": { "device": { "kind": "cpu" } } } })
    }

    #[test]
    fn too_little_or_too_slow_is_a_failure() {
        let said = verdict(&end(0.8, 40.0)).unwrap();
        assert!(said.starts_with("accuracy 0.200 -> 0.800 on 300 unseen problems"), "{said}");
        assert!(verdict(&end(0.45, 40.0)).is_err());
        assert!(verdict(&end(0.8, 601.0)).is_err());
        assert!(verdict(&json!({ "done": {} })).is_err());
    }
}
