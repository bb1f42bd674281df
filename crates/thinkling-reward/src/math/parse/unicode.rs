//! Characters of Unicode that stand for ASCII or for commands of LaTeX.

use std::borrow::Cow;

/// The text with full-width forms, mathematical alphabets, superscripts, Greek letters and signs
/// in ASCII and LaTeX; `None` where a character hides text or turns its order.
pub(super) fn normalise(text: &str) -> Option<Cow<'_, str>> {
    if text.is_ascii() {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii() {
            out.push(c);
        } else if let Some(c) = ascii_twin(c) {
            out.push(c);
        } else if superscript(c).is_some() || subscript(c).is_some() {
            let (mark, part): (_, fn(char) -> Option<char>) =
                if superscript(c).is_some() { ('^', superscript) } else { ('_', subscript) };
            out.push(mark);
            out.push('{');
            out.extend(part(c));
            while let Some(more) = chars.peek().and_then(|&c| part(c)) {
                out.push(more);
                chars.next();
            }
            out.push('}');
        } else if let Some(command) = command(c) {
            out.push_str(command);
        } else if hides(c) {
            return None;
        } else {
            out.push(c);
        }
    }
    Some(Cow::Owned(out))
}

/// Marks of reading order and characters without a glyph.
fn hides(c: char) -> bool {
    crate::script::is_bidi_control(c)
        || matches!(c, '\u{AD}' | '\u{200C}' | '\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{180E}')
        || matches!(c, '\u{E0000}'..='\u{E007F}' | '\u{FFF9}'..='\u{FFFB}')
}

/// The ASCII character that `c` is a form of.
fn ascii_twin(c: char) -> Option<char> {
    Some(match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0)?,
        '\u{1D7CE}'..='\u{1D7FF}' => char::from_digit((c as u32 - 0x1D7CE) % 10, 10)?,
        '\u{1D400}'..='\u{1D6A3}' => {
            let place = (c as u32 - 0x1D400) % 52;
            char::from_u32(if place < 26 { place + 65 } else { place - 26 + 97 })?
        }
        '\u{A0}' | '\u{2000}'..='\u{200B}' | '\u{202F}' | '\u{205F}' | '\u{3000}' | '\u{FEFF}' => {
            ' '
        }
        '−' | '–' | '‐' | '‑' | '‒' | '﹣' => '-',
        '∗' => '*',
        '⁄' | '∕' => '/',
        '∶' => ':',
        '‘' | '’' | '′' => '\'',
        '“' | '”' => '"',
        '、' => ',',
        '。' => '.',
        '【' => '[',
        '】' => ']',
        '⟨' | '〈' => return None,
        'ℎ' => 'h',
        _ => return None,
    })
}

fn superscript(c: char) -> Option<char> {
    Some(match c {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => char::from_digit(c as u32 - 0x2070, 10)?,
        '⁺' => '+',
        '⁻' => '-',
        '⁽' => '(',
        '⁾' => ')',
        'ⁿ' => 'n',
        'ⁱ' => 'i',
        'ˣ' => 'x',
        _ => return None,
    })
}

fn subscript(c: char) -> Option<char> {
    Some(match c {
        '₀'..='₉' => char::from_digit(c as u32 - 0x2080, 10)?,
        '₊' => '+',
        '₋' => '-',
        '₍' => '(',
        '₎' => ')',
        'ₙ' => 'n',
        'ₖ' => 'k',
        'ₘ' => 'm',
        'ᵢ' => 'i',
        'ⱼ' => 'j',
        'ₓ' => 'x',
        'ₐ' => 'a',
        _ => return None,
    })
}

