//! The maths of a text between its delimiters: `$..$`, `$$..$$`, `\(..\)`, `\[..\]`, `align`.

use std::ops::Range;

use super::scope::EDGE;

/// How many spans are kept, the last ones.
pub(crate) const KEPT: usize = 64;

/// Environments that hold displayed maths; each also with a star.
const DISPLAYS: [&str; 6] = ["align", "equation", "gather", "eqnarray", "multline", "flalign"];

/// A piece of maths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// With its delimiters.
    pub(crate) outer: Range<usize>,
    /// Without them.
    pub(crate) inner: Range<usize>,
}

/// The last [`KEPT`] spans, in order, in one pass.
///
/// A `$` opens maths where a `$` follows that can close it: one with no blank before it and no
/// digit behind it, or with blanks inside on both sides. Otherwise it is a currency sign.
pub(crate) fn spans(text: &str) -> Vec<Span> {
    let bytes = text.as_bytes();
    let mut scan = Scan { text, found: Vec::new(), hopeless: [false; 4] };
    let mut at = 0;
    while let Some(offset) = bytes[at..].iter().position(|&b| matches!(b, b'$' | b'\\')) {
        let start = at + offset;
        at = match bytes.get(start..start + 2) {
            Some(b"$$") => scan.paired(start, 2, "$$", 0).unwrap_or(start + 2),
            Some([b'$', _]) => scan.inline(start),
            Some(br"\(") => scan.paired(start, 2, r"\)", 1).unwrap_or(start + 2),
            Some(br"\[") => scan.paired(start, 2, r"\]", 2).unwrap_or(start + 2),
            Some(br"\b") => scan.environment(start).unwrap_or(start + 2),
            Some([b'\\', next]) if next.is_ascii() => start + 2,
            _ => start + 1,
        };
    }
    scan.found
}

struct Scan<'t> {
    text: &'t str,
    found: Vec<Span>,
    /// Closing marks that are known not to follow any more, so that none is searched twice.
    hopeless: [bool; 4],
}

impl Scan<'_> {
    fn keep(&mut self, outer: Range<usize>, inner: Range<usize>) -> usize {
        let end = outer.end;
        if self.text.as_bytes()[inner.clone()].contains(&EDGE) {
            return outer.start + 1;
        }
        if self.found.len() >= KEPT {
            self.found.remove(0);
        }
        self.found.push(Span { outer, inner });
        end
    }

    fn paired(&mut self, start: usize, open: usize, close: &str, kind: usize) -> Option<usize> {
        if self.hopeless[kind] {
            return None;
        }
        let inner = start + open;
        let Some(len) = self.text[inner..].find(close) else {
            self.hopeless[kind] = true;
            return None;
        };
        Some(self.keep(start..inner + len + close.len(), inner..inner + len))
    }

    fn inline(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                None => return bytes.len(),
                Some(b'\\') => end += 2,
                Some(b'$') => break,
                Some(_) => end += 1,
            }
        }
        let (first, last) = (bytes[start + 1], bytes[end - 1]);
        let digit_after = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let blank_inside = first.is_ascii_whitespace();
        let closes = end > start + 1
            && !digit_after
            && last.is_ascii_whitespace() == blank_inside
            && !self.text[start..end].contains("\n\n");
        // What does not close this one may open the next.
        if closes { self.keep(start..end + 1, start + 1..end) } else { end }
    }

    fn environment(&mut self, start: usize) -> Option<usize> {
        let rest = self.text[start..].strip_prefix(r"\begin{")?;
        let name_len = rest.find('}').filter(|len| *len <= 12)?;
        let name = &rest[..name_len];
        if self.hopeless[3] || !DISPLAYS.contains(&name.trim_end_matches('*')) {
            return None;
        }
        let inner = start + r"\begin{}".len() + name_len;
        let close = format!("\\end{{{name}}}");
        let Some(len) = self.text[inner..].find(&close) else {
            self.hopeless[3] = true;
            return None;
        };
        Some(self.keep(start..inner + len + close.len(), inner..inner + len))
    }
}

/// Whether a text begins with an environment of displayed maths.
pub(crate) fn is_display(text: &str) -> bool {
    let name = text.strip_prefix(r"\begin{").and_then(|rest| rest.split('}').next());
    name.is_some_and(|name| DISPLAYS.contains(&name.trim_end_matches('*')))
}

/// The last row of displayed maths that has several, without its alignment marks; the text as it
/// is where there is one row, or where the rows are those of a matrix or of cases.
pub(crate) fn last_row(text: &str) -> String {
    if text.contains(r"\begin") {
        return text.to_owned();
    }
    if !text.contains(r"\\") {
        return text.replace('&', " ");
    }
    let rows = text.rsplit(r"\\").map(str::trim);
    rows.into_iter().find(|row| !row.is_empty()).unwrap_or_default().replace('&', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(text: &str) -> Vec<&str> {
        spans(text).into_iter().map(|span| &text[span.inner]).collect()
    }

    #[test]
    fn maths_is_told_from_money() {
        for (text, expected) in [
            ("a $x$ b $y$", vec!["x", "y"]),
            ("$$x$$", vec!["x"]),
            (r"\(x\) \[y\]", vec!["x", "y"]),
            ("Answer $ 9 $", vec![" 9 "]),
            ("costs $5 and $6", vec![]),
            ("costs $5", vec![]),
            ("costs $5, so $x = 5$", vec!["x = 5"]),
            (r"$\$5$", vec![r"\$5"]),
            (r"\$5 and \$6", vec![]),
            ("$100%$", vec!["100%"]),
            ("$$x", vec![]),
            (r"\(x", vec![]),
            (r"\begin{align*}x&=5\end{align*}", vec!["x&=5"]),
            (r"\begin{pmatrix}1\end{pmatrix}", vec![]),
            ("$a\n\nb$", vec![]),
            ("$a\u{1e}b$", vec![]),
            ("", vec![]),
            ("$", vec![]),
            ("$é$", vec!["é"]),
            (r"\é$x$", vec!["x"]),
        ] {
            assert_eq!(inner(text), expected, "{text}");
        }
    }

    #[test]
    fn the_last_row_of_a_display_is_read() {
        assert_eq!(last_row(r"x &= 5 \\ &= 6 \\").trim(), "= 6");
        assert_eq!(last_row("x = 5"), "x = 5");
        let matrix = r"\begin{pmatrix}1&2\\3&4\end{pmatrix}";
        assert_eq!(last_row(matrix), matrix);
    }
}
