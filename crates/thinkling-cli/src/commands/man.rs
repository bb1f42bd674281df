//! `thinkling man`.

use crate::args::{Cli, ManArgs};
use crate::failure::Failure;
use clap::CommandFactory;

pub(crate) fn run(args: &ManArgs) -> Result<(), Failure> {
    let out = args.out.display();
    let fail = |e: std::io::Error| Failure::running(format!("cannot write to {out}: {e}"));
    std::fs::create_dir_all(&args.out).map_err(fail)?;
    clap_mangen::generate_to(Cli::command(), &args.out).map_err(fail)?;
    println!("{out}");
    Ok(())
}
