//! The page: the packages that it takes, trunk's build of it, their sizes, and its tests in the browser.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{bytes, copy_scripts, learn};
use crate::cargo::{output, program, root, run, watched};
use crate::report::{Outcome, Report};
use crate::tally::Tally;
use crate::web_tools::{WebTools, with_path};

/// Bytes of the inference module after Brotli, at most.
const MAX_BROTLI: u64 = 1_500_000;

/// What users of the package import, beside what wasm-bindgen writes.
const SCRIPTS: [&str; 4] = ["client.js", "client.d.ts", "worker.js", super::SHARED_SCRIPT];

/// Texts that travel with the package; npm takes no file of these names by itself.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Tools that the page needs, all of them.
struct Tools<'a> {
    wasm_pack: &'a Path,
    wasm_bindgen: &'a Path,
    trunk: &'a Path,
}

impl<'a> Tools<'a> {
    fn of(tools: &'a WebTools) -> Option<Self> {
        Some(Self {
            wasm_pack: tools.wasm_pack.as_deref()?,
            wasm_bindgen: tools.wasm_bindgen.as_deref()?,
            trunk: tools.trunk.as_deref()?,
        })
    }
}

/// Builds both packages into `web/generated` and the page into `web/dist`.
pub(super) fn build(tools: &WebTools, target: &Path, report: &mut Report) -> Result<Outcome> {
    let Some(needed) = Tools::of(tools) else { return Ok(Outcome::Skipped) };
    // Side by side: for most of its time each of them is one thread, which links.
    let (package, learn) = std::thread::scope(|scope| {
        let learn = scope.spawn(|| learn::package(tools, target));
        (package(tools, needed.wasm_pack, needed.wasm_bindgen), learn.join())
    });
    let package = package?;
    learn.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut trunk = program(needed.trunk);
    trunk.arg("build").current_dir(root());
    run(with_path(&mut trunk, needed.wasm_bindgen)?)?;
    let dist = root().join("web/dist");
    let pages = std::fs::read_dir(&dist).with_context(|| dist.display().to_string())?;
    let pages = pages.filter_map(|entry| Some(entry.ok()?.path()));
    let page = pages.filter(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    let page: Vec<PathBuf> = page.collect();
    let training = root().join("web/generated/thinkling-web-learn/thinkling_web_learn_bg.wasm");
    let module = package.join("thinkling_web_bg.wasm");
    for (what, file) in [("inference", &module), ("training", &training)]
        .into_iter()
        .chain(page.iter().map(|file| ("page", file)))
    {
        let (raw, brotli) = (bytes(file)?, brotli(tools, file)?);
        let packed = brotli.map_or_else(String::new, |bytes| format!(", {bytes} with Brotli"));
        report.figure_of(format!("module, {what}: {raw} bytes{packed}"));
        if what == "inference" && brotli.unwrap_or(0) > MAX_BROTLI {
            bail!("the inference module is too large, expected: at most {MAX_BROTLI} with Brotli");
        }
    }
    Ok(Outcome::Passed)
}

/// Builds the package of thinkling-web, and packs it as npm would publish it.
pub(super) fn pack(tools: &WebTools, report: &mut Report) -> Result<Outcome> {
    let (Some(wasm_pack), Some(wasm_bindgen), Some(_)) =
        (&tools.wasm_pack, &tools.wasm_bindgen, &tools.node)
    else {
        return Ok(Outcome::Skipped);
    };
    let folder = package(tools, wasm_pack, wasm_bindgen)?;
    let mut npm = program("npm");
    run(npm.args(["pack", "--pack-destination", ".."]).current_dir(&folder))?;
    let above = folder.parent().unwrap_or(&folder);
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("package.json"))?)?;
    let version = manifest["version"].as_str().context("package.json names no version")?;
    let packed = above.join(format!("thinkling-web-{version}.tgz"));
    report.figure_of(format!("npm package: {}, {} bytes", packed.display(), bytes(&packed)?));
    Ok(Outcome::Passed)
}

