//! `cargo xtask bench web`: the package's speed in headless Chromium, in turn with a peer's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::{output, program, root};
use crate::web_tools::WebTools;

/// Tokens that are decoded.
const TOKENS: &str = "48";

/// What is measured.
struct Call {
    model: PathBuf,
    device: String,
    runs: usize,
    /// A folder that `setup.sh` of the peers has laid out, with `npm install` done in `web`.
    peers: Option<PathBuf>,
}

impl Call {
    fn parse(args: &[String]) -> Result<Self> {
        let usage = "cargo xtask bench web MODEL.gguf [--device cpu|gpu] [--runs N] [--peers DIR]";
        let mut call =
            Self { model: PathBuf::new(), device: "cpu".to_owned(), runs: 3, peers: None };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} needs a value; {usage}"));
            match arg.as_str() {
                "--device" => call.device = value()?.clone(),
                "--runs" => call.runs = value()?.parse().context("--runs needs a number")?,
                "--peers" => call.peers = Some(value()?.into()),
                other if other.starts_with('-') => bail!("unknown option `{other}`; {usage}"),
                model => call.model = std::path::absolute(model)?,
            }
        }
        if !call.model.is_file() {
            bail!("no model at {}; {usage}", call.model.display());
        }
        Ok(call)
    }
}

/// Runs ours and the peer in turn, and prints all runs and medians.
pub(crate) fn measure(tools: &WebTools, args: &[String]) -> Result<()> {
    let call = Call::parse(args)?;
    let (Some(node), Some(browser), Some(playwright)) =
        (&tools.node, &tools.browser, &tools.playwright)
    else {
        bail!(
            "Node.js, Chromium and Playwright are needed; `cargo xtask setup` says what is missing"
        );
    };
    if !root().join("web/generated/thinkling-web/client.js").exists() {
        bail!("the package is not built; `cargo xtask web` builds it");
    }
    let ours = || {
        let mut command = program(node);
        command.arg("bench.mjs").arg(&call.model).args([&call.device, TOKENS, "1"]);
        command.current_dir(root().join("tests/browser"));
        command.env("PLAYWRIGHT", playwright).env("CHROMIUM", browser);
        json(&mut command)
    };
    let mut sums = [Figures::new("thinkling-web"), Figures::new("wllama, one thread")];
    for _ in 0..call.runs {
        let run = ours()?;
        println!("{run}");
        sums[0].add(&run["decode_tokens_per_s"], run["first_token_s"].as_f64());
        if let Some(peers) = &call.peers {
            let run = peer(node, peers, &call)?;
            println!("{run}");
            sums[1]
                .add(&run["median_decode_tok_s"], run["median_ttft_ms"].as_f64().map(|x| x / 1e3));
        }
    }
    sums.iter().filter(|figures| !figures.decode.is_empty()).for_each(Figures::print);
    Ok(())
}

fn peer(node: &Path, peers: &Path, call: &Call) -> Result<Value> {
    let kind = if call.device == "gpu" { "wllama-webgpu" } else { "wllama-wasm" };
    let folder = peers.join("web");
    let model = folder.join("models").join(call.model.file_name().unwrap_or_default());
    if !model.exists() {
        bail!("the peer reads {}; copy the model there", model.display());
    }
    let mut command = program(node);
    command.args(["run.mjs", kind, "1", TOKENS, "1"]).current_dir(folder);
    json(&mut command)
}

/// The JSON object that a program ends with.
fn json(command: &mut Command) -> Result<Value> {
    let said = output(command)?;
    let start = said.find('{').context("the bench prints no JSON")?;
    Ok(serde_json::from_str(&said[start..])?)
}

/// Runs of one program.
struct Figures {
    name: &'static str,
    decode: Vec<f64>,
    first: Vec<f64>,
}

impl Figures {
    fn new(name: &'static str) -> Self {
        Self { name, decode: Vec::new(), first: Vec::new() }
    }

    fn add(&mut self, decode: &Value, first: Option<f64>) {
        self.decode.extend(decode.as_f64());
        self.first.extend(first);
    }

    fn print(&self) {
        println!(
            "{}: {:.1} tokens/s, {:.1} s to the first token (medians of {})",
            self.name,
            median(&self.decode),
            median(&self.first),
            self.decode.len()
        );
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_a_model_that_is_there() {
        let call = |args: &[&str]| {
            Call::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
        };
        let manifest = root().join("Cargo.toml").display().to_string();
        let parsed = call(&[&manifest, "--runs", "5", "--device", "gpu"]).unwrap();
        assert_eq!((parsed.runs, parsed.device.as_str()), (5, "gpu"));
        assert!(call(&["nothing.gguf"]).is_err());
        assert!(call(&[&manifest, "--rusn", "5"]).is_err());
        assert!(call(&[&manifest, "--runs"]).is_err());
    }
}
