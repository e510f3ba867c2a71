//! The mail between a gateway and the shards of its node.

use std::fmt;

use switchboard_hub::{
    ChannelName, Condition, Draft, History, HistoryQuery, Message, Outbox, Published, ShardReport,
    Unpublished,
};

use crate::reply::Reply;

/// The mail between a gateway and the shards. No method may block.
pub trait ShardMail: Send + 'static {
    /// The time, as the shards know it, in milliseconds.
    fn now_ms(&self) -> u64;
    /// The finer clock of publications.
    fn fine_us(&self) -> u32;
    /// The next piece of mail; none when all is read, or enough for now.
    fn read(&mut self) -> Option<ToHome>;
    /// What was read is handled, and this is for the shards.
    fn post(&mut self, mail: &mut Outbox);
    /// Call right before sleeping. False when mail came meanwhile: then do not sleep.
    fn try_sleep(&self) -> bool;
    /// Call after sleeping.
    fn awake(&self);
}

/// What shards and programs want of the home of a channel.
pub enum ToHome {
    /// What a shard's hub says.
    Hub(Message),
    /// Publish, if the condition holds.
    Publish {
        /// The channel.
        name: ChannelName,
        /// The message.
        draft: Draft,
        /// What must hold.
        condition: Condition,
        /// Gets what became of it.
        reply: Reply<Published>,
    },
    /// Delete a channel.
    Delete {
        /// The channel.
        name: ChannelName,
        /// Gets whether there was one.
        reply: Reply<Result<bool, Unpublished>>,
    },
    /// Remove a channel's history.
    RemoveHistory {
        /// Gets whether there was one.
        reply: Reply<Result<bool, Unpublished>>,
    },
    /// Tell a part of a channel's history.
    History {
        /// The channel.
        name: ChannelName,
        /// Which part.
        query: HistoryQuery,
        /// Gets it; none where nobody knows the channel.
        reply: Reply<Option<History>>,
    },
    /// Tell how a channel stands.
    Report {
        /// The channel.
        name: ChannelName,
        /// Gets it.
        reply: Reply<ShardReport>,
    },
}

impl fmt::Debug for ToHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(message) => f.debug_tuple("Hub").field(message).finish(),
            Self::Publish { name, .. } => write!(f, "Publish({name})"),
            Self::Delete { name, .. } => write!(f, "Delete({name})"),
            Self::RemoveHistory { .. } => f.write_str("RemoveHistory"),
            Self::History { name, .. } => write!(f, "History({name})"),
            Self::Report { name, .. } => write!(f, "Report({name})"),
        }
    }
}
