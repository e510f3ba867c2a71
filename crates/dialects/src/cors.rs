//! Pages of other origins: what browsers need before a page may read an answer (the Fetch
//! standard's CORS protocol).

/// What a page of another origin is allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cors<'a> {
    /// The value of `Access-Control-Allow-Origin`.
    pub origin: &'a str,
    /// Its requests may carry cookies.
    pub credentials: bool,
}

/// Appends the header lines that let a page of this origin read the answer; nothing without an
/// origin, or with one that cannot be in a header.
pub fn write_cors_lines(out: &mut Vec<u8>, cors: Option<Cors<'_>>) {
    let Some(Cors { origin, credentials }) = cors.filter(|cors| can_be_echoed(cors.origin)) else {
        return;
    };
    if credentials {
        out.extend_from_slice(b"Access-Control-Allow-Credentials: true\r\n");
    }
    out.extend_from_slice(b"Access-Control-Allow-Origin: ");
    out.extend_from_slice(origin.as_bytes());
    out.extend_from_slice(
        b"\r\nVary: Origin\r\n\
          Access-Control-Expose-Headers: ETag, Last-Modified, Retry-After, \
          Switchboard-Channel, Switchboard-Event, Switchboard-Gap\r\n",
    );
}

fn can_be_echoed(origin: &str) -> bool {
    !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(origin: &str) -> String {
        let mut out = Vec::new();
        write_cors_lines(&mut out, Some(Cors { origin, credentials: false }));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cookies_are_allowed_where_they_are_wanted() {
        let mut out = Vec::new();
        write_cors_lines(&mut out, Some(Cors { origin: "https://a", credentials: true }));
        let expected = "Access-Control-Allow-Credentials: true\r\n\
                        Access-Control-Allow-Origin: https://a\r\n";
        assert!(out.starts_with(expected.as_bytes()));
    }

    #[test]
    fn an_origin_that_could_begin_something_else_is_not_written() {
        for origin in ["https://a.example:8443", "null", "http://[::1]:3000", "*"] {
            let first = format!("Access-Control-Allow-Origin: {origin}\r\nVary: Origin\r\n");
            assert!(lines(origin).starts_with(&first), "{origin}");
        }
        for origin in ["", "http://a, http://b", "http://a,b", "a b", "a\tb", "a\r\nb: c", "\u{e4}"]
        {
            assert_eq!(lines(origin), "", "{origin:?}");
        }
    }
}
