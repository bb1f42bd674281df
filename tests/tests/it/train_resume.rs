//! Runs that are killed, interrupted or lose a checkpoint end with what they would have ended with.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::tempdir;
use thinkling_e2e::{Run, exit, thinkling};

use crate::runs::{
    Moments, Results, Running, Tiny, checkpoint, checkpoint_steps, damage, event_records,
    json_lines, resume, snapshot, start,
};

/// The results of the uninterrupted run, and how long it took.
fn whole(tiny: &Tiny, dir: &Path) -> (Results, Duration) {
    let out = dir.join("whole");
    let since = Instant::now();
    tiny.run(dir, &out);
    (Results::of(&out), since.elapsed())
}

fn assert_no_panic(run: &Run) {
    assert!(!run.stderr.contains("panicked at"), "a panic in {run:#?}");
}

fn lines(run: &Path) -> usize {
    fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count())
}

#[test]
fn runs_killed_at_random_moments_end_bit_for_bit_as_the_uninterrupted_one() {
    /// Kills of one run; the next attempt is left to finish.
    const KILLS: usize = 8;
    let dir = tempdir().expect("temporary folder");
    let tiny = Tiny::long();
    let (expected, took) = whole(&tiny, dir.path());
    let (mut killed, mut from_checkpoint) = (0, 0);
    for seed in [1, 2, 3] {
        let mut moments = Moments(seed);
        let out = dir.path().join(format!("killed-{seed}"));
        let mut ended = None;
        for kill in 0..KILLS {
            // A third at most, so that a run is killed at least three times.
            let delay = took.mul_f64(0.33 * moments.next());
            // A run that was killed before it had a recipe has not begun.
            let begun = out.join("recipe.toml").exists();
            let call = if begun { resume(&out) } else { start(&tiny.write(dir.path()), &out) };
            let run = Running::spawn(call).kill_after(delay);
            println!("seed {seed}: kill {kill} after {delay:?}, code {:?}", run.code);
            assert_no_panic(&run);
            from_checkpoint += usize::from(run.stderr.contains("going on from step"));
            match run.code {
                None => killed += 1,
                Some(code) => {
                    assert_eq!(code, exit::DONE, "{run:#?}");
                    ended = Some(run);
                    break;
                }
            }
        }
        if ended.is_none() {
            let begun = out.join("recipe.toml").exists();
            let call = if begun { resume(&out) } else { start(&tiny.write(dir.path()), &out) };
            let _ = thinkling(call).ends_with(exit::DONE);
        }
        Results::of(&out).assert_same(&expected, &format!("the run of seed {seed}"));
        let records = event_records(&out);
        assert_eq!(records, 1 + expected.metrics().len(), "events of seed {seed}");
        assert!(!snapshot(&out).keys().any(|p| p.to_string_lossy().contains(".tmp-")));
    }
    println!("{killed} kills, {from_checkpoint} attempts went on from a checkpoint");
    assert!(killed >= 6 && from_checkpoint >= 3, "the kills came too late or too early");
}

#[test]
fn a_run_killed_before_its_first_checkpoint_starts_again() {
    let dir = tempdir().expect("temporary folder");
    let tiny = Tiny { checkpoint_every: 0, ..Tiny::long() };
    let (expected, _) = whole(&tiny, dir.path());
    let out = dir.path().join("killed");
    let mut running = Running::spawn(start(&tiny.write(dir.path()), &out));
    running.wait_until("the second step", || lines(&out) >= 2);
    let run = running.kill();
    assert_eq!(run.code, None, "{run:#?}");
    assert!(checkpoint_steps(&out).is_empty(), "{run:#?}");

    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("no checkpoint yet"), "{run:#?}");
    Results::of(&out).assert_same(&expected, "the run that started again");
}

#[test]
fn a_damaged_newest_checkpoint_is_passed_over_and_named() {
    let dir = tempdir().expect("temporary folder");
    let tiny = Tiny::long();
    let (expected, _) = whole(&tiny, dir.path());
    let out = dir.path().join("killed");
    let mut running = Running::spawn(start(&tiny.write(dir.path()), &out));
    running.wait_until("two checkpoints", || checkpoint_steps(&out).len() >= 2);
    let run = running.kill();
    assert_eq!(run.code, None, "{run:#?}");
    let steps = checkpoint_steps(&out);
    let [.., older, newest] = steps[..] else { panic!("checkpoints {steps:?}") };
    damage(&out, newest);

    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    let named = checkpoint(&out, newest).join("model.safetensors");
    for words in [
        "damaged checkpoint",
        named.to_str().expect("UTF-8 path"),
        &format!("going on from step {older}"),
    ] {
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
    }
    Results::of(&out).assert_same(&expected, "the run that fell back");
}

#[test]
fn an_earlier_checkpoint_leads_to_the_same_end() {
    let tiny = || Tiny { steps: 8, ..Tiny::default() };
    goes_on_from_an_earlier_checkpoint(&tiny());
    goes_on_from_an_earlier_checkpoint(&tiny().with_engine());
}

