//! Which pages may connect (RFC 6454, RFC 6455 section 10.2).

use super::HandshakeError;
use crate::authority::Authority;
use crate::head::Request;

/// Allows a request without an Origin (no browser sends it), with one that stands in `allowed`
/// byte for byte, or with one whose authority is the request's Host. The scheme is not compared,
/// since a proxy may have ended TLS before us; it only says which port is meant when one of the
/// two leaves it out.
///
/// Also fit for plain requests.
pub fn check_origin<S: AsRef<str>>(
    request: &Request<'_>,
    allowed: &[S],
) -> Result<(), HandshakeError> {
    let mut origins = request.headers("origin");
    let Some(origin) = origins.next() else {
        return Ok(());
    };
    if origins.next().is_some() {
        return Err(HandshakeError::OriginRepeated);
    }
    if allowed.iter().any(|allowed| allowed.as_ref().as_bytes() == origin)
        || is_same_host(origin, request.host())
    {
        return Ok(());
    }
    Err(HandshakeError::OriginNotAllowed)
}

/// Whether an origin (`scheme://host[:port]` and nothing after it) names this host.
fn is_same_host(origin: &[u8], host: Option<&str>) -> bool {
    let Some(host) = host.and_then(|host| Authority::parse(host.as_bytes())) else {
        return false;
    };
    let Some(colon) = memchr::memchr(b':', origin) else {
        return false;
    };
    let (scheme, rest) = origin.split_at(colon);
    let Some(authority) = rest.strip_prefix(b"://").and_then(Authority::parse) else {
        return false;
    };
    is_scheme(scheme) && authority.is_same(&host, default_port(scheme))
}

/// A letter, then letters, digits, `+`, `-` and `.` (RFC 3986 section 3.1).
fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn default_port(scheme: &[u8]) -> Option<u16> {
    let is = |known: &[u8]| scheme.eq_ignore_ascii_case(known);
    if is(b"http") || is(b"ws") {
        Some(80)
    } else if is(b"https") || is(b"wss") {
        Some(443)
    } else {
        None
    }
}
