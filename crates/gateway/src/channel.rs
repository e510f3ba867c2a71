//! One channel that this node follows, or is about to.

use std::collections::BTreeMap;
use std::fmt;

use switchboard_cluster::Place;
use switchboard_hub::{
    Draft, Epoch, History, HistoryQuery, Message, NamespaceId, ShardId, ShardReport, Unpublished,
};

use crate::load::Load;
use crate::out::Reply;
use crate::waiter::Waiter;

/// Announcements that wait until a channel is followed.
const ANNOUNCEMENTS_MAX: usize = 64;
/// Questions of programs that wait for it.
const QUESTIONS_MAX: usize = 256;

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) namespace: NamespaceId,
    pub(crate) place: Place,
    pub(crate) stage: Stage,
    /// What is done once the channel is followed.
    pub(crate) waiting: Vec<Waiting>,
    /// Those whose messages are stored and have not come here yet, by their sequences.
    pub(crate) held: BTreeMap<u64, Held>,
}

/// Receipts that wait for their publication.
#[derive(Debug)]
pub(crate) struct Held {
    /// Of the stream that has it.
    pub(crate) epoch: Epoch,
    /// When they are given anyway.
    pub(crate) due_ms: u64,
    /// More than one where the same was published twice.
    pub(crate) waiters: Vec<Waiter>,
}

/// How far it is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The engine does not know yet that this node listens to the bucket.
    Subscribing,
    /// Its messages arrive, and its newest one is asked for.
    Joining,
    /// Its history is read.
    Loading(Box<Load>),
    /// The hub has it.
    Following,
}

/// What waits until a channel is followed.
pub(crate) enum Waiting {
    /// What a shard's mirror says.
    Mirror {
        shard: ShardId,
        generation: u64,
        message: Message,
    },
    /// Somebody has come or gone; so many of these may be told a second.
    Announcement(Draft, u32),
    History(HistoryQuery, Reply<Option<History>>),
    Report(Reply<ShardReport>),
    Deletion(Reply<Result<bool, Unpublished>>),
}

impl Channel {
    pub(crate) fn new(namespace: NamespaceId, place: Place) -> Self {
        let (waiting, held) = (Vec::new(), BTreeMap::new());
        Self { namespace, place, stage: Stage::Subscribing, waiting, held }
    }

    /// What a shard's mirror says waits. A shard has one mirror of a channel at a time, so it has one join that
    /// waits, and one number of subscribers; one that leaves takes both with it.
    pub(crate) fn wait_mirror(&mut self, message: Message) {
        let (shard, generation) = match &message {
            Message::Join { from, generation, .. }
            | Message::Leave { from, generation, .. }
            | Message::Presence { from, generation, .. } => (*from, *generation),
            _ => return,
        };
        let is_join = matches!(message, Message::Join { .. });
        let is_leave = matches!(message, Message::Leave { .. });
        if !is_join && !self.waiting.iter().any(|it| it.is_of(shard, generation)) {
            return;
        }
        self.waiting.retain(|it| match it {
            Waiting::Mirror { shard: own, .. } if is_join => *own != shard,
            Waiting::Mirror { message: Message::Join { .. }, .. } if !is_leave => true,
            it => !it.is_of(shard, generation),
        });
        if !is_leave {
            self.waiting.push(Waiting::Mirror { shard, generation, message });
        }
    }

    /// An announcement waits. False where there are enough.
    pub(crate) fn wait_announcement(&mut self, draft: Draft, per_second: u32) -> bool {
        let is_such = |it: &&Waiting| matches!(it, Waiting::Announcement(..));
        let has_room = self.waiting.iter().filter(is_such).count() < ANNOUNCEMENTS_MAX;
        if has_room {
            self.waiting.push(Waiting::Announcement(draft, per_second));
        }
        has_room
    }

    /// A question of a program waits. Where too many do, it is dropped, and the program hears of no answer.
    pub(crate) fn wait_question(&mut self, question: Waiting) {
        let is_such =
            |it: &&Waiting| !matches!(it, Waiting::Announcement(..) | Waiting::Mirror { .. });
        if self.waiting.iter().filter(is_such).count() < QUESTIONS_MAX {
            self.waiting.push(question);
        }
    }
}

impl Waiting {
    fn is_of(&self, shard: ShardId, generation: u64) -> bool {
        matches!(self, Self::Mirror { shard: own, generation: its, .. } if *own == shard && *its == generation)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mirror { message, .. } => f.debug_tuple("Mirror").field(message).finish(),
            Self::Announcement(..) => f.write_str("Announcement"),
            Self::History(query, _) => f.debug_tuple("History").field(query).finish(),
            Self::Report(_) => f.write_str("Report"),
            Self::Deletion(_) => f.write_str("Deletion"),
        }
    }
}
