//! What runs in the browser: tests of single crates, the module of thinkling-reward for JavaScript with
//! its size, and the page with its tests.

pub(crate) mod bench;
pub(crate) mod learn;
mod page;
mod site;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cargo::{cargo, output, program, root, run, watched};
use crate::report::{Outcome, Report};
use crate::setup::WASM;
use crate::tally::Tally;
use crate::web_tools::{WebTools, with_path};

/// Bytes of the module at most.
const MAX_BYTES: u64 = 1_000_000;

/// Flags of the module's build, in the place of those in `.cargo/config.toml`: `opt-level = "z"`
/// inlines next to nothing, which is slow; this much makes the module a tenth larger and twice as
/// fast.
const RUSTFLAGS: &str = "-Ctarget-feature=+simd128 --cfg getrandom_backend=\"wasm_js\" \
                         -Cllvm-args=-inline-threshold=75";

/// What the host's test of the shared table says before its fingerprint.
const FINGERPRINT: &str = "fingerprint of the shared table, host: ";

/// Seconds that a browser's test may take: on a software device shaders compile slowly.
const TEST_TIMEOUT_S: &str = "300";

/// Crates with tests for the browser, and how their tests are named.
const SUITES: &[(&str, &[&str])] = &[
    ("text", &["crates/thinkling-text", "--release", "--test", "web"]),
    ("weights", &["crates/thinkling-weights", "--release", "--test", "web"]),
    ("engine", &["crates/thinkling-engine", "--release", "--lib", "--test", "web"]),
    ("web", &["crates/thinkling-web", "--release", "--test", "web"]),
    // Together, so that features are the same for all three, and as the module that learns in a page is
    // built: burn is compiled once for all.
    (
        "burn",
        &[
            "crates/thinkling-web-learn",
            "--profile=web-learn",
            "--package=thinkling-model",
            "--package=thinkling-grpo",
            "--package=thinkling-web-learn",
            "--test",
            "web",
        ],
    ),
];

/// All steps. `env` is what tests of the native program read.
pub(crate) fn steps(
    tools: &WebTools,
    target: &Path,
    env: &[(String, PathBuf)],
    report: &mut Report,
) {
    report.step("browser tests, rewards", |report| rewards(tools, report));
    for (name, package) in SUITES {
        report.step(&format!("browser tests, {name}"), |report| tests(tools, package, &[], report));
    }
    report.step("browser module", |report| module(tools, target, report));
    report.step("page", |report| page::build(tools, target, report));
    report.step("page in the browser", |report| page::end_to_end(tools, env, report));
}

/// The package for npm, packed; npm's list of what is in it is printed.
pub(crate) fn npm(tools: &WebTools, report: &mut Report) -> Result<Outcome> {
    page::pack(tools, report)
}

fn rewards(tools: &WebTools, report: &mut Report) -> Result<Outcome> {
    if tools.for_tests().is_none() {
        return Ok(Outcome::Skipped);
    }
    let fingerprint = match report.figure(FINGERPRINT) {
        Some(fingerprint) => fingerprint,
        None => {
            host_table(report)?;
            report.figure(FINGERPRINT).context("the host's test of the shared table is silent")?
        }
    };
    let package = ["crates/thinkling-reward", "--release", "--features", "wasm", "--test", "web"];
    tests(tools, &package, &[("THINKLING_TABLE_FINGERPRINT", &fingerprint)], report)
}

/// The tests of a package in headless Chromium.
fn tests(
    tools: &WebTools,
    package: &[&str],
    env: &[(&str, &str)],
    report: &mut Report,
) -> Result<Outcome> {
    let Some((wasm_pack, wasm_bindgen)) = tools.for_tests() else {
        return Ok(Outcome::Skipped);
    };
    // --mode no-install: the tools on the path are taken, and nothing is downloaded.
    let mut command = program(wasm_pack);
    command
        .args(["test", "--headless", "--chrome", "--mode", "no-install"])
        .args(package)
        .args(["--", "--nocapture"])
        .env("WASM_BINDGEN_TEST_TIMEOUT", TEST_TIMEOUT_S)
        .envs(env.iter().copied());
    let mut tally = Tally::default();
    let ok = watched(with_path(&mut command, wasm_bindgen)?, |line| tally.read(line))?;
    report.count(&tally);
    match (ok, tally.failed) {
        (true, 0) if tally.passed == 0 => bail!("no test ran"),
        (true, 0) => Ok(Outcome::Passed),
        (_, 0) => bail!("the tests could not be built, or the browser did not start"),
        (_, failed) => bail!("{failed} tests failed"),
    }
}

/// The tests of the shared table, where the other tests did not run before.
fn host_table(report: &mut Report) -> Result<()> {
    let test = "test --release -p thinkling-reward --features json --test it table";
    let mut tally = Tally::default();
    let ok = watched(&mut cargo(&format!("{test} -- --show-output")), |line| tally.read(line))?;
    report.count(&tally);
    if !ok {
        bail!("the shared table fails on the host");
    }
    Ok(())
}

