//! What a hub tells about a channel.

use crate::Position;

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where it stands in its channel.
    pub position: Position,
    /// Subscribers of all shards, as last reported by them.
    pub subscribers: u64,
    /// Whether some shard has subscribers.
    pub subscribed: bool,
    /// Publications that the home shard keeps.
    pub messages: u64,
    /// When somebody last began to listen, as far as the home shard was told.
    pub last_requested_ms: Option<u64>,
}

/// What one shard knows about a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardReport {
    /// The shard's subscribers, exact.
    pub subscribers: u64,
    /// When somebody last began to listen on this shard (on the home shard: on any).
    pub last_requested_ms: Option<u64>,
    /// What the home shard adds, if this is it and the channel exists.
    pub home: Option<HomeReport>,
}

/// What the home shard knows about a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeReport {
    /// The last publication's position.
    pub position: Position,
    /// Publications kept.
    pub messages: u64,
    /// Bytes kept.
    pub bytes: u64,
    /// When the last publication was made.
    pub last_publication_ms: Option<u64>,
}
