//! What the rest of the program may ask of a shard.

use std::fmt;
use std::sync::Arc;

use switchboard_auth::Verifier;
use switchboard_hub::{
    ChannelName, Condition, Draft, Receipt, ShardReport, SlowClient, SubscriberInfo,
};

/// Called once, on the shard's thread, with the answer. Must be quick and must not block.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// A request to one shard.
pub enum Command {
    /// Publish. To be sent to the channel's home shard.
    Publish {
        /// The channel.
        name: ChannelName,
        /// The message.
        draft: Draft,
        /// Gets what became of it.
        reply: Reply<Receipt>,
    },
    /// The same, if a condition holds.
    PublishIf {
        /// The channel.
        name: ChannelName,
        /// The message.
        draft: Draft,
        /// What must hold.
        condition: Condition,
        /// Gets what became of it, or of the one that was made already.
        reply: Reply<Receipt>,
    },
    /// Delete the channel and end its subscribers. To be sent to the channel's home shard.
    Delete {
        /// The channel.
        name: ChannelName,
        /// Gets whether it existed.
        reply: Reply<bool>,
    },
    /// Tell what this shard knows of a channel.
    Report {
        /// The channel.
        name: ChannelName,
        /// Gets the report.
        reply: Reply<ShardReport>,
    },
    /// List those who listen to a channel on this shard.
    Subscribers {
        /// The channel.
        name: ChannelName,
        /// How many at most.
        max: usize,
        /// Gets them, in no order.
        reply: Reply<Vec<SubscriberInfo>>,
    },
    /// List the clients of this shard that cannot keep up.
    Slow {
        /// How many at most.
        max: usize,
        /// Gets them, those who are held back the longest first.
        reply: Reply<Vec<SlowClient>>,
    },
    /// List the connections of a user on this shard.
    OfUser {
        /// The user.
        user: Box<str>,
        /// How many to list at most.
        max: usize,
        /// Gets how many there are, and the newest of them.
        reply: Reply<(u64, Vec<SubscriberInfo>)>,
    },
    /// End the connections of a user on this shard, within a second and as fast as the sweep ends others.
    Disconnect {
        /// The user.
        user: Box<str>,
        /// Gets how many there were.
        reply: Reply<u64>,
    },
    /// Check tokens with other keys from now on.
    Verifier(Arc<Verifier>),
    /// Stop accepting, close every WebSocket with 1001, and end.
    Stop,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish { name, .. } => write!(f, "Publish({name})"),
            Self::PublishIf { name, .. } => write!(f, "PublishIf({name})"),
            Self::Delete { name, .. } => write!(f, "Delete({name})"),
            Self::Report { name, .. } => write!(f, "Report({name})"),
            Self::Subscribers { name, .. } => write!(f, "Subscribers({name})"),
            Self::Slow { .. } => f.write_str("Slow"),
            Self::OfUser { user, .. } => write!(f, "OfUser({user})"),
            Self::Disconnect { user, .. } => write!(f, "Disconnect({user})"),
            Self::Verifier(_) => f.write_str("Verifier"),
            Self::Stop => f.write_str("Stop"),
        }
    }
}
