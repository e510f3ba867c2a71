//! Everything of a shard but its plane: the connections, the hub, and what they want done.
//!
//! Code in here decides and never touches a socket. Replies are collected in `outgoing`, other
//! wishes in `actions`; the turn hands both to the plane at the end of each stage.

use std::collections::VecDeque;
use std::sync::Arc;

use switchboard_hub::{ChannelName, Draft, Hub, Moved, ShardId, Subscriber};
use switchboard_plane::{Close, ConnId, Outgoing};

use crate::config::Config;
use crate::connection::{Connection, Pause, Session, Slab, Then};
use crate::counters::Counters;
use crate::exchange::Exchange;
use crate::link::Action;
use crate::time::Tick;

/// Replies to one connection that may wait for its socket before its reading is paused.
pub(crate) const REPLY_BYTES_MAX: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) shard: ShardId,
    pub(crate) config: Arc<Config>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) slab: Slab,
    pub(crate) hub: Hub,
    pub(crate) exchange: Exchange,
    /// Joins and leaves to be published.
    pub(crate) announcements: Vec<(ChannelName, Draft)>,
    pub(crate) outgoing: Outgoing,
    pub(crate) actions: Vec<Action>,
    /// Connections that are held back, in no order; each knows its place.
    pub(crate) blocked: Vec<ConnId>,
    /// Connections that count towards `connections_max`.
    pub(crate) served: u32,
    /// Connections to be shut down or closed once their replies are flushed.
    pub(crate) finishing: Vec<ConnId>,
    /// Connections that hold input back until their replies are flushed.
    pub(crate) deferred: VecDeque<ConnId>,
    /// Publishers whose reading is paused because a mailbox is over its bound.
    pub(crate) held_publishers: Vec<ConnId>,
    /// The server is stopping: no new requests.
    pub(crate) stopping: bool,
    pub(crate) start_ms: u64,
    pub(crate) now_ms: u64,
    pub(crate) now: Tick,
}

impl Core {
    pub(crate) fn new(
        shard: ShardId,
        config: Arc<Config>,
        counters: Arc<Counters>,
        hub: Hub,
        exchange: Exchange,
        now_ms: u64,
    ) -> Self {
        Self {
            shard,
            config,
            counters,
            slab: Slab::default(),
            hub,
            exchange,
            announcements: Vec::new(),
            outgoing: Outgoing::default(),
            actions: Vec::new(),
            blocked: Vec::new(),
            served: 0,
            finishing: Vec::new(),
            deferred: VecDeque::new(),
            held_publishers: Vec::new(),
            stopping: false,
            start_ms: now_ms,
            now_ms,
            now: Tick::at(now_ms, now_ms),
        }
    }

    /// Time goes on; it never goes back.
    pub(crate) fn set_now(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.now = Tick::at(self.start_ms, self.now_ms);
    }

    /// Queues a reply: with the batch of this stage, or behind what a full socket holds back.
    pub(crate) fn reply(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        if !connection.blocked {
            self.outgoing.push(id, write);
            return;
        }
        let busy = connection.busy();
        write(&mut busy.output);
        if busy.output.len() - busy.output_sent > REPLY_BYTES_MAX {
            self.pause(id, Pause::Output);
        }
    }

    /// Whether so many replies wait for this connection that it should not be read further.
    pub(crate) fn replies_are_enough(&self, id: ConnId) -> bool {
        self.outgoing.pending_bytes(id) > REPLY_BYTES_MAX
            || self.slab.get(id).is_some_and(|connection| connection.blocked)
    }

    pub(crate) fn pause(&mut self, id: ConnId, reason: Pause) {
        if let Some(connection) = self.slab.get_mut(id)
            && connection.pause(reason)
        {
            self.actions.push(Action::PauseRead(id));
        }
    }

    /// Does not read a publisher until the mailboxes are below their bound.
    pub(crate) fn hold_publisher(&mut self, id: ConnId) {
        if let Some(connection) = self.slab.get_mut(id)
            && connection.pause(Pause::Mailbox)
        {
            self.actions.push(Action::PauseRead(id));
            self.held_publishers.push(id);
        }
    }

    pub(crate) fn resume(&mut self, id: ConnId, reason: Pause) {
        if let Some(connection) = self.slab.get_mut(id)
            && connection.resume(reason)
        {
            self.actions.push(Action::ResumeRead(id));
        }
    }

    /// The time to the next request begins, unless the answer before it still waits for its socket.
    pub(crate) fn await_request(&mut self, id: ConnId) {
        let deadline = self.now.after_ms(self.config.timeouts.http_idle_ms);
        if let Some(connection) = self.slab.get_mut(id)
            && !connection.blocked
        {
            connection.deadline = deadline;
        }
    }

    /// After its replies are flushed, the connection shall end in this way.
    pub(crate) fn finish(&mut self, id: ConnId, then: Then) {
        if let Some(connection) = self.slab.get_mut(id) {
            connection.busy().then = then;
            self.finishing.push(id);
        }
    }

    /// Somebody's subscription has moved because another left: remember it.
    pub(crate) fn follow(&mut self, moved: Option<Moved>) {
        let Some(Moved { who: Subscriber { conn, nth }, seat }) = moved else {
            return;
        };
        let id = self.slab.at(conn).map(|connection| connection.id);
        if let Some(connection) = id.and_then(|id| self.slab.get_mut(id)) {
            connection.set_subscription(nth, seat);
        }
    }

    /// A connection comes.
    pub(crate) fn insert(&mut self, connection: Connection) {
        let Self { slab, counters, .. } = self;
        if let Some(gauge) = connection.session.gauge(counters) {
            gauge.add(1);
        }
        slab.insert(connection);
        counters.connections_open.set(slab.open() as u64);
    }

    /// From now on the connection speaks this, at most until `deadline`. Nothing else changes a
    /// session.
    pub(crate) fn enter(&mut self, id: ConnId, session: Session, deadline: Tick) {
        let Self { slab, counters, .. } = self;
        let Some(connection) = slab.get_mut(id) else {
            return;
        };
        if let Some(gauge) = connection.session.gauge(counters) {
            gauge.sub(1);
        }
        if let Some(gauge) = session.gauge(counters) {
            gauge.add(1);
        }
        connection.session = session;
        connection.deadline = deadline;
        connection.pinged = false;
    }

    /// The connection goes, and with it what counts it. It has no subscriptions any more.
    pub(crate) fn remove(&mut self, id: ConnId, how: Close) {
        let Self { slab, counters, .. } = self;
        let Some(connection) = slab.remove(id) else {
            return;
        };
        self.served -= u32::from(connection.served);
        if let Some(gauge) = connection.session.gauge(counters) {
            gauge.sub(1);
        }
        counters.connections_closed.add(1);
        counters.connections_open.set(slab.open() as u64);
        self.actions.push(Action::Close(id, how));
    }

    /// The connection may stay as it is for as long as it likes.
    pub(crate) fn clear_deadline(&mut self, id: ConnId) {
        if let Some(connection) = self.slab.get_mut(id) {
            connection.deadline = Tick::NEVER;
        }
    }
}
