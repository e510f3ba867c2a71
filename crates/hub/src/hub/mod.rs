//! One shard's share of all channels.

mod begin;
mod budget;
mod conditional;
mod fanout;
mod follow;
mod history;
mod home;
mod idle;
mod laggard;
mod membership;
mod mirror;
mod occupancy;
mod presence;
mod shares;
mod size_classes;
mod stream;
mod sweep;
mod wanted_forms;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::channel::Channel;
use crate::links::Link;
use crate::log::{Log, Orphans};
use crate::occupied::Occupied;
use crate::recall::Recall;
use crate::role::{Home, Mirror, Role};
use crate::table::{List, Table};
use crate::{
    Accounting, ChannelName, Conditional, Epoch, HomeReport, Limits, Message, NamespaceId,
    Namespaces, Outbox, Position, Router, Rules, ShardId, ShardReport,
};
pub use follow::Stream;
pub use history::{History, HistoryQuery, ListenedTo};
use shares::Shares;

/// The channels of one shard: those whose home it is and its mirrors of others.
///
/// # How to drive a `Hub`
///
/// A hub does nothing by itself. Its shard calls these methods, and owes something for what each
/// returns. Times are Unix milliseconds and must not go back.
///
/// 1. **Messages in.** Give [`handle`](Hub::handle) every message that another shard sent, in that
///    shard's order. Do this before you serve clients: a client may come from another shard with a
///    position that such a message brings.
/// 2. **Clients and publishers.** Call [`subscribe`](Hub::subscribe),
///    [`unsubscribe`](Hub::unsubscribe) and [`publish`](Hub::publish) on any shard. A publisher that
///    wants its receipt names itself: the receipt comes at once, or as
///    [`Message::Published`] for its shard. Call
///    [`publish_home`](Hub::publish_home) and [`delete_home`](Hub::delete_home), which say what
///    became of it, only on the channel's home.
/// 3. **Work out.** Call [`next_work`](Hub::next_work) until it returns false, or as often as time
///    allows, and finish each slice before the next call.
/// 4. **Housekeeping.** Call [`tick`](Hub::tick) about every 100 ms.
///
/// Between two slices of work, call anything in any order. Four rules hold throughout:
///
/// - **Post first.** Many methods append to `out` what other shards must hear. Post it before you
///   send any byte that a client or a publisher could act on. Otherwise a client could ask another
///   shard for something that shard has not heard of.
/// - **Subscriptions move.** [`subscribe`](Hub::subscribe), [`block`](Hub::block) and
///   [`unblock`](Hub::unblock) return the subscriber's [`Subscription`](crate::Subscription), and
///   only the latest one is valid. [`unsubscribe`](Hub::unsubscribe), `block` and `unblock` may
///   move another subscriber: store its new subscription from the returned [`Moved`](crate::Moved)
///   before the next call.
/// - **Every slice is an order.** With `Deliver`, send the publications to every target. The
///   cursors have moved already, so block each target whose socket did not take everything, at the
///   last publication that it took or still holds in part. [`WorkKind`](crate::WorkKind) says what
///   the other kinds ask for; close and unsubscribe targets before the next call where it says so.
/// - **A blocked subscriber pulls.** When its socket has room, call [`pull`](Hub::pull). On
///   [`More`](crate::Pull::More), send what it copied, [`advance`](Hub::advance) behind what was
///   taken, and pull again. On [`CaughtUp`](crate::Pull::CaughtUp),
///   [`unblock`](Hub::unblock). [`Pull`](crate::Pull) says what the other results ask for.
///
/// **To begin anywhere but at the head:** subscribe, and block the subscription at its own
/// [`cursor`](Hub::cursor). Ask [`begin`](Hub::begin) where the subscriber goes on. If it returns
/// None, wait for [`WorkKind::Joined`](crate::WorkKind::Joined) and ask again. Announce the gap, if
/// there is one, [`place`](Hub::place) the subscription, and pull. A client that only asks for what
/// is there needs no subscription: [`visit`](Hub::visit), [`begin`](Hub::begin),
/// [`copy_after`](Hub::copy_after).
///
/// ```
/// # use std::sync::Arc;
/// # use switchboard_hub::{Accounting, Limits, NameError, Namespaces, Outbox, Router, ShardId};
/// use switchboard_hub::{ChannelName, Draft, Hub, Kind, Subscriber, Work, WorkKind};
///
/// # let (id, router, rules) = (ShardId(0), Router::new(1), Arc::new(Namespaces::default()));
/// # let (limits, accounting) = (Limits::default(), Arc::new(Accounting::default()));
/// # let mut hub = Hub::new(id, router, rules, limits, 1, accounting);
/// # let mut out = Outbox::new();
/// let news = ChannelName::new("news")?;
/// let who = Subscriber { conn: 7, nth: 0, form: 0 };
/// let subscription = hub.subscribe(1_000, &news, who, &mut out);
/// hub.publish(1_001, &news, Draft::new(Kind::Text, b"hello"), None, &mut out);
/// // Post `out` here; a server of one shard has nobody to post to.
/// assert!(out.is_empty());
///
/// let mut work = Work::default();
/// while hub.next_work(256, 64 << 10, &mut work) {
///     assert_eq!(work.kind, WorkKind::Deliver);
///     assert_eq!(work.targets, [(who, subscription)]);
///     assert_eq!(work.publications[0].payload(), b"hello");
/// }
/// assert_eq!(hub.unsubscribe(1_002, subscription, &mut out), None, "nobody had to move");
/// # Ok::<(), NameError>(())
/// ```
#[derive(Debug)]
pub struct Hub {
    id: ShardId,
    router: Router,
    rules: Arc<Namespaces<Rules>>,
    limits: Limits,
    /// State of the generator that makes epochs and, for tests, holes between offsets.
    seed: u64,
    /// The last generation given to a mirror of this shard.
    generation: u64,
    accounting: Arc<Accounting>,
    table: Table,
    /// Channels with work, in the order of their turns.
    dirty: List,
    /// Mirrors without subscribers, oldest first.
    idle_mirrors: List,
    /// Channels of this home that no shard uses and that never had a publication, oldest first.
    idle_blanks: List,
    /// Mirrors whose number of subscribers is to be reported, by due time.
    presence: List,
    /// What its namespaces keep, with the idle channels that had a publication.
    shares: Shares,
    /// Subscriptions that there are.
    subscriptions: usize,
    /// Publications made here as the home of their channels.
    publications: u64,
    /// Publications that the budget took from histories.
    evicted: u64,
    /// Announcements that were too many for their channels.
    announcements_dropped: u64,
    /// Which channels have subscribers.
    occupied: Occupied,
    /// What is remembered of publications under conditions.
    recall: Recall,
    /// Where the next sweep begins.
    swept: u32,
    /// The finer clock.
    fine_us: u32,
}

