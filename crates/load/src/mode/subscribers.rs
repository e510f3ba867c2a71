//! Subscribers: they connect, stay, and check what they get. Some read slowly; in a storm all but
//! a few are dropped and come back.

use std::sync::Arc;

use switchboard_plane::{Close, ConnId};

use super::returning::{Backoff, Returning};
use super::slow::{Slow, is_slow};
use crate::engine::stats::{Counter, Measure};
use crate::engine::{Connection, Core, End, Job, Orders, Ramp, State};
use crate::verify::{Arrival, Cursor, Excused, Kind, Progress, Stamp, Verifier};

/// What all threads' subscribers have in common.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Differs from run to run.
    pub(crate) run: u32,
    /// Channels that are published to.
    pub(crate) channels: u32,
    /// The first so many connections are not dropped in a storm and have channel 0 for themselves.
    pub(crate) survivors: u32,
    /// Messages are publications of this run, to be checked.
    pub(crate) verify: bool,
    pub(crate) slow_percent: u32,
    pub(crate) slow_bytes_per_s: u64,
    pub(crate) backoff: Backoff,
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
pub(crate) struct Seat {
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
    verifier: Verifier,
    slow: Slow,
    returning: Returning,
    dropped_ns: Option<u64>,
}

impl Subscribers {
    pub(crate) fn new(rules: Arc<Rules>, ramp: Ramp) -> Self {
        Self {
            slow: Slow::new(rules.slow_bytes_per_s),
            rules,
            ramp,
            verifier: Verifier::default(),
            returning: Returning::default(),
            dropped_ns: None,
        }
    }

    /// A publication of this run arrived at a subscriber.
    fn delivered(&mut self, core: &mut Core<Seat>, id: ConnId, stamp: Stamp) {
        let now_ns = core.now_ns;
        let Some(connection) = core.slab.get_mut(id) else { return };
        let (number, channel) = (connection.number, connection.channel);
        let seat = &mut connection.data;
        let mut cursor = Cursor { next: seat.next, begun: seat.begun };
        let arrival = self.verifier.arrived(number, channel, &mut cursor, stamp.sequence);
        (seat.next, seat.begun) = (cursor.next, cursor.begun);
        let counted = seat.counted;
        if seat.slow || arrival == Arrival::Again {
            return;
        }
        core.stats.record(Measure::Delivery, stamp.due_ns, now_ns);
        if !counted {
            return;
        }
        let progress = &self.rules.progress;
        match arrival {
            Arrival::InOrder => {}
            // Those in between are not waited for; they are in the verifier's books.
            Arrival::Ahead(hole) => hole.for_each(|missing| {
                progress.reached(channel, missing);
            }),
            Arrival::Early | Arrival::Late | Arrival::Again => return,
        }
        if progress.reached(channel, stamp.sequence) {
            core.stats.record(Measure::LastDelivery, stamp.due_ns, now_ns);
        }
    }

    fn foreign(&mut self, core: &Core<Seat>, id: ConnId, what: impl std::fmt::Display) {
        let number = core.slab.get(id).map_or(0, |connection| connection.number);
        self.verifier.findings.add(Kind::Foreign, 1, || format!("connection {number}: {what}"));
    }

    /// Storm: everyone but the survivors is dropped and comes back after the back-off.
    fn drop_all(&mut self, core: &mut Core<Seat>) {
        self.dropped_ns = Some(core.now_ns);
        let dropped: Vec<ConnId> = core
            .slab
            .iter()
            .filter(|connection| connection.number >= self.rules.survivors)
            .map(|connection| connection.id)
            .collect();
        for id in dropped {
            if let Some(connection) = core.close(id, self.rules.drop) {
                core.stats.add(Counter::Left, 1);
                self.forget(&connection, None);
                self.come_back(core, &connection, 0);
            }
        }
    }

    fn come_back(&mut self, core: &mut Core<Seat>, connection: &Connection<Seat>, attempt: u8) {
        let who = (connection.number, connection.channel);
        self.returning.add(who, attempt, self.rules.backoff, core.now_ns, &mut core.random);
    }

    fn reconnect(&mut self, core: &mut Core<Seat>) {
        while self.ramp.has_room(core.connecting()) {
            let Some(absent) = self.returning.due(core.now_ns) else { return };
            let seat = Seat { returning: Some(absent.attempt), ..Seat::default() };
            core.connect(absent.number, absent.channel, seat);
        }
    }

