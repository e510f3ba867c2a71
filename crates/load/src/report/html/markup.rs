//! Builds markup that is well formed by construction: elements close themselves, and text and
//! attributes cannot break out of their place. The output is HTML and XML at once.

use std::borrow::Cow;

/// Markup under construction.
#[derive(Debug, Default)]
pub(super) struct Markup {
    out: String,
}

/// Attributes of an element: name and value.
type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Markup {
    /// An element and what is in it.
    pub(super) fn element(
        &mut self,
        tag: &str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.start(tag, attributes);
        self.out.push('>');
        inside(self);
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
    }

    /// An element with text in it.
    pub(super) fn leaf(&mut self, tag: &str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |m| m.text(text));
    }

    /// An element that never has anything in it: `meta`, `path`, `circle`.
    pub(super) fn void(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.out.push_str("/>");
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) {
        self.out.push_str(&escaped(text));
    }

    /// Text of our own that must stay as it is, such as a style sheet.
    pub(super) fn verbatim(&mut self, text: &'static str) {
        self.out.push_str(text);
    }

    /// A line end, for people who read the source.
    pub(super) fn line_end(&mut self) {
        self.out.push('\n');
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn start(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.out.push('<');
        self.out.push_str(tag);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.out.push_str(&escaped(value));
            self.out.push('"');
        }
    }
}

/// Text that is safe between tags and in quoted attributes. Characters that XML forbids, even
/// escaped, become U+FFFD.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || is_forbidden(c)) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_forbidden(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.into()
}

/// Not a `Char` of XML 1.0, section 2.2.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// A coordinate: two decimals are a hundredth of a pixel.
pub(super) fn coordinate(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let mut markup = Markup::default();
        markup.leaf("p", &[("title", "a\"b'<c>&")], "</p><script>alert('x')</script>&amp;\u{1}");
        let out = markup.finish();
        assert!(!out.contains("<script"));
        let document = roxmltree::Document::parse(&out).unwrap();
        let p = document.root_element();
        assert_eq!(p.attribute("title"), Some("a\"b'<c>&"));
        assert_eq!(p.text(), Some("</p><script>alert('x')</script>&amp;\u{fffd}"));
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escaped("100 µs and more"), Cow::Borrowed(_)));
    }

    #[test]
    fn elements_nest() {
        let mut markup = Markup::default();
        markup.element("ul", &[], |m| {
            m.leaf("li", &[], "one");
            m.void("br", &[]);
        });
        assert_eq!(markup.finish(), "<ul><li>one</li><br/></ul>");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!(coordinate(1.0), "1");
        assert_eq!(coordinate(12.345), "12.35");
        assert_eq!(coordinate(-0.001), "0");
    }
}
