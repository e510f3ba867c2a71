//! The opening handshake (RFC 6455 section 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

mod client;
mod error;
mod origin;

#[cfg(test)]
mod tests;

pub use client::{ClientRequest, ResponseError, check_response, encode_key};
pub use error::HandshakeError;
pub use origin::{check_origin, foreign_origin, is_origin};

use crate::head::{Request, Version};
use crate::list::{elements, is_token, lists_token};

/// What a key is hashed with (section 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Length of a key: the base64 of 16 bytes.
const KEY_BYTES: usize = 24;

/// What the server accepts.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The subprotocols that the server speaks, the preferred one first. Each must be a token.
    pub protocols: &'a [&'a str],
    /// Origins that may connect besides those of the server's own host, compared byte for byte; `*`
    /// allows all. None where [`check_origin`] has been asked already.
    pub allowed_origins: Option<&'a [String]>,
}

/// A valid handshake, and the answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accept<'a> {
    /// The value of Sec-WebSocket-Accept: base64 of a SHA-1.
    pub key: [u8; 28],
    /// The subprotocol chosen, an item of [`Rules::protocols`]; `None` when none was offered or
    /// none is shared.
    pub protocol: Option<&'a str>,
}

/// Whether the request asks for WebSocket at all: `websocket` is in its Upgrade list.
pub fn wants_upgrade(request: &Request<'_>) -> bool {
    lists_token(request.headers("upgrade"), "websocket")
}

/// Whether the request is a handshake whose Upgrade did not arrive: proxies pass it on only when they
/// are told to, since it is meant for the next hop (RFC 9110 section 7.6.1).
pub fn lost_upgrade(request: &Request<'_>) -> bool {
    request.header("sec-websocket-key").is_some() && !wants_upgrade(request)
}

/// Checks a handshake request (section 4.2.1) and chooses the subprotocol.
pub fn check<'a>(request: &Request<'_>, rules: &Rules<'a>) -> Result<Accept<'a>, HandshakeError> {
    if !wants_upgrade(request) {
        let is_handshake = request.header("sec-websocket-key").is_some();
        return Err(if is_handshake {
            HandshakeError::UpgradeLost
        } else {
            HandshakeError::UpgradeMissing
        });
    }
    check_wanted(request, rules)
}

/// Checks a handshake request of which [`wants_upgrade`] is known.
pub fn check_wanted<'a>(
    request: &Request<'_>,
    rules: &Rules<'a>,
) -> Result<Accept<'a>, HandshakeError> {
    if request.version() == Version::Http10 {
        return Err(HandshakeError::Http10);
    }
    if request.method() != "GET" {
        return Err(HandshakeError::Method);
    }
    if !lists_token(request.headers("connection"), "upgrade") {
        return Err(HandshakeError::ConnectionMissing);
    }
    if request.has_body() {
        return Err(HandshakeError::Body);
    }
    check_version(request)?;
    let key = sole(request, "sec-websocket-key").ok_or(HandshakeError::Key)?;
    if !is_key(key) {
        return Err(HandshakeError::Key);
    }
    if let Some(allowed) = rules.allowed_origins {
        check_origin(request, allowed)?;
    }
    let protocol = choose_protocol(request, rules.protocols)?;
    Ok(Accept { key: accept_key(key), protocol })
}

impl Accept<'_> {
    /// Appends the whole 101 response (section 4.2.2).
    pub fn write_response(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\n\
              Upgrade: websocket\r\n\
              Connection: Upgrade\r\n\
              Sec-WebSocket-Accept: ",
        );
        out.extend_from_slice(&self.key);
        if let Some(protocol) = self.protocol {
            out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
            out.extend_from_slice(protocol.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
    }
}

/// The value of a header that is there exactly once.
fn sole<'h>(request: &Request<'h>, name: &str) -> Option<&'h [u8]> {
    let mut values = request.headers(name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Another version is answered with ours (section 4.4); anything else is malformed.
fn check_version(request: &Request<'_>) -> Result<(), HandshakeError> {
    match sole(request, "sec-websocket-version") {
        Some(b"13") => Ok(()),
        Some(value) if is_version(value) => Err(HandshakeError::VersionUnsupported),
        _ => Err(HandshakeError::VersionMalformed),
    }
}

/// One to three digits without a leading zero.
fn is_version(value: &[u8]) -> bool {
    matches!(value, [b'0'] | [b'1'..=b'9', ..])
        && value.len() <= 3
        && value.iter().all(u8::is_ascii_digit)
}

/// Canonical base64 of 16 bytes: 24 characters, padded, without stray bits in the last letter.
fn is_key(key: &[u8]) -> bool {
    let [letters @ .., last, b'=', b'='] = key else {
        return false;
    };
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    // Of the last letter only two bits are of the 16 bytes (RFC 4648 section 3.5).
    key.len() == KEY_BYTES
        && letters.iter().all(is_letter)
        && matches!(last, b'A' | b'Q' | b'g' | b'w')
}

/// The value of Sec-WebSocket-Accept for a key (section 4.2.2 item 5.4).
fn accept_key(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize();
    let mut accept = [0; 28];
    let written = STANDARD.encode_slice(digest, &mut accept);
    debug_assert_eq!(written, Ok(28), "a SHA-1 is 28 characters of base64");
    accept
}

/// The first of the server's subprotocols that the client offers. Only an item of the server's own
/// list is ever echoed. Subprotocols are case-sensitive.
fn choose_protocol<'a>(
    request: &Request<'_>,
    protocols: &[&'a str],
) -> Result<Option<&'a str>, HandshakeError> {
    let mut best = protocols.len();
    for offered in request.headers("sec-websocket-protocol").flat_map(elements) {
        if !is_token(offered) {
            return Err(HandshakeError::ProtocolMalformed);
        }
        let preferred = &protocols[..best];
        if let Some(rank) = preferred.iter().position(|ours| ours.as_bytes() == offered) {
            best = rank;
        }
    }
    Ok(protocols.get(best).copied())
}
