//! What a shard keeps of one channel.

use crate::links::Links;
use crate::log::Log;
use crate::pace::Pace;
use crate::subscriber_set::SubscriberSet;
use crate::{ChannelName, Epoch, NamespaceId, Position, ShardId, SlowPolicy};

/// Means "never".
const NEVER: u64 = u64::MAX;

/// The mark where a new channel's subscribers start. High enough that offset 0 of any stream has a
/// mark above zero, whatever its head is when the home answers.
pub(crate) const FIRST_MARK: u64 = 1 << 62;

/// The mark of subscribers that were blocked while a mirror waited for its home, until they hear
/// that it answered. It takes the place of [`FIRST_MARK`].
pub(crate) const WAITING: u64 = 0;

/// A channel on its home shard, or its mirror on another one.
///
/// Cursors are kept as marks: an offset plus the channel's `base`, the mark of offset 0. When a
/// stream is deleted, the base moves up past every mark in use: a mark below the base is a
/// subscriber of the lost stream. While a mirror waits for its home, subscribers take the mark where
/// the unknown head will be, and the answer sets the base to fit. The blocked among them take a mark
/// below all others, by which fan-out finds who must hear of the answer. All that costs nothing per
/// subscriber.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: ChannelName,
    /// The low half of the name's hash.
    pub(crate) hash: u32,
    /// The next channel whose name fell into the same bucket.
    pub(crate) next_in_bucket: u32,
    pub(crate) links: Links,
    pub(crate) epoch: Epoch,
    pub(crate) base: u64,
    pub(crate) log: Log,
    pub(crate) ready: SubscriberSet,
    /// Subscribers whose sockets are full; they pull.
    pub(crate) blocked: Option<Box<SubscriberSet>>,
    pub(crate) role: Role,
    /// Since when the channel is idle, while it is in a list of idle channels.
    pub(crate) idle_since_ms: u64,
    /// Whether it is in the list of channels that never had a publication.
    pub(crate) idle_blank: bool,
    last_requested_ms: u64,
    pub(crate) namespace: NamespaceId,
    /// Those of its namespace.
    pub(crate) policy: SlowPolicy,
    /// What its log counts in the shard's budget.
    pub(crate) counted_bytes: usize,
}

/// Whether this shard is the channel's home.
#[derive(Debug)]
pub(crate) enum Role {
    Home(Home),
    Mirror(Mirror),
}

#[derive(Debug)]
pub(crate) struct Home {
    /// At most one per other shard.
    pub(crate) mirrors: Vec<RemoteMirror>,
    last_publication_ms: u64,
    /// Of its announcements.
    pub(crate) pace: Pace,
}

/// What the home knows of a mirror.
#[derive(Debug)]
pub(crate) struct RemoteMirror {
    pub(crate) generation: u64,
    pub(crate) channel: u32,
    /// As last reported.
    pub(crate) subscribers: u32,
    pub(crate) shard: ShardId,
}

#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) generation: u64,
    /// When to report the number of subscribers, while it is in the list for that.
    pub(crate) report_due_ms: u64,
    /// The number as last reported.
    pub(crate) reported: u32,
    pub(crate) home: ShardId,
    /// The home has answered.
    pub(crate) joined: bool,
}

impl Home {
    pub(crate) fn last_publication_ms(&self) -> Option<u64> {
        (self.last_publication_ms != NEVER).then_some(self.last_publication_ms)
    }

    pub(crate) fn set_last_publication_ms(&mut self, time_ms: Option<u64>) {
        self.last_publication_ms = time_ms.unwrap_or(NEVER);
    }

    /// Subscribers on other shards.
    pub(crate) fn remote_subscribers(&self) -> u64 {
        self.mirrors.iter().map(|mirror| u64::from(mirror.subscribers)).sum()
    }
}

impl Role {
    pub(crate) fn new_home() -> Self {
        Self::Home(Home { mirrors: Vec::new(), last_publication_ms: NEVER, pace: Pace::default() })
    }
}

impl Channel {
    pub(crate) fn new(
        name: ChannelName,
        hash: u32,
        epoch: Epoch,
        role: Role,
        (namespace, policy): (NamespaceId, SlowPolicy),
    ) -> Self {
        Self {
            name,
            hash,
            next_in_bucket: 0,
            links: Links::default(),
            epoch,
            base: FIRST_MARK,
            log: Log::new(0),
            ready: SubscriberSet::default(),
            blocked: None,
            role,
            idle_since_ms: 0,
            idle_blank: false,
            last_requested_ms: NEVER,
            namespace,
            policy,
            counted_bytes: 0,
        }
    }

