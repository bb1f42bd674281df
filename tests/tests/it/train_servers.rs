//! `rollout = { kind = "http" }`: servers sample in the trainer's place, and come and go meanwhile.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::tempdir;
use thinkling_e2e::{Run, exit, thinkling};

use crate::runs::{json_lines, resume, start};
use crate::serving::{Serving, model};

/// Completions of a step.
const COMPLETIONS: usize = 4 * 8;

fn server() -> Serving {
    Serving::new(&["--allow-updates", "--threads", "1"])
}

/// A stage of this many steps by these servers.
fn recipe(dir: &Path, steps: usize, servers: &[&str], more: &str) -> std::path::PathBuf {
    let urls: Vec<String> = servers.iter().map(|server| format!("\"http://{server}\"")).collect();
    let text = format!(
        r#"name = "served"
seed = 3
[model]
path = "{}"
[[stage]]
name = "rl"
kind = "rl"
preset = "r1-zero"
lr = 3e-4
steps = {steps}
group_size = 8
questions_per_step = 4
minibatches = 1
micro_batch = 8
kl_coef = 0.0
max_completion_tokens = 48
truncated_reward = -1.0
checkpoint_every = 2
data = {{ kind = "mini-world" }}
rollout = {{ kind = "http", urls = [{}], backoff_seconds = 0.05{more} }}
"#,
        model(),
        urls.join(", ")
    );
    let path = dir.join("served.toml");
    fs::write(&path, text).expect("written recipe");
    path
}

fn steps(out: &Path) -> Vec<Value> {
    let lines = json_lines(&out.join("metrics.jsonl"));
    lines.into_iter().filter(|line| line["stage"] == "rl").collect()
}

/// Step, text and versions of a completion.
type Row = [Value; 3];

/// What must be the same whoever sampled: numbers of each step, and completions.
fn results(out: &Path) -> (Vec<[f64; 4]>, Vec<Row>) {
    let number = |line: &Value, key: &str| line[key].as_f64().expect("a number");
    let of = |line: &Value| ["reward", "loss", "grad_norm", "entropy"].map(|key| number(line, key));
    let rows = json_lines(&out.join("completions.jsonl"));
    let row = |row: &Value| ["step", "completion", "versions"].map(|key| row[key].clone());
    (steps(out).iter().map(of).collect(), rows.iter().map(row).collect())
}

fn run(dir: &Path, steps: usize, servers: &[&str], more: &str) -> Run {
    thinkling(start(&recipe(dir, steps, servers, more), &dir.join("run")))
}

#[test]
fn servers_that_are_killed_and_stopped_change_nothing() {
    const STEPS: usize = 60;
    let alone = tempdir().expect("temporary folder");
    let steady = server();
    let _ = run(alone.path(), STEPS, &[&steady.address], "").ends_with(exit::DONE);
    drop(steady);
    let (numbers, rows) = results(&alone.path().join("run"));
    assert_eq!((numbers.len(), rows.len()), (STEPS, STEPS * COMPLETIONS));
    // Each token is of the weights before its step.
    for [step, _, versions] in &rows {
        let version = versions[0][0].as_u64().expect("a version");
        assert_eq!(Some(version + 1), step.as_u64(), "{versions}");
    }
    for line in steps(&alone.path().join("run")) {
        assert_eq!(line["rollout_lag_max"], 0, "{line}");
        assert_eq!((&line["rollout_servers"], &line["groups_asked_again"]), (&1.into(), &0.into()));
        // The engine's sums are not the trainer's, and nothing else differs.
        assert!(line["logprob_gap_max"].as_f64().expect("a gap") < 2e-2, "{line}");
    }

    let troubled = tempdir().expect("temporary folder");
    let servers = [server(), server(), server()];
    let addresses = servers.each_ref().map(|server| server.address.clone());
    let over = AtomicBool::new(false);
    let said = thread::scope(|scope| {
        let trouble = scope.spawn(|| {
            let mut servers = servers;
            for round in 0.. {
                if over.load(Ordering::Relaxed) {
                    return round;
                }
                let victim = &mut servers[round % 3];
                if round % 2 == 0 {
                    // It begins anew with the weights of its file.
                    let port = victim.port().to_owned();
                    victim.signal("-KILL");
                    thread::sleep(Duration::from_millis(150));
                    *victim = Serving::at(&port, &["--allow-updates", "--threads", "1"]);
                } else {
                    victim.signal("-STOP");
                    thread::sleep(Duration::from_millis(3500));
                    victim.signal("-CONT");
                }
                thread::sleep(Duration::from_millis(100));
            }
            0
        });
        let more = ", timeout_seconds = 3.0, retries = 2, concurrency = 2";
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let run = run(troubled.path(), STEPS, &addresses, more);
        over.store(true, Ordering::Relaxed);
        let rounds = trouble.join().expect("signals are sent");
        assert!(rounds > 1, "the run was over after {rounds} faults");
        run.ends_with(exit::DONE).stderr
    });
    let out = troubled.path().join("run");
    assert_eq!(results(&out), (numbers, rows));
    // Not every fault strikes while something runs; some do.
    let felt = |line: &Value| {
        line["groups_asked_again"].as_u64() > Some(0) || line["rollout_servers"].as_u64() < Some(3)
    };
    assert!(steps(&out).iter().any(felt), "{said}");
}

#[test]
fn a_run_without_servers_stops_and_goes_on_later() {
    let dir = tempdir().expect("temporary folder");
    let gone = server();
    let address = gone.address.clone();
    let port = gone.port().to_owned();
    drop(gone);
    run(dir.path(), 2, &[&address], ", retries = 1").ends_with(exit::FAILED).complains_about(&[
        "4 groups",
        &format!("http://{address}"),
        "--resume",
    ]);
    // Updates are off there.
    let closed = Serving::at(&port, &[]);
    thinkling(resume(&dir.path().join("run")))
        .ends_with(exit::FAILED)
        .complains_about(&["--allow-updates"]);
    drop(closed);
    let _open = Serving::at(&port, &["--allow-updates"]);
    let _ = thinkling(resume(&dir.path().join("run"))).ends_with(exit::DONE);
    assert_eq!(steps(&dir.path().join("run")).len(), 2);
}

#[test]
fn weights_may_lag_as_far_as_the_recipe_says() {
    let dir = tempdir().expect("temporary folder");
    let server = server();
    // A table of its own ends the stage's keys.
    let more = ", max_lag = 2 }\nimportance_correction = { kind = \"truncate\"";
    let _ = run(dir.path(), 6, &[&server.address], more).ends_with(exit::DONE);
    let lags: Vec<u64> = steps(&dir.path().join("run"))
        .iter()
        .map(|line| line["rollout_lag_max"].as_u64().expect("a lag"))
        .collect();
    assert_eq!(lags, [0, 1, 2, 0, 1, 2]);
}
