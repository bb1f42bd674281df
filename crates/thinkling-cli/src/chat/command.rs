//! What a typed line means.

use std::path::PathBuf;

/// What `/help` says.
pub(super) const HELP: &str = "\
/think         show the last thinking
/system TEXT   set the system message; alone: take it away
/reset         begin a new conversation, with the same system message
/save FILE     write the conversation as JSON, thinking apart
/help          this
/quit          end; Ctrl-D does too
// begins a message with a slash. Ctrl-C stops an answer; at the prompt, twice, it ends the chat.";

/// The commands, for completion.
pub(super) const NAMES: [&str; 6] = ["/think", "/system ", "/reset", "/save ", "/help", "/quit"];

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing.
    Blank,
    /// Something to say to the model.
    Message(String),
    /// Something to do.
    Command(Command),
    /// A command that is wrong, and what is right.
    Wrong(String),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Quit,
    Reset,
    Think,
    /// None takes it away.
    System(Option<String>),
    Save(PathBuf),
}

/// Reads a line.
pub(super) fn read(line: &str) -> Input {
    let text = line.trim();
    let Some(command) = text.strip_prefix('/') else {
        return match text {
            "" => Input::Blank,
            text => Input::Message(text.to_owned()),
        };
    };
    if command.starts_with('/') {
        return Input::Message(command.to_owned());
    }
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    let command = match (name, rest) {
        ("help" | "?", "") => Command::Help,
        ("quit" | "exit" | "q", "") => Command::Quit,
        ("reset", "") => Command::Reset,
        ("think", "") => Command::Think,
        ("system", "") => Command::System(None),
        ("system", text) => Command::System(Some(text.to_owned())),
        ("save", "") => return Input::Wrong("/save, expected: a file behind it".to_owned()),
        ("save", file) => Command::Save(PathBuf::from(file)),
        ("help" | "?" | "quit" | "exit" | "q" | "reset" | "think", _) => {
            return Input::Wrong(format!("/{name}, expected: nothing behind it, got: {rest}"));
        }
        _ => {
            return Input::Wrong(format!(
                "no command /{name}; /help lists them, and // begins a message with a slash"
            ));
        }
    };
    Input::Command(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_or_a_command() {
        let message = |text: &str| Input::Message(text.to_owned());
        let system = |text: Option<&str>| Input::Command(Command::System(text.map(str::to_owned)));
        for (line, input) in [
            ("  ", Input::Blank),
            (" 1 + 1? \n", message("1 + 1?")),
            ("a /help", message("a /help")),
            ("//help me", message("/help me")),
            ("/help", Input::Command(Command::Help)),
            ("/quit ", Input::Command(Command::Quit)),
            ("/reset", Input::Command(Command::Reset)),
            ("/think", Input::Command(Command::Think)),
            ("/system  be brief ", system(Some("be brief"))),
            ("/system", system(None)),
            ("/save a file.json", Input::Command(Command::Save("a file.json".into()))),
        ] {
            assert_eq!(read(line), input, "{line:?}");
        }
    }

    #[test]
    fn a_wrong_command_is_told_what_is_right() {
        for (line, words) in [
            ("/save", "expected: a file"),
            ("/reset now", "got: now"),
            ("/usr/bin", "no command /usr/bin"),
            ("/", "/help lists them"),
        ] {
            match read(line) {
                Input::Wrong(told) => assert!(told.contains(words), "{told}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_command_is_in_the_help() {
        for name in NAMES {
            assert!(HELP.contains(name.trim_end()), "{name}");
            assert!(!matches!(read(name), Input::Message(_)), "{name}");
        }
    }
}
