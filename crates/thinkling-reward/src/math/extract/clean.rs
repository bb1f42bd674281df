//! An answer as it is read: without what only surrounds it.

use std::borrow::Cow;

use crate::script::is_blank;

/// Without the characters at both ends at which a reader sees nothing.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// An answer without what only surrounds it: blanks, emphasis, maths delimiters around the whole,
/// punctuation behind it.
pub(crate) fn unwrap(text: &str) -> &str {
    let mut text = trim(text);
    loop {
        let shorter = strip_delimiters(strip_quotes(strip_emphasis(text)));
        let shorter = trim(strip_label(strip_lead(strip_punctuation(shorter))));
        if shorter.len() == text.len() {
            return text;
        }
        text = shorter;
    }
}

fn strip_emphasis(text: &str) -> &str {
    for mark in ["***", "**", "__", "```", "`"] {
        let inner = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
        if let Some(inner) = inner.filter(|inner| !inner.is_empty() && !inner.contains(mark)) {
            return inner;
        }
    }
    // Emphasis that begins or ends outside of what was cut out.
    for mark in ["**", "__", "`"] {
        let outside = text.starts_with(mark) || text.ends_with(mark);
        if outside && text.matches(mark).count() == 1 {
            return text.strip_prefix(mark).or_else(|| text.strip_suffix(mark)).unwrap_or(text);
        }
    }
    text
}

fn strip_quotes(text: &str) -> &str {
    for (open, close) in [('"', '"'), ('\u{201C}', '\u{201D}'), ('「', '」')] {
        let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        if let Some(inner) = inner.filter(|inner| !inner.contains([open, close])) {
            return inner;
        }
    }
    text
}

/// Without marks that lead to an answer: `∴ 12`, `=> 12`, `\implies x = 12`, `✅ 12`.
fn strip_lead(text: &str) -> &str {
    const LEADS: [&str; 19] = [
        "∴",
        "=>",
        "->",
        "→",
        "⇒",
        "⟹",
        "➡",
        "✅",
        "✓",
        "✔",
        "☑",
        "👉",
        "🎯",
        "•",
        "●",
        r"\therefore",
        r"\Rightarrow",
        r"\implies",
        r"\Longrightarrow",
    ];
    let text = text.trim_end_matches(['✓', '✔', '✅', '☑', '\u{fe0f}']);
    let Some(rest) = LEADS.iter().find_map(|lead| text.strip_prefix(lead)) else { return text };
    let rest = rest.trim_start_matches('\u{fe0f}');
    // Not the start of a longer command.
    let command = text.starts_with('\\') && rest.starts_with(|c: char| c.is_ascii_alphabetic());
    if command { text } else { rest }
}

/// Without words in a wrapper that announce what follows: `\text{The area is }12`.
fn strip_label(text: &str) -> &str {
    let Some(label) = text.strip_prefix(r"\text{") else { return text };
    let Some((words, rest)) = label.split_once('}') else { return text };
    let announces = [" is", " are", ":", "="].iter().any(|end| words.trim_end().ends_with(end));
    if announces && !super::asserted::denied_before(words) { rest } else { text }
}

fn strip_delimiters(text: &str) -> &str {
    for (open, close) in [("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")] {
        let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        let Some(inner) = inner else { continue };
        let alone = !inner.ends_with('\\')
            && if open.starts_with('$') {
                !has_dollar(inner)
            } else {
                !inner.contains(open) && !inner.contains(close)
            };
        if alone {
            return inner;
        }
    }
    text
}

fn has_dollar(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(i, &b)| b == b'$' && (i == 0 || bytes[i - 1] != b'\\'))
}

fn strip_punctuation(text: &str) -> &str {
    let Some(last) = text.chars().next_back() else { return text };
    if !matches!(last, '.' | ',' | ';' | ':' | '。' | '，' | '；' | '．') {
        return text;
    }
    let rest = &text[..text.len() - last.len_utf8()];
    // An ellipsis is part of the answer, and so is what a backslash makes of the mark.
    if rest.ends_with(['.', '\\', '…']) || rest.ends_with(r"\right") { text } else { rest }
}

