//! How connections end.

use std::fmt;
use std::io;

use switchboard_ws::ProtocolError;
use switchboard_ws::handshake::ResponseError;
use switchboard_ws::head::HeadError;

/// Why a connection is over, or never came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It could not even begin.
    NotBegun(i32),
    /// The connection broke, or was refused: the errno.
    Broken(i32),
    /// The peer ended TCP.
    Eof,
    /// The handshake took too long.
    HandshakeTimeout,
    /// The Close handshake took too long.
    CloseTimeout,
    /// The answer to the handshake is none.
    Response(ResponseError),
    /// The answer to the handshake is a refusal: its status, with the server's sentence.
    Refused(String),
    /// The answer is no HTTP.
    Head(HeadError),
    /// The server broke the WebSocket protocol.
    Protocol(ProtocolError),
    /// The server sent a Close frame.
    Closed(Option<u16>, String),
    /// The server refused a command of the dialect: which one, the code, and why.
    Denied(&'static str, u32, String),
    /// The server ended the subscription.
    Unsubscribed(u32, String),
    /// The server sent what the dialect does not have, or not here.
    Dialect(String),
    /// Left as the job wished.
    Left,
    /// The job cannot use what arrived.
    Unusable,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBegun(errno) => write!(f, "connect: {}", error_of(*errno)),
            Self::Broken(errno) if error_of(*errno).kind() == io::ErrorKind::ConnectionRefused => {
                write!(f, "{}: is the server running?", error_of(*errno))
            }
            Self::Broken(errno) => write!(f, "{}", error_of(*errno)),
            Self::Eof => f.write_str("the server ended the TCP connection"),
            Self::HandshakeTimeout => f.write_str("no answer to the handshake in time"),
            Self::CloseTimeout => f.write_str("no end after the Close frame in time"),
            Self::Response(error) => error.fmt(f),
            Self::Refused(refusal) => write!(f, "the server answered with {refusal}"),
            Self::Head(error) => write!(f, "the answer is no HTTP response: {error}"),
            Self::Protocol(error) => write!(f, "the server broke the protocol: {error}"),
            Self::Closed(None, _) => f.write_str("closed by the server without a code"),
            Self::Closed(Some(code), reason) if reason.is_empty() => {
                write!(f, "closed by the server with {code}")
            }
            Self::Closed(Some(code), reason) => {
                write!(f, "closed by the server with {code}: {reason}")
            }
            Self::Denied(command, code, reason) => {
                write!(f, "{command}: the server answered with error {code}: {reason}")
            }
            Self::Unsubscribed(code, reason) => {
                write!(f, "unsubscribed by the server with {code}: {reason}")
            }
            Self::Dialect(what) => write!(f, "the server broke the dialect: {what}"),
            Self::Left => f.write_str("left"),
            Self::Unusable => f.write_str("the answer cannot be understood"),
        }
    }
}

fn error_of(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}
