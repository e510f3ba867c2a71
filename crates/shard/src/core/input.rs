//! Input that is parked: the connection is not read until every reason is gone.

use switchboard_link::Action;
use switchboard_plane::ConnId;

use super::Core;
use crate::connection::InputReason;

impl Core {
    /// Does not read the connection for this reason.
    pub(crate) fn park_input(&mut self, id: ConnId, reason: InputReason) {
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        let is_new = connection.gates.park_input(reason);
        if is_new {
            self.actions.push(Action::PauseRead(id));
        }
        match reason {
            InputReason::Mailbox if is_new => self.held_publishers.push(id),
            InputReason::Later => self.revisit(id),
            InputReason::Mailbox
            | InputReason::Room
            | InputReason::Output
            | InputReason::Answer => {}
        }
    }

    /// Takes reasons away, and reads the connection again if no other is left.
    pub(crate) fn unpark_input(&mut self, id: ConnId, reasons: &[InputReason]) {
        if let Some(connection) = self.slab.get_mut(id)
            && connection.gates.unpark_input(reasons)
        {
            self.actions.push(Action::ResumeRead(id));
        }
    }

    /// The token of the connection is checked when those that came before it have been.
    pub(crate) fn await_verification(&mut self, id: ConnId) {
        if self.slab.get_mut(id).is_some_and(|connection| connection.gates.queue()) {
            self.unverified.push_back(id);
        }
    }

    /// The held input of the connection is looked at again in this turn or the next.
    pub(crate) fn revisit(&mut self, id: ConnId) {
        if self.slab.get_mut(id).is_some_and(|connection| connection.gates.queue()) {
            self.revisits.push_back(id);
        }
    }
}
