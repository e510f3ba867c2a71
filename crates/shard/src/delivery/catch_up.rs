//! How a connection goes on whose output was parked: what its socket has room for, in bounded portions.
//!
//! The order on the wire is the rest of a publication, the replies, and then what it pulls from the
//! logs: a control frame goes before the next publication, at the next frame boundary.

use std::sync::Arc;

use switchboard_hub::{Publication, Pull};
use switchboard_link::{Action, Sent};
use switchboard_plane::{Close, ConnId, Plane};

use crate::connection::Then;
use crate::core::Core;
use crate::encoding::{BATCH_BYTES_MAX, Batch, Partial, PositionHeader, Wanted};
use crate::lifecycle::ending;
use crate::link::Link;
use crate::session;
use crate::subscribe::{has_deleted_channel, position};

/// Publications sent to one connection per event, so that one that catches up does not keep the
/// others waiting.
const CATCH_UP_BYTES_MAX: usize = 256 << 10;

/// What all connections that catch up are sent in one turn; the others go on in the next.
const TURN_BYTES_MAX: usize = 4 << 20;

/// How far a connection got whose output was parked.
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
    publications: Vec<Arc<Publication>>,
    batch: Batch,
    header: PositionHeader,
    /// Sent in this turn.
    turn_bytes: usize,
}

impl CatchUp {
    pub(crate) fn begin_turn(&mut self) {
        self.turn_bytes = 0;
    }

    /// The socket has room again.
    pub(crate) fn writable<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>, id: ConnId) {
        if !core.slab.get(id).is_some_and(|connection| connection.gates.awaits_room()) {
            return;
        }
        if self.turn_bytes >= TURN_BYTES_MAX {
            // Its socket has room: that it gets nothing is not its fault.
            core.want_room(id);
            return;
        }
        match self.drain(core, link, id) {
            Drain::Done => {
                let then = core
                    .slab
                    .get(id)
                    .and_then(|c| c.busy.as_ref())
                    .map_or(Then::Go, |busy| busy.then);
                core.unpark_output(id);
                session::on_flushed(core, id);
                if then != Then::Go {
                    ending::finish_now(core, id);
                }
            }
            Drain::Full(true) => core.want_room(id),
            Drain::Full(false) => core.actions.push(Action::WantWrite(id)),
            Drain::Failed => {
                core.counters.sends_failed.add(1);
                ending::remove(core, id, Close::Fin);
            }
        }
    }

    fn drain<P: Plane>(&mut self, core: &mut Core, link: &mut Link<P>, id: ConnId) -> Drain {
        match drain_held(core, link, id) {
            Drain::Done => {}
            other => return other,
        }
        if has_deleted_channel(core, id) {
            session::on_deleted(core, id);
            return drain_held(core, link, id);
        }
        while session::tell_more(core, id) {
            match drain_held(core, link, id) {
                Drain::Done => {}
                other => return other,
            }
        }
        let mut nth = 0;
        let bytes_before = self.turn_bytes;
        loop {
            let sent_bytes = self.turn_bytes - bytes_before;
            if nth >= core.subscription_slots(id) {
                return Drain::Done;
            }
            let Some(subscription) = core.subscription(id, nth) else {
                nth += 1;
                continue;
            };
            match core.hub.pull(subscription, BATCH_BYTES_MAX, &mut self.publications) {
                Pull::CaughtUp => nth += 1,
                Pull::More if sent_bytes >= CATCH_UP_BYTES_MAX => return Drain::Full(true),
                Pull::More => match self.send_pulled(core, link, id, nth) {
                    Sent::All => {}
                    Sent::Part(sent) => return Drain::Full(sent > 0 || sent_bytes > 0),
                    Sent::Failed => return Drain::Failed,
                },
                Pull::Lagged { missed } => {
                    core.hub.advance(subscription, *missed.end());
                    session::on_gap(core, id, subscription, missed);
                    // The notice of the gap goes first.
                    match drain_held(core, link, id) {
                        Drain::Done => {}
                        other => return other,
                    }
                }
                Pull::Deleted => {
                    session::on_deleted(core, id);
                    return drain_held(core, link, id);
                }
            }
        }
    }

    /// Sends what was pulled and moves the cursor.
    fn send_pulled<P: Plane>(
        &mut self,
        core: &mut Core,
        link: &mut Link<P>,
        id: ConnId,
        nth: u16,
    ) -> Sent {
        let Some(connection) = core.slab.get(id) else {
            return Sent::Failed;
        };
        let Some(dialect) = core.dialect(connection, nth) else {
            return Sent::Failed;
        };
        let Some(subscription) = core.subscription(id, nth) else {
            return Sent::Failed;
        };
        position::write_header(core, id, nth, &mut self.header);
        let bytes = self.batch.fill(dialect, &self.publications, &self.header);
        let sent = link.send_one(&mut core.exchange, id, bytes);
        let taken = match sent {
            Sent::All => bytes.len(),
            Sent::Part(taken) => taken,
            Sent::Failed => return sent,
        };
        self.turn_bytes += taken;
        let (whole, offset) = self.batch.cut_at(&self.publications, taken);
        core.counters.delivery_sends.add(1);
        core.counters.deliveries.add((whole + usize::from(offset > 0)) as u64);
        let reached = if offset > 0 { whole + 1 } else { whole };
        if let Some(last) = reached.checked_sub(1).and_then(|last| self.publications.get(last)) {
            core.hub.advance(subscription, last.offset());
            if Wanted::in_subscription(&core.hub, subscription) == Wanted::First {
                Wanted::Changes.set(&mut core.hub, subscription);
            }
        }
        if let Some(connection) = core.slab.get_mut(id) {
            let busy = connection.busy();
            busy.uptake.add(taken);
            if offset > 0 {
                let part = (&*self.publications, whole);
                let rest = Partial::new(dialect, part, &self.header, offset);
                busy.partial = Some(Box::new(rest));
            }
        }
        sent
    }
}

/// The rest of a publication or an answer, and then the replies.
fn drain_held<P: Plane>(core: &mut Core, link: &mut Link<P>, id: ConnId) -> Drain {
    let Some(busy) = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut()) else {
        return Drain::Done;
    };
    let mut progress = false;
    while let Some(partial) = &mut busy.partial {
        let rest = partial.next();
        if rest.is_empty() {
            busy.partial = partial.take_next();
            continue;
        }
        let bytes = rest.len();
        match link.send_one(&mut core.exchange, id, rest) {
            Sent::All => {
                busy.uptake.add(bytes);
                partial.advance(bytes);
            }
            Sent::Part(sent) => {
                busy.uptake.add(sent);
                partial.advance(sent);
                return Drain::Full(progress || sent > 0);
            }
            Sent::Failed => return Drain::Failed,
        }
        progress = true;
    }
    if busy.output_sent < busy.output.len() {
        match link.send_one(&mut core.exchange, id, &busy.output[busy.output_sent..]) {
            Sent::All => {
                busy.uptake.add(busy.output.len() - busy.output_sent);
                busy.output = Vec::new();
                busy.output_sent = 0;
            }
            Sent::Part(sent) => {
                busy.uptake.add(sent);
                busy.output_sent += sent;
                busy.give_back_sent();
                return Drain::Full(progress || sent > 0);
            }
            Sent::Failed => return Drain::Failed,
        }
    }
    Drain::Done
}
