//! `thinkling chat`, without a terminal and on one.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::{TempDir, tempdir};
use thinkling_e2e::{Run, binary, copy_files, exit, thinkling, workspace_file};

/// The mini world's base with a chat template that shows what the model is told, and one whose prompts
/// open the thinking.
fn with_template(template: &str) -> (TempDir, String) {
    let dir = tempdir().expect("temporary folder");
    copy_files(&workspace_file("recipes/mini-world-base"), dir.path());
    fs::write(dir.path().join("chat_template.jinja"), template).expect("written");
    let path = dir.path().to_str().expect("UTF-8").to_owned();
    (dir, path)
}

const PLAIN: &str = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }} ={% else %} \
                     {{ m.content }} {% endif %}{% endfor %}";
const THINKS: &str = "{{ messages[-1].content }} ={% if add_generation_prompt %}<think>{% endif %}";

/// Sends lines to a chat without a terminal.
fn chat(args: &[&str], lines: &str) -> Run {
    let mut command = Command::new(binary());
    command.arg("chat").args(args).args(["--device", "cpu", "--greedy"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut input = child.stdin.take().expect("a pipe");
    // One that fails early does not read it all.
    let _ = input.write_all(lines.as_bytes());
    drop(input);
    let out = child.wait_with_output().expect("it ends");
    Run {
        code: out.status.code(),
        stdout: String::from_utf8(out.stdout).expect("UTF-8"),
        stderr: String::from_utf8(out.stderr).expect("UTF-8"),
        call: format!("{command:?}"),
    }
}

fn base() -> String {
    workspace_file("recipes/mini-world-base").to_str().expect("UTF-8").to_owned()
}

/// What `generate` answers to the same prompt.
fn generated(model: &str, prompt: &str, more: &[&str]) -> String {
    let call = ["generate", "--model", model, "--prompt", prompt, "--device", "cpu", "--greedy"];
    let call = call.iter().chain(&["--max-tokens", "12", "--json", "--executor", "engine"]);
    let run = thinkling(call.chain(more)).ends_with(exit::DONE);
    run.json()["text"].as_str().expect("text").trim().to_owned()
}

fn saved(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("a file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    file["messages"].as_array().expect("messages").clone()
}

/// Short answers, of which none ends by itself.
const SHORT: [&str; 2] = ["--max-tokens", "12"];

fn short<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["--model", model].into_iter().chain(SHORT).chain(more.iter().copied()).collect()
}

#[test]
fn each_turn_sees_those_before_it_until_a_reset() {
    let (dir, model) = with_template(PLAIN);
    let file = dir.path().join("talk.json");
    let lines = format!("3 + 4\n\n2 + 5\n/save {}\n/reset\n2 + 5\n", file.display());
    for executor in ["engine", "burn"] {
        let _ = fs::remove_file(&file);
        let run = chat(&short(&model, &["--executor", executor]), &lines).ends_with(exit::DONE);
        let messages = saved(&file);
        let text = |i: usize| messages[i]["content"].as_str().expect("text");
        assert_eq!(messages.len(), 4, "{messages:?}");
        // The engine goes on from the turn before, of which the last token was drawn and not run.
        let [first, second] = [1, 3].map(|i| &messages[i]);
        let before = first["prompt_tokens"].as_u64().expect("a count");
        let kept = second["kept_tokens"].as_u64().expect("a count");
        assert!(first["kept_tokens"] == 0 && (executor == "burn") == (kept < before), "{kept}");
        assert_eq!(text(1), generated(&model, "3 + 4 =", &[]));
        let told = format!("3 + 4 = {} 2 + 5 =", text(1));
        assert_eq!(text(3), generated(&model, &told, &[]));
        let alone = generated(&model, "2 + 5 =", &[]);
        assert_ne!(text(3), alone, "the history changes what comes");
        // What is said goes out as it is saved; all else to standard error.
        let said: Vec<&str> = run.stdout.lines().map(str::trim_end).collect();
        assert_eq!(said, [text(1), text(3), &alone], "{run:#?}");
        assert!(run.stderr.contains("2 turns written to"), "{run:#?}");
    }
}

#[test]
fn thinking_goes_apart() {
    let (dir, model) = with_template(THINKS);
    let file = dir.path().join("talk.json");
    let lines = format!("3 + 4\n/think\n/save {}\n", file.display());
    let run = chat(&short(&model, &[]), &lines).ends_with(exit::DONE);
    let messages = saved(&file);
    let thinking = messages[1]["reasoning_content"].as_str().expect("thinking");
    assert!(!thinking.is_empty() && run.stderr.contains(thinking), "{run:#?}");
    assert!(run.stderr.contains("thought for"), "{run:#?}");
    assert!(!run.stdout.contains(thinking), "{run:#?}");
    let run = chat(&short(&model, &["--thinking", "show"]), "3 + 4\n").ends_with(exit::DONE);
    assert!(run.stdout.starts_with(&format!("<think>\n{thinking}")), "{run:#?}");
}

#[test]
fn the_oldest_turns_are_left_out_where_the_context_ends() {
    let (_dir, model) = with_template(PLAIN);
    let args = short(&model, &["--context", "40"]);
    let run = chat(&args, &"3 + 4\n".repeat(6)).ends_with(exit::DONE);
    assert!(run.stderr.contains("no longer fit the context"), "{run:#?}");
    assert_eq!(run.stdout.lines().count(), 6, "{run:#?}");
    let long = "3 + ".repeat(40);
    chat(&args, &format!("{long}\n"))
        .ends_with(exit::WRONG_CALL)
        .complains_about(&["too long", "below 40 tokens"]);
}

#[test]
fn the_r1_zero_template_asks_each_message_alone() {
    let model = base();
    let args = ["--model", &model, "--template", "r1-zero", "--max-tokens", "64"];
    let run = chat(&args, "What is 3 + 4?\nWhat is 3 + 4?\n").ends_with(exit::DONE);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines, ["7", "7"], "the second is asked as the first was: {run:#?}");
    assert_eq!(run.stderr.matches("thought for").count(), 2, "{run:#?}");
}

#[test]
fn what_is_wrong_ends_a_chat_without_a_terminal() {
    let (dir, model) = with_template(PLAIN);
    let taken = dir.path().join("config.json");
    for (args, lines, words) in [
        (&["--model", &model][..], "/nothing\n3 + 4\n".to_owned(), &["/nothing", "/help"][..]),
        (&["--model", &model], "/save\n".to_owned(), &["/save", "a file"]),
        (&["--model", &model], format!("/save {}\n", taken.display()), &["there already"]),
        (&["--model", &base()], "3 + 4\n".to_owned(), &["no chat template", "r1-zero"]),
        (
            &["--model", &base(), "--template", "r1-zero"],
            "/system be brief\n".to_owned(),
            &["system message", "--template chat"],
        ),
        (&["--model", &model, "--top-p", "7"], String::new(), &["top", "7"]),
    ] {
        chat(args, &lines).ends_with_one_of(&[exit::WRONG_CALL]).complains_about(words);
    }
    let run = chat(&["--model", &model], "/quit\n/nothing\n").ends_with(exit::DONE);
    assert!(run.stdout.is_empty(), "{run:#?}");
    let help = thinkling(["chat", "--help"]).ends_with(exit::DONE);
    for word in ["/think", "/save FILE", "Ctrl-C", "--context", "[default: 0.6]"] {
        assert!(help.stdout.contains(word), "no {word} in {help:#?}");
    }
}

#[cfg(target_os = "linux")]
mod on_a_terminal {
    use super::*;
    use crate::pty::Screen;

    fn open(model: &str, more: &str) -> Screen {
        let args = format!("chat --model {model} --device cpu --greedy {more}");
        Screen::open(&args, &[])
    }

    #[test]
    fn a_person_talks_folds_and_saves() {
        let (dir, model) = with_template(THINKS);
        let file = dir.path().join("talk.json");
        let mut screen = open(&model, "--max-tokens 12");
        screen.wait_for("/help lists commands");
        screen.wait_for("> ");
        screen.keys("3 + 4\r");
        let shown = screen.wait_for("(/think shows it)");
        assert!(shown.contains("\u{1b}[2m"), "dimmed: {shown:?}");
        assert!(shown.contains("thought for"), "{shown:?}");
        screen.wait_for("> ");
        screen.keys("/think\r");
        let mut say = |before: &str, keys: &str| {
            screen.wait_for(before);
            screen.wait_for("> ");
            screen.keys(keys);
        };
        say("/think", &format!("/save {}\r", file.display()));
        say("1 turn written to", "/reset\r");
        say("a new conversation", "/system\r");
        say("no system message", "half a li");
        screen.wait_for("half a li");
        screen.keys("\u{3}");
        screen.wait_for("Ctrl-C again");
        screen.wait_for("> ");
        screen.keys("\u{3}");
        let (code, shown) = screen.end();
        assert_eq!(code, Some(exit::DONE), "{shown}");
        let messages = saved(&file);
        assert_eq!(messages[0]["content"], "3 + 4");
        let thinking = messages[1]["reasoning_content"].as_str().expect("thinking");
        assert!(!thinking.is_empty(), "{messages:?}");
    }

    #[test]
    fn ctrl_c_stops_the_answer_alone() {
        let (dir, model) = with_template(PLAIN);
        // The tiny model ends soon on its own; without its end it goes on up to the context.
        for name in ["config.json", "generation_config.json"] {
            let path = dir.path().join(name);
            let text = fs::read_to_string(&path).expect("JSON");
            let mut config: Value = serde_json::from_str(&text).expect("JSON");
            config["eos_token_id"] = Value::Null;
            if name == "config.json" {
                config["max_position_embeddings"] = 200_000.into();
            }
            fs::write(&path, config.to_string()).expect("written");
        }
        let file = dir.path().join("talk.json");
        let mut screen = open(&model, "--context 200000");
        screen.wait_for("/help lists commands");
        for question in ["3 + 4\r", "2 + 5\r"] {
            screen.wait_for("> ");
            screen.keys(question);
            // Some of the answer is there, which is longer than what was typed.
            screen.until(|seen| seen.len() > 200);
            screen.keys("\u{3}");
            screen.wait_for("[stopped]");
        }
        screen.wait_for("> ");
        screen.keys(&format!("/save {}\r", file.display()));
        screen.wait_for("2 turns written to");
        screen.wait_for("> ");
        screen.keys("\u{4}");
        let (code, shown) = screen.end();
        assert_eq!(code, Some(exit::DONE), "{shown}");
        let messages = saved(&file);
        assert_eq!(messages.len(), 4);
        for answer in [&messages[1], &messages[3]] {
            assert_eq!(answer["finish_reason"], "abort");
            assert!(answer["tokens"].as_u64().expect("a count") > 5, "{answer}");
        }
    }
}
