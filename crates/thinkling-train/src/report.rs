//! Reports: one HTML file with the plots, tables and samples of a run folder, without scripts and
//! without anything from elsewhere.
//!
//! SVG is written here, not by a plotting library: plotters' SVG has its colours fixed, so a page
//! could not follow a reader's light or dark ground, and charming draws by JavaScript.

mod charts;
mod data;
mod element;
mod judged;
mod models;
mod numbers;
mod overview;
mod page;
mod plot;
mod samples;
mod seeds;
mod series;
mod specs;
mod tables;
#[cfg(test)]
mod tests;

use crate::atomic;
use crate::error::{Result, TrainError};
use crate::interrupt::Interrupt;
use crate::metrics::METRICS_FILE;
use data::{Run, State};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Name of a run's report in its folder.
pub const REPORT_FILE: &str = "report.html";
/// Time between two looks at a run that goes on.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Time between two reports of a run that goes on, at least.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// Writes the report of a run, or of several that are seeds of one recipe, to `out` or to
/// [`REPORT_FILE`] in the run's folder (for several: `NAME-seeds.html` beside the first one's).
/// Returns where it is.
///
/// # Errors
/// A path that is no run folder, a run without any numbers, runs whose recipes differ, damaged
/// files, and those of writing.
pub fn write(runs: &[PathBuf], out: Option<&Path>) -> Result<PathBuf> {
    let (runs, out) = load(runs, out)?;
    match runs.iter().find(|run| run.is_empty()) {
        Some(run) => Err(TrainError::NothingToReport { path: run.path.clone() }),
        None => write_page(&runs, out),
    }
}

/// As [`write()`], and again whenever the runs have new numbers, until all of them have ended or
/// `interrupt` is raised. A run without any numbers is waited for while it goes on. `written` is
/// told of each report. Returns where it is; `None` where an interrupt came before the first one.
///
/// # Errors
/// As [`write()`].
pub fn watch(
    paths: &[PathBuf],
    out: Option<&Path>,
    interrupt: &Interrupt,
    mut written: impl FnMut(&Path),
) -> Result<Option<PathBuf>> {
    let (mut seen, mut last) = (None, None);
    while !interrupt.is_requested() {
        let stamp = stamp(paths);
        if seen.as_ref() == Some(&stamp) {
            std::thread::sleep(LOOK_EVERY);
            continue;
        }
        let (runs, file) = load(paths, out)?;
        let running = runs.iter().any(|run| run.state == State::Running);
        match runs.iter().find(|run| run.is_empty()) {
            Some(run) if !running => {
                return Err(TrainError::NothingToReport { path: run.path.clone() });
            }
            Some(_) => {}
            None => {
                let path = write_page(&runs, file)?;
                written(&path);
                last = Some(path);
            }
        }
        if !running {
            break;
        }
        // The own report changes the folder, never its stamp.
        seen = Some(stamp);
        pause(WRITE_EVERY, interrupt);
    }
    Ok(last)
}

/// Waits, but not for longer than until an interrupt.
fn pause(time: Duration, interrupt: &Interrupt) {
    let mut left = time;
    while !left.is_zero() && !interrupt.is_requested() {
        let part = left.min(LOOK_EVERY);
        std::thread::sleep(part);
        left -= part;
    }
}

fn load(paths: &[PathBuf], out: Option<&Path>) -> Result<(Vec<Run>, PathBuf)> {
    let runs: Vec<Run> = paths.iter().map(|path| Run::load(path)).collect::<Result<_>>()?;
    seeds::check_same_recipe(&runs)?;
    let out = out.map_or_else(|| default_path(&runs), Path::to_path_buf);
    Ok((runs, out))
}

fn default_path(runs: &[Run]) -> PathBuf {
    match runs {
        [first, _, ..] => {
            let beside = std::path::absolute(&first.path).unwrap_or_else(|_| first.path.clone());
            beside.with_file_name(format!("{}-seeds.html", first.info.name))
        }
        runs => runs.first().map_or_else(PathBuf::new, |run| run.path.join(REPORT_FILE)),
    }
}

fn write_page(runs: &[Run], path: PathBuf) -> Result<PathBuf> {
    atomic::write_bytes(&path, page::page(runs).as_bytes())?;
    Ok(path)
}

/// What changes where runs have something new: their metrics, their evaluations, and whether a
/// process writes into them.
type Stamp = Vec<(Option<(u64, Option<SystemTime>)>, usize, bool)>;

fn stamp(paths: &[PathBuf]) -> Stamp {
    let of = |path: &PathBuf| {
        let metrics = std::fs::metadata(path.join(METRICS_FILE)).ok();
        let names = std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.file_name());
        let json = names.filter(|name| {
            let name = name.to_string_lossy();
            name.ends_with(".json") && !name.starts_with(atomic::TEMPORARY_PREFIX)
        });
        let metrics = metrics.map(|m| (m.len(), m.modified().ok()));
        (metrics, json.count(), crate::run_dir::RunDir::is_written(path))
    };
    paths.iter().map(of).collect()
}
