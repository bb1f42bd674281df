//! Elements of HTML and SVG as text. What is put in as text or as an attribute's value is escaped
//! here and nowhere else, so no caller can forget it.

use std::fmt::{Display, Write};

/// Elements without content and end tag in HTML.
const VOID: [&str; 4] = ["meta", "br", "hr", "link"];

/// An element that is being written.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    content: String,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: String::new(), content: String::new() }
    }

    /// An element with a text.
    pub(super) fn with_text(name: &'static str, text: &str) -> Self {
        Self::new(name).text(text)
    }

    pub(super) fn attribute(mut self, key: &str, value: impl Display) -> Self {
        self.attributes += &format!(" {key}=\"{}\"", escape(&value.to_string()));
        self
    }

    pub(super) fn class(self, names: impl Display) -> Self {
        self.attribute("class", names)
    }

    /// Adds text, escaped.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.content += &escape(text);
        self
    }

    /// Adds a style sheet of this crate, which needs no escaping and must not have it.
    pub(super) fn style(mut self, sheet: &'static str) -> Self {
        self.content += sheet;
        self
    }

    pub(super) fn child(mut self, child: Self) -> Self {
        child.write_to(&mut self.content);
        self
    }

    pub(super) fn children(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// The element as text.
    pub(super) fn finish(self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut String) {
        let Self { name, attributes, content } = self;
        // Writing into a string cannot fail.
        let _ = if VOID.contains(name) {
            writeln!(out, "<{name}{attributes}>")
        } else {
            // A line end between inline elements would be a space; after blocks it is nothing.
            let end = if INLINE.contains(name) { "" } else { "\n" };
            write!(out, "<{name}{attributes}>{content}</{name}>{end}")
        };
    }
}

/// Elements of running text.
const INLINE: [&str; 9] = ["span", "a", "b", "code", "pre", "tspan", "title", "small", "time"];

/// `text` with what HTML reads as markup written as text; control characters, which no document
/// may hold, become replacement characters.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_stay_text() {
        let attack = "</p><script>alert('x')</script>\" onload=\"y\u{0}&amp;";
        let html = Element::new("p").attribute("title", attack).text(attack).finish();
        assert_eq!(html.matches('<').count(), 2, "{html}");
        assert_eq!(html.matches('"').count(), 2, "{html}");
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), "{html}");
        assert!(html.contains("&amp;amp;") && html.contains('\u{fffd}'), "{html}");
    }

    #[test]
    fn elements_nest_and_void_ones_have_no_end() {
        let list = Element::new("ul").children(["a", "b"].map(|t| Element::with_text("li", t)));
        assert_eq!(list.finish(), "<ul><li>a</li>\n<li>b</li>\n</ul>\n");
        assert_eq!(
            Element::new("meta").attribute("charset", "utf-8").finish(),
            "<meta charset=\"utf-8\">\n"
        );
    }
}
