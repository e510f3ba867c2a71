//! Connections whose socket is full: what they hold back, and how they catch up.
//!
//! A blocked connection keeps the rest of one publication (shared, never copied), the replies that
//! follow it, and its cursors. The order on the wire is that order: a control frame goes before
//! the next publication, at the next frame boundary.

use std::sync::Arc;

use switchboard_hub::{Publication, Pull, Seat};
use switchboard_plane::{Close, ConnId, Plane, SendException, SendResult};

use crate::closing;
use crate::connection::{Partial, Pause, State, Then};
use crate::core::{Action, Core, REPLY_BYTES_MAX};
use crate::fanout;
use crate::time::Tick;

/// Publications sent to one connection per event, so that one that catches up does not keep the
/// others waiting.
const CATCH_UP_BYTES_MAX: usize = 256 << 10;

/// What all connections that catch up are sent in one turn; the others go on in the next.
const TURN_BYTES_MAX: usize = 4 << 20;

/// One send made while catching up is at most this, unless a single publication is larger.
pub(crate) const BATCH_BYTES_MAX: usize = 64 << 10;

/// Where a run of publications was cut by a send that took `sent` bytes of it: how many went out
/// whole, and how much of the next.
pub(crate) fn cut_at(publications: &[Arc<Publication>], sent: usize) -> (usize, usize) {
    let mut rest = sent;
    for (whole, publication) in publications.iter().enumerate() {
        let bytes = publication.frame().len();
        if rest < bytes {
            return (whole, rest);
        }
        rest -= bytes;
    }
    (publications.len(), 0)
}

impl Core {
    /// The socket is full: nothing more goes to this connection until it is writable. `held` is the
    /// channel whose fan-out found it so, and its cursor.
    pub(crate) fn block(&mut self, id: ConnId, held: Option<(u32, u64)>) {
        let deadline = self.now.after_ms(self.config.timeouts.stall_ms);
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        if connection.blocked {
            return;
        }
        connection.blocked = true;
        connection.pinged = false;
        if connection.has_stall_deadline() {
            connection.deadline = deadline;
        }
        self.counters.connections_blocked.add(1);
        self.actions.push(Action::WantWrite(id));
        self.for_each_seat(id, |core, seat| {
            let cursor = match held {
                Some((channel, cursor)) if channel == seat.channel => cursor,
                _ => core.hub.cursor(seat),
            };
            let (seat, moved) = core.hub.block(seat, cursor);
            core.follow(moved);
            seat
        });
    }

    fn unblock(&mut self, id: ConnId) {
        self.for_each_seat(id, |core, seat| {
            let (seat, moved) = core.hub.unblock(seat);
            core.follow(moved);
            seat
        });
        let (now, now_ms) = (self.now, self.now_ms);
        let idle = now.after_ms(self.config.timeouts.http_idle_ms);
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        connection.blocked = false;
        connection.last_seen = now;
        match connection.state {
            State::Head => connection.deadline = idle,
            State::Echo | State::Subscribed => connection.deadline = Tick::NEVER,
            State::Refusing | State::Closing | State::Lingering => {}
        }
        connection.settle(now_ms);
        self.counters.connections_blocked.sub(1);
        self.deferred.push_back(id);
    }

