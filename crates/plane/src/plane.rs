//! The trait that hides how bytes move.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::{Chunk, Close, ConnId, Descriptors, Event, Reserved, SendException, SendResult, Waker};

/// Moves the bytes of one shard's connections.
///
/// A plane belongs to the thread that made it. No call blocks. A [`ConnId`] whose connection was
/// closed is ignored everywhere, except that `send_batch` reports it as `Failed(EBADF)`.
pub trait Plane {
    /// `io_uring`, `epoll` or `sim`.
    fn name(&self) -> &'static str;

    /// Appends what happened since the last call: at most about 1,024 events, and no more bytes
    /// than the receive arena holds. Chunks of the last call are invalid from here on.
    ///
    /// A connection has at most one `Received` in one call, so that replies to it can be collected
    /// until the events are through.
    ///
    /// Call it at least every few milliseconds even when `wait_fd` is silent: accepts that were
    /// paused for lack of descriptors or memory are tried again from here.
    ///
    /// # Errors
    /// Only when the plane as a whole is broken, never because of one connection.
    fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()>;

    /// The bytes of an [`Event::Received`] of the last `poll()`. They may be changed in place.
    fn received(&mut self, at: Chunk) -> &mut [u8];

    /// The next `poll()` has work even if the kernel says nothing new: do not sleep.
    fn has_more(&self) -> bool;

    /// Sends now: nothing is in flight afterwards and the bytes may be dropped. A connection may be
    /// in a batch only once (the order of two sends would be lost when the first is short). Appends
    /// one exception for each send that was not complete. Empty sends are complete.
    fn send_batch<'b, I>(&mut self, sends: I, exceptions: &mut Vec<SendException>)
    where
        I: IntoIterator<Item = (ConnId, &'b [u8])>;

    /// No more `Received` and no `Ended` from the next `poll()` on, until `resume_read`.
    fn pause_read(&mut self, conn: ConnId);

    /// Ends `pause_read`; what arrived meanwhile comes with the next `poll()`.
    fn resume_read(&mut self, conn: ConnId);

    /// Asks for one [`Event::Writable`] when there is room to send again.
    fn want_write(&mut self, conn: ConnId);

    /// Sends FIN after what was sent, and goes on reading.
    fn shutdown_write(&mut self, conn: ConnId);

    /// Ends the connection, also after `Ended`. Later polls have no event for it. It takes effect
    /// at the latest in the next `poll()`, which is also when the slot can be used again.
    fn close(&mut self, conn: ConnId, how: Close);

    /// Lets nobody else into the queues of the listeners whose numbers are below `below`. Clients that
    /// are in one, or are about to complete their handshake, are accepted as before. Others hear nothing
    /// and try again a second later; close the listeners before that.
    fn hold_off(&mut self, below: u16);

    /// How many clients wait in the queues of the listeners whose numbers are below `below`.
    fn waiting(&self, below: u16) -> u32;

    /// Closes the listeners whose numbers are below `below` for good; clients that wait in their queues
    /// are reset.
    fn close_listeners(&mut self, below: u16);

    /// Closes all listeners in this way.
    fn stop_accepting(&mut self) {
        self.close_listeners(u16::MAX);
    }

    /// Begins a connection, from a given local address if any (the port is chosen by the kernel
    /// at connect time, so that one local port serves many destinations). `Connected` or `Ended`
    /// follows; `close` is due in both cases.
    ///
    /// # Errors
    /// When it cannot even begin: no slot, no descriptor, no route, no such local address.
    fn connect(&mut self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<ConnId>;

    /// Readable when `poll()` would find something or a [`Waker`] was used.
    fn wait_fd(&self) -> BorrowedFd<'_>;

    /// Makes `wait_fd` readable from any thread; `poll()` clears it.
    fn waker(&self) -> Waker;

    /// Counters since the start.
    fn stats(&self) -> PlaneStats;
}

/// What a plane is made from.
#[derive(Debug)]
pub struct PlaneConfig {
    /// Listening sockets, bound with `SO_REUSEPORT` when other planes listen on the same port.
    pub listeners: Vec<OwnedFd>,
    /// Connections at most, accepted and connected together, beside those in reserved slots.
    pub connections_max: u32,
    /// Slots that are kept for the last listeners.
    pub reserved: Reserved,
    /// `io_uring` only: what names the sockets.
    pub descriptors: Descriptors,
    /// `io_uring` only: connections of each ring, None = min(`RLIMIT_NOFILE`, 16,384).
    pub slots_per_ring: Option<u32>,
    /// The receive arena has room for this many receives of `receive_bytes_max`.
    pub receives_max: u32,
    /// Most bytes of one `Received`.
    pub receive_bytes_max: u32,
}

impl PlaneConfig {
    /// The usual sizes: an arena of 128 receives of 16 KiB.
    pub fn new(listeners: Vec<OwnedFd>, connections_max: u32) -> Self {
        Self {
            listeners,
            connections_max,
            reserved: Reserved::NONE,
            descriptors: Descriptors::default(),
            slots_per_ring: None,
            receives_max: 128,
            receive_bytes_max: 16 * 1024,
        }
    }
}

/// Counters of a plane. All of them only grow, except `connections` and `rings`.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct PlaneStats {
    /// Slots in use now: open connections and those that are still closing.
    pub connections: u64,
    /// `io_uring` rings made so far.
    pub rings: u64,
    /// Connections accepted.
    pub accepts: u64,
    /// Accepts that the kernel refused, for whatever reason.
    pub accepts_failed: u64,
    /// Times that accepting was paused because descriptors or memory ran out.
    pub accepts_paused: u64,
    /// `connect` calls that began.
    pub connects: u64,
    /// Receives that brought bytes.
    pub receives: u64,
    /// Sends that took a part of the bytes.
    pub sends_short: u64,
    /// Sends that found the socket full.
    pub sends_refused: u64,
    /// Sends that found the connection broken or gone.
    pub sends_failed: u64,
    /// `io_uring`: multishot polls that the kernel ended and that were armed again.
    pub polls_rearmed: u64,
    /// `io_uring`: times that a completion queue was found overflown.
    pub completion_overflows: u64,
    /// `io_uring`: resets that the kernel refused, so that the connection got a plain close.
    pub resets_refused: u64,
}

impl PlaneStats {
    /// Counts a send that was not complete.
    pub(crate) fn count(&mut self, result: SendResult) {
        match result {
            SendResult::Short(_) => self.sends_short += 1,
            SendResult::WouldBlock => self.sends_refused += 1,
            SendResult::Failed(_) => self.sends_failed += 1,
        }
    }
}
