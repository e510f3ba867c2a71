//! Why an opening handshake is refused.

/// A rule of RFC 6455 section 4.2.1, or of this server, that a handshake request broke. The
/// connection is closed after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HandshakeError {
    /// There is no `Upgrade: websocket`.
    #[error("this resource is reached through WebSocket: send Upgrade: websocket")]
    UpgradeMissing,
    /// There is a Sec-WebSocket-Key, so there was an Upgrade.
    #[error(
        "Upgrade: websocket did not arrive with the handshake: most likely a proxy in between does \
         not pass on Upgrade and Connection, or speaks HTTP/1.0 to this server"
    )]
    UpgradeLost,
    /// HTTP/1.0 has no Upgrade (RFC 9110 section 7.8).
    #[error("an upgrade to WebSocket needs HTTP/1.1")]
    Http10,
    /// The method of a handshake is GET.
    #[error("an upgrade to WebSocket is a GET request")]
    Method,
    /// `Connection` must list `Upgrade`.
    #[error(
        "the Connection header does not list Upgrade; a proxy in between may have taken it away"
    )]
    ConnectionMissing,
    /// A handshake has no body.
    #[error("an upgrade to WebSocket has no body")]
    Body,
    /// There must be one Sec-WebSocket-Version, a number.
    #[error("Sec-WebSocket-Version is not there once with one number")]
    VersionMalformed,
    /// Only version 13 is supported.
    #[error("only version 13 of WebSocket is spoken here")]
    VersionUnsupported,
    /// There must be one Sec-WebSocket-Key, base64 of 16 bytes.
    #[error("Sec-WebSocket-Key is not there once with the base64 of 16 bytes")]
    Key,
    /// The offered subprotocols are not a list of tokens.
    #[error("Sec-WebSocket-Protocol is not a list of tokens")]
    ProtocolMalformed,
    /// There may be one Origin only.
    #[error("there is more than one Origin header")]
    OriginRepeated,
    /// The page is not from this host and not from an allowed origin.
    #[error("the origin is neither this host nor listed in allowed_origins")]
    OriginNotAllowed,
}

impl HandshakeError {
    /// The status code of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Http10
            | Self::ConnectionMissing
            | Self::VersionMalformed
            | Self::Key
            | Self::ProtocolMalformed
            | Self::OriginRepeated => 400,
            Self::OriginNotAllowed => 403,
            Self::Method => 405,
            Self::Body => 413,
            Self::UpgradeMissing | Self::UpgradeLost | Self::VersionUnsupported => 426,
        }
    }

    /// Header lines that the answer must carry, each with its CR LF; often none. Where they name
    /// Upgrade, the answer's Connection header should list `Upgrade` beside `close` (RFC 9110
    /// section 7.8).
    pub const fn headers(self) -> &'static str {
        match self {
            Self::UpgradeMissing | Self::UpgradeLost | Self::VersionUnsupported => {
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            }
            Self::Method => "Allow: GET\r\n",
            _ => "",
        }
    }
}
