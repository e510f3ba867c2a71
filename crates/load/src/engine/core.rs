//! Everything of a thread but its plane and its job: the connections, what is to be sent, what the
//! plane shall do. Code in here never touches a socket.

use std::sync::Arc;

use switchboard_link::{Action, Outgoing, Slab};
use switchboard_plane::{Close, ConnId};
use switchboard_ws::close;
use switchboard_ws::frame::{self, Opcode};

use super::clock::NS_PER_S;
use super::deadlines::Deadlines;
use super::random::Random;
use super::stats::Stats;
use super::{Connection, End, Endpoint, State};
use crate::centrifuge::{Epochs, Place};

/// A connection that shall begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connect<D> {
    pub(super) number: u32,
    pub(super) channel: u32,
    pub(super) place: Place,
    pub(super) data: D,
}

/// Time for the server to end a connection after our Close frame.
const CLOSE_PATIENCE_NS: u64 = 5 * NS_PER_S;

#[derive(Debug)]
pub(crate) struct Core<D> {
    pub(crate) now_ns: u64,
    pub(crate) stats: Stats,
    pub(crate) random: Random,
    pub(crate) slab: Slab<Connection<D>>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(super) outgoing: Outgoing,
    /// Connections whose output has to wait for the next batch.
    pub(super) late: Vec<ConnId>,
    /// What the plane shall do.
    pub(super) actions: Vec<Action>,
    /// Begun after that, when those that end have made room.
    pub(super) connects: Vec<Connect<D>>,
    pub(super) handshakes: Deadlines,
    pub(super) closes: Deadlines,
    pub(super) connecting: usize,
    pub(super) open: usize,
    /// What the dialect's positions are in.
    pub(super) epochs: Epochs,
}

impl<D> Core<D> {
    pub(super) fn new(endpoint: Arc<Endpoint>, connect_timeout_ns: u64, random: Random) -> Self {
        Self {
            now_ns: super::clock::now_ns(),
            stats: Stats::default(),
            random,
            slab: Slab::default(),
            endpoint,
            outgoing: Outgoing::default(),
            late: Vec::new(),
            actions: Vec::new(),
            connects: Vec::new(),
            handshakes: Deadlines::new(connect_timeout_ns),
            closes: Deadlines::new(CLOSE_PATIENCE_NS),
            connecting: 0,
            open: 0,
            epochs: Epochs::default(),
        }
    }

    /// Connects and handshakes under way.
    pub(crate) fn connecting(&self) -> usize {
        self.connecting
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Begins a connection to the endpoint.
    pub(crate) fn connect(&mut self, number: u32, channel: u32, data: D) {
        self.connect_behind(number, channel, Place::default(), data);
    }

    /// Begins a connection that goes on where the client was, if the dialect can say it.
    pub(crate) fn connect_behind(&mut self, number: u32, channel: u32, place: Place, data: D) {
        self.connecting += 1;
        self.connects.push(Connect { number, channel, place, data });
    }

    /// Sends bytes, with the batch of this stage or behind what a full socket holds back. False
    /// when the connection is gone.
    pub(crate) fn send(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(connection) = self.slab.get_mut(id) else {
            return false;
        };
        let waits = connection.busy.as_ref().is_some_and(|busy| !busy.output.is_empty());
        let apart = connection.queued && !self.outgoing.is_last(id);
        if waits || apart || connection.blocked {
            write(&mut connection.busy().output);
            if !waits && !connection.blocked {
                self.late.push(id);
            }
        } else {
            connection.queued = true;
            self.outgoing.push(id, write);
        }
        true
    }

    /// Sends a text message.
    pub(crate) fn send_text(&mut self, id: ConnId, payload: &[u8]) -> bool {
        self.send_message(id, Opcode::Text, payload)
    }

    /// Sends a binary message.
    pub(crate) fn send_binary(&mut self, id: ConnId, payload: &[u8]) -> bool {
        self.send_message(id, Opcode::Binary, payload)
    }

    fn send_message(&mut self, id: ConnId, opcode: Opcode, payload: &[u8]) -> bool {
        let mask = self.random.mask();
        self.send(id, |out| frame::write(out, opcode, payload, Some(mask)))
    }

    /// Says goodbye with a Close frame; the end follows when the server has answered.
    pub(crate) fn leave(&mut self, id: ConnId) {
        let mask = self.random.mask();
        if !self.send(id, |out| close::write_close(out, close::NORMAL, "", Some(mask))) {
            return;
        }
        self.closes.begin(self.now_ns, id);
        if let Some(connection) = self.slab.get_mut(id) {
            connection.state = State::Closing;
            connection.busy().end = Some(End::Left);
        }
    }

    /// Ends a connection at once, without a word to the job.
    pub(crate) fn close(&mut self, id: ConnId, how: Close) -> Option<Connection<D>> {
        let connection = self.slab.remove(id)?;
        if connection.was_open() {
            self.open -= 1;
        } else {
            self.connecting -= 1;
        }
        self.actions.push(Action::Close(id, how));
        Some(connection)
    }

    /// Does not read from a connection until `resume`.
    pub(crate) fn pause(&mut self, id: ConnId) {
        self.actions.push(Action::PauseRead(id));
    }

    /// Reads again.
    pub(crate) fn resume(&mut self, id: ConnId) {
        self.actions.push(Action::ResumeRead(id));
    }

    /// A send did not take everything: the rest waits for room.
    pub(super) fn hold(&mut self, id: ConnId, rest: &[u8]) {
        let Some(connection) = self.slab.get_mut(id) else {
            return;
        };
        connection.blocked = true;
        // What was put there meanwhile comes after the rest.
        connection.busy().output.splice(..0, rest.iter().copied());
        self.actions.push(Action::WantWrite(id));
    }
}
