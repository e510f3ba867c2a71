//! The end of a stage: mail and replies, ends, and then all that connections want of the plane.

use switchboard_link::Unsent;
use switchboard_plane::{Close, Plane};

use super::Shard;
use crate::lifecycle::ending;

impl<P: Plane> Shard<P> {
    /// Ends a stage of the turn. Within one, at most one send goes to a connection.
    pub(super) fn end_stage(&mut self) {
        self.send_replies();
        ending::finish_flushed(&mut self.core);
        self.link.act(&mut self.core.exchange, self.core.actions.drain(..));
    }

    fn send_replies(&mut self) {
        let Self { link, core, .. } = self;
        if core.outgoing.is_empty() {
            return;
        }
        let outgoing = std::mem::take(&mut core.outgoing);
        link.send(&mut core.exchange, &outgoing);
        for (id, unsent) in link.unsent(&outgoing) {
            match unsent {
                Unsent::Rest(rest) => core.hold_reply(id, rest),
                Unsent::Failed(_) => ending::remove(core, id, Close::Fin),
            }
        }
        core.outgoing = outgoing;
        core.outgoing.clear();
    }
}
