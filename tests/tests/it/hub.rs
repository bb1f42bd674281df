//! Models by their ids on the hub, against a server that behaves like it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};
use thinkling_e2e::{Run, binary, exit, finish, workspace_file};

use crate::fake_hub::{COMMIT, FakeHub, Faults, TOKEN};

/// What a test gives up after.
const PATIENCE: Duration = Duration::from_secs(60);
const GENERATE: [&str; 8] =
    ["--prompt", "3 + 4 =", "--greedy", "--max-tokens", "4", "--device", "cpu", "--json"];

/// The hub with the mini world's base, and an empty home of the tools.
fn hub() -> (FakeHub, TempDir) {
    (FakeHub::of(&base()), tempdir().expect("temporary folder"))
}

fn base() -> PathBuf {
    workspace_file("recipes/mini-world-base")
}

fn size_of(name: &str) -> u64 {
    fs::metadata(base().join(name)).expect("committed").len()
}

/// A call with nothing of the environment that these tests run in.
fn command(hub: &FakeHub, home: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for name in [
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HUGGING_FACE_HUB_TOKEN",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
        "https_proxy",
    ] {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", &hub.endpoint).env("HF_HOME", home.path());
    command.args(args).stdin(Stdio::null());
    command
}

fn generate(model: &str) -> Vec<&str> {
    ["generate", "--model", model].into_iter().chain(GENERATE).collect()
}

fn call(hub: &FakeHub, home: &TempDir, args: &[&str]) -> Run {
    finish(&mut command(hub, home, args))
}

fn model_folder(home: &TempDir) -> PathBuf {
    home.path().join("hub/models--tests--base")
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_model_by_its_id_lies_where_the_other_tools_have_it() {
    let (hub, home) = hub();
    let run = call(&hub, &home, &generate("tests/base")).ends_with(exit::DONE);
    assert!(run.stderr.contains("fetching tests/base from http://127.0.0.1"), "{run:#?}");
    assert!(run.stderr.contains("4 files, 2.3 MB"), "{run:#?}");
    let (hub_base, local) = (run.json(), base());
    let local = call(&hub, &home, &generate(&text(&local))).ends_with(exit::DONE).json();
    assert_eq!(hub_base, local);

    let model = model_folder(&home);
    assert_eq!(fs::read_to_string(model.join("refs/main")).expect("a branch"), COMMIT);
    let snapshot = model.join("snapshots").join(COMMIT);
    let mut names: Vec<_> = fs::read_dir(&snapshot)
        .expect("a snapshot")
        .map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort_unstable();
    let wanted = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json"];
    assert_eq!(names, wanted, "what no run reads is not fetched");
    for name in wanted {
        let bytes = fs::read(snapshot.join(name)).expect("a file");
        assert_eq!(bytes, fs::read(base().join(name)).expect("committed"), "{name}");
        #[cfg(unix)]
        {
            let to = text(&fs::read_link(snapshot.join(name)).expect("a link"));
            assert!(to.starts_with("../../blobs/"), "{to}");
        }
    }

    hub.set(Faults::default());
    let again = call(&hub, &home, &generate("tests/base")).ends_with(exit::DONE);
    assert_eq!(again.json(), local);
    let asked = hub.asked();
    assert_eq!(asked.len(), 1, "only whether there is a newer commit: {asked:#?}");
    hub.set(Faults::default());
    let fixed = format!("tests/base@{COMMIT}");
    let fixed = call(&hub, &home, &generate(&fixed)).ends_with(exit::DONE);
    assert_eq!(fixed.json(), local);
    assert!(hub.asked().is_empty(), "a commit never changes");
}

#[test]
fn what_is_in_the_cache_will_do_without_the_hub() {
    let (hub, home) = hub();
    let at_first = call(&hub, &home, &generate("tests/base")).ends_with(exit::DONE).json();
    let offline = |endpoint: &str, offline: &str, model: &str| {
        let mut command = command(&hub, &home, &generate(model));
        finish(command.env("HF_ENDPOINT", endpoint).env("HF_HUB_OFFLINE", offline))
    };
    // Nobody listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let gone = format!("http://{}", gone.expect("a port"));
    let run = offline(&gone, "", "tests/base").ends_with(exit::DONE);
    assert_eq!(run.json(), at_first);
    assert!(run.stderr.contains("cannot be reached"), "{run:#?}");
    hub.set(Faults::default());
    let run = offline(&hub.endpoint, "1", "tests/base").ends_with(exit::DONE);
    assert_eq!(run.json(), at_first);
    assert!(run.stderr.contains("HF_HUB_OFFLINE is set"), "{run:#?}");

    offline(&gone, "", "tests/other").ends_with(exit::FAILED).complains_about(&[
        "tests/other",
        "no such file or folder here",
        "cannot be reached",
        &gone,
    ]);
    offline(&hub.endpoint, "1", "tests/other").ends_with(exit::WRONG_CALL).complains_about(&[
        "tests/other",
        "not in the cache",
        "HF_HUB_OFFLINE",
    ]);
    assert!(hub.asked().is_empty(), "nobody was asked");
    fs::remove_file(model_folder(&home).join("snapshots").join(COMMIT).join("model.safetensors"))
        .expect("removed");
    offline(&hub.endpoint, "1", "tests/base")
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["no model.safetensors"]);
}

#[test]
fn a_broken_download_goes_on_where_it_was() {
    let (hub, home) = hub();
    hub.set(Faults { cut: (2, 700_001), ..Faults::default() });
    let run = call(&hub, &home, &generate("tests/base")).ends_with(exit::DONE);
    assert!(run.stderr.contains("model.safetensors broke off at 700001 bytes"), "{run:#?}");
    let asked = hub.asked();
    let store = asked.iter().filter(|asked| asked.store);
    let ranges: Vec<_> = store.map(|asked| asked.range.as_deref()).collect();
    assert_eq!(ranges, [None, Some("bytes=700001-"), Some("bytes=1400002-")]);

    // A store that knows no ranges begins anew.
    let (hub, home) = self::hub();
    hub.set(Faults { cut: (1, 700_001), no_ranges: true, ..Faults::default() });
    let _ = call(&hub, &home, &generate("tests/base")).ends_with(exit::DONE);
}

#[test]
fn a_killed_download_goes_on_with_the_next_call() {
    let (hub, home) = hub();
    hub.set(Faults { cut: (1, 1_000_000), stall: true, ..Faults::default() });
    let mut call = command(&hub, &home, &generate("tests/base"));
    let mut child = call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let blobs = model_folder(&home).join("blobs");
    let since = Instant::now();
    let has_come = || {
        let files = fs::read_dir(&blobs).into_iter().flatten().flatten();
        let mut parts = files.filter(|f| f.path().extension().is_some_and(|e| e == "incomplete"));
        parts.any(|f| f.metadata().is_ok_and(|data| data.len() == 1_000_000))
    };
    while !has_come() {
        assert!(since.elapsed() < PATIENCE, "nothing comes");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    hub.set(Faults::default());
    let run = finish(&mut command(&hub, &home, &generate("tests/base"))).ends_with(exit::DONE);
    assert!(run.stderr.contains("going on at 1000000 of"), "{run:#?}");
    let asked = hub.asked();
    let ranges: Vec<_> = asked.iter().filter(|a| a.store).map(|a| a.range.as_deref()).collect();
    assert_eq!(ranges, [Some("bytes=1000000-")]);
}

#[test]
fn what_comes_damaged_is_not_kept() {
    let (hub, home) = hub();
    hub.set(Faults { damaged: true, ..Faults::default() });
    call(&hub, &home, &generate("tests/base")).ends_with(exit::FAILED).complains_about(&[
        "model.safetensors",
        "damaged",
        "SHA-256",
    ]);
    hub.set(Faults::default());
    let _ = call(&hub, &home, &generate("tests/base")).ends_with(exit::DONE);
}

#[test]
fn a_hub_that_asks_to_wait_is_asked_again_and_not_for_ever() {
    let (hub, home) = hub();
    hub.set(Faults { busy: 3, ..Faults::default() });
    let run = call(&hub, &home, &generate("tests/base")).ends_with(exit::DONE);
    assert!(run.stderr.contains("429") && run.stderr.contains("trying again in"), "{run:#?}");
    hub.set(Faults { busy: 1_000, ..Faults::default() });
    let home = tempdir().expect("temporary folder");
    let words = ["429", "slow down", "tried 6 times", "HF_TOKEN"];
    call(&hub, &home, &generate("tests/base")).ends_with(exit::FAILED).complains_about(&words);
}

#[test]
fn what_the_hub_refuses_is_told_with_what_to_do() {
    let (hub, home) = hub();
    for (model, code, words) in [
        ("tests/bsae", exit::WRONG_CALL, &["tests/bsae", "check the spelling", "HF_TOKEN"][..]),
        ("tests/base@v9", exit::WRONG_CALL, &["revision `v9`"]),
        ("tests/gated", exit::WRONG_CALL, &["gated", "accept its terms", "HF_TOKEN"]),
        ("tests/ggufs", exit::WRONG_CALL, &["2 GGUF files", "tests/ggufs/small.Q4_0.gguf"]),
        ("tests/ggufs/x.gguf", exit::WRONG_CALL, &["has no x.gguf", "small.Q8_0.gguf"]),
        ("tests/pickled", exit::BAD_INPUT, &["pytorch_model.bin", "safetensors"]),
    ] {
        call(&hub, &home, &generate(model)).ends_with(code).complains_about(words);
    }
    let with_token = |token: &str, model: &str| {
        finish(command(&hub, &home, &generate(model)).env("HF_TOKEN", token))
    };
    with_token("hf_wrong", "tests/base")
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["does not take the token", "401"]);
    with_token(TOKEN, "tests/bsae")
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["tests/bsae", "the owner of the token"]);
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let (hub, home) = hub();
    fs::write(home.path().join("token"), format!("{TOKEN}\n")).expect("written");
    let run = call(&hub, &home, &generate("tests/gated")).ends_with(exit::DONE);
    assert!(!run.stderr.contains(TOKEN), "{run:#?}");
    let asked = hub.asked();
    assert!(asked.iter().any(|asked| asked.store), "{asked:#?}");
    for asked in asked {
        let token = format!("Bearer {TOKEN}");
        let sent = (!asked.store).then_some(token);
        assert_eq!(asked.authorization, sent, "{}", asked.line);
    }
}