fn goes_on_from_an_earlier_checkpoint(tiny: &Tiny) {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    tiny.run(dir.path(), &out);
    let expected = Results::of(&out);
    // At step 6 of its 8 the stage's reference is the policy of step 4.
    assert_eq!(checkpoint_steps(&out), [14, 16]);
    let read = |name: &str| fs::read(checkpoint(&out, 14).join(name)).expect("a file");
    assert!(read("reference.safetensors") != read("model.safetensors"));
    fs::remove_dir_all(checkpoint(&out, 16)).expect("removed checkpoint");
    fs::remove_dir_all(out.join("stages/reason")).expect("removed output");
    fs::remove_file(out.join("evaluation-reason-000008.json")).expect("removed evaluation");
    let run = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(run.stderr.contains("going on from step 14"), "{run:#?}");
    Results::of(&out).assert_same(&expected, "the run that went back");
}

#[test]
fn without_any_whole_checkpoint_nothing_is_touched() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    Tiny::default().run(dir.path(), &out);
    fs::remove_dir_all(out.join("stages/reason")).expect("removed output");
    checkpoint_steps(&out).into_iter().for_each(|step| damage(&out, step));
    let before = snapshot(&out);
    thinkling(resume(&out)).ends_with(exit::BAD_INPUT).complains_about(&[
        "no whole checkpoint",
        "step-000010",
        "step-000012",
        "remove",
    ]);
    assert!(snapshot(&out) == before, "the folder has changed");
}

#[test]
fn a_finished_run_keeps_its_numbers_even_where_its_last_checkpoint_is_damaged() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    Tiny::default().run(dir.path(), &out);
    damage(&out, 12);
    let before = snapshot(&out);
    let _ = thinkling(resume(&out)).ends_with(exit::DONE);
    assert!(snapshot(&out) == before, "the folder has changed");
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_says_how_to_go_on_and_loses_nothing() {
    let dir = tempdir().expect("temporary folder");
    let tiny = Tiny { checkpoint_every: 0, ..Tiny::long() };
    let (expected, _) = whole(&tiny, dir.path());
    let engine = Tiny { checkpoint_every: 0, ..Tiny::long() }.with_engine();
    let engine_dir = tempdir().expect("temporary folder");
    let (engine_expected, _) = whole(&engine, engine_dir.path());
    for (stage, tiny, dir, expected) in [
        ("base", &tiny, &dir, &expected),
        ("reason", &tiny, &dir, &expected),
        ("reason", &engine, &engine_dir, &engine_expected),
    ] {
        let out = dir.path().join(stage);
        let mut running = Running::spawn(start(&tiny.write(dir.path()), &out));
        let mark = format!("\"stage\":\"{stage}\"");
        running.wait_until("a step of the stage", || {
            fs::read_to_string(out.join("metrics.jsonl")).is_ok_and(|text| text.contains(&mark))
        });
        let run = running.interrupt().ends_with(exit::DONE);
        let go_on = format!("train --resume {}", out.display());
        assert!(run.stderr.contains(&go_on), "no `{go_on}` in {run:#?}");
        assert!(run.stdout.is_empty(), "{run:#?}");
        let last = json_lines(&out.join("metrics.jsonl")).pop().expect("a step");
        let saved = checkpoint_steps(&out).pop();
        assert_eq!(saved, last["step"].as_u64(), "the step that was saved in {run:#?}");
        assert!(saved < Some(120), "the run was not stopped: {run:#?}");

        let _ = thinkling(resume(&out)).ends_with(exit::DONE);
        Results::of(&out).assert_same(expected, &format!("the run stopped in {stage}"));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_during_an_evaluation_does_not_wait_for_its_end() {
    let dir = tempdir().expect("temporary folder");
    let tiny = Tiny { problems: 1024, ..Tiny::default() };
    let (expected, _) = whole(&tiny, dir.path());
    let out = dir.path().join("run");
    let mut running = Running::spawn(start(&tiny.write(dir.path()), &out));
    running
        .wait_until("the end of the first stage", || out.join("stages/base/config.json").exists());
    let run = running.interrupt().ends_with(exit::DONE);
    assert!(run.stderr.contains("--resume"), "{run:#?}");
    assert!(!out.join("evaluation-reason-000000.json").exists(), "{run:#?}");
    assert!(!out.join("stages/reason").exists(), "{run:#?}");
    let _ = thinkling(resume(&out)).ends_with(exit::DONE);
    Results::of(&out).assert_same(&expected, "the run stopped in an evaluation");
}

#[test]
fn a_run_that_goes_on_cannot_be_resumed_beside_itself() {
    let dir = tempdir().expect("temporary folder");
    let out = dir.path().join("run");
    let mut running = Running::spawn(start(&Tiny::long().write(dir.path()), &out));
    running.wait_until("the first step", || lines(&out) >= 1);
    thinkling(resume(&out)).ends_with(exit::FAILED).complains_about(&["in use"]);
    assert_no_panic(&running.kill());
}
