//! Lines of a given width in terminal columns, of text that may come from anywhere.

use unicode_width::UnicodeWidthChar;

/// Columns of a character; what has none or steers the terminal was replaced before.
pub(crate) fn width_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Columns of a text.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// Without what steers a terminal: control characters and marks of direction become a middle dot, tabs
/// four blanks. Line breaks stay.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            '\r' => {}
            c if c.is_control() => out.push('·'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                out.push('·');
            }
            c => out.push(c),
        }
    }
    out
}

/// The text in lines of at most `columns`, cut at blanks where there are some.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    plain(text).split('\n').flat_map(|line| wrap_line(line, columns)).collect()
}

fn wrap_line(line: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut current, mut used) = (Vec::new(), String::new(), 0);
    for word in line.split_inclusive(' ') {
        let needed = width(word.trim_end());
        if used > 0 && used + needed > columns && needed <= columns {
            lines.push(std::mem::take(&mut current));
            used = 0;
        }
        for c in word.chars() {
            let wide = width_of(c);
            if used + wide > columns {
                // A blank at the end of a line is not shown.
                if c == ' ' {
                    continue;
                }
                lines.push(std::mem::take(&mut current));
                used = 0;
            }
            current.push(c);
            used += wide;
        }
    }
    lines.push(current);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The beginning of a text in at most so many columns.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let text = plain(text).replace('\n', " ");
    if width(&text) <= columns {
        return text;
    }
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        used += width_of(c);
        if used + 1 > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('~');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_blanks_and_by_columns_and_never_longer() {
        assert_eq!(wrap("one two  three", 8), ["one two", "three"]);
        assert_eq!(wrap("a\n\nb", 8), ["a", "", "b"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("先加上三", 5), ["先加", "上三"], "two columns each");
        assert_eq!(wrap("  indented", 20), ["  indented"]);
        let text = "so 12345678901234567890 先加 and\tmore\u{1b}[31m of it";
        for columns in 2..30 {
            let lines = wrap(text, columns);
            assert!(lines.iter().all(|line| width(line) <= columns), "{columns}: {lines:?}");
            let blanks = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(blanks(&lines.concat()), blanks(&plain(text)), "{columns}");
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[2J\u{7}\u{202e}b\r\n"), "a·[2J··b\n");
        assert_eq!(fit("先加上三", 5), "先加~");
        assert_eq!(
            (fit("ab", 2), fit("abc", 2), fit("abc", 0)),
            ("ab".into(), "a~".into(), String::new())
        );
    }
}