/// A text in which every backslash is doubled, as JSON has it, with single ones: `\\frac12`.
pub(crate) fn single_backslashes(text: &str) -> Cow<'_, str> {
    const COMMANDS: [&str; 16] = [
        "frac", "dfrac", "tfrac", "text", "mathrm", "mathbf", "sqrt", "left", "begin", "boxed",
        "pi", "infty", "cdot", "times", "cup", "pm",
    ];
    let doubled = text.match_indices(r"\\").any(|(at, _)| {
        let name = &text[at + 2..];
        let len = name.bytes().take_while(u8::is_ascii_alphabetic).count();
        COMMANDS.contains(&&name[..len])
    });
    let mut run = 0_usize;
    let even = text.bytes().chain([b' ']).all(|byte| {
        let ends_odd = byte != b'\\' && !run.is_multiple_of(2);
        run = if byte == b'\\' { run + 1 } else { 0 };
        !ends_odd
    });
    if doubled && even { Cow::Owned(text.replace(r"\\", r"\")) } else { Cow::Borrowed(text) }
}

/// Without the maths delimiters inside, where they pair: `$21,16$ or $11$` as `21,16 or 11`.
pub(crate) fn undelimited(text: &str) -> Cow<'_, str> {
    if ["$", r"\(", r"\[", r"\begin{"].iter().all(|open| !text.contains(open)) {
        return Cow::Borrowed(text);
    }
    let spans = super::spans::spans(text);
    if spans.is_empty() || spans.len() == super::spans::KEPT {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        out.push_str(&text[at..span.outer.start]);
        out.push(' ');
        out.push_str(&text[span.inner]);
        out.push(' ');
        at = span.outer.end;
    }
    out.push_str(&text[at..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_around_an_answer_are_dropped() {
        for (text, expected) in [
            ("  42 ", "42"),
            ("**42**", "42"),
            ("**42", "42"),
            ("`42`", "42"),
            ("$42$.", "42"),
            ("$$ 42 $$", "42"),
            (r"\(42\)", "42"),
            (r"\[ 42. \]", "42"),
            ("\u{feff}42\u{200b}", "42"),
            ("$1$ and $2$", "$1$ and $2$"),
            (r"\(1\) and \(2\)", r"\(1\) and \(2\)"),
            ("1, 2, ...", "1, 2, ..."),
            ("42。", "42"),
            ("2**3", "2**3"),
            ("\"42\"", "42"),
            ("\u{201c}42\u{201d}", "42"),
            ("\"a\" or \"b\"", "\"a\" or \"b\""),
            (r"\text{The area is } 42", "42"),
            (r"\text{Answer: }42", "42"),
            (r"\text{It is not }42", r"\text{It is not }42"),
            (r"\text{even}", r"\text{even}"),
            ("∴ 42", "42"),
            ("=> 42", "42"),
            ("n = 42 ✓", "n = 42"),
            (r"\left. x \right.", r"\left. x \right."),
            ("✅ **42**", "42"),
            (r"$\therefore x = 42$", "x = 42"),
            (r"\impliesx", r"\impliesx"),
            ("**1** and **2**", "**1** and **2**"),
            ("", ""),
            ("$", "$"),
        ] {
            assert_eq!(unwrap(text), expected, "{text}");
        }
    }

    #[test]
    fn doubled_backslashes_are_single_ones() {
        for (text, expected) in [
            (r"\\frac{1}{2}", r"\frac{1}{2}"),
            (r"60\\ \\mathrm{km}", r"60\ \mathrm{km}"),
            (r"\\begin{pmatrix}1\\\\2\\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
            (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
            (r"\begin{pmatrix}1\\\frac12\end{pmatrix}", r"\begin{pmatrix}1\\\frac12\end{pmatrix}"),
            (r"x\\y", r"x\\y"),
            ("", ""),
        ] {
            assert_eq!(single_backslashes(text), expected, "{text}");
        }
    }

    #[test]
    fn inner_delimiters_go_where_they_pair() {
        assert_eq!(undelimited("$21,16$ or $11$").trim(), "21,16  or  11");
        assert_eq!(undelimited(r"\begin{align}x=5\end{align}").trim(), "x=5");
        assert_eq!(undelimited("42"), "42");
        assert_eq!(undelimited(r"\$5"), r"\$5");
        assert_eq!(undelimited("$5"), "$5");
    }
}
