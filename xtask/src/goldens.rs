//! Makes the committed reference numbers again.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::cargo::{output, program, root, run};

/// Runs every `make_*.py` under tests/golden, or only what `args` names.
pub(crate) fn make(args: &[String]) -> Result<bool> {
    let (python, names) = match args {
        [flag, python, names @ ..] if flag == "--python" => (python.as_str(), names),
        [flag, ..] if flag.starts_with('-') => {
            bail!("unknown option `{flag}`; `cargo xtask help` lists them")
        }
        names => ("python3", names),
    };
    let folder = root().join("tests/golden");
    let versions = "import torch, transformers; print(torch.__version__, transformers.__version__)";
    if let Err(e) = output(program(python).args(["-c", versions])) {
        bail!(
            "{python} cannot load torch and transformers ({}); make a Python that can:\n  \
             python3 -m venv target/goldens-venv\n  \
             target/goldens-venv/bin/pip install -r tests/golden/requirements.txt\n  \
             cargo xtask goldens --python target/goldens-venv/bin/python",
            e.root_cause()
        );
    }
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .flatten()
        .map(|f| f.path())
        .filter(|p| {
            let name = p.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("make_") && name.ends_with(".py")
        })
        .collect();
    scripts.sort();
    for script in scripts {
        run(program(python).arg(script).args(names))?;
    }
    println!("now look at what changed: git diff --stat tests/golden");
    Ok(true)
}
