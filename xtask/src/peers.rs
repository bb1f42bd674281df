//! `cargo xtask peers`: our benches in turn with those of TRL, PyTorch and transformers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::{output, program, run};

/// What is measured: name, arguments of `thinkling bench`, and the peers.
const WORKS: &[(&str, &[&str], &[Peer])] = &[
    ("tiny", &["grpo", "tiny.json"], &[TRL, LOOP]),
    ("tiny_beta", &["grpo", "tiny_beta.json"], &[TRL]),
    ("sft", &["sft", "tiny.json"], &[TRL_SFT, LOOP_SFT]),
    ("smollm2", &["grpo", "smollm2.json"], &[TRL, LOOP]),
    ("smollm2_lora", &["grpo", "smollm2_lora.json"], &[TRL]),
    ("decode", &["decode", "smollm2.json"], &[TRANSFORMERS]),
];

/// A script of another project's, and where its result stands.
struct Peer {
    name: &'static str,
    script: &'static str,
    /// `{name}` is the config's.
    result: &'static str,
    seconds: &'static str,
    memory: &'static str,
    tokens_per_s: &'static str,
}

const TRL: Peer = Peer {
    name: "TRL",
    script: "trl_grpo.py",
    result: "trl_grpo_{name}",
    seconds: "/step_s/median",
    memory: "/peak_rss_mb",
    tokens_per_s: "",
};
const LOOP: Peer = Peer {
    name: "PyTorch loop",
    script: "torch_loop.py",
    result: "torch_loop_{name}",
    seconds: "/grpo/step_s/median",
    memory: "/grpo/peak_rss_mb",
    tokens_per_s: "",
};
const TRL_SFT: Peer = Peer {
    name: "TRL",
    script: "trl_sft.py",
    result: "trl_sft_{name}",
    seconds: "/step_s/median",
    memory: "/peak_rss_mb",
    tokens_per_s: "/tok_s",
};
const LOOP_SFT: Peer = Peer {
    name: "PyTorch loop",
    seconds: "/sft/step_s/median",
    memory: "/peak_rss_mb",
    tokens_per_s: "/sft/tok_s",
    ..LOOP
};
const TRANSFORMERS: Peer = Peer {
    name: "transformers",
    script: "hf_decode.py",
    result: "hf_decode_t2",
    seconds: "",
    memory: "/peak_rss_mb",
    tokens_per_s: "/decode_tok_s/median",
};

/// Runs them: `DIR --binary FILE --model FILE [--runs N] [WORK..]`.
pub(crate) fn measure(args: &[String]) -> Result<bool> {
    let (mut folder, mut binary, mut model, mut runs, mut works) =
        (None, None, None, 3, Vec::new());
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--binary" => binary = Some(PathBuf::from(value()?)),
            "--model" => model = Some(value()?.clone()),
            "--runs" => runs = value()?.parse().context("--runs needs a number")?,
            _ if folder.is_none() => folder = Some(PathBuf::from(arg)),
            work if WORKS.iter().any(|(name, ..)| *name == work) => works.push(work),
            other => bail!("unknown argument `{other}`; `cargo xtask help` lists them"),
        }
    }
    let folder = folder.context("peers needs the folder that the peers are laid out in")?;
    let binary = binary.context("peers needs --binary FILE, the built thinkling")?;
    let model = model.context("peers needs --model FILE, SmolLM2-135M-Instruct as GGUF")?;
    for (name, bench, peers) in WORKS {
        if !works.is_empty() && !works.contains(name) {
            continue;
        }
        let mut table = Table::default();
        for _ in 0..runs {
            table.add("thinkling", ours(&binary, &folder, bench, &model)?);
            for peer in *peers {
                table.add(peer.name, peer.run(&folder, bench[1])?);
            }
        }
        println!("\n{name}: median (all runs)\n{table}");
    }
    Ok(true)
}

/// `[seconds a step, MB, tokens a second]`, where told.
type Figures = [Option<f64>; 3];

fn ours(binary: &Path, folder: &Path, bench: &[&str], model: &str) -> Result<Figures> {
    let config = folder.join("configs").join(bench[1]);
    let mut command = std::process::Command::new(binary);
    command.args(["bench", bench[0], "--json", "--device", "cpu", "--config"]).arg(config);
    if bench[1].starts_with("smollm2") {
        command.args(["--model", model]);
    }
    let result: Value = serde_json::from_str(&output(&mut command)?)?;
    Ok(["step_s", "peak_rss_mb", "tokens_per_s"].map(|key| result[key].as_f64()))
}

impl Peer {
    fn run(&self, folder: &Path, config: &str) -> Result<Figures> {
        let python = folder.join("venv/bin/python");
        let mut command = program(&python);
        command.current_dir(folder.join("scripts")).arg(self.script);
        if self.seconds.is_empty() {
            command.arg("2");
        } else {
            command.arg(folder.join("configs").join(config));
        }
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        run(&mut command)?;
        let name = self.result.replace("{name}", config.trim_end_matches(".json"));
        let path = folder.join("results").join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let result: Value = serde_json::from_str(&text)?;
        Ok([self.seconds, self.memory, self.tokens_per_s]
            .map(|at| if at.is_empty() { None } else { result.pointer(at)?.as_f64() }))
    }
}

/// Figures of each program, in the order in which it first came.
#[derive(Default)]
struct Table {
    names: Vec<&'static str>,
    figures: BTreeMap<&'static str, Vec<Figures>>,
}

impl Table {
    fn add(&mut self, name: &'static str, figures: Figures) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        self.figures.entry(name).or_default().push(figures);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "| | s a step | MB | tokens/s |\n|---|---|---|---|")?;
        for name in &self.names {
            write!(f, "| {name} |")?;
            for (column, digits) in [(0, 3), (1, 0), (2, 1)] {
                let mut values: Vec<f64> =
                    self.figures[name].iter().filter_map(|figures| figures[column]).collect();
                let all: Vec<String> = values.iter().map(|x| format!("{x:.digits$}")).collect();
                values.sort_by(f64::total_cmp);
                match values.get(values.len() / 2) {
                    Some(median) => write!(f, " {median:.digits$} ({}) |", all.join(", "))?,
                    None => write!(f, " |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_medians_and_all_runs() {
        let mut table = Table::default();
        for seconds in [0.9, 0.7, 0.8] {
            table.add("thinkling", [Some(seconds), Some(200.0), None]);
        }
        let text = table.to_string();
        let row = "| thinkling | 0.800 (0.900, 0.700, 0.800) | 200 (200, 200, 200) | |";
        assert!(text.contains(row), "{text}");
    }
}
