//! What of LaTeX the reader of prose knows: environments, commands that set text, and whether
//! words between signs of maths are prose after all.

/// Environments that hold maths or code.
pub(super) const ENVIRONMENTS: [&str; 27] = [
    "equation",
    "align",
    "aligned",
    "alignat",
    "gather",
    "gathered",
    "multline",
    "eqnarray",
    "split",
    "cases",
    "array",
    "matrix",
    "pmatrix",
    "bmatrix",
    "Bmatrix",
    "vmatrix",
    "Vmatrix",
    "smallmatrix",
    "math",
    "displaymath",
    "subequations",
    "flalign",
    "dcases",
    "tikzpicture",
    "verbatim",
    "lstlisting",
    "minted",
];

/// Commands whose argument is text.
pub(super) const TEXT_COMMANDS: [&str; 22] = [
    "text",
    "textbf",
    "textit",
    "textrm",
    "textsf",
    "texttt",
    "textsc",
    "textnormal",
    "emph",
    "mbox",
    "underline",
    "section",
    "subsection",
    "subsubsection",
    "paragraph",
    "title",
    "item",
    "footnote",
    "caption",
    "textcolor",
    "noindent",
    "par",
];

/// The end of `\end{name}`.
pub(super) fn end_of_environment(text: &str, name: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(offset) = text[at..].find("\\end{") {
        at += offset + "\\end{".len();
        if text[at..].strip_prefix(name).is_some_and(|rest| rest.starts_with('}')) {
            return Some(at + name.len() + 1);
        }
    }
    None
}

/// So many plain words are prose, also between signs of maths.
pub(super) const PROSE_WORDS: usize = 5;

/// Whether plain words make the inside of a span prose.
pub(super) fn is_prose(inside: &str) -> bool {
    plain_words(inside) >= PROSE_WORDS
}

/// Runs of two letters or more, at most [`PROSE_WORDS`], that are neither commands nor inside the
/// braces of a command for text. Han characters count each.
pub(super) fn plain_words(inside: &str) -> usize {
    let (mut words, mut run, mut command) = (0, 0, false);
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            (run, command) = (0, true);
        } else if c == '{' && command && is_text_command(&inside[..at]) {
            // No nesting: the braces of `\text` hold text.
            chars.by_ref().find(|&(_, c)| c == '}');
            (run, command) = (0, false);
        } else if !c.is_alphabetic() {
            (run, command) = (0, false);
        } else if !command {
            run += 1;
            words += usize::from(run == 2 || crate::script::is_han(c));
        }
        if words >= PROSE_WORDS {
            break;
        }
    }
    words.min(PROSE_WORDS)
}

/// Whether `before` ends with a command whose braces hold text or a name.
fn is_text_command(before: &str) -> bool {
    let name = before.len() - before.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    let name = &before[name..];
    TEXT_COMMANDS.contains(&name) || matches!(name, "mathrm" | "operatorname" | "mathit" | "mathbf")
}
