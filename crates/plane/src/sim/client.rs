//! One simulated connection, seen from both ends.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::{Close, ConnId, SendResult};

/// Names a client of a simulated network; never used again.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct ClientId(pub(super) u32);

/// What a client knows about its connection.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum ClientState {
    /// Not accepted yet (or, for one that the server dialled, not answered yet).
    Waiting,
    /// Both directions work.
    Open,
    /// The server sent FIN, after everything that it sent before.
    Finished,
    /// The server, or its kernel, sent RST.
    Reset,
}

/// How the client's side of the stream ends.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum InboundEnd {
    Open,
    Fin,
    Reset,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) peer: SocketAddr,
    /// Where it connected to.
    pub(super) listener: u16,
    pub(super) state: ClientState,
    /// The server's name for it while the server has not closed it.
    pub(super) conn: Option<ConnId>,
    /// The server dialled it, and the answer (errno, 0 = accepted) has not been reported.
    pub(super) answer: Option<i32>,
    /// Bytes under way to the server.
    pub(super) inbound: VecDeque<u8>,
    /// What comes after them.
    pub(super) inbound_end: InboundEnd,
    /// Bytes that the kernels hold because the client does not read.
    held: VecDeque<u8>,
    /// What the client has read.
    pub(super) read: Vec<u8>,
    pub(super) stalled: bool,
    /// The server cannot send any more; its FIN comes behind `held`.
    write_closed: bool,
    /// Polls during which a socket that refused a send has no room.
    pub(super) choked_polls: u8,
}

impl Client {
    pub(super) fn new(peer: SocketAddr, listener: u16) -> Self {
        Self {
            peer,
            listener,
            state: ClientState::Waiting,
            conn: None,
            answer: None,
            inbound: VecDeque::new(),
            inbound_end: InboundEnd::Open,
            held: VecDeque::new(),
            read: Vec::new(),
            stalled: false,
            write_closed: false,
            choked_polls: 0,
        }
    }

    /// Bytes that a send can place now.
    pub(super) fn room(&self, room_bytes: usize) -> usize {
        match (self.choked_polls, self.stalled) {
            (0, false) => usize::MAX,
            (0, true) => room_bytes.saturating_sub(self.held.len()),
            _ => 0,
        }
    }

    /// The server sends, at most `room` bytes; None when all of it went out.
    pub(super) fn take(&mut self, bytes: &[u8], room: usize) -> Option<SendResult> {
        if self.inbound_end == InboundEnd::Reset {
            return Some(SendResult::Failed(libc::ECONNRESET));
        }
        if self.write_closed {
            return Some(SendResult::Failed(libc::EPIPE));
        }
        if self.state == ClientState::Waiting {
            return Some(SendResult::WouldBlock);
        }
        let taken = bytes.len().min(room);
        self.held.extend(&bytes[..taken]);
        self.deliver();
        match taken {
            _ if taken == bytes.len() => None,
            0 => Some(SendResult::WouldBlock),
            _ => Some(SendResult::Short(taken)),
        }
    }

    /// Lets the client read what the kernels hold, unless it is stalled.
    pub(super) fn deliver(&mut self) {
        if self.stalled {
            return;
        }
        self.read.extend(self.held.drain(..));
        if self.write_closed && self.state == ClientState::Open {
            self.state = ClientState::Finished;
        }
    }

    /// The server sends FIN.
    pub(super) fn finish(&mut self) {
        self.write_closed = true;
        self.deliver();
    }

    /// The server closes. As in a real kernel, bytes that it has not read turn FIN into RST.
    pub(super) fn close(&mut self, how: Close) {
        self.conn = None;
        if how == Close::Reset || !self.inbound.is_empty() {
            self.fail();
        } else {
            self.finish();
        }
    }

    /// The client gets RST; what it has not read is lost.
    pub(super) fn fail(&mut self) {
        self.held.clear();
        self.write_closed = true;
        self.state = ClientState::Reset;
    }
}
