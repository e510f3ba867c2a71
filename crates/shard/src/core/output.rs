//! Output, and connections whose output is parked.
//!
//! Such a connection keeps the rest of one publication (shared, never copied), the replies that
//! follow it, and its cursors, which are out of the fan-out. How it goes on is in
//! `delivery::catch_up`.

use switchboard_link::Action;
use switchboard_plane::ConnId;

use super::Core;
use crate::connection::{Busy, InputReason, OutputReason, Uptake};
use crate::encoding::Partial;

/// Replies to one connection that may wait for its socket before it is not read any further.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// What may wait for its socket when a further large reply comes.
const HELD_BYTES_MAX: usize = 1 << 20;

impl Core {
    /// Queues a reply: with the batch of this stage, or behind what is parked.
    pub(crate) fn reply(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        if !connection.gates.is_output_parked() {
            self.outgoing.push(id, write);
            return;
        }
        let busy = connection.busy();
        write(&mut busy.output);
        if busy.unsent_bytes() > REPLY_BYTES_MAX {
            self.park_input(id, InputReason::Output);
        }
    }

    /// Whether so many replies wait for this connection that it should not be read further.
    pub(crate) fn replies_are_enough(&self, id: ConnId) -> bool {
        self.outgoing.pending_bytes(id) > REPLY_BYTES_MAX || self.is_output_parked(id)
    }

    /// Whether a reply of so many bytes, which is owed already, may be held for a socket that does not take it
    /// at once.
    pub(crate) fn has_room_for_reply(&self, id: ConnId, bytes: usize) -> bool {
        if bytes <= REPLY_BYTES_MAX {
            return true;
        }
        let busy = self.slab.get(id).and_then(|connection| connection.busy.as_deref());
        let held = busy.map_or(0, Busy::unsent_bytes) + self.outgoing.bytes_of(id);
        held <= HELD_BYTES_MAX
    }

    /// What is said to this connection waits.
    pub(crate) fn is_output_parked(&self, id: ConnId) -> bool {
        self.slab.get(id).is_some_and(|connection| connection.gates.is_output_parked())
    }

    /// The socket is full: nothing more goes to this connection until it is writable. `held` is the
    /// channel whose fan-out found it so, and its cursor.
    pub(crate) fn await_room(&mut self, id: ConnId, held: Option<(u32, u64)>) {
        if self.park_output(id, OutputReason::SocketFull) {
            self.block_subscriptions(id, held);
            self.want_room(id);
        }
    }

    /// The connection has subscribed, and where it begins is known once the homes have answered.
    /// Until then it is out of the fan-out, and what is said to it waits.
    pub(crate) fn await_home(&mut self, id: ConnId) {
        if self.park_output(id, OutputReason::AwaitingHome) {
            self.block_subscriptions(id, None);
        }
    }

    /// The homes are not awaited any more. The connection keeps what was said to it until it
    /// [wants room](Self::want_room) or its output is [opened](Self::open_output). False when it
    /// did not wait.
    pub(crate) fn end_await_home(&mut self, id: ConnId) -> bool {
        let now_ms = self.now_ms;
        let Some(connection) = self.slab.get_mut(id) else {
            return false;
        };
        if let Some(busy) = &mut connection.busy {
            busy.resume = None;
            busy.uptake = Uptake::begin(now_ms);
        }
        connection.gates.await_room_after_home()
    }

    /// Goes on as soon as the socket has room.
    pub(crate) fn want_room(&mut self, id: ConnId) {
        let deadline = self.now.after_ms(self.config.timeouts.stall_ms);
        if let Some(connection) = self.slab.get_mut(id)
            && !connection.session.is_ending()
            && !connection.place.is_stranger()
        {
            connection.deadline = deadline;
        }
        self.actions.push(Action::WantWrite(id));
    }

    /// A socket has been full for a while: whether it takes enough of what waits for it.
    pub(crate) fn takes_enough(&mut self, id: ConnId) -> bool {
        let (now_ms, per_second_min) = (self.now_ms, self.config.slow_reader_bytes_per_second_min);
        self.slab.get_mut(id).is_none_or(|connection| {
            !connection.gates.awaits_room()
                || connection.busy().uptake.keeps_up(now_ms, per_second_min)
        })
    }

    /// Parks the output for this reason. False when it is parked already.
    fn park_output(&mut self, id: ConnId, reason: OutputReason) -> bool {
        let (now_ms, place) = (self.now_ms, self.parked.len() as u32);
        let Some(connection) = self.slab.get_mut(id) else {
            return false;
        };
        if connection.gates.is_output_parked() {
            return false;
        }
        connection.gates.park_output(reason);
        connection.set_pinged(false);
        let busy = connection.busy();
        busy.parked_place = place;
        busy.parked_since_ms = now_ms;
        busy.uptake = Uptake::begin(now_ms);
        self.parked.push(id);
        self.counters.connections_blocked.add(1);
        true
    }

    /// Output goes out again at once, if it was parked. The subscriptions stay where they are.
    pub(crate) fn open_output(&mut self, id: ConnId) {
        let Some(connection) =
            self.slab.get_mut(id).filter(|connection| connection.gates.is_output_parked())
        else {
            return;
        };
        connection.gates.open_output();
        let place = connection.busy().parked_place;
        self.parked.swap_remove(place as usize);
        let moved = self.parked.get(place as usize).copied();
        if let Some(connection) = moved.and_then(|moved| self.slab.get_mut(moved)) {
            connection.busy().parked_place = place;
        }
        self.counters.connections_blocked.sub(1);
    }

    /// All that waited has gone out: back to the fan-out, and to the input that waited for it.
    pub(crate) fn unpark_output(&mut self, id: ConnId) {
        self.unblock_subscriptions(id);
        self.open_output(id);
        let (now, now_ms) = (self.now, self.now_ms);
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        connection.last_seen = now;
        connection.settle(now_ms);
        self.revisit(id);
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

    /// A reply did not go out whole: the rest waits.
    pub(crate) fn hold_reply(&mut self, id: ConnId, rest: &[u8]) {
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        let busy = connection.busy();
        busy.output.extend_from_slice(rest);
        if busy.unsent_bytes() > REPLY_BYTES_MAX {
            self.park_input(id, InputReason::Output);
        }
        self.await_room(id, None);
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
            connection.busy().partial = partial.map(Box::new);
        }
        self.await_room(id, Some((channel, cursor)));
    }
}
