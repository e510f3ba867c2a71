//! Subscribers: they connect, stay, and check what they get. Some read slowly; in a storm all but
//! a few are dropped and come back.

use std::sync::Arc;

use switchboard_plane::{Close, ConnId};

use super::deliveries::{Deliveries, Subscriber};
use super::returning::{Backoff, Returning};
use super::slow::{Slow, is_slow};
use crate::engine::stats::{Counter, Measure};
use crate::engine::{Connection, Core, End, Job, Orders, Ramp, State};
use crate::target::Targets;
use crate::verify::{Cursor, Excused, Progress};

/// What all threads' subscribers have in common.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Differs from run to run.
    pub(crate) run: u32,
    pub(crate) targets: Arc<Targets>,
    /// Channels that are published to.
    pub(crate) channels: u32,
    /// The first so many connections are not dropped in a storm and have channel 0 for themselves.
    pub(crate) survivors: u32,
    /// Messages are publications of this run, to be checked.
    pub(crate) verify: bool,
    pub(crate) slow_percent: u32,
    pub(crate) slow_bytes_per_s: u64,
    pub(crate) backoff: Backoff,
    /// Handshakes that a thread has under way when clients come back.
    pub(crate) returning_max: usize,
    /// How a storm drops connections.
    pub(crate) drop: Close,
    pub(crate) progress: Arc<Progress>,
    pub(crate) excused: Arc<Excused>,
    pub(crate) orders: Arc<Orders>,
}

impl Rules {
    /// The channel of a connection.
    fn channel_of(&self, number: u32) -> u32 {
        match (self.survivors, number.checked_sub(self.survivors)) {
            (0, _) => number % self.channels,
            (_, None) => 0,
            (_, Some(nth)) => 1 + nth % self.channels,
        }
    }
}

/// What is kept for each subscriber.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Subscription {
    next: u64,
    begun: bool,
    /// Every publication has to reach it.
    counted: bool,
    slow: bool,
    /// It was dropped, and this many connects have failed since.
    returning: Option<u8>,
}

/// The job of a thread of subscribers.
#[derive(Debug)]
pub(crate) struct Subscribers {
    rules: Arc<Rules>,
    ramp: Ramp,
    deliveries: Deliveries,
    slow: Slow,
    returning: Returning,
    dropped_ns: Option<u64>,
    /// Subscribers still to be dropped in the storm.
    to_drop: Vec<ConnId>,
}

/// Connections that a storm drops in one turn, so that the plane is driven in between.
const DROPS_MAX: usize = 256;

impl Subscribers {
    pub(crate) fn new(rules: Arc<Rules>, ramp: Ramp) -> Self {
        let (progress, excused) = (Arc::clone(&rules.progress), Arc::clone(&rules.excused));
        let targets = Arc::clone(&rules.targets);
        Self {
            slow: Slow::new(rules.slow_bytes_per_s),
            deliveries: Deliveries::new(rules.run, targets, progress, excused),
            rules,
            ramp,
            returning: Returning::default(),
            dropped_ns: None,
            to_drop: Vec::new(),
        }
    }

    /// Storm: everyone but the survivors is to be dropped.
    fn begin_storm(&mut self, core: &Core<Subscription>) {
        self.dropped_ns = Some(core.now_ns);
        let all = core.slab.iter();
        let dropped = all.filter(|connection| connection.number >= self.rules.survivors);
        self.to_drop = dropped.map(|connection| connection.id).collect();
    }

    /// Drops the next few, which reconnect after their back-off.
    fn drop_some(&mut self, core: &mut Core<Subscription>) {
        for _ in 0..DROPS_MAX {
            let Some(id) = self.to_drop.pop() else { return };
            if let Some(connection) = core.close(id, self.rules.drop) {
                core.stats.add(Counter::Left, 1);
                self.forget(&connection, false);
                self.come_back(core, &connection, 0);
            }
        }
    }

    fn come_back(
        &mut self,
        core: &mut Core<Subscription>,
        connection: &Connection<Subscription>,
        attempt: u8,
    ) {
        let who = (connection.number, connection.channel, connection.place());
        self.returning.add(who, attempt, self.rules.backoff, core.now_ns, &mut core.random);
    }

    fn reconnect(&mut self, core: &mut Core<Subscription>) {
        while core.connecting() < self.rules.returning_max {
            let Some(absent) = self.returning.due(core.now_ns) else { return };
            let subscription =
                Subscription { returning: Some(absent.attempt), ..Subscription::default() };
            core.connect_behind(absent.number, absent.channel, absent.place, subscription);
        }
    }

