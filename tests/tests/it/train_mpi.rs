//! Several processes that `mpirun` starts learn together. All but one test need a binary with the feature
//! `mpi`, and a launcher; they are ignored by default, and `cargo xtask mpi` runs them.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::tempdir;
use thinkling_e2e::{Run, binary, exit, finish};

use crate::runs::{
    Results, Running, Tiny, checkpoint_steps, json_lines, number, read_json, resume, start_on,
    steps_of,
};

/// `mpirun` of so many processes of the binary. The environment is for Open MPI, which refuses root
/// and more processes than cores; other launchers do not read it.
fn mpirun(processes: usize) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["-n", &processes.to_string()]).arg(binary()).stdin(Stdio::null()).envs([
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_mpi_yield_when_idle", "1"),
        // One core for a process otherwise, whatever its threads.
        ("OMPI_MCA_hwloc_base_binding_policy", "none"),
    ]);
    command
}

fn run(processes: usize, args: &[String]) -> Run {
    finish(mpirun(processes).args(args))
}

fn start(recipe: &Path, out: &Path) -> Vec<String> {
    start_on(&["--device", "cpu", "--threads", "1"], recipe, out)
}

#[test]
fn a_binary_without_mpi_refuses_to_be_started_several_times() {
    let recipe = "recipes/quickstart.toml";
    let mut command = Command::new(binary());
    let run = finish(command.args(["train", recipe]).env("OMPI_COMM_WORLD_SIZE", "2"));
    run.ends_with(exit::WRONG_CALL).complains_about(&["2 processes", "--features mpi"]);
}

#[test]
#[ignore = "needs a binary with MPI: `cargo xtask mpi`"]
fn with_mpi_three_processes_learn_what_one_does() {
    let dir = tempdir().expect("temporary folder");
    let tiny = Tiny::default();
    let recipe = tiny.write(dir.path());
    let outs = ["alone", "three", "again"].map(|name| dir.path().join(name));
    for (processes, out) in [1, 3, 3].into_iter().zip(&outs) {
        let told = run(processes, &start(&recipe, out)).ends_with(exit::DONE);
        let says = told.stderr.contains("gradients are computed by 3 processes");
        assert_eq!(says, processes == 3, "{told:#?}");
        // The others draw no bars.
        assert_eq!(told.stderr.matches("run folder:").count(), 1, "{told:#?}");
    }
    let [alone, three, again] = outs.each_ref().map(|out| Results::of(out));
    again.assert_same(&three, "a second run of three processes");
    let device = |out: &Path| read_json(&out.join("run.json"))["device"].to_string();
    assert!(device(&outs[1]).contains("3 processes") && !device(&outs[0]).contains("processes"));
    for stage in ["base", "reason"] {
        let [one, many] = [0, 1].map(|i| steps_of(&outs[i], stage));
        assert!(!one.is_empty() && one.len() == many.len(), "{stage}");
        for (a, b) in one.iter().zip(&many) {
            for key in ["/loss", "/grad_norm"] {
                let (a, b) = (number(a, key), number(b, key));
                assert!((a - b).abs() <= 1e-4 * a.abs() + 1e-6, "{stage} {key}: {a} {b}");
            }
        }
    }
    let told = |out: &Path| -> Vec<_> {
        let rows = json_lines(&out.join("completions.jsonl"));
        rows.iter()
            .map(|row| ["step", "completion", "reward"].map(|key| row[key].clone()))
            .collect()
    };
    assert_eq!(told(&outs[0]), told(&outs[1]));
    assert_eq!(alone.metrics().len(), three.metrics().len());
}

/// Ids of the processes that `mpirun` has started.
fn children(launcher: u32) -> Vec<String> {
    let out = Command::new("pgrep").args(["-P", &launcher.to_string()]).output();
    let out = out.expect("pgrep starts").stdout;
    String::from_utf8(out).expect("numbers").lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs a binary with MPI: `cargo xtask mpi`"]
fn with_mpi_a_lost_process_ends_all_and_the_run_goes_on_as_if_it_had_not() {
    let dir = tempdir().expect("temporary folder");
    let recipe = Tiny::long().write(dir.path());
    let (whole, out) = (dir.path().join("whole"), dir.path().join("killed"));
    let _ = run(3, &start(&recipe, &whole)).ends_with(exit::DONE);
    let mut call = start(&recipe, &out);
    for (lost, step) in [(2, 12), (1, 30), (0, 70)] {
        let mut running = Running::of(mpirun(3).args(call));
        running.wait_until("a checkpoint", || {
            checkpoint_steps(&out).last().is_some_and(|last| *last >= step)
        });
        let processes = children(running.id());
        assert_eq!(processes.len(), 3, "{processes:?}");
        let killed = Command::new("kill").args(["-KILL", &processes[lost]]).status();
        assert!(killed.expect("kill starts").success());
        let ended = running.end();
        assert_ne!(ended.code, Some(0), "{ended:#?}");
        let left = |id: &&String| fs::exists(format!("/proc/{id}/exe")).unwrap_or(false);
        assert_eq!(processes.iter().filter(left).count(), 0, "processes that go on alone");
        call = resume(&out);
    }
    let _ = run(3, &call).ends_with(exit::DONE);
    Results::of(&out).assert_same(&Results::of(&whole), "the run that lost processes");
}

#[test]
#[ignore = "needs a binary with MPI: `cargo xtask mpi`"]
fn with_mpi_what_ends_the_leader_ends_all_with_its_code() {
    let dir = tempdir().expect("temporary folder");
    let missing = dir.path().join("nothing.toml");
    let told = run(2, &start(&missing, &dir.path().join("run")));
    told.ends_with(exit::WRONG_CALL).complains_about(&["nothing.toml"]);
    // What trains nothing ends as well.
    let mut plan = start(&Tiny::default().write(dir.path()), &dir.path().join("plan"));
    plan.extend(["--dry-run".to_owned(), "--no-measure".to_owned()]);
    let _ = run(2, &plan).ends_with(exit::DONE);
}