/// The command that `c` stands for, with the space that ends it.
fn command(c: char) -> Option<&'static str> {
    Some(match c {
        '×' | '✕' | '⨯' => "\\times ",
        '·' | '⋅' | '∙' | '•' => "\\cdot ",
        '÷' => "\\div ",
        '±' => "\\pm ",
        '∓' => "\\mp ",
        '≤' | '≦' | '⩽' => "\\le ",
        '≥' | '≧' | '⩾' => "\\ge ",
        '≠' => "\\ne ",
        '≈' | '≃' | '≅' => "\\approx ",
        '≡' => "\\equiv ",
        '→' | '⟶' | '↦' | '⇒' | '⟹' | '⇔' => "\\to ",
        '∈' => "\\in ",
        '∉' => "\\notin ",
        '⊂' | '⊆' => "\\subseteq ",
        '∪' => "\\cup ",
        '∩' => "\\cap ",
        '∖' => "\\setminus ",
        '∴' => "\\therefore ",
        '∨' => "\\lor ",
        '∧' => "\\land ",
        '″' => "''",
        '∅' | 'Ø' => "\\emptyset ",
        '∞' => "\\infty ",
        '°' | 'º' | '˚' => "\\degree ",
        '℃' => "\\degree C",
        '℉' => "\\degree F",
        'ℝ' => "\\mathbb{R}",
        'ℤ' => "\\mathbb{Z}",
        'ℕ' => "\\mathbb{N}",
        'ℚ' => "\\mathbb{Q}",
        'ℂ' => "\\mathbb{C}",
        '⌊' => "\\lfloor ",
        '⌋' => "\\rfloor ",
        '⌈' => "\\lceil ",
        '⌉' => "\\rceil ",
        '⟨' | '〈' => "\\langle ",
        '⟩' | '〉' => "\\rangle ",
        '∣' => "\\mid ",
        '‖' | '∥' => "\\|",
        '…' | '⋯' => "\\ldots ",
        '∑' => "\\sum ",
        '∏' => "\\prod ",
        '∫' => "\\int ",
        '∂' => "\\partial ",
        '∠' => "\\angle ",
        '△' => "\\triangle ",
        '‰' => return None,
        _ => return greek(c),
    })
}

fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "\\alpha ",
        'β' => "\\beta ",
        'γ' => "\\gamma ",
        'δ' => "\\delta ",
        'ε' | 'ϵ' => "\\epsilon ",
        'ζ' => "\\zeta ",
        'η' => "\\eta ",
        'θ' | 'ϑ' => "\\theta ",
        'ι' => "\\iota ",
        'κ' => "\\kappa ",
        'λ' => "\\lambda ",
        'μ' | 'µ' => "\\mu ",
        'ν' => "\\nu ",
        'ξ' => "\\xi ",
        'π' | '𝜋' => "\\pi ",
        'ρ' => "\\rho ",
        'σ' | 'ς' => "\\sigma ",
        'τ' => "\\tau ",
        'υ' => "\\upsilon ",
        'φ' | 'ϕ' => "\\phi ",
        'χ' => "\\chi ",
        'ψ' => "\\psi ",
        'ω' => "\\omega ",
        'Γ' => "\\Gamma ",
        'Δ' | '∆' => "\\Delta ",
        'Θ' => "\\Theta ",
        'Λ' => "\\Lambda ",
        'Ξ' => "\\Xi ",
        'Π' => "\\Pi ",
        'Σ' => "\\Sigma ",
        'Φ' => "\\Phi ",
        'Ψ' => "\\Psi ",
        'Ω' => "\\Omega ",
        _ => return None,
    })
}

/// The fraction that a character is.
pub(super) fn vulgar(c: char) -> Option<(u8, u8)> {
    Some(match c {
        '½' => (1, 2),
        '⅓' => (1, 3),
        '⅔' => (2, 3),
        '¼' => (1, 4),
        '¾' => (3, 4),
        '⅕' => (1, 5),
        '⅖' => (2, 5),
        '⅗' => (3, 5),
        '⅘' => (4, 5),
        '⅙' => (1, 6),
        '⅚' => (5, 6),
        '⅐' => (1, 7),
        '⅛' => (1, 8),
        '⅜' => (3, 8),
        '⅝' => (5, 8),
        '⅞' => (7, 8),
        '⅑' => (1, 9),
        '⅒' => (1, 10),
        _ => return None,
    })
}