    /// A subscriber is gone; `sent` when it should have seen the end.
    fn forget(&mut self, connection: &Connection<Seat>, sent: Option<u64>) {
        let Connection { number, channel, data: seat, .. } = *connection;
        self.slow.remove(connection.id);
        if !self.rules.verify || !connection.was_open() {
            return;
        }
        let cursor = Cursor { next: seat.next, begun: seat.begun };
        self.verifier.ended(number, channel, cursor, sent, &self.rules.excused);
        if seat.counted {
            self.rules.progress.leave(channel, seat.next);
        }
    }

    fn hand_over_findings(&mut self, core: &mut Core<Seat>) {
        if self.verifier.findings.total() > 0 {
            core.stats.findings.merge(&std::mem::take(&mut self.verifier.findings));
        }
    }
}

impl Job for Subscribers {
    type Data = Seat;

    fn opened(&mut self, core: &mut Core<Seat>, id: ConnId) {
        let now_ns = core.now_ns;
        let Some(connection) = core.slab.get_mut(id) else { return };
        let seat = &mut connection.data;
        seat.next = Cursor::after(self.rules.progress.sent(connection.channel)).next;
        seat.slow = is_slow(connection.number, self.rules.slow_percent);
        seat.counted = self.rules.verify && !seat.slow;
        if seat.counted {
            self.rules.progress.join(connection.channel);
        }
        let slow = seat.slow;
        let returned = seat.returning.take().is_some();
        if slow {
            self.slow.add(core, id);
        }
        if returned && let Some(dropped_ns) = self.dropped_ns {
            core.stats.add(Counter::Back, 1);
            core.stats.record(Measure::Back, dropped_ns, now_ns);
        }
    }

    fn message(&mut self, core: &mut Core<Seat>, id: ConnId, message: &[u8]) {
        let Some(connection) = core.slab.get(id) else { return };
        let channel = connection.channel;
        if connection.data.slow {
            self.slow.read(core, id, message.len());
        }
        if !self.rules.verify {
            return;
        }
        match Stamp::read(message) {
            Ok(stamp) if stamp.run != self.rules.run => {
                self.foreign(core, id, "a publication of another run");
            }
            Ok(stamp) if stamp.channel != channel => {
                let what = format!("a publication of channel {} in {channel}", stamp.channel);
                self.foreign(core, id, what);
            }
            Ok(stamp) => self.delivered(core, id, stamp),
            Err(damage) => self.foreign(core, id, damage),
        }
    }

    fn ended(&mut self, core: &mut Core<Seat>, connection: &Connection<Seat>, end: &End) {
        self.forget(connection, None);
        let counter = match (connection.was_open(), connection.data.slow) {
            (false, _) => Counter::Failed,
            (true, true) => Counter::SlowClosed,
            (true, false) => Counter::Dropped,
        };
        core.stats.add(counter, 1);
        let who = if counter == Counter::SlowClosed { "slow subscriber" } else { "subscriber" };
        core.stats.error(counter, format!("{who}: {end}"));
        if let (Counter::Failed, Some(attempt)) = (counter, connection.data.returning) {
            self.come_back(core, connection, attempt.saturating_add(1));
        }
    }

    fn step(&mut self, core: &mut Core<Seat>) -> Option<u64> {
        if let Some(start_ns) = self.rules.orders.connect_time() {
            self.ramp.start_at(start_ns);
        }
        for number in self.ramp.due(core.now_ns, core.connecting()) {
            core.connect(number, self.rules.channel_of(number), Seat::default());
        }
        if self.rules.orders.is_drop_all() && self.dropped_ns.is_none() {
            self.drop_all(core);
        }
        if self.rules.orders.is_release_slow() {
            self.slow.release(core);
        }
        self.reconnect(core);
        self.hand_over_findings(core);
        core.stats.is_done =
            self.ramp.is_done() && core.connecting() == 0 && self.returning.is_empty();
        let returning_ns = self.returning.next_ns();
        let returning_ns = returning_ns.filter(|_| self.ramp.has_room(core.connecting()));
        let wishes = [self.ramp.next_ns(core.connecting()), returning_ns, self.slow.step(core)];
        wishes.into_iter().flatten().min()
    }

    fn finish(&mut self, core: &mut Core<Seat>) {
        for connection in core.slab.iter() {
            let to_the_end = connection.data.counted && connection.state == State::Open;
            let sent = to_the_end.then(|| self.rules.progress.sent(connection.channel));
            self.forget(connection, sent);
        }
        self.hand_over_findings(core);
    }
}
