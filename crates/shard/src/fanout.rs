//! Publications to subscribers, in slices, so that a large channel never starves accepts and reads.

use std::sync::Arc;

use switchboard_hub::{Seat, SlowPolicy, Work, WorkKind};
use switchboard_plane::{Close, ConnId, Plane, SendException, SendResult};
use switchboard_ws::close;

use crate::blocked::{BATCH_BYTES_MAX, contiguous, cut_at};
use crate::closing;
use crate::connection::Partial;
use crate::core::Core;

/// Sends in one slice: about 2 ms over loopback.
const SLICE_SENDS_MAX: usize = 256;

/// Buffers of the fan-out, kept by the turn.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    work: Work,
    batch: Vec<u8>,
    exceptions: Vec<SendException>,
}

impl Fanout {
    /// Does the next slice: of one large channel, or of many small ones. False when no channel has
    /// work.
    pub(crate) fn slice<P: Plane>(&mut self, core: &mut Core, plane: &mut P) -> bool {
        let mut sends = 0;
        while sends < SLICE_SENDS_MAX {
            if !core.hub.next_work(SLICE_SENDS_MAX - sends, BATCH_BYTES_MAX, &mut self.work) {
                return false;
            }
            sends += self.work.targets.len().max(1);
            match self.work.kind {
                WorkKind::Deliver => self.deliver(core, plane),
                WorkKind::Lagged => self.for_each_target(core, close_slow),
                WorkKind::Deleted => self.for_each_target(core, close_deleted),
                // Only namespaces with `lossy_raw` have these policies for clients that cannot be
                // told.
                WorkKind::Skipped { .. } => {}
            }
        }
        true
    }

    fn deliver<P: Plane>(&mut self, core: &mut Core, plane: &mut P) {
        let Self { work, batch, exceptions } = self;
        let bytes = contiguous(&work.publications, batch);
        let slab = &core.slab;
        let targets = work.targets.iter().filter_map(|(who, _)| slab.at(who.conn));
        plane.send_batch(targets.map(|connection| (connection.id, bytes)), exceptions);
        let sends = work.targets.len();
        core.counters.delivery_sends.add(sends as u64);
        let mut deliveries = sends * work.publications.len();
        for exception in exceptions.drain(..) {
            let taken = match exception.result {
                SendResult::Short(bytes) => bytes,
                SendResult::WouldBlock => 0,
                SendResult::Failed(_) => {
                    deliveries -= work.publications.len();
                    core.remove(exception.conn, Close::Fin);
                    continue;
                }
            };
            let (whole, offset) = cut_at(&work.publications, taken);
            deliveries -= work.publications.len() - whole - usize::from(offset > 0);
            hold(core, exception.conn, work, whole, offset);
        }
        core.counters.deliveries.add(deliveries as u64);
    }

    fn for_each_target(&self, core: &mut Core, end: fn(&mut Core, ConnId)) {
        for (who, _) in &self.work.targets {
            if let Some(id) = core.slab.at(who.conn).map(|connection| connection.id) {
                end(core, id);
            }
        }
    }
}

/// A subscriber's socket took `whole` publications and `offset` bytes of the next.
fn hold(core: &mut Core, id: ConnId, work: &Work, whole: usize, offset: usize) {
    let first = work.publications[0].offset();
    let (cursor, partial) = if offset == 0 {
        (first + whole as u64 - 1, None)
    } else {
        let publication = Arc::clone(&work.publications[whole]);
        (publication.offset(), Some(Partial { publication, sent: offset }))
    };
    core.hold_publication(id, work.channel, cursor, partial);
}

/// Whether the channel's namespace lets a slow raw subscriber miss publications.
pub(crate) fn may_skip(core: &Core, seat: Seat) -> bool {
    let namespaces = &core.config.namespaces;
    core.hub
        .name(seat.channel)
        .and_then(|name| namespaces.resolve(name))
        .is_some_and(|namespace| namespaces.rules(namespace).slow_policy != SlowPolicy::Disconnect)
}

/// The log has moved on without this subscriber.
pub(crate) fn close_slow(core: &mut Core, id: ConnId) {
    core.counters.closed_slow.add(1);
    closing::close_websocket(core, id, close::SLOW, "too slow: reconnect and resume");
}

/// The channel is gone.
pub(crate) fn close_deleted(core: &mut Core, id: ConnId) {
    closing::close_websocket(core, id, close::NORMAL, "the channel was deleted");
}
