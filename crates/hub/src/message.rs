//! Messages between hubs. The shards carry them, in order from each shard to each other.

use std::sync::Arc;

use crate::{ChannelName, Condition, Draft, Epoch, Position, Publication, Published, ShardId};

/// What the shard must carry to other shards; nothing for itself.
pub type Outbox = Vec<(ShardId, Message)>;

/// A client that waits for the home of a channel: for the receipt of its publication, or to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The shard of its connection.
    pub shard: ShardId,
    /// The connection's slot in its shard.
    pub conn: u32,
    /// Which user of the slot it is: the client may have gone meanwhile.
    pub generation: u32,
    /// Which of its publications, as its session counts them.
    pub request: u32,
}

/// A publication on its way to the home of its channel.
#[derive(Debug)]
pub struct Conditional {
    pub(crate) name: ChannelName,
    pub(crate) draft: Draft,
    pub(crate) condition: Condition,
    pub(crate) reply_to: Option<ReplyTo>,
}

impl Conditional {
    /// What is to be published.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Its parts, for a home that has it published elsewhere.
    pub fn into_parts(self) -> (ChannelName, Draft, Condition, Option<ReplyTo>) {
        (self.name, self.draft, self.condition, self.reply_to)
    }
}

/// A message from one hub to another.
///
/// A mirror is named by its hub's channel index and a generation that is never used twice in that
/// hub. Messages for a mirror that is gone are ignored, so a leave and a re-join cannot mix up what
/// is in flight.
#[derive(Debug)]
pub enum Message {
    /// To the home: keep my mirror up to date from now on; it has one subscriber.
    Join {
        /// The shard that asks.
        from: ShardId,
        /// The channel.
        name: ChannelName,
        /// The mirror's channel index.
        channel: u32,
        /// The mirror's generation.
        generation: u64,
    },
    /// From the home: the stream's history. Later publications follow.
    Joined {
        /// The mirror's channel index.
        channel: u32,
        /// The mirror's generation.
        generation: u64,
        /// The stream's epoch.
        epoch: Epoch,
        /// The offset behind which the history begins; the head when it is empty.
        before: u64,
        /// All publications after `before`.
        history: Vec<Arc<Publication>>,
        /// When the publication at `before` was made; 0 when there was none.
        dropped_ms: u64,
    },
    /// To the home: the mirror is gone.
    Leave {
        /// Whose mirror.
        from: ShardId,
        /// The channel.
        name: ChannelName,
        /// The mirror's generation.
        generation: u64,
    },
    /// To the home: how many subscribers the mirror has.
    Presence {
        /// Whose mirror.
        from: ShardId,
        /// The channel.
        name: ChannelName,
        /// The mirror's generation.
        generation: u64,
        /// Their number.
        subscribers: u32,
    },
    /// From the home: the next publication.
    Deliver {
        /// The mirror's channel index.
        channel: u32,
        /// The mirror's generation.
        generation: u64,
        /// The offset before it. The mirror's head must be there, or a message was lost.
        after: u64,
        /// The publication.
        publication: Arc<Publication>,
    },
    /// To the home: publish this.
    Publish {
        /// The channel.
        name: ChannelName,
        /// The draft to publish.
        draft: Draft,
        /// Who gets the receipt, if anybody.
        reply_to: Option<ReplyTo>,
    },
    /// To the home: publish this, if its condition holds.
    PublishIf(Box<Conditional>),
    /// To the home: announce this, unless the channel has had too many of these.
    Announce {
        /// The channel.
        name: ChannelName,
        /// The draft to publish.
        draft: Draft,
        /// How many a second it may have, with a burst of as many; 0 means any number.
        per_second: u32,
    },
    /// From the home: what became of a publication. For the shard, not for its hub.
    Published {
        /// Who published.
        to: ReplyTo,
        /// Its receipt, or why there is none.
        published: Published,
    },
    /// To the home: say when you have come as far as this.
    Reach {
        /// The channel.
        name: ChannelName,
        /// How far.
        position: Position,
        /// Who wants to know.
        to: ReplyTo,
    },
    /// From the home: it has come as far as it was asked, or will not. For the shard, not for its hub.
    Reached {
        /// Who wanted to know.
        to: ReplyTo,
    },
    /// From the home: nobody may begin in what was published so far.
    HistoryRemoved {
        /// The mirror's channel index.
        channel: u32,
        /// The mirror's generation.
        generation: u64,
    },
    /// From the home: the stream was deleted; one with a new epoch begins.
    Deleted {
        /// The mirror's channel index.
        channel: u32,
        /// The mirror's generation.
        generation: u64,
        /// The new stream's epoch.
        epoch: Epoch,
        /// The offset behind which it begins.
        head: u64,
    },
    /// From a home that follows its stream: nobody here will get what was published up to there.
    Lost {
        /// The mirror's channel index.
        channel: u32,
        /// The mirror's generation.
        generation: u64,
        /// The offset behind which the stream goes on.
        until: u64,
    },
}
