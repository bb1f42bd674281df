//! The arguments of `thinkling report`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thinkling report runs/quickstart-1
  thinkling report runs/quickstart-1 --watch
  thinkling report runs/quickstart-1 runs/quickstart-2 runs/quickstart-3 --out seeds.html
The file needs no network and no scripts. docs/report.md says what it shows.")]
pub(crate) struct ReportArgs {
    /// Folder of a run, finished or not; several where their recipes differ by the seed alone
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// File to write [default: RUN/report.html; for several runs NAME-seeds.html beside the first]
    #[arg(long, value_name = "FILE.html")]
    pub(crate) out: Option<PathBuf>,
    /// Write it again whenever there are new numbers, until the run ends or Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
}
