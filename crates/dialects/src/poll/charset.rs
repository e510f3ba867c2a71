//! The charset of text whose publisher named none.

use switchboard_hub::Kind;

/// What a publisher left out: text is UTF-8 here, and clients take text that does not say so for Latin-1.
pub(super) fn charset(kind: Kind, content_type: &str) -> &'static str {
    let mut parts = content_type.split(';');
    let is_text = parts.next().is_some_and(|media_type| starts_with(media_type, "text/"));
    let is_given = parts.any(|parameter| starts_with(parameter, "charset="));
    if kind == Kind::Text && is_text && !is_given { "; charset=utf-8" } else { "" }
}

/// Whether `text` begins with `prefix`, in any case and behind any spaces.
fn starts_with(text: &str, prefix: &str) -> bool {
    let text = text.trim_start().as_bytes();
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_says_that_it_is_utf_8_unless_its_publisher_said_more() {
        for content_type in ["text/plain", "TEXT/markdown", "text/csv; header=present"] {
            assert_eq!(charset(Kind::Text, content_type), "; charset=utf-8", "{content_type}");
            assert_eq!(charset(Kind::Binary, content_type), "", "{content_type}");
        }
        for content_type in [
            "text/plain; charset=iso-8859-1",
            "text/plain;Charset=UTF-8",
            "application/json",
            "tex",
        ] {
            assert_eq!(charset(Kind::Text, content_type), "", "{content_type}");
        }
    }
}
