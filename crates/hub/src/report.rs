//! Reports about a channel and its subscribers.

use std::net::SocketAddr;

use crate::{ChannelName, Position};

/// The receipt of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its position in its channel.
    pub position: Position,
    /// Subscribers of all shards, as last reported by them.
    pub subscribers: u64,
    /// Whether some shard has subscribers.
    pub subscribed: bool,
    /// Publications in the channel's history.
    pub messages: u64,
    /// When a client last subscribed, as far as the home shard knows.
    pub last_requested_ms: Option<u64>,
}

/// What one shard knows about a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardReport {
    /// The shard's subscribers, exact.
    pub subscribers: u64,
    /// When a client last subscribed on this shard (on the home shard: on any).
    pub last_requested_ms: Option<u64>,
    /// What the home shard adds, if this is it and the channel exists.
    pub home: Option<HomeReport>,
}

/// What the home shard knows about a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeReport {
    /// The last publication's position.
    pub position: Position,
    /// Publications in the history.
    pub messages: u64,
    /// Bytes that the log keeps, for the history and for laggards.
    pub bytes: u64,
    /// When the last publication was made.
    pub last_publication_ms: Option<u64>,
}

/// A subscriber of a channel. Filled in by the shard that has the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberInfo {
    /// Names the connection: shard, slot and generation. Never used twice by one server.
    pub connection: String,
    /// The peer's address.
    pub address: SocketAddr,
    /// `websocket`, `event_stream` or `long_poll`.
    pub transport: &'static str,
    /// The user that its token names; none for an anonymous one.
    pub user: Option<String>,
    /// What its token says to others, as it was given: JSON, or any bytes.
    pub info: Option<Vec<u8>>,
    /// The same of this channel alone.
    pub channel_info: Option<Vec<u8>>,
    /// It does not show to others who listen.
    pub is_hidden: bool,
}

/// A client that cannot keep up. Filled in by the shard that has the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowClient {
    /// Who.
    pub subscriber: SubscriberInfo,
    /// The channel in which it is furthest behind.
    pub channel: ChannelName,
    /// Publications that it has not been sent yet.
    pub lag_publications: u64,
    /// Their bytes, as far as they are kept.
    pub lag_bytes: u64,
    /// How long its socket has been full.
    pub blocked_ms: u64,
}
