//! What a shard keeps of one channel.

use crate::links::{Link, Neighbours};
use crate::log::{Log, Orphans};
use crate::pace::Pace;
use crate::role::Role;
use crate::subscriber_set::SubscriberSet;
use crate::{ChannelName, Epoch, NamespaceId, Position, SlowPolicy};

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
    dirty: Neighbours,
    waiting: Neighbours,
    pub(crate) epoch: Epoch,
    pub(crate) base: u64,
    /// None until the first publication.
    stored: Option<Box<Stored>>,
    pub(crate) ready: SubscriberSet,
    /// Subscribers whose sockets are full; they pull.
    pub(crate) blocked: Option<Box<SubscriberSet>>,
    pub(crate) role: Role,
    /// Since when the channel is idle, while it is in a list of idle channels: the low half of the
    /// time, which is enough for 49 days.
    idle_since_ms: u32,
    last_requested_ms: u64,
    pub(crate) namespace: NamespaceId,
    /// Those of its namespace.
    pub(crate) policy: SlowPolicy,
    /// In which list of idle channels it is.
    pub(crate) idle: Idle,
}

/// What a channel has once something was published in it.
#[derive(Debug)]
struct Stored {
    log: Log,
    size: Neighbours,
    /// What the log counts in the shard's budget.
    counted_bytes: usize,
    /// Of announcements, at the home.
    pace: Pace,
}

/// The lists of idle channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// In none of them.
    Not,
    /// The mirrors.
    Mirror,
    /// The homes of channels that never had a publication.
    Blank,
    /// The other homes of its namespace.
    Home,
}

