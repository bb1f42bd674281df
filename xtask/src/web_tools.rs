//! The browser and the programs around it, for the module of thinkling-reward: looked for, and
//! installed where that is possible.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, output, program, run};
use crate::report::Report;
use crate::setup::{Family, apt_install, apt_is_ours, family, os_release};

/// Versions that were tried together. wasm-bindgen's comes from Cargo.lock.
const WASM_PACK: &str = "0.15.1";
/// The last version that this compiler can build.
const TRUNK: &str = "0.21.14";
/// Of npm's playwright-core, which brings no browser.
const PLAYWRIGHT: &str = "1.65.1";
/// Of npm's binaryen. Debian's 108 makes modules that Chromium refuses.
const BINARYEN: &str = "132";

/// What wasm-opt may use: Chromium refuses what `--all-features` makes; these are the features that
/// Rust's compiler uses.
const WASM_FEATURES: &[&str] = &[
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-call-indirect-overlong",
    "--enable-extended-const",
];

/// Set where steps in the browser may not be left out, as in CI.
const REQUIRED: &str = "REQUIRE_BROWSER";

/// Where the tools are compiled, below the folder; deleted afterwards.
const BUILD: &str = "build";

/// What is there.
#[derive(Debug, Default)]
pub(crate) struct WebTools {
    /// Chromium or Chrome, with a chromedriver on the path.
    pub(crate) browser: Option<PathBuf>,
    pub(crate) wasm_bindgen: Option<PathBuf>,
    pub(crate) wasm_pack: Option<PathBuf>,
    pub(crate) wasm_opt: Option<PathBuf>,
    pub(crate) trunk: Option<PathBuf>,
    /// Node.js, which runs the page's tests.
    pub(crate) node: Option<PathBuf>,
    /// The folder whose node_modules has Playwright.
    pub(crate) playwright: Option<PathBuf>,
}

impl WebTools {
    /// Puts `module` through wasm-opt at this level, where there is one; gives whether there is.
    pub(crate) fn optimise(&self, level: &str, module: &Path) -> Result<bool> {
        let Some(wasm_opt) = &self.wasm_opt else { return Ok(false) };
        let optimised = module.with_file_name("optimised.wasm");
        let mut command = program(wasm_opt);
        run(command.arg(level).args(WASM_FEATURES).arg(module).arg("-o").arg(&optimised))?;
        std::fs::rename(&optimised, module)?;
        Ok(true)
    }

    /// Whether nothing that the browser's steps need is missing.
    fn are_complete(&self) -> bool {
        let Self { browser, wasm_bindgen, wasm_pack, wasm_opt, trunk, node, playwright } = self;
        [browser, wasm_bindgen, wasm_pack, wasm_opt, trunk, node, playwright]
            .into_iter()
            .all(Option::is_some)
    }

    /// What the browser tests need, or nothing.
    pub(crate) fn for_tests(&self) -> Option<(&Path, &Path)> {
        self.browser.as_ref()?;
        Some((self.wasm_pack.as_deref()?, self.wasm_bindgen.as_deref()?))
    }
}

/// Looks for everything, installs what is missing if `install`, and notes what stays missing.
/// `folder` is for what has no place of its own.
pub(crate) fn set_up(
    wasm_bindgen: &str,
    folder: &Path,
    install: bool,
    report: &mut Report,
) -> Result<WebTools> {
    // First: npm brings wasm-opt and Playwright.
    let node = node(install, report);
    let tools = WebTools {
        node,
        browser: browser(install, report),
        wasm_bindgen: cargo_tool("wasm-bindgen", "wasm-bindgen-cli", wasm_bindgen, folder, install),
        wasm_pack: cargo_tool("wasm-pack", "wasm-pack", WASM_PACK, folder, install),
        wasm_opt: wasm_opt(folder, install, report),
        trunk: cargo_tool("trunk", "trunk", TRUNK, folder, install),
        playwright: playwright(folder, install, report),
    };
    if folder.join(BUILD).exists() {
        std::fs::remove_dir_all(folder.join(BUILD))?;
    }
    let missing = [
        (&tools.wasm_bindgen, "wasm-bindgen-cli", wasm_bindgen),
        (&tools.wasm_pack, "wasm-pack", WASM_PACK),
        (&tools.trunk, "trunk", TRUNK),
    ];
    for (tool, package, version) in missing {
        if tool.is_none() {
            report.note(format!(
                "no {package} {version}, so the browser tests are left out; cargo install \
                 {package}@{version}"
            ));
        }
    }
    if std::env::var_os(REQUIRED).is_some() && !tools.are_complete() {
        bail!("{REQUIRED} is set, and the notes tell what is missing");
    }
    Ok(tools)
}

