//! The arguments of `thinkling completions` and `thinkling man`.

use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thinkling completions bash > ~/.local/share/bash-completion/completions/thinkling
  thinkling completions zsh > ~/.zfunc/_thinkling        # with ~/.zfunc in fpath, before compinit
  thinkling completions fish > ~/.config/fish/completions/thinkling.fish
  source <(thinkling completions bash)                   # for this shell alone")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder for thinkling.1 and a page for each command; it is made where it is not there
    #[arg(value_name = "DIR")]
    pub(crate) out: PathBuf,
}
