//! `thinkling report`.

use crate::args::ReportArgs;
use crate::commands::stop_on_ctrl_c;
use crate::failure::Failure;
use thinkling_train::report;

pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let out = args.out.as_deref();
    if !args.watch {
        println!("{}", report::write(&args.runs, out)?.display());
        return Ok(());
    }
    let interrupt = stop_on_ctrl_c("stopping; the report stays as it is")?;
    let mut told = false;
    report::watch(&args.runs, out, &interrupt, |path| {
        if !told {
            println!("{}", path.display());
            eprintln!("written again as the run goes on, until it ends or Ctrl-C");
        }
        told = true;
    })?;
    Ok(())
}