    /// A subscriber is gone, or the run is over.
    fn forget(&mut self, connection: &Connection<Subscription>, is_over: bool) {
        let Connection { number, channel, data: subscription, .. } = *connection;
        self.slow.remove(connection.id);
        if self.rules.verify && connection.was_open() {
            let cursor = Cursor { next: subscription.next, begun: subscription.begun };
            self.deliveries.ended(
                Subscriber { number, channel },
                cursor,
                subscription.counted,
                is_over,
            );
        }
    }
}

impl Job for Subscribers {
    type Data = Subscription;

    fn opened(&mut self, core: &mut Core<Subscription>, id: ConnId) {
        let now_ns = core.now_ns;
        let Some(connection) = core.slab.get_mut(id) else { return };
        let subscription = &mut connection.data;
        // Counted at each target, so that all of them have their share.
        let rank = self.rules.targets.rank_of(connection.number);
        subscription.slow = is_slow(rank, self.rules.slow_percent);
        subscription.counted = self.rules.verify && !subscription.slow;
        subscription.next = self.deliveries.joined(connection.channel, subscription.counted).next;
        let slow = subscription.slow;
        let returned = subscription.returning.take().is_some();
        if slow {
            self.slow.add(core, id);
        }
        if returned && let Some(dropped_ns) = self.dropped_ns {
            core.stats.add(Counter::Back, 1);
            core.stats.record(Measure::Back, dropped_ns, now_ns);
        }
    }

    fn message(&mut self, core: &mut Core<Subscription>, id: ConnId, message: &[u8]) {
        let now_ns = core.now_ns;
        let Some(connection) = core.slab.get_mut(id) else { return };
        let who = Subscriber { number: connection.number, channel: connection.channel };
        let subscription = &mut connection.data;
        let slow = subscription.slow;
        if self.rules.verify {
            let mut cursor = Cursor { next: subscription.next, begun: subscription.begun };
            let place = (&mut cursor, subscription.counted);
            self.deliveries.arrived(&mut core.stats, now_ns, who, place, message);
            (subscription.next, subscription.begun) = (cursor.next, cursor.begun);
        }
        if slow {
            self.slow.read(core, id, message.len());
        }
    }

    fn ended(
        &mut self,
        core: &mut Core<Subscription>,
        connection: &Connection<Subscription>,
        end: &End,
    ) {
        self.forget(connection, false);
        let counter = match (connection.was_open(), connection.data.slow) {
            (false, _) => Counter::Failed,
            (true, true) => Counter::SlowClosed,
            (true, false) => Counter::Dropped,
        };
        let who = if counter == Counter::SlowClosed { "slow subscriber" } else { "subscriber" };
        core.fail(connection.number, counter, format!("{who}: {end}"));
        if let (Counter::Failed, Some(attempt)) = (counter, connection.data.returning) {
            self.come_back(core, connection, attempt.saturating_add(1));
        }
    }

    fn step(&mut self, core: &mut Core<Subscription>) -> Option<u64> {
        if let Some(start_ns) = self.rules.orders.connect_time() {
            self.ramp.start_at(start_ns);
        }
        for number in self.ramp.due(core.now_ns, core.connecting()) {
            core.connect(number, self.rules.channel_of(number), Subscription::default());
        }
        if self.rules.orders.is_drop_all() && self.dropped_ns.is_none() {
            self.begin_storm(core);
        }
        self.drop_some(core);
        if self.rules.orders.is_release_slow() {
            self.slow.release(core);
        }
        // All are gone before the first comes back: they were cut off at once.
        if self.to_drop.is_empty() {
            self.reconnect(core);
        }
        self.deliveries.hand_over(&mut core.stats);
        core.stats.is_done = self.ramp.is_done()
            && core.connecting() == 0
            && self.to_drop.is_empty()
            && self.returning.is_empty();
        let returning_ns = self.returning.next_ns();
        let returning_ns = returning_ns.filter(|_| core.connecting() < self.rules.returning_max);
        let dropping_ns = (!self.to_drop.is_empty()).then_some(core.now_ns);
        let wishes =
            [self.ramp.next_ns(core.connecting()), returning_ns, dropping_ns, self.slow.step(core)];
        wishes.into_iter().flatten().min()
    }

    fn finish(&mut self, core: &mut Core<Subscription>) {
        for connection in core.slab.iter() {
            self.forget(connection, connection.state == State::Open);
        }
        self.deliveries.hand_over(&mut core.stats);
    }
}
