//! The boxes of a text: `\boxed{..}`, `\fbox{..}`, `\framebox{..}`.

use std::ops::Range;

use super::scope::EDGE;

pub(crate) const NAMES: [&str; 3] = ["boxed", "framebox", "fbox"];

/// What boxes a text has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Boxes {
    /// What stands in the outermost complete boxes that are not blank or a placeholder, in order.
    pub(crate) contents: Vec<Range<usize>>,
    /// Whether there is a complete box, blank or not.
    pub(crate) any: bool,
    /// Where the content of the first box begins that is never closed.
    pub(crate) unclosed: Option<usize>,
}

/// A box whose brace is open.
struct Open {
    depth: usize,
    start: usize,
    /// Complete boxes before it; later ones stand inside.
    before: usize,
}

/// Finds the boxes, in one pass.
///
/// Braces are counted; those behind a backslash are characters. In a box written with a doubled
/// backslash, as JSON has it, so are those behind two.
pub(crate) fn boxes(text: &str) -> Boxes {
    let bytes = text.as_bytes();
    let (mut found, mut open) = (Boxes::default(), Vec::<Open>::new());
    let (mut at, mut depth, mut doubled) = (0, 0_usize, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => {
                if let Some(after) = box_command(bytes, at) {
                    if bytes.get(after) == Some(&b'{') {
                        doubled = at > 0 && bytes[at - 1] == b'\\';
                        depth += 1;
                        let before = found.contents.len();
                        open.push(Open { depth, start: after + 1, before });
                        at = after + 1;
                    } else {
                        at = found.bare(bytes, after, open.is_empty());
                    }
                    continue;
                }
                at += match bytes.get(at + 1..) {
                    Some([b'{' | b'}', ..]) => 2,
                    Some([b'\\', b'{' | b'}', ..]) if doubled => 3,
                    // A second backslash may begin a box.
                    Some([b'\\', next, ..]) if next.is_ascii_alphabetic() => 1,
                    Some([b'\\', ..]) => 2,
                    _ => 1,
                };
                continue;
            }
            b'{' => depth += 1,
            b'}' => {
                if let Some(last) = open.pop_if(|last| last.depth == depth) {
                    found.close(text, last.start..at, last.before);
                }
                depth = depth.saturating_sub(1);
            }
            EDGE => {
                found.note_unclosed(&open);
                open.clear();
                depth = 0;
            }
            _ => {}
        }
        at += 1;
    }
    found.note_unclosed(&open);
    found
}

/// The byte after the name and its blanks, where a box command begins at `at`.
fn box_command(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at + 1..)?;
    if !matches!(rest.first(), Some(b'b' | b'f')) {
        return None;
    }
    let name = NAMES.iter().find(|name| rest.starts_with(name.as_bytes()))?;
    let after = &rest[name.len()..];
    if after.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let blanks = after.iter().take_while(|&&b| b == b' ').count();
    Some(at + 1 + name.len() + blanks)
}

/// Whether a box shows nothing, or only that something is missing: `\boxed{\phantom{2}}`.
fn is_placeholder(content: &str) -> bool {
    const EMPTY: [&str; 12] = [
        "?", "...", "…", "_", "__", "___", "____", r"\ldots", r"\dots", r"\cdots", r"\square",
        r"\quad",
    ];
    let content = super::clean::trim(content);
    let phantom = [r"\phantom{", r"\hphantom{", r"\hspace{"].iter().any(|command| {
        let inner = content.strip_prefix(command).and_then(|rest| rest.strip_suffix('}'));
        inner.is_some_and(|inner| !inner.contains(['{', '}']))
    });
    content.is_empty() || phantom || EMPTY.contains(&content)
}

impl Boxes {
    fn close(&mut self, text: &str, content: Range<usize>, before: usize) {
        self.any = true;
        if !is_placeholder(&text[content.clone()]) {
            self.contents.truncate(before);
            self.contents.push(content);
        }
    }

    /// A box without braces holds one token: here a run of digits, anything else is a mention.
    fn bare(&mut self, bytes: &[u8], after: usize, outermost: bool) -> usize {
        let len = bytes[after..].iter().take_while(|b| b.is_ascii_digit()).count();
        if len > 0 && outermost {
            self.any = true;
            self.contents.push(after..after + len);
        }
        after + len
    }

    fn note_unclosed(&mut self, open: &[Open]) {
        self.unclosed = self.unclosed.or(open.first().map(|first| first.start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(text: &str) -> Vec<&str> {
        boxes(text).contents.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn complete_boxes_are_found_with_their_nested_braces() {
        for (text, expected) in [
            (r"\boxed{42}", vec!["42"]),
            (r"\fbox{7} and \framebox{8}", vec!["7", "8"]),
            (r"$\boxed{\frac{1}{2}}$.", vec![r"\frac{1}{2}"]),
            (r"\boxed {5}", vec!["5"]),
            (r"\boxed{\{1,2\}}", vec![r"\{1,2\}"]),
            (r"\boxed{\left\{1\right\}}", vec![r"\left\{1\right\}"]),
            (r"\boxed{\boxed{42}}", vec![r"\boxed{42}"]),
            (r"\boxed{1}{\boxed{2}}", vec!["1", "2"]),
            (r"\\boxed{\\{1\\}}", vec![r"\\{1\\}"]),
            (r"\boxed{a\\{b}}", vec![r"a\\{b}"]),
            (r"} } \boxed{5}", vec!["5"]),
            (r"{ { \boxed{5}", vec!["5"]),
            (r"Write \boxed{} around it: \boxed{5}", vec!["5"]),
            (r"Fill \boxed{\phantom{2}} or \boxed{?}: \boxed{5}", vec!["5"]),
            (r"\boxed{\phantom{2}3}", vec![r"\phantom{2}3"]),
            (r"Use \boxed here. \boxed{5}", vec!["5"]),
            (r"$\boxed 5$", vec!["5"]),
            (r"\boxedd{6}", vec![]),
            (r"\box{6}", vec![]),
            (r"\begin{boxed}6\end{boxed}", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(contents(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_noted() {
        for text in [
            r"\boxed{42",
            r"\boxed{6\boxed{",
            r"\boxed{6\}",
            r"\boxed{\frac{6}{1}",
            r"\boxed{6]",
            "\\boxed{\u{1e}6}",
            r"\boxed{5} \boxed{6",
        ] {
            assert!(boxes(text).unclosed.is_some(), "{text}");
        }
        for text in [r"\boxed{42}", r"\boxed", r"\boxed is", r"\frac{1", ""] {
            assert!(boxes(text).unclosed.is_none(), "{text}");
        }
    }

    #[test]
    fn a_blank_box_is_a_box_without_content() {
        let found = boxes("\\boxed{ \u{200b} }");
        assert!(found.any && found.contents.is_empty() && found.unclosed.is_none());
        assert!(!boxes("42").any);
    }
}
