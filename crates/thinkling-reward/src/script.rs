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

/// Whether `c` is a letter of the Latin script. Full-width letters are; letters made for formulas
/// (`𝑥`) are not.
pub(crate) fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(u32::from(c),
            0xAA | 0xBA | 0xC0..=0xD6 | 0xD8..=0xF6 | 0xF8..=0x24F | 0x1E00..=0x1EFF
            | 0xFF21..=0xFF3A | 0xFF41..=0xFF5A | 0xFB00..=0xFB06)
}

/// Whether `c` is a letter of the Japanese syllabaries, half-width ones included.
pub(crate) fn is_kana(c: char) -> bool {
    matches!(u32::from(c),
        0x3041..=0x3096 | 0x309D..=0x309F | 0x30A1..=0x30FA | 0x30FC..=0x30FF
        | 0x31F0..=0x31FF | 0xFF66..=0xFF9F | 0x1B000..=0x1B16F)
}

/// Whether `c` is Korean: a syllable or one of its letters.
pub(crate) fn is_hangul(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x11FF | 0x3131..=0x318E | 0xA960..=0xA97C | 0xAC00..=0xD7A3
        | 0xD7B0..=0xD7FB | 0xFFA0..=0xFFDC)
}

/// Whether `c` is of the Cyrillic script.
pub(crate) fn is_cyrillic(c: char) -> bool {
    matches!(u32::from(c), 0x400..=0x52F | 0x1C80..=0x1C8F | 0x2DE0..=0x2DFF | 0xA640..=0xA69F)
}

/// Whether `c` is of the Arabic script, presentation forms included.
pub(crate) fn is_arabic(c: char) -> bool {
    matches!(u32::from(c),
        0x610..=0x61A | 0x620..=0x65F | 0x66E..=0x6D3 | 0x6D5..=0x6DC | 0x6DF..=0x6E8
        | 0x6EA..=0x6EF | 0x6FA..=0x6FF | 0x750..=0x77F | 0x8A0..=0x8FF | 0xFB50..=0xFDFF
        | 0xFE70..=0xFEFC)
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