    pub(crate) fn subscribers(&self) -> usize {
        self.ready.len() + self.blocked.as_ref().map_or(0, |blocked| blocked.len())
    }

    /// Neither this shard nor, at the home, any other shard uses it.
    pub(crate) fn is_idle(&self) -> bool {
        self.subscribers() == 0
            && match &self.role {
                Role::Home(home) => home.mirrors.is_empty(),
                Role::Mirror(_) => true,
            }
    }

    /// The mark of the last publication.
    pub(crate) fn head_mark(&self) -> u64 {
        self.base + self.log.head()
    }

    /// Subscribers from this mark on can have all that follows it; those below it have fallen off the
    /// log.
    pub(crate) fn kept_mark(&self) -> u64 {
        self.base + self.log.before()
    }

    /// No subscriber waits for the oldest publication kept.
    fn has_oldest(&self, subscribers: &SubscriberSet) -> bool {
        subscribers.is_empty()
            || self.log.oldest().is_none_or(|oldest| self.base + oldest <= subscribers.floor())
    }

    /// No ready subscriber waits for the oldest publication kept.
    pub(crate) fn ready_have_oldest(&self) -> bool {
        self.has_oldest(&self.ready)
    }

    /// This is a mirror whose home has not answered.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(&self.role, Role::Mirror(mirror) if !mirror.joined)
    }

    /// The head of its stream; unknown to a mirror that waits for its home.
    pub(crate) fn position(&self) -> Option<Position> {
        (!self.is_waiting()).then(|| Position { epoch: self.epoch, offset: self.log.head() })
    }

    pub(crate) fn last_requested_ms(&self) -> Option<u64> {
        (self.last_requested_ms != NEVER).then_some(self.last_requested_ms)
    }

    pub(crate) fn request(&mut self, now_ms: u64) {
        self.last_requested_ms = now_ms;
    }

    /// Blocked subscribers below this mark have something to hear. Only with `disconnect` does a
    /// lag count; with the other policies a subscriber hears of it when it pulls.
    pub(crate) fn blocked_limit(&self) -> u64 {
        match self.policy {
            _ if self.is_waiting() => 0,
            SlowPolicy::Disconnect => self.kept_mark(),
            SlowPolicy::Skip | SlowPolicy::Latest => self.base,
        }
    }

    pub(crate) fn ready_has_work(&self) -> bool {
        let ready = &self.ready;
        !ready.is_empty() && (ready.in_pass() || ready.floor() < self.head_mark())
    }

    pub(crate) fn blocked_has_work(&self) -> bool {
        self.blocked
            .as_ref()
            .is_some_and(|blocked| blocked.in_pass() || blocked.floor() < self.blocked_limit())
    }

    /// The oldest publication is neither in the history nor needed by any cursor.
    pub(crate) fn can_release(&self) -> bool {
        !self.log.is_empty()
            && !self.log.oldest_is_history()
            && self.ready_have_oldest()
            && self.blocked.as_deref().is_none_or(|blocked| self.has_oldest(blocked))
    }

    /// What the log holds and no other log counts: all of it at the home, and of a mirror what the
    /// home has dropped.
    pub(crate) fn bytes_to_count(&self) -> usize {
        match self.role {
            Role::Home(_) => self.log.bytes(),
            Role::Mirror(_) => self.log.orphan_bytes(),
        }
    }

    /// Finds in a mirror's log what its home has dropped.
    pub(crate) fn find_orphans(&mut self) {
        if matches!(self.role, Role::Mirror(_)) {
            self.log.find_orphans();
        }
    }

    /// Drops the oldest publication; mirrors that still need it count it from now on.
    pub(crate) fn drop_oldest(&mut self) {
        let dropped = self.log.drop_oldest();
        if let (Some(publication), Role::Home(_)) = (dropped, &self.role) {
            publication.dropped_by_home();
        }
    }

    /// The mark from which a subscriber continues after a lag, by the policy.
    pub(crate) fn mark_after_lag(&self) -> u64 {
        match self.policy {
            SlowPolicy::Disconnect | SlowPolicy::Skip => self.kept_mark(),
            SlowPolicy::Latest => self.base + self.log.before_newest(),
        }
    }
}