fn browser(install: bool, report: &mut Report) -> Option<PathBuf> {
    let packages = ["chromium", "chromium-driver"];
    if find_browser().is_none()
        && install
        && apt_is_ours()
        && family(&os_release()) == Family::Debian
    {
        // Ubuntu has them as snaps only, which do not run everywhere: apt fails, and is noted.
        if let Err(e) = apt_install(&packages) {
            report.note(format!("{e:#}"));
        }
    }
    let found = find_browser();
    match &found {
        Some(browser) => println!("browser: {}", browser.display()),
        None => {
            let command = match family(&os_release()) {
                Family::Debian => format!("sudo apt-get install -y {}", packages.join(" ")),
                Family::Fedora => "sudo dnf install -y chromium chromedriver".into(),
                Family::Arch => "sudo pacman -S --needed chromium".into(),
                Family::Suse => "sudo zypper install chromium chromedriver".into(),
                Family::Other => "install Chrome or Chromium, and its chromedriver".into(),
            };
            report.note(format!(
                "no browser with its chromedriver, so the browser tests are left out; {command}"
            ));
        }
    }
    found
}

/// A browser of the Chrome family, where there is a chromedriver too.
fn find_browser() -> Option<PathBuf> {
    candidates("chromedriver").next()?;
    let names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
    names.into_iter().find_map(|name| candidates(name).next())
}

/// Node.js and its npm.
fn node(install: bool, report: &mut Report) -> Option<PathBuf> {
    let find = || candidates("npm").next().and(candidates("node").next());
    if find().is_none()
        && install
        && apt_is_ours()
        && family(&os_release()) == Family::Debian
        && let Err(e) = apt_install(&["nodejs", "npm"])
    {
        report.note(format!("{e:#}"));
    }
    let found = find();
    match &found {
        Some(node) => println!("Node.js: {}", node.display()),
        None => report.note("no Node.js with npm, so the page is not tested; https://nodejs.org"),
    }
    found
}

/// A program of that very version, from wherever `cargo install` or someone else has put it.
fn cargo_tool(
    name: &str,
    package: &str,
    version: &str,
    folder: &Path,
    install: bool,
) -> Option<PathBuf> {
    let find = || candidates(name).find(|path| has_version(path, version));
    if find().is_none() && install {
        // As it was released; newer versions of what it uses may not compile together. Where a version
        // in its lock file is gone, with whatever there is.
        for locked in ["--locked", ""] {
            let mut command = cargo(&format!("install {package}@{version} {locked}"));
            // Not into the workspace's folder; the tools share what they have in common.
            command.env("CARGO_TARGET_DIR", folder.join(BUILD));
            // They compile for minutes; but wasm-bindgen, which reads whole modules, they run for a second.
            // trunk's own profile would take twice as long.
            let level = if name == "wasm-bindgen" { "1" } else { "0" };
            command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level);
            command.env("CARGO_PROFILE_RELEASE_LTO", "off");
            command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
            match run(&mut command) {
                Ok(()) => break,
                Err(e) => println!("{e:#}"),
            }
        }
    }
    let found = find()?;
    println!("{name} {version}: {}", found.display());
    Some(found)
}

/// wasm-opt is a nicety: without it the size is measured as it is.
fn wasm_opt(folder: &Path, install: bool, report: &mut Report) -> Option<PathBuf> {
    let bin = folder.join("node_modules/.bin/wasm-opt");
    let find = || {
        let own = [bin.clone()].into_iter().filter(|path| path.exists());
        own.chain(candidates("wasm-opt")).find(|path| has_version(path, BINARYEN))
    };
    let package = format!("binaryen@{BINARYEN}");
    if find().is_none() && install {
        npm_install(folder, &package, report);
    }
    let found = find();
    match &found {
        Some(path) => println!("wasm-opt {BINARYEN}: {}", path.display()),
        None => report.note(format!(
            "no wasm-opt {BINARYEN}, so the modules are measured without it; {}",
            npm_command(folder, &package)
        )),
    }
    found
}

