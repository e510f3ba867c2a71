//! Pages of other origins: what browsers must be told before they let them read (the Fetch
//! standard's CORS protocol).

use switchboard_ws::head::Request;

/// The request's origin, where the answer can echo it: one header line of visible ASCII without
/// commas. Whether it is allowed is for
/// [`check_origin`](switchboard_ws::handshake::check_origin) to say.
pub fn echoed_origin<'h>(request: &Request<'h>) -> Option<&'h str> {
    let mut origins = request.headers("origin");
    let origin = str::from_utf8(origins.next()?).ok()?;
    (origins.next().is_none() && can_be_echoed(origin)).then_some(origin)
}

/// Appends the header lines that let a page of this origin read the answer; nothing when there is
/// no origin, or none that could stand in a header.
pub(crate) fn push_lines(out: &mut Vec<u8>, origin: Option<&str>) {
    let Some(origin) = origin.filter(|origin| can_be_echoed(origin)) else {
        return;
    };
    out.extend_from_slice(b"Access-Control-Allow-Origin: ");
    out.extend_from_slice(origin.as_bytes());
    out.extend_from_slice(
        b"\r\nVary: Origin\r\n\
          Access-Control-Expose-Headers: ETag, Last-Modified, Switchboard-Channel, \
          Switchboard-Event, Switchboard-Gap\r\n",
    );
}

fn can_be_echoed(origin: &str) -> bool {
    !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

#[cfg(test)]
mod tests {
    use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

    use super::*;

    fn echoed(lines: &[u8]) -> Option<String> {
        let head = [b"GET / HTTP/1.1\r\nHost: a\r\n", lines, b"\r\n"].concat();
        let mut slots = HeaderSlots::new();
        let request = head::parse(&head, &mut slots, &HeadLimits::default()).unwrap();
        echoed_origin(&request).map(str::to_owned)
    }

    #[test]
    fn one_visible_origin_is_echoed() {
        for origin in ["https://a.example:8443", "null", "http://[::1]:3000"] {
            assert_eq!(echoed(format!("Origin: {origin}\r\n").as_bytes()).as_deref(), Some(origin));
        }
        for lines in [
            &b""[..],
            b"Origin:\r\n",
            b"Origin: http://a, http://b\r\n",
            b"Origin: http://a,http://b\r\n",
            b"Origin: http://a http://b\r\n",
            b"Origin: http://a\tb\r\n",
            b"Origin: http://\xc3\xa4\r\n",
            b"Origin: http://\xff\r\n",
            b"Origin: http://a\r\nOrigin: http://a\r\n",
        ] {
            assert_eq!(echoed(lines), None, "{lines:?}");
        }
    }
}
