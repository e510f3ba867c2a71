//! Versions of HTTP.

use memchr::memchr;

use super::HeadError;

/// The version of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// What follows the request line of a whole head whose version the parser does not know, if that is a
/// later minor version of HTTP/1, which is served as the highest known (RFC 9110 section 2.5). The
/// parser has found method and target sound.
pub(super) fn behind_later_minor(head: &[u8]) -> Result<&[u8], HeadError> {
    // One empty line may precede the request line.
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    let end = memchr(b'\r', head).unwrap_or(head.len());
    let (line, rest) = head.split_at(end);
    match line.splitn(3, |byte| *byte == b' ').nth(2) {
        Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9']) => {
            rest.strip_prefix(b"\r\n").ok_or(HeadError::RequestLine)
        }
        Some([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']) => {
            Err(HeadError::Version)
        }
        _ => Err(HeadError::RequestLine),
    }
}
