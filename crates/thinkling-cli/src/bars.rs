//! Progress on a terminal, or as plain lines where there is none.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use thinkling_train::eval::{EvalProgress, Watch};
use thinkling_train::hub::{self, FetchPlan};
use thinkling_train::progress::{Progress, StageStarted, StepFinished};

/// Seconds between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows a run on stderr.
pub(crate) struct Bars {
    bar: Option<ProgressBar>,
    /// When the last plain line was written; `None` before the first of a stage.
    last: Option<Instant>,
    live: bool,
    /// When fetching began, and what was there already.
    began: Option<Instant>,
    first: Option<u64>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let live = std::io::stderr().is_terminal();
        Self { bar: None, last: None, live, began: None, first: None }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) if self.live => bar.println(text),
            _ => eprintln!("{text}"),
        }
    }

    fn close(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn open(&mut self, total: u64, done: u64) {
        self.open_as("{bar:12} {pos}/{len} {msg}", total, done);
    }

    fn open_as(&mut self, template: &str, total: u64, done: u64) {
        self.close();
        if self.live {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_position(done);
            self.bar = Some(bar);
        }
        self.last = None;
    }
}

/// Bytes for people, in units of 10^6 or 10^9.
pub(crate) fn megabytes(bytes: u64) -> String {
    match bytes as f64 / 1e6 {
        mb if mb >= 9_950.0 => format!("{:.1} GB", mb / 1e3),
        mb if mb >= 9.95 => format!("{mb:.0} MB"),
        mb => format!("{mb:.1} MB"),
    }
}

/// Seconds as `1:05` or `2:03:04`.
pub(crate) fn clock(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

fn describe(step: &StepFinished) -> String {
    let mut parts = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        parts.extend(value.map(|v| format!("{name} {v}")));
    };
    // First, because a narrow terminal cuts the end off.
    add("left", step.remaining_s.map(clock));
    if step.reward.is_none() {
        add("loss", step.loss.map(|x| format!("{x:.3}")));
    }
    add("reward", step.reward.map(|x| format!("{x:.2}")));
    add("accuracy", step.accuracy.map(|x| format!("{:.0}%", 100.0 * x)));
    add("format", step.format.map(|x| format!("{:.0}%", 100.0 * x)));
    add("length", step.length_tokens.map(|x| format!("{x:.0}")));
    add("gap", step.logprob_gap.map(|x| format!("{x:.3}")));
    add("KL", step.kl.map(|x| format!("{x:.4}")));
    add("tokens/s", step.tokens_per_s.map(|x| format!("{x:.0}")));
    parts.join("  ")
}

impl Bars {
    /// An evaluation is over, however it ended.
    pub(crate) fn evaluated(&mut self) {
        self.close();
    }
}

impl Watch for Bars {
    fn note(&mut self, text: &str) {
        self.line(text);
    }

    fn progress(&mut self, at: &EvalProgress) {
        if self.live && self.bar.is_none() {
            self.open(at.problems as u64, 0);
        }
        let due = self.last.is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if !self.live && !due && at.done < at.total {
            return;
        }
        let mut parts = vec![format!("problems, {}/{} answers", at.done, at.total)];
        parts.extend(at.remaining_s.map(|s| format!("left {}", clock(s))));
        parts.extend(at.pass_at_1.map(|p| format!("pass@1 {:.1}%", 100.0 * p)));
        parts.push(format!("tokens/s {:.0}", at.tokens_per_s));
        let text = parts.join("  ");
        match &self.bar {
            Some(bar) => {
                bar.set_position(at.problems_done as u64);
                bar.set_message(text);
            }
            None => {
                eprintln!("{}/{} {text}", at.problems_done, at.problems);
                self.last = Some(Instant::now());
            }
        }
    }
}

impl hub::Watch for Bars {
    fn begins(&mut self, plan: &FetchPlan<'_>) {
        let (files, size) = (plan.files, megabytes(plan.bytes));
        let s = if files == 1 { "" } else { "s" };
        eprintln!("fetching {} from {}: {files} file{s}, {size}", plan.id, plan.endpoint);
        self.open_as("{bar:12} {msg}", plan.bytes, 0);
        self.began = Some(Instant::now());
        self.last = Some(Instant::now());
    }

    fn progress(&mut self, done: u64, total: u64) {
        let due = self.last.is_some_and(|last| last.elapsed() >= LINE_EVERY);
        if !self.live && !due {
            return;
        }
        let mut text = format!("{} of {}", megabytes(done), megabytes(total));
        let first = *self.first.get_or_insert(done);
        let seconds = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        let speed = done.saturating_sub(first) as f64 / seconds.max(1e-3);
        if seconds > 1.0 && speed > 0.0 {
            let left = clock(total.saturating_sub(done) as f64 / speed);
            text += &format!("  left {left}  {}/s", megabytes(speed as u64));
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(text);
            }
            None => {
                eprintln!("{text}");
                self.last = Some(Instant::now());
            }
        }
    }

    fn note(&mut self, text: &str) {
        self.line(text);
    }

    fn ends(&mut self) {
        self.close();
        (self.began, self.first) = (None, None);
    }
}

impl Progress for Bars {
    fn stage_started(&mut self, stage: &StageStarted<'_>) {
        self.close();
        let from = match stage.done_steps {
            0 => String::new(),
            done => format!(", from step {done}"),
        };
        let steps = match stage.steps {
            0 => String::new(),
            steps => format!(", {steps} steps"),
        };
        eprintln!(
            "stage {} of {}: {} ({}{steps}{from})",
            stage.index + 1,
            stage.stages,
            stage.name,
            stage.kind
        );
        if stage.steps > 0 {
            self.open(stage.steps, stage.done_steps);
        } else {
            self.last = None;
        }
    }

    fn step_finished(&mut self, step: &StepFinished) {
        let text = describe(step);
        if let Some(bar) = &self.bar {
            bar.set_position(step.step);
            bar.set_message(text);
            return;
        }
        let due = self.last.is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if due || step.step == step.steps {
            eprintln!("step {}/{}  {text}", step.step, step.steps);
            self.last = Some(Instant::now());
        }
    }

    fn working(&mut self, what: &str, done: u64, total: u64) {
        if done == 0 {
            eprintln!("{what} {total} problems ..");
            self.open(total, 0);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(what.to_owned());
        }
        if done >= total {
            self.close();
        }
    }

    fn answering(&mut self, progress: &EvalProgress) {
        Watch::progress(self, progress);
    }

    fn note(&mut self, text: &str) {
        self.line(text);
    }

    fn stage_finished(&mut self, name: &str) {
        self.close();
        eprintln!("stage {name} is done");
    }
}
