//! The ways in which clients can listen.

use std::str::FromStr;

/// A way to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Asks at an interval; the answer comes at once, with or without messages.
    IntervalPoll,
    /// Asks; the answer comes when there is a message, and it asks again.
    LongPoll,
    /// One request whose answer never ends: `text/event-stream`.
    EventStream,
    /// One request that upgrades.
    WebSocket,
    /// The same, and then commands: the JSON protocol of Centrifuge.
    Centrifuge,
}

const ALL: [Transport; 5] = [
    Transport::IntervalPoll,
    Transport::LongPoll,
    Transport::EventStream,
    Transport::WebSocket,
    Transport::Centrifuge,
];

/// What is compared when nothing is said, from the most wasteful on.
pub(crate) const TRANSPORTS: [Transport; 4] =
    [Transport::IntervalPoll, Transport::LongPoll, Transport::EventStream, Transport::WebSocket];

impl Transport {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IntervalPoll => "interval poll",
            Self::LongPoll => "long poll",
            Self::EventStream => "event stream",
            Self::WebSocket => "WebSocket",
            Self::Centrifuge => "Centrifuge",
        }
    }

    /// On the command line.
    fn flag(self) -> &'static str {
        match self {
            Self::IntervalPoll => "interval-poll",
            Self::LongPoll => "long-poll",
            Self::EventStream => "event-stream",
            Self::WebSocket => "websocket",
            Self::Centrifuge => "centrifuge",
        }
    }

    /// Whether it begins with an upgrade.
    pub(crate) fn is_websocket(self) -> bool {
        matches!(self, Self::WebSocket | Self::Centrifuge)
    }
}

impl FromStr for Transport {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = ALL.into_iter().find(|transport| transport.flag() == text);
        found.ok_or_else(|| {
            "a transport is interval-poll, long-poll, event-stream, websocket or centrifuge"
                .to_owned()
        })
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.flag())
    }
}