/// The folder whose `node_modules` has Playwright.
fn playwright(folder: &Path, install: bool, report: &mut Report) -> Option<PathBuf> {
    let manifest = folder.join("node_modules/playwright-core/package.json");
    let version = format!("\"version\": \"{PLAYWRIGHT}\"");
    let is_there =
        || std::fs::read_to_string(&manifest).is_ok_and(|manifest| manifest.contains(&version));
    let package = format!("playwright-core@{PLAYWRIGHT}");
    if !is_there() && install {
        npm_install(folder, &package, report);
    }
    if !is_there() {
        let command = npm_command(folder, &package);
        report.note(format!("no {package}, so the page is not tested; {command}"));
        return None;
    }
    Some(folder.to_owned())
}

/// Arguments of npm: scripts of packages are not run.
pub(crate) const NPM: [&str; 5] =
    ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];

fn npm_command(folder: &Path, package: &str) -> String {
    format!("npm {} {} {package}", NPM.join(" "), folder.display())
}

/// Installs a package, where there is an npm to do it.
fn npm_install(folder: &Path, package: &str, report: &mut Report) {
    if output(program("npm").arg("--version")).is_err() {
        return;
    }
    let made = std::fs::create_dir_all(folder).context("no folder for npm's packages");
    let install = || run(program("npm").args(NPM).arg(folder).arg(package));
    if let Err(e) = made.and_then(|()| install()) {
        report.note(format!("{e:#}"));
    }
}

/// Whether its first line of `--version` has this version as a word.
fn has_version(path: &Path, version: &str) -> bool {
    output(program(path).arg("--version")).is_ok_and(|said| names_version(&said, version))
}

fn names_version(said: &str, version: &str) -> bool {
    said.lines().next().unwrap_or_default().split_whitespace().any(|word| word == version)
}

/// Where a program of that name lies: on the path, or where `cargo install` puts it.
fn candidates(name: &str) -> impl Iterator<Item = PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    folders().into_iter().map(move |folder| folder.join(&file)).filter(|path| path.is_file())
}

fn folders() -> Vec<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = var("HOME").or_else(|| var("USERPROFILE")).map(|home| home.join(".cargo"));
    let cargo = [var("CARGO_INSTALL_ROOT"), var("CARGO_HOME").or(home)];
    std::env::split_paths(&path)
        .chain(cargo.into_iter().flatten().map(|folder| folder.join("bin")))
        .collect()
}

/// The path with the program's folder first, so that those who look for it there find this one.
pub(crate) fn with_path<'a>(command: &'a mut Command, program: &Path) -> Result<&'a mut Command> {
    let first = program.parent().map(Path::to_owned);
    let path = std::env::join_paths(first.into_iter().chain(folders()))?;
    Ok(command.env("PATH", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_word_of_the_first_line() {
        assert!(names_version("wasm-bindgen 0.2.130\n", "0.2.130"));
        assert!(names_version("wasm-opt version 132 (version_132)\n", "132"));
        assert!(!names_version("wasm-bindgen 0.2.13\n", "0.2.130"));
        assert!(!names_version("wasm-opt version 108\n132\n", "132"));
        assert!(!names_version("", "132"));
    }

    #[test]
    fn a_program_on_the_path_is_found() {
        assert!(candidates("rustc").next().is_some());
        assert!(candidates("no-such-program").next().is_none());
    }

    #[test]
    fn without_a_browser_there_are_no_browser_tests() {
        let tools = WebTools {
            wasm_pack: Some("wasm-pack".into()),
            wasm_bindgen: Some("wasm-bindgen".into()),
            ..WebTools::default()
        };
        assert!(tools.for_tests().is_none());
        let tools = WebTools { browser: Some("chromium".into()), ..tools };
        assert!(tools.for_tests().is_some());
    }
}
