//! One connection as plain data.
//!
//! What every idle subscriber needs stands in [`Connection`]; what only a busy connection needs is
//! boxed in [`Busy`] and dropped when it is idle again.

use std::net::{IpAddr, SocketAddr};

use switchboard_dialects::Dialect;
use switchboard_hub::{BehindGap, NamespaceId, Seat};
use switchboard_plane::ConnId;
use switchboard_ws::message::Receiver;

use crate::batch::Partial;
use crate::rate::TokenBucket;
use crate::start::Pending;
use crate::time::Tick;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// Waiting for a request head, or in the middle of one.
    Head,
    /// The shard is full: the request will be answered with 503.
    Refusing,
    /// A WebSocket on `/echo`.
    Echo,
    /// A WebSocket on `/sub`.
    Subscribed,
    /// An event stream on `/sub`.
    Streaming,
    /// A long poll that is held.
    Polling,
    /// Our Close frame is on its way; the peer's is awaited.
    Closing,
    /// Nothing more will be said; whatever arrives is dropped until the peer ends.
    Lingering,
}

impl State {
    /// A WebSocket that has not begun to close.
    pub(crate) fn is_open_websocket(self) -> bool {
        matches!(self, Self::Echo | Self::Subscribed)
    }
}

/// How a subscriber listens, as its request said. Three bytes, since every connection has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// What it speaks who stays on the line; none for polls.
    stream: Option<Dialect>,
    /// Which of the allowed origins its page has, from 1; 0 for none.
    pub(crate) cors: u8,
    poll: u8,
}

/// What a poll's request said, one bit for each.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum PollFlag {
    /// A further request may follow on the connection.
    KeepAlive = 1,
    /// It is held until there is news.
    Waits = 2,
    /// It wants all news, as JSON.
    Json = 4,
    /// It goes on with the earliest publication where its place is lost.
    GapToEarliest = 8,
}

impl Manner {
    /// Of somebody who stays on the line.
    pub(crate) fn stream(dialect: Dialect) -> Self {
        Self { stream: Some(dialect), cors: 0, poll: 0 }
    }

    /// Of a poll.
    pub(crate) fn poll(cors: u8, flags: &[(PollFlag, bool)]) -> Self {
        let mut manner = Self { stream: None, cors, poll: 0 };
        for (flag, is_set) in flags {
            manner.set(*flag, *is_set);
        }
        manner
    }

    /// It stays on the line and speaks this.
    pub(crate) fn streams(self, dialect: Dialect) -> bool {
        self.stream == Some(dialect)
    }

    /// What it speaks; bare payloads also for polls.
    pub(crate) fn dialect(self) -> Dialect {
        self.stream.unwrap_or(Dialect::Raw)
    }

    pub(crate) fn has(self, flag: PollFlag) -> bool {
        self.poll & flag as u8 != 0
    }

    pub(crate) fn set(&mut self, flag: PollFlag, is_set: bool) {
        self.poll &= !(flag as u8);
        self.poll |= if is_set { flag as u8 } else { 0 };
    }

    pub(crate) fn behind_gap(self) -> BehindGap {
        if self.has(PollFlag::GapToEarliest) { BehindGap::Earliest } else { BehindGap::Now }
    }
}

/// One connection. Its size is part of the memory budget, and a test holds it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    /// What only busy connections need.
    pub(crate) busy: Option<Box<Busy>>,
    pub(crate) peer: Peer,
    pub(crate) state: State,
    /// The namespace of its first channel.
    pub(crate) namespace: NamespaceId,
    /// How it listens.
    pub(crate) manner: Manner,
    /// When the peer was last heard.
    pub(crate) last_seen: Tick,
    /// When the present state runs out; what happens then depends on the state.
    pub(crate) deadline: Tick,
    /// The seat in its first channel, while subscribed.
    pub(crate) seat: Option<Seat>,
    /// It counts towards `connections_max`; those that are only refused do not.
    pub(crate) served: bool,
    /// A ping is out and unanswered.
    pub(crate) pinged: bool,
    /// Something is held back: the socket is full and `Writable` is awaited, or the homes of its
    /// channels are to answer first.
    pub(crate) blocked: bool,
    /// Why reading is paused, one bit for each [`Pause`].
    pauses: u8,
}

