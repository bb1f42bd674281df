//! `thinkling score`: JSON lines in, JSON lines out, in input order.

use crate::args::{FormatRuleArg, ScoreArgs, ScoreKindArg, ScoreTemplateArg};
use crate::failure::Failure;
use crate::sandbox::Runner;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use thinkling_reward::Template;
use thinkling_reward::format::FormatRule;
use thinkling_reward::math::Policy;
use thinkling_reward::score::{ScoreKind, ScoreOptions, ScoreTemplate, ScoredLine, score_line};

/// Bytes of the input's buffer: the lines in it are scored together.
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes of lines that are held at once, so that memory does not grow with the input.
const BATCH_BYTES: usize = 8 << 20;
/// Longer lines are answered as errors and not held.
const MAX_LINE_BYTES: u64 = 64 << 20;

pub(crate) fn run(args: &ScoreArgs) -> Result<(), Failure> {
    let kind = args.kind.kind();
    let runner = match args.kind {
        ScoreKindArg::Code => Runner::open()?,
        _ => Runner::default(),
    };
    let options = options(args, &runner)?;
    let input = open_input(args.input.as_deref())?;
    let output = open_output(args)?;
    let threads = args.threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Failure::running(format!("cannot start threads: {e}")))?;
    let progress = progress(args.output.is_some());
    let ended = pool.install(|| score_all(kind, &options, input, output, &progress));
    progress.finish_and_clear();
    match ended {
        // Whoever reads the results has seen enough.
        Err(Ended::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Ended::Output(e)) => Err(Failure::running(format!("cannot write the results: {e}"))),
        Err(Ended::Input(e)) => Err(Failure::running(format!("cannot read the lines: {e}"))),
        Ok(()) => Ok(()),
    }
}

fn options<'a>(args: &ScoreArgs, runner: &'a Runner) -> Result<ScoreOptions<'a>, Failure> {
    Ok(ScoreOptions {
        template: ScoreTemplate(match args.template {
            ScoreTemplateArg::None => Template::None,
            ScoreTemplateArg::R1Zero => Template::R1Zero,
            ScoreTemplateArg::Boxed => Template::Boxed,
        }),
        policy: policy(&args.policy)?,
        format: match args.rule {
            FormatRuleArg::Strict => FormatRule::Strict,
            FormatRuleArg::TagCount => FormatRule::TagCount,
            FormatRuleArg::ThinkOnly => FormatRule::ThinkOnly,
        },
        runner: match args.kind {
            ScoreKindArg::Code => Some(runner.required()?),
            _ => None,
        },
        ..ScoreOptions::default()
    })
}

/// The default policy with the `KEY=VALUE` of `--policy`.
fn policy(sets: &[String]) -> Result<Policy, Failure> {
    let fail = |e: serde_json::Error| Failure::running(format!("the policy has no JSON form: {e}"));
    let mut policy = Policy::default();
    for set in sets {
        let (key, value) = set
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--policy {set}: expected: KEY=VALUE")))?;
        let mut fields = serde_json::to_value(&policy).map_err(fail)?;
        let Value::Object(map) = &mut fields else { continue };
        if !map.contains_key(key) {
            let known: Vec<&str> = map.keys().map(String::as_str).collect();
            return Err(Failure::usage(format!(
                "--policy {set}: unknown key, expected one of: {}",
                known.join(", ")
            )));
        }
        let parsed = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        map.insert(key.to_owned(), parsed);
        policy = serde_json::from_value(fields)
            .map_err(|e| Failure::usage(format!("--policy {set}: {e}")))?;
    }
    Ok(policy)
}

/// Input with its own buffer, which tells whether the next line is there already.
type Input = BufReader<Box<dyn Read + Send>>;

fn open_input(path: Option<&Path>) -> Result<Input, Failure> {
    let source: Box<dyn Read + Send> = match path {
        None => {
            if io::stdin().is_terminal() {
                eprintln!("reading JSON lines from the terminal; end with Ctrl-D");
            }
            Box::new(io::stdin())
        }
        Some(path) => {
            let fail = |e| Failure::usage(format!("cannot read {}: {e}", path.display()));
            let file = File::open(path).map_err(fail)?;
            if file.metadata().map_err(fail)?.is_dir() {
                let got = path.display();
                return Err(Failure::usage(format!(
                    "--in, expected: a file, got: the folder {got}"
                )));
            }
            Box::new(file)
        }
    };
    Ok(BufReader::with_capacity(BUFFER_BYTES, source))
}

fn open_output(args: &ScoreArgs) -> Result<Box<dyn Write + Send>, Failure> {
    let Some(path) = args.output.as_deref() else {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    };
    let same = |input: &Path| matches!((input.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if args.input.as_deref().is_some_and(same) {
        return Err(Failure::usage("--out is the file that --in reads; choose another one"));
    }
    let file = File::create(path)
        .map_err(|e| Failure::usage(format!("cannot write {}: {e}", path.display())))?;
    Ok(Box::new(BufWriter::with_capacity(1 << 16, file)))
}

/// A line counter where nobody's results share the terminal with it.
fn progress(out_file: bool) -> ProgressBar {
    if !io::stderr().is_terminal() || (!out_file && io::stdout().is_terminal()) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} lines, {per_sec}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

enum Ended {
    Input(io::Error),
    Output(io::Error),
}

fn score_all(
    kind: ScoreKind,
    options: &ScoreOptions<'_>,
    mut input: Input,
    mut output: Box<dyn Write + Send>,
    progress: &ProgressBar,
) -> Result<(), Ended> {
    loop {
        let lines = read_lines(&mut input).map_err(Ended::Input)?;
        if lines.is_empty() {
            return Ok(());
        }
        let answers: Vec<Vec<u8>> =
            lines.par_iter().map(|line| answer(kind, line, options)).collect();
        for answer in &answers {
            output.write_all(answer).map_err(Ended::Output)?;
        }
        // Whoever writes a line and waits gets its answer.
        output.flush().map_err(Ended::Output)?;
        progress.inc(answers.len() as u64);
    }
}

/// The answer to a line, with its line break.
fn answer(kind: ScoreKind, line: &Line, options: &ScoreOptions<'_>) -> Vec<u8> {
    let clock = Instant::now();
    let mut scored = match line {
        Line::Whole(bytes) => score_line(kind, bytes, options),
        Line::TooLong => ScoredLine::error(format!("longer than {} MiB", MAX_LINE_BYTES >> 20)),
    };
    scored.us = Some(clock.elapsed().as_secs_f64() * 1e6);
    let mut out = serde_json::to_vec(&scored).unwrap_or_default();
    out.push(b'\n');
    out
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// The next lines: one at least, unless the input is at its end, and as many more as are there
/// without waiting.
fn read_lines(input: &mut Input) -> io::Result<Vec<Line>> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while bytes < BATCH_BYTES {
        let mut line = Vec::new();
        let taken = input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        if taken == 0 {
            break;
        }
        bytes += taken;
        if taken as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            skip_line(input)?;
            lines.push(Line::TooLong);
        } else {
            lines.push(Line::Whole(line));
        }
        if !input.buffer().contains(&b'\n') {
            break;
        }
    }
    Ok(lines)
}

/// Drops what is left of a line.
fn skip_line(input: &mut Input) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (found, length) = match buffer.iter().position(|&b| b == b'\n') {
            Some(at) => (true, at + 1),
            None => (buffer.is_empty(), buffer.len()),
        };
        input.consume(length);
        if found {
            return Ok(());
        }
    }
}
