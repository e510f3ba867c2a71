//! The head of a response: what a client needs of it, and how the body ends.

use super::Malformed;

/// What is kept of a head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// The server will end the connection after it.
    pub(crate) is_last: bool,
    pub(crate) is_event_stream: bool,
    /// Validators, for the next request.
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    Chunked,
    /// With the connection.
    UntilEnd,
}

/// Reads a whole head. Nothing for an interim response (100 Continue), which has no body and is
/// followed by another head.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Head, Framing)>, Malformed> {
    let mut slots = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut slots);
    match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        _ => return Err(Malformed),
    }
    let (Some(version), Some(status)) = (parsed.version, parsed.code) else {
        return Err(Malformed);
    };
    if (100..200).contains(&status) {
        return Ok(None);
    }
    let value = |name: &str| {
        let header = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    let lower = |name: &str| value(name).unwrap_or_default().to_ascii_lowercase();
    let connection = lower("connection");
    let is_last = connection.contains("close") || (version == 0 && connection != "keep-alive");
    let framing = if status == 204 || status == 304 {
        Framing::Length(0)
    } else if lower("transfer-encoding").contains("chunked") {
        Framing::Chunked
    } else if let Some(length) = value("content-length") {
        Framing::Length(length.parse().map_err(|_| Malformed)?)
    } else {
        Framing::UntilEnd
    };
    let head = Head {
        status,
        is_last: is_last || framing == Framing::UntilEnd,
        is_event_stream: lower("content-type").starts_with("text/event-stream"),
        etag: value("etag"),
        last_modified: value("last-modified"),
    };
    Ok(Some((head, framing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &str) -> (Head, Framing) {
        parse(format!("{lines}\r\n\r\n").as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn the_last_response_is_known() {
        for (lines, is_last) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close", true),
            ("HTTP/1.1 200 OK\r\nConnection: keep-alive", true),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0", true),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive", false),
        ] {
            assert_eq!(head(lines).0.is_last, is_last, "{lines}");
        }
    }

    #[test]
    fn what_the_next_request_needs_is_kept() {
        let (head, framing) = head(
            "HTTP/1.1 304 Not Modified\r\nEtag: \"a-1\" \r\nLast-Modified: Sun, 22 Nov 2026\r\n\
             Content-Length: 7\r\nContent-Type: Text/Event-Stream; charset=utf-8",
        );
        assert_eq!(framing, Framing::Length(0), "a 304 has no body whatever it says");
        assert_eq!(head.etag.as_deref(), Some("\"a-1\""));
        assert_eq!(head.last_modified.as_deref(), Some("Sun, 22 Nov 2026"));
        assert!(head.is_event_stream);
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for bytes in ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"] {
            assert_eq!(parse(bytes.as_bytes()), Err(Malformed));
        }
        assert_eq!(parse(b"HTTP/1.1 100 Continue\r\n\r\n"), Ok(None));
    }
}
