//! Events: what the server tells a backend.

use std::sync::Arc;

use switchboard_hub::ChannelName;

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// When, in Unix milliseconds.
    pub time_ms: u64,
    /// What.
    pub kind: EventKind,
}

/// What happened. `connection` is named as in the internal API, `user` is empty for an anonymous client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// A client has begun to listen.
    Connected {
        /// Its connection.
        connection: String,
        /// How it listens.
        transport: &'static str,
        /// Who it is.
        user: Arc<str>,
    },
    /// A client does not listen any more.
    Disconnected {
        /// Its connection.
        connection: String,
        /// Who it was.
        user: Arc<str>,
    },
    /// A client has joined a channel.
    Subscribed {
        /// Its connection.
        connection: String,
        /// Who it is.
        user: Arc<str>,
        /// The channel.
        channel: ChannelName,
    },
    /// A client has left a channel.
    Unsubscribed {
        /// Its connection.
        connection: String,
        /// Who it is.
        user: Arc<str>,
        /// The channel.
        channel: ChannelName,
    },
    /// A channel has its first subscriber on the whole server.
    Occupied {
        /// The channel.
        channel: ChannelName,
    },
    /// A channel has lost its last subscriber.
    Vacated {
        /// The channel.
        channel: ChannelName,
    },
}

impl EventKind {
    /// The names of all of them.
    pub const NAMES: [&'static str; 6] =
        ["connected", "disconnected", "subscribed", "unsubscribed", "occupied", "vacated"];

    /// Its name, as backends and the configuration know it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Subscribed { .. } => "subscribed",
            Self::Unsubscribed { .. } => "unsubscribed",
            Self::Occupied { .. } => "occupied",
            Self::Vacated { .. } => "vacated",
        }
    }
}
