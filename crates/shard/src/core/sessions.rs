//! Connections come, speak something else and go: the only place that changes a session, and the gauges
//! with it.

use switchboard_link::Action;
use switchboard_plane::{Close, ConnId};

use super::Core;
use crate::connection::{Connection, Delivery, Place, Session};
use crate::time::Tick;

impl Core {
    /// A connection comes.
    pub(crate) fn insert(&mut self, connection: Connection) {
        let Self { slab, counters, .. } = self;
        if let Some(gauge) = connection.session.gauge(counters) {
            gauge.add(1);
        }
        slab.insert(connection);
        counters.connections_open.set(slab.open() as u64 - u64::from(self.internal));
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
        connection.set_pinged(false);
        if session.delivery() == Delivery::None {
            self.identities.clear(id.index());
        }
        if session.is_ending() {
            self.stop_serving(id);
        }
    }

    /// The connection ends: what it was in the middle of is over, and it is read again, since its peer's
    /// end is awaited.
    fn stop_serving(&mut self, id: ConnId) {
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        if let Some(busy) = &mut connection.busy {
            busy.api = None;
            busy.asking = None;
            busy.body = None;
            busy.commands = None;
        }
        if connection.gates.open_input() {
            self.actions.push(Action::ResumeRead(id));
            self.revisit(id);
        }
    }

    /// The connection goes, and with it what counts it. It has no subscriptions any more.
    pub(crate) fn remove(&mut self, id: ConnId, how: Close) {
        let Self { slab, counters, .. } = self;
        let Some(connection) = slab.remove(id) else {
            return;
        };
        match connection.place {
            Place::None => {}
            Place::Newcomer | Place::Public => {
                self.places.leave(connection.peer.ip(), connection.place == Place::Newcomer);
            }
            Place::Stranger | Place::Internal => {
                self.internal -= 1;
                self.api.disconnected();
                counters.internal_connections_open.set(self.internal.into());
            }
        }
        if connection.place.is_stranger() {
            self.strangers.retain(|stranger| *stranger != id);
        }
        if let Some(gauge) = connection.session.gauge(counters) {
            gauge.sub(1);
        }
        if !connection.place.is_internal() {
            counters.connections_closed.add(1);
        }
        counters.connections_open.set(slab.open() as u64 - u64::from(self.internal));
        self.identities.clear(id.index());
        self.actions.push(Action::Close(id, how));
    }

    /// The time to the next request begins, unless the answer before it still waits for its socket.
    pub(crate) fn await_request(&mut self, id: ConnId) {
        let deadline = self.now.after_ms(self.config.timeouts.http_idle_ms);
        if let Some(connection) = self.slab.get_mut(id)
            && !connection.gates.is_output_parked()
        {
            connection.deadline = deadline;
        }
    }

    /// A head that has begun is due in the time for a head, also when it is not the first of its
    /// connection.
    pub(crate) fn limit_head_time(&mut self, id: ConnId) {
        let due = self.now.after_ms(self.config.timeouts.handshake_ms);
        if let Some(connection) = self.slab.get_mut(id) {
            connection.deadline = connection.deadline.min(due);
        }
    }

    /// The connection may stay as it is for as long as it likes.
    pub(crate) fn clear_deadline(&mut self, id: ConnId) {
        if let Some(connection) = self.slab.get_mut(id) {
            connection.deadline = Tick::NEVER;
        }
    }
}
