//! Which pages may connect (RFC 6454, RFC 6455 section 10.2).

use super::HandshakeError;
use crate::authority::{Authority, default_port};
use crate::head::Request;

/// Among the allowed origins: every origin.
const ANY: &str = "*";

/// Allows a request without an Origin (no browser sends it), with one that is in `allowed` byte for
/// byte, or with one whose authority is the request's Host. The scheme is not compared, since a
/// proxy may have ended TLS before us; it only gives the port when one of the two leaves it out.
/// Where `allowed` has `*`, one well-formed origin of any kind is allowed.
///
/// Also fit for plain requests. Returns the Origin.
pub fn check_origin<'h, S: AsRef<str>>(
    request: &Request<'h>,
    allowed: &[S],
) -> Result<Option<&'h [u8]>, HandshakeError> {
    let mut origins = request.headers("origin");
    let Some(origin) = origins.next() else {
        return Ok(None);
    };
    if origins.next().is_some() {
        return Err(HandshakeError::OriginRepeated);
    }
    let is_allowed = |allowed: &S| match allowed.as_ref() {
        ANY => is_origin(origin),
        allowed => allowed.as_bytes() == origin,
    };
    if allowed.iter().any(is_allowed) || is_same_host(origin, request.host()) {
        return Ok(Some(origin));
    }
    Err(HandshakeError::OriginNotAllowed)
}

/// The Origin of a page of another host; none for pages of the server's own, which browsers do not always
/// name, and without one.
pub fn foreign_origin<'h>(request: &Request<'h>) -> Option<&'h [u8]> {
    request.header("origin").filter(|origin| !is_same_host(origin, request.host()))
}

/// Whether this is one origin as RFC 6454 section 6.2 writes it. `null` is for those without one to
/// show, such as sandboxed frames; the host may be empty, as in `file://`. A host with a comma
/// could be taken for a list.
pub fn is_origin(origin: &[u8]) -> bool {
    origin == b"null"
        || split(origin).is_some_and(|(_, host)| {
            host.is_empty() || (!host.contains(&b',') && parse_host(host).is_some())
        })
}

/// Whether an origin (`scheme://host[:port]` and nothing after it) names this host.
fn is_same_host(origin: &[u8], host: Option<&str>) -> bool {
    let Some(host) = host.and_then(|host| Authority::parse(host.as_bytes())) else {
        return false;
    };
    let Some((scheme, authority)) = split(origin) else {
        return false;
    };
    parse_host(authority).is_some_and(|authority| authority.is_same(&host, default_port(scheme)))
}

/// The authority of an origin, which browsers write without an empty port.
fn parse_host(authority: &[u8]) -> Option<Authority<'_>> {
    Authority::parse(authority).filter(|_| !authority.ends_with(b":"))
}

/// The scheme, and what follows `://`.
fn split(origin: &[u8]) -> Option<(&[u8], &[u8])> {
    let (scheme, rest) = origin.split_at(memchr::memchr(b':', origin)?);
    Some((scheme, rest.strip_prefix(b"://")?)).filter(|_| is_scheme(scheme))
}

/// A letter, then letters, digits, `+`, `-` and `.` (RFC 3986 section 3.1).
fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}
