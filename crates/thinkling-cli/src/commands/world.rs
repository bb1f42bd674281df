//! `thinkling world`.

use crate::args::WorldArgs;
use crate::failure::Failure;
use std::io::Write;
use thinkling_train::atomic::write_bytes;
use thinkling_train::recipe::{GrownQuestions, QuestionSet};

pub(crate) fn run(args: &WorldArgs) -> Result<(), Failure> {
    let mix = GrownQuestions::of(QuestionSet::Reasoning).mix;
    let records = args.set.0.records(args.held_out, args.count as usize, args.seed, &mix)?;
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    match &args.out {
        Some(path) => {
            write_bytes(path, lines.as_bytes())?;
            println!("{}", path.display());
        }
        None => std::io::stdout()
            .write_all(lines.as_bytes())
            .map_err(|e| Failure::running(format!("standard output cannot be written: {e}")))?,
    }
    if records.len() < args.count as usize {
        eprintln!("note: there are no more than {} of these", records.len());
    }
    Ok(())
}
