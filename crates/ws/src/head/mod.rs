//! HTTP/1.0 and 1.1 request heads (RFC 9110, RFC 9112), stricter than the parser underneath.
//!
//! ```
//! use switchboard_ws::head::{self, HeadLimits, HeaderSlots};
//!
//! let received = b"GET /sub/news?since=earliest HTTP/1.1\r\nHost: example.com\r\n\r\nnext";
//! let limits = HeadLimits::default();
//! let end = head::find_end(received, 0, &limits)?.unwrap();
//! let mut slots = HeaderSlots::new();
//! let request = head::parse(&received[..end], &mut slots, &limits)?;
//! assert_eq!((request.path(), request.query()), ("/sub/news", Some("since=earliest")));
//! assert_eq!(&received[end..], b"next");
//! # Ok::<(), head::HeadError>(())
//! ```

use std::fmt;
use std::mem::MaybeUninit;

mod chunk;
mod end;
mod error;
mod framing;
mod target;
mod version;

#[cfg(test)]
mod tests;

pub use chunk::read_empty_chunks;
pub use end::find_end;
pub use error::HeadError;
pub use framing::Body;
use framing::Fields;
use target::Target;
pub use version::Version;

/// The most header lines that [`HeaderSlots`] has room for.
pub const HEADERS_CAPACITY: usize = 128;

/// Limits on a request head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Length of the whole head in bytes, the empty line included.
    pub bytes_max: usize,
    /// Number of header lines; [`HEADERS_CAPACITY`] at most.
    pub headers_max: usize,
    /// Length of the request target in bytes.
    pub target_bytes_max: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes_max: 16 << 10, headers_max: 64, target_bytes_max: 12 << 10 }
    }
}

/// Room for the header lines of one head, on the caller's stack and not initialised.
pub struct HeaderSlots<'b> {
    room: [MaybeUninit<httparse::Header<'b>>; HEADERS_CAPACITY],
    /// For heads of a later HTTP/1, which are rare.
    later: Vec<httparse::Header<'b>>,
}

impl HeaderSlots<'_> {
    /// Empty slots; costs nothing.
    #[inline]
    pub const fn new() -> Self {
        Self { room: [const { MaybeUninit::uninit() }; HEADERS_CAPACITY], later: Vec::new() }
    }
}

impl Default for HeaderSlots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HeaderSlots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderSlots").finish_non_exhaustive()
    }
}

/// A parsed request head. Borrows the received bytes and the slots.
#[derive(Debug, Clone, Copy)]
pub struct Request<'h> {
    method: &'h str,
    target: Target<'h>,
    version: Version,
    host: Option<&'h str>,
    headers: &'h [httparse::Header<'h>],
    body: Body,
    keep_alive: bool,
}

/// Parses a whole head, as delimited by [`find_end`], and checks what every request needs: its
/// version, its target, one Host, and a body whose end is beyond doubt.
pub fn parse<'h, 'b: 'h>(
    head: &'b [u8],
    slots: &'h mut HeaderSlots<'b>,
    limits: &HeadLimits,
) -> Result<Request<'h>, HeadError> {
    let headers_max = limits.headers_max.min(HEADERS_CAPACITY);
    let HeaderSlots { room, later } = slots;
    let mut parsed = httparse::Request::new(&mut []);
    let headers: &'h [httparse::Header<'h>] = match parsed
        .parse_with_uninit_headers(head, &mut room[..headers_max])
    {
        Ok(httparse::Status::Complete(used)) if used == head.len() => parsed.headers,
        Ok(_) => return Err(HeadError::RequestLine),
        Err(httparse::Error::Version) => {
            let fields = version::behind_later_minor(head)?;
            parsed.version = Some(1);
            later.resize(headers_max, httparse::EMPTY_HEADER);
            match httparse::parse_headers(fields, later) {
                Ok(httparse::Status::Complete((used, headers))) if used == fields.len() => headers,
                Ok(_) => return Err(HeadError::RequestLine),
                Err(error) => return Err(refusal(error)),
            }
        }
        Err(error) => return Err(refusal(error)),
    };
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(HeadError::RequestLine);
    };
    if target.len() > limits.target_bytes_max {
        return Err(HeadError::TargetTooLong);
    }
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let target = Target::parse(method, target)?;
    let fields = Fields::read(headers)?;
    let host = target.host(fields.host, version)?;
    let body = fields.body(version)?;
    let keep_alive = !fields.close && (version == Version::Http11 || fields.keep_alive);
    Ok(Request { method, target, version, host, headers, body, keep_alive })
}

/// Names the rule behind the parser's error.
fn refusal(error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooManyHeaders,
        httparse::Error::HeaderName => HeadError::HeaderName,
        httparse::Error::HeaderValue => HeadError::HeaderValue,
        _ => HeadError::RequestLine,
    }
}

impl<'h> Request<'h> {
    /// The method, in the case in which it was sent; methods are case-sensitive.
    pub fn method(&self) -> &'h str {
        self.method
    }

    /// The target's path: begins with `/`, or is `*`. Percent-encoded as it came.
    pub fn path(&self) -> &'h str {
        self.target.path
    }

    /// The part after the first `?` of the target.
    pub fn query(&self) -> Option<&'h str> {
        self.target.query
    }

    /// The version. A later minor version counts as 1.1, another major one was refused.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The Host header, or the authority of an absolute target. Checked to be a host with or
    /// without a port; not empty; always present on HTTP/1.1.
    pub fn host(&self) -> Option<&'h str> {
        self.host
    }

    /// Whether another request may follow on the connection (RFC 9112 section 9.3).
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// What follows the head.
    pub fn body(&self) -> Body {
        self.body
    }

    /// Whether any body follows the head.
    pub fn has_body(&self) -> bool {
        self.body != Body::None
    }

    /// The value of the first header line with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&'h [u8]> {
        self.headers(name).next()
    }

    /// The values of all header lines with this name, in any case and in order.
    pub fn headers<'n>(
        &self,
        name: &'n str,
    ) -> impl DoubleEndedIterator<Item = &'h [u8]> + use<'h, 'n> {
        let named = move |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|header| header.value)
    }
}
