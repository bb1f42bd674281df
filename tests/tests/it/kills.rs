//! Runs that are killed on purpose, and go on.

use std::fs;
use std::path::Path;
use std::time::Duration;

use thinkling_e2e::{Run, exit, thinkling};

use crate::runs::{Moments, Running, checkpoint_steps, resume, start};

/// Kills a run once in each of these stages, as soon as it has made so many steps of the stage and has
/// some checkpoint, and goes on to the end.
pub(crate) fn killed_in_each_stage(recipe: &Path, out: &Path, stages: &[(&str, usize)]) -> Run {
    let mut call = start(recipe, out);
    for (stage, after) in stages {
        let mut running = Running::spawn(call);
        running.wait_until("some steps of the stage and a checkpoint", || {
            let begun = fs::read_to_string(out.join("metrics.jsonl")).unwrap_or_default();
            let mark = format!("\"stage\":\"{stage}\"");
            begun.matches(&mark).count() >= *after && !checkpoint_steps(out).is_empty()
        });
        let run = running.kill();
        assert_eq!(run.code, None, "{run:#?}");
        call = resume(out);
    }
    thinkling(call).ends_with(exit::DONE)
}

/// How a stage that asks for answers is killed and goes on.
pub(crate) struct Asking<'a> {
    pub(crate) recipe: &'a Path,
    /// Answers that a run folder has.
    pub(crate) answers: &'a dyn Fn(&Path) -> usize,
    /// What a run says that found so many.
    pub(crate) told: &'a dyn Fn(usize) -> String,
    /// Time of the whole run, and the part of it after which it is killed, for a number below 1.
    pub(crate) took: Duration,
    pub(crate) share: &'a dyn Fn(f64) -> f64,
}

impl Asking<'_> {
    /// Kills five times, first once there are more than `least` answers, then at moments by `seed`;
    /// goes on to the end. Gives that run, how many were killed, and how many found answers there.
    pub(crate) fn killed_five_times(
        &self,
        out: &Path,
        seed: u64,
        least: usize,
    ) -> (Run, [usize; 2]) {
        let (mut moments, mut killed, mut went_on) = (Moments(seed), 0, 0);
        let answers = || (self.answers)(out);
        for kill in 0..5 {
            let begun = out.join("recipe.toml").exists();
            let call = if begun { resume(out) } else { start(self.recipe, out) };
            let there = answers();
            let mut running = Running::spawn(call);
            let run = match kill {
                // Once surely among the answers.
                0 => {
                    running.wait_until("some answers", || answers() > least);
                    running.kill()
                }
                _ => running.kill_after(self.took.mul_f64((self.share)(moments.next()))),
            };
            assert!(!run.stderr.contains("panicked at"), "a panic in {run:#?}");
            assert!(answers() >= there, "answers were lost: {run:#?}");
            went_on += usize::from(there > 0 && run.stderr.contains(&(self.told)(there)));
            killed += usize::from(run.code.is_none());
        }
        (thinkling(resume(out)).ends_with(exit::DONE), [killed, went_on])
    }
}

/// Says how often a stage was killed and went on; both have to be twice at least.
pub(crate) fn assert_killed_enough([killed, went_on]: [usize; 2]) {
    println!("{killed} kills, {went_on} attempts went on");
    assert!(killed >= 2 && went_on >= 2, "the kills came too late or too early");
}
