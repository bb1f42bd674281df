//! The program in a completion.
//!
//! Text inside `<think>` never counts. Outside it the program is the last fenced block (as
//! CommonMark reads fences) that is marked as Python, else the last that carries no mark; where
//! there is no such block, the `<answer>` block; without that the whole text. With the template of
//! R1-Zero only the answer block counts, and a fenced block inside it.
//!
//! A fence that is not closed opens no block: such a completion was cut, or is malformed.

use std::borrow::Cow;

use crate::answer::{answer_block, outside_thinking};
use crate::record::Template;

/// Marks of a fenced block that holds Python, in lower case.
const PYTHON: [&str; 3] = ["python", "py", "python3"];

/// Spaces before a fence at most; more make an indented block of it. Lists indent further, so
/// this is wider than CommonMark's 3.
const MAX_INDENT: usize = 12;

/// The program in a completion, `None` where the place it must stand in is missing or blank.
///
/// ```
/// use thinkling_reward::{Template, code::extract_program};
///
/// let text = "<think>```python\nx\n```</think>So:\n```python\nprint(1)\n```\nThis prints 1.";
/// assert_eq!(extract_program(text, Template::None).as_deref(), Some("print(1)\n"));
/// assert_eq!(extract_program(text, Template::R1Zero), None);
/// ```
pub fn extract_program(completion: &str, template: Template) -> Option<Cow<'_, str>> {
    let program = match template {
        Template::R1Zero => {
            let block = answer_block(completion).ok()?;
            last_block(block).map_or(Cow::Borrowed(block), Cow::Owned)
        }
        Template::None | Template::Boxed => {
            let text = outside_thinking(completion);
            match (last_block(&text), answer_block(completion)) {
                (Some(block), _) => Cow::Owned(block),
                (None, Ok(block)) => Cow::Borrowed(block),
                (None, Err(_)) => Cow::Owned(text),
            }
        }
    };
    (!program.trim().is_empty()).then_some(program)
}

/// A fence: its indent, character, length, and what follows it on its line.
struct Fence<'a> {
    indent: usize,
    mark: char,
    len: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let rest = line.trim_start_matches(' ');
        let indent = line.len() - rest.len();
        let mark = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let info = rest.trim_start_matches(mark);
        let len = rest.len() - info.len();
        let inline = mark == '`' && info.contains('`');
        (len >= 3 && indent <= MAX_INDENT && !inline).then(|| Self {
            indent,
            mark,
            len,
            info: info.trim(),
        })
    }

    fn closes(&self, open: &Fence<'_>) -> bool {
        self.info.is_empty() && self.mark == open.mark && self.len >= open.len
    }

    /// Whether the block is Python by its mark; `None` where it has none.
    fn is_python(&self) -> Option<bool> {
        let end = self.info.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.info.len());
        let language = self.info[..end].to_ascii_lowercase();
        (!self.info.is_empty()).then(|| PYTHON.contains(&language.as_str()))
    }
}

/// The last closed block marked as Python, else the last without a mark.
fn last_block(text: &str) -> Option<String> {
    let (mut python, mut unmarked) = (None, None);
    let mut open: Option<(Fence<'_>, Vec<&str>)> = None;
    for line in text.lines() {
        let fence = Fence::read(line);
        open = match (open.take(), fence) {
            (None, fence) => fence.map(|fence| (fence, Vec::new())),
            (Some((start, lines)), Some(fence)) if fence.closes(&start) => {
                match start.is_python() {
                    Some(true) => python = Some((start.indent, lines)),
                    Some(false) => {}
                    None => unmarked = Some((start.indent, lines)),
                }
                None
            }
            (Some((start, mut lines)), _) => {
                lines.push(line);
                Some((start, lines))
            }
        };
    }
    python.or(unmarked).map(|(indent, lines)| joined(indent, &lines))
}

/// The lines, each without as many leading spaces as the fence had.
fn joined(indent: usize, lines: &[&str]) -> String {
    let mut out = String::new();
    for line in lines {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        out.push_str(&line[spaces.min(indent)..]);
        out.push('\n');
    }
    out
}