impl Hub {
    /// A hub for one of the router's shards. The seed should be random, since epochs are made of
    /// it.
    pub fn new(
        id: ShardId,
        router: Router,
        rules: Arc<Namespaces<Rules>>,
        limits: Limits,
        seed: u64,
        accounting: Arc<Accounting>,
    ) -> Self {
        Self {
            id,
            router,
            shares: Shares::new(&rules, &limits),
            rules,
            limits,
            // Hubs with the same seed must not make the same epochs.
            seed: mix(seed ^ mix(u64::from(id.0))),
            generation: 0,
            accounting,
            table: Table::new(),
            dirty: List::new(Link::Dirty),
            idle_mirrors: List::new(Link::Waiting),
            idle_blanks: List::new(Link::Waiting),
            presence: List::new(Link::Waiting),
            subscriptions: 0,
            publications: 0,
            evicted: 0,
            announcements_dropped: 0,
            occupied: Occupied::default(),
            recall: Recall::default(),
            swept: 0,
            fine_us: 0,
        }
    }

    /// Sets the finer clock: publications that are accepted here from now on are
    /// [marked](crate::Publication::accepted_us) with it. Nothing else depends on it.
    pub fn set_fine_time(&mut self, us: u32) {
        self.fine_us = us;
    }

    /// Takes a message from another shard's hub. Messages of one shard must arrive in the order in
    /// which they were sent, and none may be lost.
    pub fn handle(&mut self, now_ms: u64, message: Message, out: &mut Outbox) {
        match message {
            Message::Join { from, name, channel, generation } => {
                self.join(now_ms, &name, from, channel, generation, out);
            }
            Message::Leave { from, name, generation } => {
                self.leave(now_ms, &name, from, generation, out);
            }
            Message::Presence { from, name, generation, subscribers } => {
                self.note_presence(now_ms, &name, from, generation, subscribers);
            }
            Message::Publish { name, draft, reply_to } => {
                let published = Ok(self.publish_home(now_ms, &name, draft, out));
                out.extend(reply_to.map(|to| (to.shard, Message::Published { to, published })));
            }
            Message::PublishIf(publication) => {
                let Conditional { name, draft, condition, reply_to } = *publication;
                let published = Ok(self.publish_home_if(now_ms, &name, (draft, condition), out));
                out.extend(reply_to.map(|to| (to.shard, Message::Published { to, published })));
            }
            Message::Announce { name, draft, per_second } => {
                self.announce_home(now_ms, &name, draft, per_second, out);
            }
            // Nobody can be ahead of a home that numbers its streams itself.
            Message::Reach { to, .. } => out.push((to.shard, Message::Reached { to })),
            // The shard reads them; a hub has asked for nothing.
            Message::Published { .. } | Message::Reached { .. } => {}
            Message::Joined { channel, generation, epoch, before, history, dropped_ms } => {
                let log = Log::seeded(before, history, dropped_ms);
                self.joined(now_ms, channel, generation, epoch, log);
            }
            Message::Deliver { channel, generation, after, publication } => {
                self.deliver(now_ms, channel, generation, (after, publication));
            }
            Message::HistoryRemoved { channel, generation } => {
                self.history_removed(channel, generation);
            }
            Message::Deleted { channel, generation, epoch, head } => {
                self.deleted(channel, generation, (epoch, head));
            }
            Message::Lost { channel, generation, until } => self.lost(channel, generation, until),
        }
    }

