//! What a backend is asked.

use std::fmt;

use switchboard_hub::{ChannelName, Kind};

/// What a backend can be asked about, each by an address of its own.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Hook {
    /// Who a client is that shows no token.
    Connect,
    /// Whether a client whose time is over may stay.
    Refresh,
    /// Whether a client may listen to a channel.
    Subscribe,
    /// Whether a client may publish, and what.
    Publish,
    /// What a client asks the backend itself.
    Message,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Connect, Self::Refresh, Self::Subscribe, Self::Publish, Self::Message];

    /// Its name in the configuration and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Refresh => "refresh",
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Message => "message",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The client on whose behalf a backend is asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Client {
    /// Its connection, as the internal API names it.
    pub connection: String,
    /// Whose part of the questions it takes, its address as a number: each has its turn. No backend is told.
    pub share: u64,
    /// How it listens: `websocket`, `event_stream`, `long_poll` or `interval_poll`.
    pub transport: &'static str,
    /// Who it is; empty for an anonymous one.
    pub user: Box<str>,
    /// `meta` as its token or the connect hook gave it, JSON.
    pub meta: Option<Box<[u8]>>,
    /// Those headers of its request that the hook asks for, in their order; a name may stand twice.
    pub headers: Vec<(Box<str>, Box<[u8]>)>,
}

/// A message, in either direction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload {
    /// Text is UTF-8.
    pub kind: Kind,
    /// The message.
    pub bytes: Vec<u8>,
}

/// A question to a backend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Question {
    /// Who is this client, which wants to listen to these channels? Its user is empty.
    Connect {
        /// The client.
        client: Client,
        /// What it asks for.
        channels: Vec<ChannelName>,
        /// What it tells the backend; none of most ways to listen.
        data: Option<Payload>,
    },
    /// May this client stay, whose time is over?
    Refresh {
        /// The client.
        client: Client,
    },
    /// May this client listen to all of these channels? The backend is asked once for each.
    Subscribe {
        /// The client.
        client: Client,
        /// The channels, one at least.
        channels: Vec<ChannelName>,
        /// What it tells the backend; none of most ways to listen.
        data: Option<Payload>,
    },
    /// May this client publish?
    Publish {
        /// The client.
        client: Client,
        /// Where.
        channel: ChannelName,
        /// What.
        payload: Payload,
    },
    /// What is the answer to this message?
    Message {
        /// The client.
        client: Client,
        /// What the message is about, as the client names it; empty where it names nothing.
        method: Box<str>,
        /// The message.
        payload: Payload,
    },
}

impl Question {
    /// Which hook it is for.
    pub fn hook(&self) -> Hook {
        match self {
            Self::Connect { .. } => Hook::Connect,
            Self::Refresh { .. } => Hook::Refresh,
            Self::Subscribe { .. } => Hook::Subscribe,
            Self::Publish { .. } => Hook::Publish,
            Self::Message { .. } => Hook::Message,
        }
    }

    /// Whose question it is.
    pub fn client(&self) -> &Client {
        match self {
            Self::Connect { client, .. }
            | Self::Refresh { client }
            | Self::Subscribe { client, .. }
            | Self::Publish { client, .. }
            | Self::Message { client, .. } => client,
        }
    }

    /// Bytes that it holds while it waits, about.
    pub fn bytes(&self) -> usize {
        let client = self.client();
        let headers: usize =
            client.headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        let rest = match self {
            Self::Refresh { .. } => 0,
            Self::Connect { channels, data, .. } | Self::Subscribe { channels, data, .. } => {
                let data = data.as_ref().map_or(0, |data| data.bytes.len());
                channels.iter().map(|name| name.as_str().len() + 32).sum::<usize>() + data
            }
            Self::Publish { payload, .. } | Self::Message { payload, .. } => payload.bytes.len(),
        };
        size_of::<Self>() + client.meta.as_ref().map_or(0, |meta| meta.len()) + headers + rest
    }
}
