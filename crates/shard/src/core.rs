//! Everything of a shard but its plane: the connections, the hub, and what they want done.
//!
//! Code in here decides and never touches a socket. Replies are collected in `outgoing`, other
//! wishes in `actions`; the turn hands both to the plane at the end of each stage.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use switchboard_dialects::{Dialect, id};
use switchboard_hub::{ChannelName, Draft, Hub, Moved, Outbox, Position, ShardId, Subscriber};
use switchboard_plane::{Close, ConnId, Outgoing};

use crate::config::Config;
use crate::connection::Slab;
use crate::connection::{Connection, Pause, State, Then};
use crate::counters::Counters;
use crate::encoding::PositionHeader;
use crate::presence;
use crate::time::Tick;

/// What the plane shall do for a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Close(ConnId, Close),
    PauseRead(ConnId),
    ResumeRead(ConnId),
    ShutdownWrite(ConnId),
    WantWrite(ConnId),
}

/// Replies to one connection that may wait for its socket before its reading is paused.
pub(crate) const REPLY_BYTES_MAX: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) shard: ShardId,
    pub(crate) config: Arc<Config>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) slab: Slab,
    pub(crate) hub: Hub,
    pub(crate) outbox: Outbox,
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
    /// Letters of other shards are left for the next turn: what this shard knows may be older than
    /// what its clients have seen.
    pub(crate) mailbox_behind: bool,
    /// Whether some mailbox is over its bound.
    pub(crate) mailbox_over_bound: bool,
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
        now_ms: u64,
    ) -> Self {
        Self {
            shard,
            config,
            counters,
            slab: Slab::default(),
            hub,
            outbox: Outbox::new(),
            announcements: Vec::new(),
            outgoing: Outgoing::default(),
            actions: Vec::new(),
            blocked: Vec::new(),
            served: 0,
            finishing: Vec::new(),
            deferred: VecDeque::new(),
            held_publishers: Vec::new(),
            mailbox_behind: false,
            mailbox_over_bound: false,
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

    /// Gives up the subscriptions in all channels.
    pub(crate) fn leave_channels(&mut self, id: ConnId) {
        presence::leaving(self, id);
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        let waits = connection.busy.as_mut().is_some_and(|busy| busy.resume.take().is_some());
        let first = connection.subscription.take();
        let more = connection
            .busy
            .as_mut()
            .map_or_else(Vec::new, |busy| std::mem::take(&mut busy.more_subscriptions));
        for subscription in first.into_iter().chain(more) {
            let moved = self.hub.unsubscribe(self.now_ms, subscription, &mut self.outbox);
            self.follow(moved);
        }
        if waits {
            // The homes' answers do not reach it any more: what is said to it goes out now.
            self.await_room(id);
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

    /// The connection is over: everything it had is given back.
    pub(crate) fn remove(&mut self, id: ConnId, how: Close) {
        self.leave_channels(id);
        self.forget_blocked(id);
        let Some(connection) = self.slab.remove(id) else {
            return;
        };
        self.served -= u32::from(connection.served);
        match connection.state {
            State::Echo | State::Subscribed | State::Closing => {
                self.counters.websockets_open.sub(1);
            }
            State::Streaming => self.counters.event_streams_open.sub(1),
            State::Polling => self.counters.polls_held.sub(1),
            State::Head | State::Refusing | State::Lingering => {}
        }
        self.counters.connections_closed.add(1);
        self.counters.connections_open.set(self.slab.open() as u64);
        self.actions.push(Action::Close(id, how));
    }

    /// Some channel of the connection was deleted. Then it must go before anything else is said: the
    /// position that it would be told is in a new stream, and what it missed of the old one would
    /// never be announced.
    pub(crate) fn has_deleted_channel(&self, id: ConnId) -> bool {
        let mut subscriptions = self.slab.get(id).into_iter().flat_map(Connection::subscriptions);
        subscriptions.any(|subscription| self.hub.is_deleted(subscription))
    }

    /// Where a connection stands in all its channels, as its client is told.
    pub(crate) fn position_text(&self, id: ConnId) -> String {
        let mut text = String::new();
        for subscription in self.slab.get(id).into_iter().flat_map(Connection::subscriptions) {
            self.push_position(subscription.channel, self.hub.cursor(subscription), &mut text);
        }
        text
    }

    /// Appends the position behind `cursor` in a channel.
    pub(crate) fn push_position(&self, channel: u32, cursor: u64, text: &mut String) {
        if let Some(Position { epoch, .. }) = self.hub.position(channel) {
            id::push_position(text, Position { epoch, offset: cursor });
        }
    }

    /// What is said with publications of the `nth` of a connection's channels.
    pub(crate) fn write_position_header(&self, id: ConnId, nth: u16, header: &mut PositionHeader) {
        header.before.clear();
        header.after.clear();
        header.channel = None;
        let Some(connection) = self.slab.get(id) else {
            return;
        };
        if connection.mode.dialect() == Dialect::Raw || !connection.has_several_subscriptions() {
            return;
        }
        for (at, subscription) in (0u16..).zip(connection.subscriptions()) {
            let cursor = self.hub.cursor(subscription);
            match at.cmp(&nth) {
                Ordering::Less => {
                    self.push_position(subscription.channel, cursor, &mut header.before);
                }
                Ordering::Equal => header.channel = self.hub.name(subscription.channel).cloned(),
                Ordering::Greater => {
                    self.push_position(subscription.channel, cursor, &mut header.after);
                }
            }
        }
        if !header.after.is_empty() {
            header.after.insert(0, ',');
        }
    }
}
