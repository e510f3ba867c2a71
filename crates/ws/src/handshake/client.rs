//! The client's half of the handshake (RFC 6455 sections 4.1 and 4.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{KEY_BYTES, accept_key};
use crate::head::HEADERS_CAPACITY;
use crate::list::lists_token;

/// A handshake request. Its parts are written as they are: the caller vouches for them.
#[derive(Debug, Clone, Copy)]
pub struct ClientRequest<'a> {
    /// The value of Host.
    pub host: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// From [`encode_key`], new for each connection.
    pub key: &'a str,
    /// Subprotocols to offer, the preferred one first.
    pub protocols: &'a [&'a str],
    /// Further header lines.
    pub headers: &'a [(&'a str, &'a str)],
}

impl ClientRequest<'_> {
    /// Appends the whole request.
    pub fn write(&self, out: &mut Vec<u8>) {
        put(out, &["GET ", self.target, " HTTP/1.1\r\nHost: ", self.host, "\r\n"]);
        put(out, &["Upgrade: websocket\r\nConnection: Upgrade\r\n"]);
        put(out, &["Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ", self.key, "\r\n"]);
        if let Some((first, others)) = self.protocols.split_first() {
            put(out, &["Sec-WebSocket-Protocol: ", first]);
            for other in others {
                put(out, &[", ", other]);
            }
            put(out, &["\r\n"]);
        }
        for (name, value) in self.headers {
            put(out, &[name, ": ", value, "\r\n"]);
        }
        put(out, &["\r\n"]);
    }
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The key for 16 random bytes.
pub fn encode_key(nonce: [u8; 16]) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    let written = STANDARD.encode_slice(nonce, &mut key);
    debug_assert_eq!(written, Ok(KEY_BYTES), "16 bytes are 24 characters of base64");
    key
}

/// Why the answer to a handshake cannot be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The head is not that of an HTTP/1.1 response.
    #[error("the answer is no HTTP/1.1 response")]
    Malformed,
    /// The status is not 101.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// `Upgrade` is not `websocket`.
    #[error("the answer does not upgrade to WebSocket")]
    Upgrade,
    /// `Connection` does not list `Upgrade`.
    #[error("the answer's Connection header does not list Upgrade")]
    Connection,
    /// Sec-WebSocket-Accept does not belong to the key.
    #[error("Sec-WebSocket-Accept does not belong to the key sent")]
    Accept,
    /// An extension, and none was offered.
    #[error("the server chose an extension that was not offered")]
    Extension,
    /// A subprotocol that was not offered, or several.
    #[error("the server chose a subprotocol that was not offered")]
    Protocol,
}

/// Checks a whole response head (delimited by [`find_end`](crate::head::find_end), whose rules fit
/// responses too) against what was asked; returns the subprotocol chosen among `protocols`.
pub fn check_response<'a>(
    head: &[u8],
    key: &str,
    protocols: &[&'a str],
) -> Result<Option<&'a str>, ResponseError> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_CAPACITY];
    let mut response = httparse::Response::new(&mut slots);
    match response.parse(head) {
        Ok(httparse::Status::Complete(used)) if used == head.len() => {}
        _ => return Err(ResponseError::Malformed),
    }
    let (Some(1), Some(status)) = (response.version, response.code) else {
        return Err(ResponseError::Malformed);
    };
    if status != 101 {
        return Err(ResponseError::Status(status));
    }
    let values = |name: &'static str| {
        let named = move |h: &&httparse::Header<'_>| h.name.eq_ignore_ascii_case(name);
        response.headers.iter().filter(named).map(|header| header.value)
    };
    if !lists_token(values("upgrade"), "websocket") {
        return Err(ResponseError::Upgrade);
    }
    if !lists_token(values("connection"), "upgrade") {
        return Err(ResponseError::Connection);
    }
    if !values("sec-websocket-accept").eq([accept_key(key.as_bytes())]) {
        return Err(ResponseError::Accept);
    }
    if values("sec-websocket-extensions").next().is_some() {
        return Err(ResponseError::Extension);
    }
    let mut chosen = values("sec-websocket-protocol");
    match (chosen.next(), chosen.next()) {
        (None, _) => Ok(None),
        (Some(chosen), None) => {
            let offered = protocols.iter().find(|offered| offered.as_bytes() == chosen);
            offered.copied().map(Some).ok_or(ResponseError::Protocol)
        }
        (Some(_), Some(_)) => Err(ResponseError::Protocol),
    }
}
