//! Which script a character belongs to, by code-point ranges.

/// Whether `c` is a Han character: one word of Chinese text.
pub(crate) fn is_han(c: char) -> bool {
    matches!(u32::from(c),
        0x3005 | 0x3007
        | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF
        | 0x20000..=0x323AF)
}

/// Whether `c` belongs to a script written without spaces between words, so that a number may
/// touch it without being part of a longer word.
pub(crate) fn is_unspaced(c: char) -> bool {
    is_han(c) || matches!(u32::from(c), 0x3040..=0x30FF | 0xAC00..=0xD7AF)
}

/// Whether `c` is a letter of the Latin script.
pub(crate) fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || (c.is_alphabetic()
            && matches!(u32::from(c), 0xAA | 0xBA | 0xC0..=0x24F | 0x1E00..=0x1EFF))
}

/// Whether a reader sees nothing at `c`: white space, control and zero-width characters.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || is_bidi_control(c)
        || matches!(u32::from(c), 0xAD | 0x180E | 0x200B..=0x200F | 0x2060..=0x2064 | 0xFEFF)
}

/// Whether `c` changes the order in which text is shown: what is read is not what is held.
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(u32::from(c), 0x200E | 0x200F | 0x202A..=0x202E | 0x2066..=0x2069)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_told_apart() {
        assert!(is_han('等') && is_han('〇') && !is_han('の') && !is_han('a'));
        assert!(is_unspaced('の') && is_unspaced('한') && !is_unspaced('é'));
        assert!(is_latin('é') && is_latin('Z') && !is_latin('×') && !is_latin('б'));
    }

    #[test]
    fn invisible_characters_are_blank() {
        for c in ['\u{200B}', '\u{FEFF}', '\u{2060}', '\u{3000}', '\0', '\u{202E}'] {
            assert!(is_blank(c), "{c:?}");
        }
        assert!(!is_blank('.'));
    }
}