    /// Housekeeping: drops what is too old from the logs, forgets what was idle for long enough,
    /// and reports numbers of subscribers to the homes, at most once per second and channel. One
    /// call does a bounded amount of work, so call it often (each 100 ms, say), but not between a
    /// slice of work and the blocking of targets that could not be sent everything.
    pub fn tick(&mut self, now_ms: u64, out: &mut Outbox) {
        self.sweep(now_ms);
        self.expire(now_ms, out);
        self.report_presence(now_ms, out);
        self.recall.expire(now_ms);
    }

    /// What this shard knows about a channel.
    pub fn report(&self, now_ms: u64, name: &ChannelName) -> ShardReport {
        let Some(index) = self.find(name) else {
            return ShardReport::default();
        };
        let channel = &self.table[index];
        let (log, rules) = (channel.log(), &self.rules[channel.namespace]);
        let home = match &channel.role {
            Role::Home(_) => Some(HomeReport {
                position: Position { epoch: channel.epoch, offset: log.head() },
                messages: log.history_len_at(now_ms, rules.history_ttl_ms) as u64,
                bytes: log.bytes() as u64,
                last_publication_ms: log.last_ms(),
            }),
            Role::Mirror(_) => None,
        };
        ShardReport {
            subscribers: channel.subscribers() as u64,
            last_requested_ms: channel.last_requested_ms(),
            home,
        }
    }

