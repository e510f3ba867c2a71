//! What is spoken on a WebSocket.

use std::str::FromStr;

/// What clients and server say to each other once the connection is a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Messages; the URL says to what a client listens.
    Plain,
    /// Messages behind a header, and one at the beginning: `switchboard.v1`.
    V1,
    /// The JSON protocol of Centrifuge.
    Centrifuge,
}

/// The subprotocol of [`Dialect::V1`].
pub(super) const V1: &str = "switchboard.v1";

impl FromStr for Dialect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "plain" => Ok(Self::Plain),
            "v1" => Ok(Self::V1),
            "centrifuge" => Ok(Self::Centrifuge),
            _ => Err("a dialect is plain, v1 or centrifuge"),
        }
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::V1 => "v1",
            Self::Centrifuge => "centrifuge",
        })
    }
}
