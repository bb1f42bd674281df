//! Text of which a reader sees something else than what it holds: macros, hiding commands, turned
//! direction.

use crate::script::is_bidi_control;

/// Commands that define another one, whose name follows.
const DEFINITIONS: [&str; 10] = [
    "newcommand",
    "renewcommand",
    "providecommand",
    "DeclareMathOperator",
    "DeclareRobustCommand",
    "def",
    "gdef",
    "edef",
    "xdef",
    "let",
];

/// Commands after which any text may mean anything.
const REWRITING: [&str; 5] = ["catcode", "csname", "input", "scantokens", "newif"];

/// Commands that hide their argument, or show something other than it.
const HIDING: [&str; 30] = [
    "phantom",
    "hphantom",
    "vphantom",
    "iffalse",
    "iftrue",
    "fi",
    "footnote",
    "label",
    "tag",
    "ref",
    "eqref",
    "cite",
    "url",
    "href",
    "hspace",
    "vspace",
    "rlap",
    "llap",
    "mathrlap",
    "mathllap",
    "smash",
    "color",
    "textcolor",
    "verb",
    "write",
    "cancel",
    "bcancel",
    "xcancel",
    "sout",
    "rotatebox",
];

/// The commands of a text: the byte where each begins, and its letters.
pub(crate) fn commands(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes.get(at..)?.iter().position(|&b| b == b'\\')?;
            let letters = bytes.get(start + 1..)?;
            let len = letters.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            at = start + 1 + len.max(1);
            if len > 0 {
                return Some((start, text.get(start + 1..start + 1 + len)?));
            }
            // A second backslash may itself begin a command: `\\boxed` as JSON writes it.
            if letters.first() == Some(&b'\\') {
                at = start + 1;
            }
        }
    })
}

/// The commands that a text defines for itself. What they show is not known.
pub(crate) fn defined(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut defines = false;
    for (_, name) in commands(text) {
        if defines {
            names.push(name);
        }
        defines = DEFINITIONS.contains(&name);
        if REWRITING.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether nothing in a text can be trusted, such as its boxes, after what it defines.
pub(crate) fn rewrites(defined: &[&str]) -> bool {
    defined.iter().any(|name| REWRITING.contains(name) || super::boxes::NAMES.contains(name))
}

/// Whether the place behind `before` is inside an HTML tag, which shows nothing.
pub(crate) fn in_tag(before: &str) -> bool {
    let tail = super::asserted::tail(before);
    tail.rfind('<').is_some_and(|open| {
        let tag = &tail[open + 1..];
        !tag.contains('>') && tag.starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c))
    })
}

/// Whether a text turns the direction in which it is shown: `21` for 12. Marks that only stand
/// between scripts do not.
pub(crate) fn turns(text: &str) -> bool {
    // All of them begin with this byte.
    text.as_bytes().contains(&0xE2)
        && text.chars().any(|c| is_bidi_control(c) && !matches!(c, '\u{200e}' | '\u{200f}'))
}

/// Whether what a reader sees of an answer differs from what it holds.
pub(crate) fn hides(text: &str, macros: bool) -> bool {
    text.contains("~~")
        || text.chars().any(|c| is_bidi_control(c) || c == '\0')
        || (macros
            && commands(text)
                .any(|(_, name)| HIDING.contains(&name) || DEFINITIONS.contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_defines_is_seen() {
        for text in
            ["~~6~~", r"\phantom{6}", r"5\iffalse 6\fi", "\u{202e}21\u{202c}", r"\\phantom{6}"]
        {
            assert!(hides(text, true), "{text}");
        }
        assert!(
            turns("\u{202e}21") && turns("2\u{2067}1") && !turns("\u{200f}21") && !turns("−21")
        );
        assert!(in_tag("<img alt=\"") && !in_tag("<b>") && !in_tag("x < ") && !in_tag(""));
        assert!(!hides(r"\phantom{6}", false) && hides("\u{202e}21", false));
        assert!(!hides(r"\frac{1}{2}\left(x\right)", true));
        assert_eq!(defined(r"\newcommand{\ans}{6}\boxed{\ans} \def\x5"), ["ans", "x"]);
        assert_eq!(defined(r"\boxed{\frac{6}{1}}"), Vec::<&str>::new());
        assert!(rewrites(&defined(r"\renewcommand{\boxed}{6}")) && rewrites(&["catcode"]));
        assert!(!rewrites(&["ans"]));
    }
}