impl Connection {
    pub(crate) fn new(id: ConnId, peer: SocketAddr, now: Tick) -> Self {
        Self {
            id,
            busy: None,
            peer: Peer::from(peer),
            state: State::Head,
            namespace: NamespaceId::DEFAULT,
            manner: Manner::stream(Dialect::Raw),
            last_seen: now,
            deadline: Tick::NEVER,
            seat: None,
            served: false,
            pinged: false,
            blocked: false,
            pauses: 0,
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.pauses != 0
    }

    /// Adds a reason. False when it was there before.
    pub(crate) fn pause(&mut self, reason: Pause) -> bool {
        let is_new = self.pauses & reason as u8 == 0;
        self.pauses |= reason as u8;
        is_new
    }

    /// Takes a reason away. True when it was the last.
    pub(crate) fn resume(&mut self, reason: Pause) -> bool {
        let was_paused = self.is_paused();
        self.pauses &= !(reason as u8);
        was_paused && !self.is_paused()
    }

    /// The busy part, made when it is not there.
    pub(crate) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// Whether a full socket gets a deadline of its own. An ending connection has one already, which
    /// progress does not move.
    pub(crate) fn has_stall_deadline(&self) -> bool {
        !matches!(self.state, State::Closing | State::Lingering)
    }

    /// Drops the busy part when nothing is in it.
    pub(crate) fn settle(&mut self, now_ms: u64) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_empty(now_ms)) {
            self.busy = None;
        }
    }

    /// All seats, in the order of its channels.
    pub(crate) fn seats(&self) -> impl Iterator<Item = Seat> {
        let more = self.busy.as_ref().map_or(&[][..], |busy| &busy.more_seats);
        self.seat.into_iter().chain(more.iter().copied())
    }

    /// The homes of its channels have not all answered, so it has not begun.
    pub(crate) fn waits_for_home(&self) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.start.is_some())
    }

    /// It listens to more than one channel.
    pub(crate) fn has_several_seats(&self) -> bool {
        self.busy.as_ref().is_some_and(|busy| !busy.more_seats.is_empty())
    }

    /// Stores where the `nth` of its channels sits now.
    pub(crate) fn set_seat(&mut self, nth: u16, seat: Seat) {
        if nth == 0 {
            self.seat = Some(seat);
        } else if let Some(slot) = self.busy().more_seats.get_mut(usize::from(nth) - 1) {
            *slot = seat;
        }
    }
}

/// What a connection needs only while it is busy.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    /// Bytes received and not yet used: a partial head, or requests that wait for the output.
    pub(crate) input: Vec<u8>,
    /// How much of `input` has been searched for the end of the head.
    pub(crate) scanned: usize,
    /// A frame or message in the middle.
    pub(crate) receiver: Option<Receiver>,
    /// Where it wants to begin, while that cannot be said yet.
    pub(crate) start: Option<Box<Pending>>,
    /// Its place in the shard's list of those that are held back.
    pub(crate) blocked_place: u32,
    pub(crate) blocked_since_ms: u64,
    /// The rest of a publication that the socket did not take whole.
    pub(crate) partial: Option<Partial>,
    /// Bytes to send after it: replies and control frames, never publications.
    pub(crate) output: Vec<u8>,
    /// How much of `output` has been sent.
    pub(crate) output_sent: usize,
    /// What to do when all of it is sent.
    pub(crate) then: Then,
    /// The seats beyond the first.
    pub(crate) more_seats: Vec<Seat>,
    /// How often it may still publish.
    pub(crate) bucket: Option<TokenBucket>,
    /// It was closed for being too slow: the kernel may hold much that it never reads.
    pub(crate) too_slow: bool,
    /// The peer has ended its side.
    pub(crate) peer_ended: bool,
}

impl Busy {
    /// Nothing is held back.
    pub(crate) fn is_flushed(&self) -> bool {
        self.partial.is_none() && self.output_sent == self.output.len()
    }

    /// An answer is on its way, the homes of its channels are to say what it is, or requests wait.
    pub(crate) fn owes_answer(&self) -> bool {
        !self.is_flushed() || self.start.is_some() || !self.input.is_empty()
    }

    /// Drops the sent part of the output once it is the larger one: a peer that always leaves a
    /// little unread would make it grow for ever.
    pub(crate) fn give_back_sent(&mut self) {
        if self.output_sent >= self.output.len() / 2 {
            self.output.drain(..self.output_sent);
            self.output_sent = 0;
        }
    }

    fn is_empty(&self, now_ms: u64) -> bool {
        self.input.is_empty()
            && self.receiver.is_none()
            && self.start.is_none()
            && self.is_flushed()
            && self.then == Then::Go
            && self.more_seats.is_empty()
            && self.bucket.as_ref().is_none_or(|bucket| bucket.is_full(now_ms))
            && !self.too_slow
            && !self.peer_ended
    }
}

/// Why a connection is not read.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Pause {
    /// Its replies wait for its socket.
    Output = 1,
    /// It publishes, and a mailbox is over its bound.
    Mailbox = 2,
}

/// What follows when the output is flushed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Then {
    /// Go on.
    #[default]
    Go,
    /// End our side and wait for the peer's end, so that the last bytes are not lost to a reset.
    Shutdown,
    /// The answer was the last one: read no further requests, then as `Shutdown`. For answers that
    /// may take their time, since [`State::Lingering`] has a deadline that progress does not move.
    Linger,
    /// Close.
    Close,
}

/// A peer's address in 18 bytes instead of `SocketAddr`'s 32. IPv4 is kept as mapped to IPv6; the
/// listeners for IPv6 take nothing else, so that form is free.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    address: [u8; 16],
    port: [u8; 2],
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        let address = match addr.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        Self { address, port: addr.port().to_be_bytes() }
    }
}

impl From<Peer> for SocketAddr {
    fn from(peer: Peer) -> Self {
        Self::new(IpAddr::from(peer.address).to_canonical(), u16::from_be_bytes(peer.port))
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_fits_its_memory_budget() {
        // 128 B per idle subscribed connection in all: this, 16 B in the subscriber set and 8 B in
        // the plane.
        assert!(size_of::<Option<Connection>>() <= 64, "{}", size_of::<Option<Connection>>());
    }

    #[test]
    fn a_peer_shows_the_address_it_was_made_from() {
        for text in ["127.0.0.1:80", "[::1]:8000", "[2001:db8::a]:5"] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(format!("{:?}", Peer::from(addr)), text);
        }
    }
}
