//! The media types that a client accepts (RFC 9110 section 12.5.1).

use crate::head::Request;

/// Whether one of the request's Accept lines names this very media type (in lower case), with any
/// parameters and with a weight that is not zero. Ranges such as `*/*` do not name it.
///
/// ```
/// use switchboard_ws::{accept, head};
///
/// let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream;q=0.5, */*\r\n\r\n";
/// let mut slots = head::HeaderSlots::new();
/// let request = head::parse(bytes, &mut slots, &head::HeadLimits::default())?;
/// assert!(accept::names(&request, "text/event-stream"));
/// assert!(!accept::names(&request, "application/json"));
/// # Ok::<(), head::HeadError>(())
/// ```
pub fn names(request: &Request<'_>, media_type: &str) -> bool {
    request.headers("accept").flat_map(|line| split(line, b',')).any(|element| {
        let mut parts = split(element, b';').map(<[u8]>::trim_ascii);
        let named = parts.next().is_some_and(|t| t.eq_ignore_ascii_case(media_type.as_bytes()));
        named && !parts.any(is_zero_weight)
    })
}

/// The pieces between separators that are outside of quoted strings.
fn split(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |&byte| {
        let outside = !quoted;
        if escaped {
            escaped = false;
        } else if byte == b'"' {
            quoted = !quoted;
        } else {
            escaped = quoted && byte == b'\\';
        }
        outside && byte == separator
    })
}

/// `q=0`, `q=0.`, and so on up to `q=0.000` (RFC 9110 section 12.4.2).
fn is_zero_weight(parameter: &[u8]) -> bool {
    let [b'q' | b'Q', b'=', b'0', rest @ ..] = parameter else {
        return false;
    };
    match rest {
        [] => true,
        [b'.', decimals @ ..] => decimals.iter().all(|digit| *digit == b'0'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{HeadLimits, HeaderSlots, parse};

    fn named(lines: &[&str]) -> bool {
        let lines = lines.iter().flat_map(|line| ["Accept: ", line, "\r\n"]);
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", lines.collect::<String>());
        let mut slots = HeaderSlots::new();
        let request = parse(head.as_bytes(), &mut slots, &HeadLimits::default()).unwrap();
        names(&request, "text/event-stream")
    }

    #[test]
    fn a_type_is_named_by_itself_only() {
        for lines in [
            &["text/event-stream"][..],
            &["TEXT/Event-Stream"],
            &["text/html, text/event-stream"],
            &["text/html", "*/*, text/event-stream;q=0.001"],
            &["text/event-stream;charset=utf-8; q=0.5"],
            &["text/event-stream ; q=1"],
            &["text/event-stream;q=0, text/event-stream"],
            &["text/html;x=\"a\\\",b\", text/event-stream"],
            &["text/event-stream;x=\"; q=0\""],
        ] {
            assert!(named(lines), "{lines:?}");
        }
        for lines in [
            &[][..],
            &[""],
            &["*/*"],
            &["text/*"],
            &["text/event-streams"],
            &["text/event-stream;q=0"],
            &["text/event-stream; Q=0.000"],
            &["text/event-stream;x=y;q=0.0;z"],
            &["text/html;x=\", text/event-stream\""],
            &["text/html;x=\"\\\", text/event-stream,\""],
        ] {
            assert!(!named(lines), "{lines:?}");
        }
    }
}