    /// The name of the channel with this index (see [`Subscription`](crate::Subscription)), while
    /// it exists.
    pub fn name(&self, channel: u32) -> Option<&ChannelName> {
        self.table.get(channel).map(|channel| &channel.name)
    }

    /// The namespace of the channel with this index, while it exists.
    pub fn namespace(&self, channel: u32) -> Option<NamespaceId> {
        self.table.get(channel).map(|channel| channel.namespace)
    }

    /// This shard's position in the channel with this index; none while its home has not answered.
    pub fn position(&self, channel: u32) -> Option<Position> {
        self.table.get(channel)?.position()
    }

    /// Publications made here since the start, as the home of their channels.
    pub fn publications(&self) -> u64 {
        self.publications
    }

    /// Publications that the shard's byte budget took from histories.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Announcements that this shard, as the home of their channels, did not publish because there
    /// were too many.
    pub fn announcements_dropped(&self) -> u64 {
        self.announcements_dropped
    }

    /// Bytes that the logs of this shard hold. A publication counts once in the whole process, where
    /// its channel has its home; a mirror counts only what its home has dropped since.
    pub fn log_bytes(&self) -> usize {
        self.shares.bytes()
    }

    /// Subscriptions that there are.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions
    }

    /// Channels that this shard knows, idle ones too.
    pub fn channels(&self) -> usize {
        self.table.len()
    }

    /// Idle channels that this shard remembers.
    pub fn channels_idle(&self) -> usize {
        self.idle_mirrors.len() + self.idle_blanks.len() + self.shares.idle()
    }

    fn find(&self, name: &ChannelName) -> Option<u32> {
        self.table.find(self.router.hash(name) as u32, name)
    }

    /// The channel's index. A channel that this shard does not know is made here if this is its
    /// home, and mirrored otherwise.
    fn find_or_open(&mut self, name: &ChannelName, out: &mut Outbox) -> u32 {
        let hash = self.router.hash(name);
        if let Some(index) = self.table.find(hash as u32, name) {
            return index;
        }
        let home = self.router.shard_of(hash);
        if home == self.id {
            return self.open_home(name, hash as u32);
        }
        self.open_mirror(name, hash as u32, home, out)
    }

    fn open_home(&mut self, name: &ChannelName, hash: u32) -> u32 {
        let epoch = self.next_epoch();
        self.insert(name, hash, epoch, Role::Home(Home::default()))
    }

    fn open_mirror(
        &mut self,
        name: &ChannelName,
        hash: u32,
        home: ShardId,
        out: &mut Outbox,
    ) -> u32 {
        self.generation += 1;
        let generation = self.generation;
        // A join counts as one subscriber.
        let mirror = Mirror {
            generation,
            report_due_ms: 0,
            reported: 1,
            home,
            joined: false,
            orphans: Orphans::default(),
        };
        let role = Role::Mirror(Box::new(mirror));
        let unknown = Epoch::from_random(0);
        let channel = self.insert(name, hash, unknown, role);
        let join = Message::Join { from: self.id, name: name.clone(), channel, generation };
        out.push((home, join));
        channel
    }

    /// Adds a channel. An unknown namespace gets the default's rules; callers refuse it earlier if
    /// it may not exist.
    fn insert(&mut self, name: &ChannelName, hash: u32, epoch: Epoch, role: Role) -> u32 {
        let namespace = self.rules.resolve(name).unwrap_or(NamespaceId::DEFAULT);
        let policy = self.rules[namespace].slow_policy;
        self.table.insert(Channel::new(name.clone(), hash, epoch, role, (namespace, policy)))
    }

    fn next_epoch(&mut self) -> Epoch {
        Epoch::from_random(self.random())
    }

    /// The offset of the publication that follows `head`: the next one, unless a test wants holes.
    fn next_offset(&mut self, head: u64) -> u64 {
        match self.limits.offset_skip_max {
            0 => head + 1,
            max => head + 1 + self.random() % (u64::from(max) + 1),
        }
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.seed)
    }
}

/// The finalizer of splitmix64.
fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
