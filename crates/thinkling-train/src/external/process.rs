//! A program that stays alive and answers on its standard output.
//!
//! Two threads stand between it and the run, one for each direction: a program that does not read,
//! does not answer or answers before it has read everything never holds the run up beyond the
//! timeout.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::answers::Answers;
use super::is_path;

/// Bytes of an answer's line at most.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// Lines that wait to be read at most, so that a program that only writes fills no memory.
const WAITING_LINES: usize = 1024;
/// How long a program may take to end by itself once its input has ended.
const GRACE: Duration = Duration::from_millis(500);

/// A running program.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// None once its input is closed.
    lines: Option<Sender<Vec<u8>>>,
    answers: Receiver<Said>,
}

/// What came from the program.
enum Said {
    Line(Vec<u8>),
    TooLong,
    /// It closed its output.
    End,
}

impl Process {
    /// Starts `command` in the folder `dir`.
    pub(super) fn start(command: &[String], dir: &Path) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("no program is named")?;
        // A relative place starts from the folder; a bare name is looked for in PATH.
        let place = if is_path(program) { dir.join(program) } else { program.into() };
        let mut command = Command::new(&place);
        command.args(arguments).current_dir(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        // A group of its own: Ctrl-C lets the run finish its step, which needs the program.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child =
            command.spawn().map_err(|e| format!("cannot start `{}`: {e}", place.display()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the program has no input or output".to_owned());
        };
        let (lines, to_write) = channel();
        let (said, answers) = sync_channel(WAITING_LINES);
        thread::spawn(move || write_lines(input, &to_write));
        thread::spawn(move || read_lines(output, &said));
        Ok(Self { child, lines: Some(lines), answers })
    }

    /// The operating system's number of the program.
    #[cfg(test)]
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line, without waiting for it to be read.
    pub(super) fn send(&self, line: Vec<u8>) {
        if let Some(lines) = &self.lines {
            // Without a writer the program has ended, which its output tells.
            let _ = lines.send(line);
        }
    }

    /// Takes answers until all are there.
    pub(super) fn receive(
        &mut self,
        timeout: Duration,
        answers: &mut Answers,
    ) -> Result<(), String> {
        let start = Instant::now();
        while !answers.is_complete() {
            let left = timeout.saturating_sub(start.elapsed());
            match self.answers.recv_timeout(left) {
                Ok(Said::Line(line)) => answers.take(&line)?,
                Ok(Said::TooLong) => {
                    return Err(format!("a line of more than {MAX_LINE_BYTES} bytes"));
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!(
                        "no answer within {} s, {} (does it flush its output?)",
                        timeout.as_secs_f64(),
                        answers.progress()
                    ));
                }
                Ok(Said::End) | Err(RecvTimeoutError::Disconnected) => {
                    let ended = match self.wait(GRACE) {
                        Some(status) => format!("the program ended ({status})"),
                        None => "the program closed its output".to_owned(),
                    };
                    return Err(format!("{ended}, {}", answers.progress()));
                }
            }
        }
        Ok(())
    }

    /// Waits for the program's end, at most so long.
    fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if start.elapsed() < at_most => thread::sleep(Duration::from_millis(2)),
                _ => return None,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input; a writer that is stuck in the middle of a line keeps it open.
        self.lines = None;
        if self.wait(GRACE).is_none() {
            // Errors say that it has ended meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn write_lines(mut input: ChildStdin, lines: &Receiver<Vec<u8>>) {
    for line in lines {
        if input.write_all(&line).and_then(|()| input.flush()).is_err() {
            return;
        }
    }
}

fn read_lines(output: ChildStdout, said: &SyncSender<Said>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let read = output.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        let what = match read {
            Ok(0) | Err(_) => Said::End,
            Ok(_) if line.last() != Some(&b'\n') && line.len() as u64 == MAX_LINE_BYTES => {
                Said::TooLong
            }
            Ok(_) => Said::Line(line),
        };
        let last = !matches!(what, Said::Line(_));
        if said.send(what).is_err() || last {
            return;
        }
    }
}