/// Builds the module as its users get it, measures it, and loads it in the browser.
fn module(tools: &WebTools, target: &Path, report: &mut Report) -> Result<Outcome> {
    let Some(wasm_bindgen) = &tools.wasm_bindgen else {
        return Ok(Outcome::Skipped);
    };
    let build =
        format!("build --profile web --target {WASM} -p thinkling-reward --features wasm --lib");
    run(cargo(&build).env("RUSTFLAGS", RUSTFLAGS))?;
    let built = target.join(WASM).join("web/thinkling_reward.wasm");
    let folder = target.join("web/thinkling-reward");
    run(program(wasm_bindgen).args(["--target", "web", "--out-dir"]).arg(&folder).arg(&built))?;
    let module = folder.join("thinkling_reward_bg.wasm");
    let (raw, bound) = (bytes(&built)?, bytes(&module)?);

    if !tools.optimise("-Oz", &module)? {
        report.figure_of(format!("module: {raw} bytes, {bound} after wasm-bindgen"));
        // What is small enough without wasm-opt is so with it, too.
        return if bound <= MAX_BYTES {
            load(tools, &folder, report)
        } else {
            Ok(Outcome::Skipped)
        };
    }
    let size = bytes(&module)?;
    report.figure_of(format!(
        "module: {raw} bytes, {bound} after wasm-bindgen, {size} after wasm-opt"
    ));
    if size > MAX_BYTES {
        bail!("the module is too large, expected: at most {MAX_BYTES} bytes, got: {size}");
    }
    load(tools, &folder, report)
}

/// What both packages have a copy of; it lies with the first of them.
const SHARED_SCRIPT: &str = "messages.js";

/// Copies what users of a package import from the folder `js` of its crate, beside its module.
fn copy_scripts(package: &str, scripts: &[&str], folder: &Path) -> Result<()> {
    for script in scripts {
        let from = root().join("crates").join(package).join("js").join(script);
        std::fs::copy(&from, folder.join(script)).with_context(|| from.display().to_string())?;
    }
    Ok(())
}

fn bytes(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).with_context(|| path.display().to_string())?.len())
}

/// Scores the shared table by the module and its glue in the browser.
fn load(tools: &WebTools, folder: &Path, report: &mut Report) -> Result<Outcome> {
    let Some(browser) = &tools.browser else {
        return Ok(Outcome::Passed);
    };
    let table = root().join("crates/thinkling-reward/tests/it/table.jsonl");
    let glue = std::fs::read_to_string(folder.join("thinkling_reward.js"))?;
    let module = std::fs::read(folder.join("thinkling_reward_bg.wasm"))?;
    let page = page(&glue, &module, &rows(&std::fs::read_to_string(table)?)?);
    let file = folder.join("page.html");
    std::fs::write(&file, page)?;

    let mut command = program(browser);
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--dump-dom"]);
    let shown = output(command.arg(format!("file://{}", file.display())))?;
    report.figure_of(format!("shared table, module in a page: {}", judged(&shown)?));
    Ok(Outcome::Passed)
}

/// The rows of the table for the page: what is scored, and verdict and reward.
fn rows(table: &str) -> Result<Value> {
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line)?;
        // As text here: JavaScript would round large integers.
        let line = row["raw"].as_str().map_or_else(|| row["line"].to_string(), str::to_owned);
        let (kind, template) = (&row["kind"], &row["template"]);
        let (verdict, reward) = (&row["verdict"], &row["reward"]);
        Ok(json!({ "kind": kind, "template": template, "line": line, "verdict": verdict,
                   "reward": reward }))
    };
    table.lines().map(row).collect()
}

fn page(glue: &str, module: &[u8], rows: &Value) -> String {
    // A closing tag in a text would end the script.
    let rows = rows.to_string().replace("</", "<\\/");
    include_str!("web/page.html")
        .replace("/*glue*/", glue)
        .replace("/*module*/", &format!("{module:?}"))
        .replace("/*rows*/", &rows)
}

/// What the page has measured, where it has found no fault.
fn judged(page: &str) -> Result<String> {
    let said = page.split_once("<pre id=\"said\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (said, _) = said.context("the browser shows no page")?;
    // The browser writes these three in text so.
    let said = said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let said: Value = serde_json::from_str(&said)
        .with_context(|| format!("the page could not run the module: {said}"))?;
    let faults = said["faults"].as_array().context("the page names no faults")?;
    if !faults.is_empty() {
        bail!("{} wrong answers in the page: {}", faults.len(), said["faults"]);
    }
    let thrown = said["thrown"].as_str().unwrap_or_default();
    if !thrown.starts_with("unknown rule") {
        bail!("an unknown rule throws, expected: \"unknown rule, ..\", got: {thrown:?}");
    }
    let us = |name: &str| said[name].as_f64().context("the page measures nothing");
    let (median, mean, slowest) = (us("median")?, us("mean")?, us("slowest")?);
    Ok(format!("median {median:.2} us a line, mean {mean:.2}, slowest {slowest:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_faults_gives_its_time() {
        let page = |said: &str| format!("<html><pre id=\"said\">{said}</pre></html>");
        let fine =
            r#"{"median":7.5,"mean":9,"slowest":21.5,"thrown":"unknown rule, got: a","faults":[]}"#;
        assert_eq!(judged(&page(fine)).unwrap(), "median 7.50 us a line, mean 9.00, slowest 22");
        let fault = fine.replace("[]", r#"["math &lt;think&gt; a &amp; b"]"#);
        let said = judged(&page(&fault)).unwrap_err().to_string();
        assert!(said.contains("<think> a & b"), "{said}");
        assert!(judged(&page(&fine.replace("unknown rule", "unreachable"))).is_err());
        assert!(judged(&page("the script did not run to its end")).is_err());
        assert!(judged("").is_err());
    }

    #[test]
    fn large_integers_and_closing_tags_reach_the_page_as_they_are() {
        let table = r#"{"kind":"math","line":{"gold":18446744073709551615,"prediction":"</x>"},"verdict":"wrong","reward":0}"#;
        let rows = rows(table).unwrap();
        let page = page("const glue = 1;", &[0, 97], &rows);
        assert!(page.contains("const glue = 1;") && page.contains("new Uint8Array([0, 97])"));
        assert!(page.contains("18446744073709551615") && page.contains("<\\/x>"));
        assert!(!page.contains("/*"));
    }
}
