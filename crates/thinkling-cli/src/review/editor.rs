//! The person's own editor.

use std::path::PathBuf;
use std::process::Command;

/// The editor that the environment names.
pub(super) fn command() -> Option<String> {
    ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|command| !command.trim().is_empty())
}

/// Lets the editor change a text; it has the terminal meanwhile.
///
/// # Errors
/// Why there is no changed text, in words.
pub(super) fn edit(command: &str, text: &str) -> Result<String, String> {
    let path = scratch();
    std::fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    let status = shell(command, &path).status();
    let edited = std::fs::read_to_string(&path);
    // Best effort: a scratch file in the folder for such.
    let _ = std::fs::remove_file(&path);
    match status {
        Ok(status) if status.success() => {
            edited.map_err(|e| format!("cannot read what the editor wrote: {e}"))
        }
        Ok(status) => Err(format!("the editor `{command}` ended with {status}; i edits here")),
        Err(e) => Err(format!("the editor `{command}` cannot be started: {e}; i edits here")),
    }
}

fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!("thinkling-review-{}.txt", std::process::id()))
}

/// The command with the file behind it; it may have arguments of its own.
#[cfg(unix)]
fn shell(command: &str, path: &std::path::Path) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{command} \"$1\"")).arg("sh").arg(path);
    shell
}

/// See above.
#[cfg(not(unix))]
fn shell(command: &str, path: &std::path::Path) -> Command {
    let mut words = command.split_whitespace();
    let mut editor = Command::new(words.next().unwrap_or(command));
    editor.args(words).arg(path);
    editor
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_editor_may_have_arguments_and_may_fail() {
        assert_eq!(edit("sed -i s/one/two/", "one\n").as_deref(), Ok("two\n"));
        let error = edit("false", "one").expect_err("fails");
        assert!(error.contains("`false` ended with") && error.contains("i edits here"), "{error}");
        assert!(edit("no-such-editor", "one").is_err());
        assert!(!scratch().exists());
    }
}