/// The log of a channel that never had a publication.
static EMPTY: Log = Log::EMPTY;

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
            dirty: Neighbours::NONE,
            waiting: Neighbours::NONE,
            epoch,
            base: FIRST_MARK,
            stored: None,
            ready: SubscriberSet::default(),
            blocked: None,
            role,
            idle_since_ms: 0,
            last_requested_ms: NEVER,
            namespace,
            policy,
            idle: Idle::Not,
        }
    }

    pub(crate) fn log(&self) -> &Log {
        self.stored.as_ref().map_or(&EMPTY, |stored| &stored.log)
    }

    pub(crate) fn log_mut(&mut self) -> &mut Log {
        &mut self.stored_mut().log
    }

    fn stored_mut(&mut self) -> &mut Stored {
        self.stored.get_or_insert_with(|| {
            Box::new(Stored {
                log: Log::EMPTY,
                size: Neighbours::NONE,
                counted_bytes: 0,
                pace: Pace::default(),
            })
        })
    }

    /// What its log counts in the shard's budget.
    #[cfg(test)]
    pub(crate) fn counted_bytes(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.counted_bytes)
    }

    /// What its log holds and no other log counts: all of it at the home, and of a mirror what the
    /// home has dropped.
    #[cfg(test)]
    pub(crate) fn bytes_to_count(&self) -> usize {
        match &self.role {
            Role::Home(_) => self.log().bytes(),
            Role::Mirror(mirror) => mirror.orphans.bytes,
        }
    }

    /// Counts its log as it is now. Returns what it counted before and what it counts now, if that
    /// is not the same.
    pub(crate) fn count_bytes(&mut self) -> Option<(usize, usize)> {
        let stored = self.stored.as_mut()?;
        let now = match &self.role {
            Role::Home(_) => stored.log.bytes(),
            Role::Mirror(mirror) => mirror.orphans.bytes,
        };
        let before = std::mem::replace(&mut stored.counted_bytes, now);
        (before != now).then_some((before, now))
    }

    /// Of announcements, at the home.
    pub(crate) fn pace(&mut self) -> &mut Pace {
        &mut self.stored_mut().pace
    }

    pub(crate) fn neighbours(&self, link: Link) -> Neighbours {
        match link {
            Link::Dirty => self.dirty,
            Link::Waiting => self.waiting,
            Link::Size => self.stored.as_ref().map_or(Neighbours::NONE, |stored| stored.size),
        }
    }

    pub(crate) fn neighbours_mut(&mut self, link: Link) -> &mut Neighbours {
        match link {
            Link::Dirty => &mut self.dirty,
            Link::Waiting => &mut self.waiting,
            Link::Size => &mut self.stored_mut().size,
        }
    }

    pub(crate) fn is_in_no_list(&self) -> bool {
        let lists = [Link::Dirty, Link::Waiting, Link::Size];
        !lists.into_iter().any(|link| self.neighbours(link).are_in_list())
    }

    pub(crate) fn subscribers(&self) -> usize {
        self.ready.len() + self.blocked.as_ref().map_or(0, |blocked| blocked.len())
    }

    /// Neither this shard nor, at the home, any other shard uses it.
    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty()
            && self.blocked.is_none()
            && match &self.role {
                Role::Home(home) => home.mirrors.is_empty(),
                Role::Mirror(_) => true,
            }
    }

    /// The mark of the last publication.
    pub(crate) fn head_mark(&self) -> u64 {
        self.base + self.log().head()
    }

    /// Subscribers from this mark on can have all that follows it; those below it have fallen off the
    /// log.
    pub(crate) fn kept_mark(&self) -> u64 {
        self.base + self.log().before()
    }

    /// No subscriber waits for the oldest publication kept.
    fn has_oldest(&self, subscribers: &SubscriberSet) -> bool {
        subscribers.is_empty()
            || self.log().oldest().is_none_or(|oldest| self.base + oldest <= subscribers.floor())
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
        (!self.is_waiting()).then(|| Position { epoch: self.epoch, offset: self.log().head() })
    }

    pub(crate) fn last_requested_ms(&self) -> Option<u64> {
        (self.last_requested_ms != NEVER).then_some(self.last_requested_ms)
    }

    /// Puts down in which list of idle channels it is from now on.
    pub(crate) fn set_idle(&mut self, now_ms: u64, list: Idle) {
        self.idle_since_ms = now_ms as u32;
        self.idle = list;
    }

    /// For how long it has been idle.
    pub(crate) fn idle_ms(&self, now_ms: u64) -> u64 {
        (now_ms as u32).wrapping_sub(self.idle_since_ms).into()
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
        !self.log().is_empty()
            && !self.log().oldest_is_history()
            && self.ready_have_oldest()
            && self.blocked.as_deref().is_none_or(|blocked| self.has_oldest(blocked))
    }

    /// Finds in a mirror's log what its home has dropped.
    pub(crate) fn find_orphans(&mut self) {
        if let (Role::Mirror(mirror), Some(stored)) = (&mut self.role, &self.stored) {
            stored.log.find_orphans(&mut mirror.orphans);
        }
    }

    /// Removes from the history what is too old for it, in so many steps at most. Returns how many.
    pub(crate) fn expire(&mut self, now_ms: u64, ttl_ms: u64, steps_max: usize) -> usize {
        let stored = self.stored.as_mut();
        stored.map_or(0, |stored| stored.log.expire(now_ms, ttl_ms, steps_max))
    }

    /// Drops the oldest publication; mirrors that still need it count it from now on.
    pub(crate) fn drop_oldest(&mut self) {
        let Some(publication) = self.stored.as_mut().and_then(|it| it.log.drop_oldest()) else {
            return;
        };
        match &mut self.role {
            Role::Home(_) => publication.dropped_by_home(),
            Role::Mirror(mirror) if mirror.orphans.count > 0 => {
                mirror.orphans.count -= 1;
                mirror.orphans.bytes -= publication.cost_bytes();
            }
            Role::Mirror(_) => {}
        }
    }

    /// Nobody may begin in what is kept. It stays for those who lag.
    pub(crate) fn remove_history(&mut self) {
        if let Some(stored) = &mut self.stored {
            stored.log.remove_history();
        }
    }

    /// Drops all that is kept; the head stays.
    pub(crate) fn clear_log(&mut self) {
        if let Some(stored) = &mut self.stored {
            stored.log = Log::new(stored.log.head());
        }
        if let Role::Mirror(mirror) = &mut self.role {
            mirror.orphans = Orphans::default();
        }
    }

    /// The log of a mirror, as its home sent it.
    pub(crate) fn set_log(&mut self, log: Log) {
        if log.head() > 0 || self.stored.is_some() {
            *self.log_mut() = log;
        }
    }

    /// The mark from which a subscriber continues after a lag, by the policy.
    pub(crate) fn mark_after_lag(&self) -> u64 {
        match self.policy {
            SlowPolicy::Disconnect | SlowPolicy::Skip => self.kept_mark(),
            SlowPolicy::Latest => self.base + self.log().before_newest(),
        }
    }

    /// A new stream begins. The old one must have been cleared, and be counted nowhere.
    pub(crate) fn forget_stream(&mut self) {
        self.stored = None;
    }
}