const RECIPE: &str = r#"
    name = "hub"
    model.path = "tests/base@v1"
    [[stage]]
    name = "rl"
    kind = "rl"
    data = { kind = "mini-world" }
    steps = 1
    questions_per_step = 2
    group_size = 2
    max_completion_tokens = 8
"#;

#[test]
fn a_dry_run_fetches_the_shape_and_tells_what_a_run_fetches() {
    let (hub, home) = hub();
    let recipe = home.path().join("r.toml");
    fs::write(&recipe, RECIPE).expect("written");
    let recipe = text(&recipe);
    let call = |endpoint: &str| {
        let args = ["train", &recipe, "--dry-run", "--no-measure", "--device", "cpu"];
        finish(command(&hub, &home, &args).env("HF_ENDPOINT", endpoint))
    };
    // Without the hub the recipe is sound, and that is all that is known.
    let run = call("http://127.0.0.1:1").ends_with(exit::DONE);
    assert!(run.stderr.contains("what it needs is unknown"), "{run:#?}");
    let run = call(&hub.endpoint).ends_with(exit::DONE);
    assert!(run.stderr.contains("tests/base@v1: the weights, 2.3 MB, are not here"), "{run:#?}");
    assert!(run.stderr.contains("stage `rl`: memory"), "{run:#?}");
    let asked = hub.asked();
    assert!(!asked.iter().any(|asked| asked.line.contains("safetensors")), "{asked:#?}");
}

#[test]
fn a_run_keeps_the_commit_that_it_began_with() {
    let (hub, home) = hub();
    let [recipe, out] = ["r.toml", "run"].map(|name| home.path().join(name));
    fs::write(&recipe, RECIPE).expect("written");
    let args = ["train", &text(&recipe), "--out", &text(&out), "--device", "cpu"];
    let _ = call(&hub, &home, &args).ends_with(exit::DONE);
    let resolved = fs::read_to_string(out.join("recipe.toml")).expect("a recipe");
    let snapshot = text(&model_folder(&home).join("snapshots").join(COMMIT));
    assert!(resolved.contains(&snapshot), "{resolved}");
    assert_eq!(fs::read_to_string(model_folder(&home).join("refs/v1")).expect("a tag"), COMMIT);
    assert!(size_of("model.safetensors") > 2_000_000, "large enough to be cut");
}