/// The npm package of thinkling-web, as wasm-pack makes it, with the client in front.
fn package(tools: &WebTools, wasm_pack: &Path, wasm_bindgen: &Path) -> Result<PathBuf> {
    let folder = root().join("web/generated/thinkling-web");
    let mut wasm_pack = program(wasm_pack);
    wasm_pack
        .args(["build", "crates/thinkling-web", "--target", "web", "--mode", "no-install"])
        .args(["--profile", "web", "--out-dir"])
        .arg(&folder)
        .current_dir(root());
    run(with_path(&mut wasm_pack, wasm_bindgen)?)?;
    tools.optimise("-Oz", &folder.join("thinkling_web_bg.wasm"))?;
    copy_scripts("thinkling-web", &SCRIPTS, &folder)?;
    std::fs::copy(root().join("crates/thinkling-web/README.md"), folder.join("README.md"))?;
    for licence in LICENCES {
        std::fs::copy(root().join(licence), folder.join(licence))?;
    }
    let manifest = folder.join("package.json");
    let text = std::fs::read_to_string(&manifest)?;
    std::fs::write(&manifest, manifest_of(&text)?)?;
    Ok(folder)
}

/// wasm-pack's `package.json` with the client as what is imported.
fn manifest_of(text: &str) -> Result<String> {
    let mut manifest: Value = serde_json::from_str(text)?;
    let files = manifest["files"].as_array_mut().context("package.json names no files")?;
    for file in SCRIPTS.iter().chain(&LICENCES) {
        // wasm-pack names what it has found in the folder, so also what an earlier build left there.
        if !files.iter().any(|known| known == file) {
            files.push((*file).into());
        }
    }
    manifest["main"] = "client.js".into();
    manifest["types"] = "client.d.ts".into();
    // The worker and the module are found by their addresses beside the client, so by their paths.
    manifest["exports"] = json!({
        ".": { "types": "./client.d.ts", "default": "./client.js" },
        "./*": "./*",
    });
    manifest["keywords"] = json!(["llm", "reasoning", "webgpu", "wasm", "grpo"]);
    Ok(format!("{}\n", serde_json::to_string_pretty(&manifest)?))
}

/// Bytes of a file after Brotli, where there is a Node.js to say it.
fn brotli(tools: &WebTools, file: &Path) -> Result<Option<u64>> {
    let Some(node) = &tools.node else { return Ok(None) };
    let said = output(program(node).arg(root().join("tests/browser/brotli.mjs")).arg(file))?;
    Ok(Some(said.trim().parse().context("no number of bytes")?))
}

/// The package and the page in headless Chromium.
pub(super) fn end_to_end(
    tools: &WebTools,
    env: &[(String, PathBuf)],
    report: &mut Report,
) -> Result<Outcome> {
    let (Some(node), Some(browser), Some(playwright)) =
        (&tools.node, &tools.browser, &tools.playwright)
    else {
        return Ok(Outcome::Skipped);
    };
    let dist = root().join("web/dist");
    if !dist.join("index.html").exists() {
        return Ok(Outcome::Skipped);
    }
    let mut command = program(node);
    command
        .args(["--test", "--test-reporter=tap"])
        .args(["client.test.mjs", "page.test.mjs"])
        .current_dir(root().join("tests/browser"))
        .envs(env.iter().map(|(name, value)| (name, value)))
        .env("PLAYWRIGHT", playwright)
        .env("CHROMIUM", browser);
    let mut tally = Tally::default();
    let ok = watched(&mut command, |line| tally.read_tap(line))?;
    report.count(&tally);
    match (ok, tally.failed) {
        (true, 0) if tally.passed == 0 => bail!("no test ran"),
        (true, 0) => Ok(Outcome::Passed),
        (_, 0) => bail!("the tests could not be run"),
        (_, failed) => bail!("{failed} tests failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_imported_by_its_client() {
        let made = r#"{"name":"thinkling-web","files":["a_bg.wasm","a.js"],"main":"a.js"}"#;
        let manifest: Value = serde_json::from_str(&manifest_of(made).unwrap()).unwrap();
        assert_eq!(manifest["main"], "client.js");
        assert_eq!(manifest["exports"]["."]["default"], "./client.js");
        let files = manifest["files"].as_array().unwrap();
        assert!(
            ["worker.js", "messages.js", "LICENSE-MIT"]
                .iter()
                .all(|&file| files.contains(&file.into()))
                && files.contains(&"a_bg.wasm".into())
        );
    }
}
