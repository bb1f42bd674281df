//! Set-up, tests and goldens of the workspace, behind `cargo xtask`.
//!
//! Everyone who builds Thinkling compiles this program first, so it depends on little.
#![allow(clippy::print_stdout, reason = "talking to the terminal is what this program is for")]

mod arrows;
mod burn_builds;
mod cargo;
mod dist;
mod fuzz;
mod goldens;
mod interop;
mod mpi;
mod openai_clients;
mod peers;
mod pipeline;
mod reference;
mod report;
mod setup;
mod tally;
mod vectors;
mod web;
mod web_tools;
mod wheel;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test [--no-install] [--slow] [--host-gpu]
          everything a change must pass: formatting, clippy for the host and for wasm32, the
          architecture's arrows, the documentation and all tests, in release mode, and the
          browser's tests and the page in headless Chromium, and code rewards in a binary with
          the sandbox. What is missing is installed first (the wasm32 target by rustup;
          wasm-bindgen, wasm-pack and trunk by cargo; wasm-opt and Playwright by npm; on Debian
          and Ubuntu as root Mesa's software Vulkan device, Chromium and Node.js by apt;
          elsewhere the command is printed).
            --no-install  installs and downloads nothing
            --slow        also the ignored tests, learning by several processes (MPI), the CPU kernels with NEON, AVX2 and SSE4.2 (by
                          qemu), and the tests with burn's fusion and autotune (two more builds
                          of burn)
            --host-gpu    GPU tests on this machine's own driver, not on the software device
  setup [--no-install]
          only the first step of `test`
  web [--no-install]
          only what runs in the browser: the tests of single crates (on WebGPU), the rewards' module
          with its size and speed, and the page: both packages into web/generated, the page by trunk
          into web/dist, and its tests
  bench web MODEL.gguf [--device cpu|gpu] [--runs N] [--peers DIR]
          the package's speed in headless Chromium, in turn with wllama's, which lies in DIR/web
  learn-in-page [--no-install]
          builds the module that learns into web/generated/thinkling-web-learn, and lets the nano
          base learn by it in headless Chromium, until accuracy on unseen problems has risen by 0.3;
          `test --slow` does it too
  wheel [--no-install] [--trl]
          builds the Python wheel of the rewards into TARGET/wheel and compares it with the command
            --trl         also trains three steps by TRL with it (installs torch: gigabytes)
  npm [--no-install]
          builds the package for pages into web/generated/thinkling-web and packs it beside it
  dist [--target TARGET].. [--out DIR]
          release archives: binary, recipes, completions, man pages, docs; SHA256SUMS beside them, each
          tried without Vulkan. Without --target this machine's, and on x86-64 aarch64 as well where its
          compiler is there or can be installed. Default folder: TARGET/archives
  openai-clients [--no-install]
          builds the binary and has OpenAI's own clients, of PyPI and npm, ask its server; `test` does
          it too
  fuzz [weights|tokenizer|chat-template|recipe|http-body|adapter ..] [--seconds N]
          has libFuzzer search for inputs that break what reads them, ten minutes each where nothing is
          said; what is found lies in TARGET/fuzz/found (Linux, a C++ compiler)
  mpi [--no-install]
          builds the binary with MPI and tests learning by several processes, which may be lost; `test
          --slow` does it too
  arrows  only the check of the architecture's arrows
  goldens [--python PYTHON] [NAME..]
          makes the reference numbers under tests/golden again; needs a Python with torch and
          transformers, and says how to get one
  peers DIR --binary FILE --model FILE [--runs N] [tiny|tiny_beta|sft|smollm2|smollm2_lora|decode ..]
          our benches in turn with TRL's, a PyTorch loop's and transformers', whose scripts,
          configs and Python environment (venv) lie in DIR; prints medians and all runs
  help    this text

Environment that `test` reads:
  THINKLING_SHARED  folder with reference data (default: ../shared beside the workspace); where
                    it does not exist the tests use the smaller goldens that are committed
  CARGO_TARGET_DIR  as for cargo
  REQUIRE_BROWSER   if set, browser steps that would be left out fail
  VK_ICD_FILENAMES, REQUIRE_GPU, THINKLING_SMOLLM2_GGUF, THINKLING_GRPO_CASES, ..
                    what is already set stays as it is
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            println!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> anyhow::Result<bool> {
    let (command, rest) = match args.split_first() {
        None => ("help", args),
        Some((command, rest)) => (command.as_str(), rest),
    };
    match command {
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(true)
        }
        "test" => pipeline::test(&flags(rest, &["--no-install", "--slow", "--host-gpu"])?),
        "setup" => pipeline::set_up(&flags(rest, &["--no-install"])?),
        "web" => pipeline::web(&flags(rest, &["--no-install"])?),
        "wheel" => pipeline::wheel(&flags(rest, &["--no-install", "--trl"])?),
        "npm" => pipeline::npm(&flags(rest, &["--no-install"])?),
        "dist" => dist::make(rest),
        "learn-in-page" => pipeline::learn_in_page(&flags(rest, &["--no-install"])?),
        "openai-clients" => pipeline::openai_clients(&flags(rest, &["--no-install"])?),
        "fuzz" => fuzz::fuzz(rest),
        "mpi" => pipeline::mpi(&flags(rest, &["--no-install"])?),
        "arrows" => pipeline::arrows(&flags(rest, &[])?),
        "goldens" => goldens::make(rest),
        "bench" => match rest.split_first() {
            Some((what, rest)) if what == "web" => pipeline::bench_web(rest),
            _ => anyhow::bail!("`cargo xtask bench web` is the only one; see `cargo xtask help`"),
        },
        "peers" => peers::measure(rest),
        other => anyhow::bail!("unknown command `{other}`; `cargo xtask help` lists them"),
    }
}

/// The switches given, each of them known.
fn flags<'a>(given: &'a [String], known: &[&str]) -> anyhow::Result<Vec<&'a str>> {
    for flag in given {
        if !known.contains(&flag.as_str()) {
            anyhow::bail!("unknown option `{flag}`; `cargo xtask help` lists them");
        }
    }
    Ok(given.iter().map(String::as_str).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_option_is_an_error_that_names_it() {
        let given = ["--no-instal".to_owned()];
        let message = flags(&given, &["--no-install"]).unwrap_err().to_string();
        assert!(message.contains("`--no-instal`"), "{message}");
    }
}
