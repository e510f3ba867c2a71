//! What the rest of the program may ask of a shard.

use std::fmt;
use std::sync::Arc;

use switchboard_api::centrifugo::{Ending, GivenChannel};
use switchboard_auth::Verifier;
use switchboard_hub::{
    ChannelName, Condition, Draft, History, HistoryQuery, ListenedTo, Published, ShardReport,
    SlowClient, SubscriberInfo, Unpublished,
};

/// Called once, on the shard's thread, with the answer. Must be quick and must not block.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// Some connections of a user, by the names that they have in lists.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// This one alone; all if none.
    pub only: Option<Box<str>>,
    /// The one with this session alone; all if none.
    pub session: Option<Box<str>>,
    /// Not these.
    pub but: Vec<Box<str>>,
}

impl Chosen {
    /// Whether a connection is one of them.
    pub(crate) fn has(&self, connection: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == connection)
            && !self.but.iter().any(|other| &**other == connection)
    }
}

/// A request to one shard.
pub enum Command {
    /// Publish. To be sent to the channel's home shard.
    Publish {
        /// The channel.
        name: ChannelName,
        /// The message.
        draft: Draft,
        /// Gets what became of it.
        reply: Reply<Published>,
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
        reply: Reply<Published>,
    },
    /// Delete the channel and end its subscribers. To be sent to the channel's home shard.
    Delete {
        /// The channel.
        name: ChannelName,
        /// Gets whether it existed.
        reply: Reply<Result<bool, Unpublished>>,
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
    /// Tell a part of a channel's history. To be sent to the channel's home shard.
    History {
        /// The channel.
        name: ChannelName,
        /// Which part.
        query: HistoryQuery,
        /// Gets it; none where nobody knows the channel.
        reply: Reply<Option<History>>,
    },
    /// Remove a channel's history. To be sent to the channel's home shard.
    RemoveHistory {
        /// The channel.
        name: ChannelName,
        /// Gets whether there was any.
        reply: Reply<Result<bool, Unpublished>>,
    },
    /// List the channels with subscribers on this shard, a part at a time.
    Channels {
        /// Where to begin: 0, or where the last part ended.
        from: u32,
        /// Gets them with the numbers of their subscribers, and where to go on.
        reply: Reply<ListenedTo>,
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
        /// Which of them.
        only: Chosen,
        /// What Centrifuge clients and other WebSockets are told; what they are told otherwise if none.
        ending: Option<Arc<Ending>>,
        /// Gets how many there were.
        reply: Reply<u64>,
    },
    /// Say something new of the connections of a user on this shard.
    Refresh {
        /// The user.
        user: Box<str>,
        /// Which of them.
        only: Chosen,
        /// When they end, in Unix seconds; never if none.
        until_s: Option<u32>,
        /// What others are told of their clients; what they were told before if none.
        info: Option<Arc<[u8]>>,
        /// Gets how many there are.
        reply: Reply<u64>,
    },
    /// Subscribe the connections of a user on this shard that speak Centrifuge's protocol.
    Give {
        /// The user.
        user: Box<str>,
        /// Which of them.
        only: Chosen,
        /// To what.
        given: Arc<GivenChannel>,
        /// Gets how many have as many channels as they may.
        reply: Reply<u64>,
    },
    /// End the subscriptions of those connections to a channel.
    TakeAway {
        /// The user.
        user: Box<str>,
        /// Which of them.
        only: Chosen,
        /// The channel.
        name: ChannelName,
        /// Called when that is done, or on its way.
        reply: Reply<()>,
    },
    /// Check tokens with other keys from now on.
    Verifier(Arc<Verifier>),
    /// Take no further clients, tell those that are there to connect elsewhere, one after another within
    /// [`Timeouts::drain_ms`](crate::Timeouts::drain_ms), and stop then.
    Drain,
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
            Self::History { name, .. } => write!(f, "History({name})"),
            Self::RemoveHistory { name, .. } => write!(f, "RemoveHistory({name})"),
            Self::Channels { from, .. } => write!(f, "Channels({from})"),
            Self::Refresh { user, .. } => write!(f, "Refresh({user})"),
            Self::Give { user, given, .. } => write!(f, "Give({user}, {})", given.name),
            Self::TakeAway { user, name, .. } => write!(f, "TakeAway({user}, {name})"),
            Self::Slow { .. } => f.write_str("Slow"),
            Self::OfUser { user, .. } => write!(f, "OfUser({user})"),
            Self::Disconnect { user, .. } => write!(f, "Disconnect({user})"),
            Self::Verifier(_) => f.write_str("Verifier"),
            Self::Drain => f.write_str("Drain"),
            Self::Stop => f.write_str("Stop"),
        }
    }
}