    /// Lets `change` move each seat of a connection and stores where it went.
    fn for_each_seat(&mut self, id: ConnId, mut change: impl FnMut(&mut Self, Seat) -> Seat) {
        let seat_at = |core: &Self, nth: u16| {
            core.slab.get(id).and_then(|connection| connection.seats().nth(usize::from(nth)))
        };
        let mut nth = 0;
        while let Some(seat) = seat_at(self, nth) {
            let seat = change(self, seat);
            if let Some(connection) = self.slab.get_mut(id) {
                connection.set_seat(nth, seat);
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

/// What a send took.
enum Sent {
    All,
    Part(usize),
    Failed,
}

/// Sends to one connection, now.
fn send_one<P: Plane>(
    plane: &mut P,
    exceptions: &mut Vec<SendException>,
    id: ConnId,
    bytes: &[u8],
) -> Sent {
    debug_assert!(exceptions.is_empty());
    plane.send_batch(std::iter::once((id, bytes)), exceptions);
    match exceptions.pop().map(|exception| exception.result) {
        None => Sent::All,
        Some(SendResult::Short(bytes)) => Sent::Part(bytes),
        Some(SendResult::WouldBlock) => Sent::Part(0),
        Some(SendResult::Failed(_)) => Sent::Failed,
    }
}

/// How far a blocked connection got.
enum Drain {
    /// Everything is sent and every cursor is at its head.
    Done,
    /// There is more. The flag says whether anything went out.
    Full(bool),
    Failed,
}

/// Buffers for [`writable`], kept by the turn.
#[derive(Debug, Default)]
pub(crate) struct CatchUp {
    exceptions: Vec<SendException>,
    publications: Vec<Arc<Publication>>,
    batch: Vec<u8>,
    /// Sent in this turn.
    turn_bytes: usize,
}

impl CatchUp {
    pub(crate) fn begin_turn(&mut self) {
        self.turn_bytes = 0;
    }

    /// The socket has room again.
    pub(crate) fn writable<P: Plane>(&mut self, core: &mut Core, plane: &mut P, id: ConnId) {
        if !core.slab.get(id).is_some_and(|connection| connection.blocked) {
            return;
        }
        if self.turn_bytes >= TURN_BYTES_MAX {
            core.actions.push(Action::WantWrite(id));
            return;
        }
        match self.drain(core, plane, id) {
            Drain::Done => {
                let then = core
                    .slab
                    .get(id)
                    .and_then(|c| c.busy.as_ref())
                    .map_or(Then::Go, |busy| busy.then);
                core.unblock(id);
                if then != Then::Go {
                    closing::finish_now(core, id);
                }
            }
            Drain::Full(progress) => {
                let deadline = core.now.after_ms(core.config.timeouts.stall_ms);
                if let Some(connection) = core.slab.get_mut(id)
                    && progress
                    && connection.has_stall_deadline()
                {
                    connection.deadline = deadline;
                }
                core.actions.push(Action::WantWrite(id));
            }
            Drain::Failed => {
                core.counters.sends_failed.add(1);
                core.remove(id, Close::Fin);
            }
        }
    }

    fn drain<P: Plane>(&mut self, core: &mut Core, plane: &mut P, id: ConnId) -> Drain {
        match self.drain_held(core, plane, id) {
            Drain::Done => {}
            other => return other,
        }
        let mut nth = 0;
        let bytes_before = self.turn_bytes;
        loop {
            let sent_bytes = self.turn_bytes - bytes_before;
            let Some(seat) = core.slab.get(id).and_then(|connection| connection.seats().nth(nth))
            else {
                return Drain::Done;
            };
            match core.hub.pull(seat, BATCH_BYTES_MAX, &mut self.publications) {
                Pull::CaughtUp => nth += 1,
                Pull::More if sent_bytes >= CATCH_UP_BYTES_MAX => return Drain::Full(true),
                Pull::More => match self.send_pulled(core, plane, id, seat) {
                    Sent::All => {}
                    Sent::Part(sent) => return Drain::Full(sent > 0 || sent_bytes > 0),
                    Sent::Failed => return Drain::Failed,
                },
                Pull::Lagged { missed } if fanout::may_skip(core, seat) => {
                    core.hub.advance(seat, *missed.end());
                }
                Pull::Lagged { .. } => {
                    fanout::close_slow(core, id);
                    return self.drain_held(core, plane, id);
                }
                Pull::Deleted => {
                    fanout::close_deleted(core, id);
                    return self.drain_held(core, plane, id);
                }
            }
        }
    }

    /// Sends what was pulled and moves the cursor.
    fn send_pulled<P: Plane>(
        &mut self,
        core: &mut Core,
        plane: &mut P,
        id: ConnId,
        seat: Seat,
    ) -> Sent {
        let bytes = contiguous(&self.publications, &mut self.batch);
        let sent = send_one(plane, &mut self.exceptions, id, bytes);
        let taken = match sent {
            Sent::All => bytes.len(),
            Sent::Part(taken) => taken,
            Sent::Failed => return sent,
        };
        self.turn_bytes += taken;
        let (whole, offset) = cut_at(&self.publications, taken);
        core.counters.delivery_sends.add(1);
        core.counters.deliveries.add((whole + usize::from(offset > 0)) as u64);
        let reached = if offset > 0 { whole + 1 } else { whole };
        if let Some(last) = reached.checked_sub(1).and_then(|last| self.publications.get(last)) {
            core.hub.advance(seat, last.offset());
        }
        if offset > 0
            && let Some(connection) = core.slab.get_mut(id)
        {
            let publication = Arc::clone(&self.publications[whole]);
            connection.busy().partial = Some(Partial { publication, sent: offset });
        }
        sent
    }

    /// The rest of a publication and then the replies.
    fn drain_held<P: Plane>(&mut self, core: &mut Core, plane: &mut P, id: ConnId) -> Drain {
        let Some(busy) = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut())
        else {
            return Drain::Done;
        };
        let mut progress = false;
        if let Some(partial) = &mut busy.partial {
            let rest = &partial.publication.frame()[partial.sent..];
            match send_one(plane, &mut self.exceptions, id, rest) {
                Sent::All => busy.partial = None,
                Sent::Part(sent) => {
                    partial.sent += sent;
                    return Drain::Full(sent > 0);
                }
                Sent::Failed => return Drain::Failed,
            }
            progress = true;
        }
        if busy.output_sent < busy.output.len() {
            match send_one(plane, &mut self.exceptions, id, &busy.output[busy.output_sent..]) {
                Sent::All => {
                    busy.output = Vec::new();
                    busy.output_sent = 0;
                }
                Sent::Part(sent) => {
                    busy.output_sent += sent;
                    busy.give_back_sent();
                    return Drain::Full(progress || sent > 0);
                }
                Sent::Failed => return Drain::Failed,
            }
        }
        Drain::Done
    }
}

/// The bytes of a run of publications: of a single one its own, of several a copy in `batch`.
pub(crate) fn contiguous<'a>(
    publications: &'a [Arc<Publication>],
    batch: &'a mut Vec<u8>,
) -> &'a [u8] {
    if let [single] = publications {
        batch.clear();
        return single.frame();
    }
    batch.clear();
    for publication in publications {
        batch.extend_from_slice(publication.frame());
    }
    batch
}
