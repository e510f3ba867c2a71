//! Connections that are held back: their socket is full, or the homes of their channels are to answer
//! first.
//!
//! Such a connection keeps the rest of one publication (shared, never copied), the replies that
//! follow it, and its cursors, which are out of the fan-out. How it goes on is in `catch_up`.

use switchboard_hub::Seat;
use switchboard_plane::ConnId;

use crate::connection::Pause;
use crate::core::{Core, REPLY_BYTES_MAX};
use crate::encoding::Partial;
use crate::link::Action;

impl Core {
    /// The socket is full: nothing more goes to this connection until it is writable. `held` is the
    /// channel whose fan-out found it so, and its cursor.
    pub(crate) fn block(&mut self, id: ConnId, held: Option<(u32, u64)>) {
        if self.hold_back(id) {
            self.block_subscriptions(id, held);
            self.await_room(id);
        }
    }

    /// Takes a connection out of the fan-out that has not begun yet. What is said to it waits.
    pub(crate) fn hold_subscriptions(&mut self, id: ConnId) {
        if self.hold_back(id) {
            self.block_subscriptions(id, None);
        }
    }

    /// Goes on as soon as the socket has room.
    pub(crate) fn await_room(&mut self, id: ConnId) {
        let deadline = self.now.after_ms(self.config.timeouts.stall_ms);
        if let Some(connection) = self.slab.get_mut(id)
            && !connection.session.is_ending()
        {
            connection.deadline = deadline;
        }
        self.actions.push(Action::WantWrite(id));
    }

    /// Notes that a connection is held back. False when it was already.
    fn hold_back(&mut self, id: ConnId) -> bool {
        let (now_ms, place) = (self.now_ms, self.blocked.len() as u32);
        let Some(connection) = self.slab.get_mut(id) else {
            return false;
        };
        if connection.blocked {
            return false;
        }
        connection.blocked = true;
        connection.pinged = false;
        let busy = connection.busy();
        busy.blocked_place = place;
        busy.blocked_since_ms = now_ms;
        self.blocked.push(id);
        self.counters.connections_blocked.add(1);
        true
    }

    /// Notes that a connection is not held back any more, if it was. Its subscriptions stay where they are.
    pub(crate) fn forget_blocked(&mut self, id: ConnId) {
        let Some(connection) = self.slab.get_mut(id).filter(|connection| connection.blocked) else {
            return;
        };
        connection.blocked = false;
        let place = connection.busy().blocked_place;
        self.blocked.swap_remove(place as usize);
        let moved = self.blocked.get(place as usize).copied();
        if let Some(connection) = moved.and_then(|moved| self.slab.get_mut(moved)) {
            connection.busy().blocked_place = place;
        }
        self.counters.connections_blocked.sub(1);
    }

    /// Back to the fan-out.
    pub(crate) fn unblock(&mut self, id: ConnId) {
        self.unblock_subscriptions(id);
        self.forget_blocked(id);
        let (now, now_ms) = (self.now, self.now_ms);
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        connection.last_seen = now;
        connection.settle(now_ms);
        self.deferred.push_back(id);
    }

    /// Gives the subscriptions back to the fan-out.
    pub(crate) fn unblock_subscriptions(&mut self, id: ConnId) {
        self.for_each_subscription(id, |core, subscription| {
            let (subscription, moved) = core.hub.unblock(subscription);
            core.follow(moved);
            subscription
        });
    }

    fn block_subscriptions(&mut self, id: ConnId, held: Option<(u32, u64)>) {
        self.for_each_subscription(id, |core, subscription| {
            // A poll whose channels' homes have just answered has not come back from there yet.
            if subscription.is_blocked() {
                return subscription;
            }
            let cursor = match held {
                Some((channel, cursor)) if channel == subscription.channel => cursor,
                _ => core.hub.cursor(subscription),
            };
            let (subscription, moved) = core.hub.block(subscription, cursor);
            core.follow(moved);
            subscription
        });
    }

    /// Lets `change` move each subscription of a connection and stores where it went.
    fn for_each_subscription(
        &mut self,
        id: ConnId,
        mut change: impl FnMut(&mut Self, Seat) -> Seat,
    ) {
        let subscription_at = |core: &Self, nth: u16| {
            core.slab
                .get(id)
                .and_then(|connection| connection.subscriptions().nth(usize::from(nth)))
        };
        let mut nth = 0;
        while let Some(subscription) = subscription_at(self, nth) {
            let subscription = change(self, subscription);
            if let Some(connection) = self.slab.get_mut(id) {
                connection.set_subscription(nth, subscription);
            }
            nth += 1;
        }
    }

    /// A reply did not go out whole: the rest waits.
    pub(crate) fn hold_reply(&mut self, id: ConnId, rest: &[u8]) {
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        let busy = connection.busy();
        busy.output.extend_from_slice(rest);
        if busy.output.len() - busy.output_sent > REPLY_BYTES_MAX {
            self.pause(id, Pause::Output);
        }
        self.block(id, None);
    }

    /// A publication did not go out whole: `partial` waits, or nothing when the cut is between two.
    pub(crate) fn hold_publication(
        &mut self,
        id: ConnId,
        channel: u32,
        cursor: u64,
        partial: Option<Partial>,
    ) {
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        if partial.is_some() {
            connection.busy().partial = partial;
        }
        self.block(id, Some((channel, cursor)));
    }
}
