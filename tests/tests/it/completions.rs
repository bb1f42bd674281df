//! Scripts for shells and man pages, made of the command line itself.

use std::process::Command;

use tempfile::tempdir;
use thinkling_e2e::{exit, thinkling};

/// What `thinkling --help` lists.
fn commands() -> Vec<String> {
    let help = thinkling(["--help"]).ends_with(exit::DONE).stdout;
    let listed = help.split_once("Commands:\n").expect("a list of commands").1;
    let lines = listed.lines().take_while(|line| !line.is_empty());
    // A description that is wrapped goes on further to the right.
    let named = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = named.filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.filter(|&name| name != "help").map(str::to_owned).collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

#[test]
fn scripts_for_shells_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = thinkling(["completions", shell]).ends_with(exit::DONE).stdout;
        let words: Vec<&str> =
            script.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))).collect();
        for command in commands() {
            assert!(words.contains(&command.as_str()), "{shell} does not know {command}");
        }
        assert!(script.contains("resume"), "{shell} does not know the options of train");
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    let folder = tempdir().expect("a temporary folder");
    let script = folder.path().join("thinkling.bash");
    let made = thinkling(["completions", "bash"]).ends_with(exit::DONE).stdout;
    std::fs::write(&script, made).expect("a written script");
    for (line, expected) in [
        ("tra", "train"),
        ("comp", "completions"),
        ("train --resu", "--resume"),
        ("score co", "countdown code"),
        ("generate --executor e", "engine"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (last, previous) = match words.as_slice() {
            [only] => (*only, "thinkling"),
            [.., previous, last] => (*last, *previous),
            [] => continue,
        };
        let ask = format!(
            "source '{}'; COMP_WORDS=(thinkling {line}); COMP_CWORD={}; _thinkling thinkling \
             '{last}' '{previous}'; echo \"${{COMPREPLY[*]}}\"",
            script.display(),
            words.len(),
        );
        let out = match Command::new("bash").args(["--norc", "-c", &ask]).output() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                println!("no bash here: its script is not tried");
                return;
            }
            out => out.expect("bash runs"),
        };
        let said = String::from_utf8_lossy(&out.stdout);
        let offered: Vec<&str> = said.split_whitespace().collect();
        for word in expected.split(' ') {
            assert!(offered.contains(&word), "`thinkling {line}` offers {offered:?}: {out:?}");
        }
    }
}

#[test]
fn an_unknown_shell_is_named_with_the_known_ones() {
    thinkling(["completions", "tcsh"])
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["tcsh", "bash", "zsh", "fish"]);
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempdir().expect("a temporary folder");
    let pages = folder.path().join("man/man1");
    let _ = thinkling(["man".as_ref(), pages.as_os_str()]).ends_with(exit::DONE);
    let page = |name: String| {
        let path = pages.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let first = page("thinkling.1".to_owned());
    for command in commands() {
        assert!(first.contains(&format!("thinkling\\-{command}(1)")), "{command}: {first}");
        let page = page(format!("thinkling-{command}.1"));
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(page("thinkling-train.1".to_owned()).contains("\\-\\-resume"));
}

#[test]
fn a_file_in_the_place_of_the_folder_is_an_error_in_words() {
    let folder = tempdir().expect("a temporary folder");
    let file = folder.path().join("taken");
    std::fs::write(&file, "").expect("a written file");
    thinkling(["man".as_ref(), file.as_os_str()])
        .ends_with(exit::FAILED)
        .complains_about(&["taken"]);
}
