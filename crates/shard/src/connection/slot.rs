//! What every connection has, busy or idle.

use std::net::SocketAddr;

use switchboard_dialects::Dialect;
use switchboard_link::HasId;
use switchboard_plane::ConnId;

use super::busy::Busy;
use super::gates::Gates;
use super::listen_mode::ListenMode;
use super::peer::Peer;
use super::place::Place;
use super::session::Session;
use super::subscriptions::Subscriptions;
use crate::time::Tick;

/// One connection. Its size is part of the memory budget, and a test holds it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    /// What only busy connections need.
    pub(crate) busy: Option<Box<Busy>>,
    /// The client's address: its own, or what a trusted proxy says it is.
    pub(crate) peer: Peer,
    pub(crate) session: Session,
    /// How it listens.
    pub(crate) mode: ListenMode,
    /// When the peer was last heard.
    pub(crate) last_seen: Tick,
    /// When the time of the session is over.
    pub(crate) deadline: Tick,
    pub(crate) subscriptions: Subscriptions,
    /// Which bound it counts towards.
    pub(crate) place: Place,
    marks: Marks,
    /// Why nothing goes out to it, and why it is not read.
    pub(crate) gates: Gates,
}

impl Connection {
    pub(crate) fn new(id: ConnId, peer: SocketAddr, now: Tick, deadline: Tick) -> Self {
        Self {
            id,
            busy: None,
            peer: Peer::from(peer),
            session: Session::Refusing,
            mode: ListenMode::default(),
            last_seen: now,
            deadline,
            subscriptions: Subscriptions::default(),
            place: Place::None,
            marks: Marks::default(),
            gates: Gates::default(),
        }
    }

    /// A ping is out and unanswered.
    pub(crate) fn is_pinged(&self) -> bool {
        self.marks.0 & PINGED != 0
    }

    pub(crate) fn set_pinged(&mut self, is_pinged: bool) {
        self.marks.0 = if is_pinged { self.marks.0 | PINGED } else { self.marks.0 & !PINGED };
    }

    /// The number of the trusted proxy through which it came; 0 for none.
    pub(crate) fn proxy(&self) -> u8 {
        self.marks.0 & !PINGED
    }

    /// `number` is at most 127.
    pub(crate) fn set_proxy(&mut self, number: u8) {
        self.marks.0 = (self.marks.0 & PINGED) | (number & !PINGED);
    }

    /// The busy part, made when it is not there.
    pub(crate) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// It gets the same bytes as all others that listen to the channel in this dialect: it is told no
    /// position in several channels.
    #[inline]
    pub(crate) fn shares_bytes(&self, dialect: Dialect) -> bool {
        !dialect.has_positions() || !self.subscriptions.are_several()
    }

    /// Drops the busy part when nothing is in it.
    pub(crate) fn settle(&mut self, now_ms: u64) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_empty(now_ms)) {
            self.busy = None;
        }
    }
}

/// One byte: whether a ping is out, and the number of a proxy.
#[derive(Clone, Copy, Debug, Default)]
struct Marks(u8);

const PINGED: u8 = 0x80;

impl HasId for Connection {
    fn id(&self) -> ConnId {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_and_the_number_of_a_proxy_share_a_byte() {
        let id = ConnId::new(0, 0);
        let now = Tick::at(0, 0);
        let mut connection = Connection::new(id, ([127, 0, 0, 1], 80).into(), now, now);
        assert_eq!((connection.is_pinged(), connection.proxy()), (false, 0));
        connection.set_proxy(127);
        connection.set_pinged(true);
        assert_eq!((connection.is_pinged(), connection.proxy()), (true, 127));
        connection.set_proxy(3);
        assert_eq!((connection.is_pinged(), connection.proxy()), (true, 3));
        connection.set_pinged(false);
        assert_eq!((connection.is_pinged(), connection.proxy()), (false, 3));
    }

    #[test]
    fn a_connection_fits_its_memory_budget() {
        // 128 B per idle subscribed connection in all: this, 16 B in the subscriber set and 8 B in
        // the plane. What is to come may add another 8 B here.
        assert!(size_of::<Option<Connection>>() <= 56, "{}", size_of::<Option<Connection>>());
    }
}
