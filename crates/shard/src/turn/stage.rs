//! The end of a stage: mail and replies, ends, and then all that connections want of the plane.

use switchboard_plane::{Close, Plane, SendResult};

use super::Shard;
use crate::lifecycle::ending;

impl<P: Plane> Shard<P> {
    /// Ends a stage of the turn. Within one, at most one send goes to a connection.
    pub(super) fn end_stage(&mut self) {
        self.send_replies();
        ending::finish_flushed(&mut self.core);
        // An end is something that a client can act on, too.
        self.core.exchange.post();
        for action in self.core.actions.drain(..) {
            self.link.act(action);
        }
    }

    fn send_replies(&mut self) {
        let Self { link, core, exceptions, .. } = self;
        if core.outgoing.is_empty() {
            return;
        }
        let outgoing = std::mem::take(&mut core.outgoing);
        link.send_all(&mut core.exchange, outgoing.sends(), exceptions);
        let mut from = 0;
        for exception in exceptions.drain(..) {
            let Some(bytes) = outgoing.find(exception.conn, &mut from) else {
                continue;
            };
            match exception.result {
                SendResult::Short(sent) => {
                    core.hold_reply(exception.conn, bytes.get(sent..).unwrap_or_default());
                }
                SendResult::WouldBlock => core.hold_reply(exception.conn, bytes),
                SendResult::Failed(_) => ending::remove(core, exception.conn, Close::Fin),
            }
        }
        core.outgoing = outgoing;
        core.outgoing.clear();
    }
}
