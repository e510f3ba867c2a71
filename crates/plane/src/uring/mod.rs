//! The `io_uring` plane: several rings, multishot polls for idle connections, receives and sends
//! that are over when their submission is.
//!
//! A ring's table of direct descriptors is limited to `RLIMIT_NOFILE` entries, but its entries do
//! not count as descriptors of the process. So a plane has as many rings as its connections need;
//! they are made one after another and fill one after another. One eventfd stands for all.
//!
//! Kernels before 6.13 release a closed direct descriptor only when all older requests on any entry
//! of the table have ended, and the poll of an idle connection is such a request. There the plane
//! uses descriptors of the process ([`Descriptors`]), whose closes wait for nothing; the self-test
//! of [`crate::choice`] tells which kernel it is.

mod accept;
mod completion;
mod operation;
mod plane;
mod probe;
mod receive;
mod ring;
mod self_test;
mod sockets;
mod tag;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use io_uring::{cqueue, squeue};

use crate::arena::Arena;
use crate::limits::descriptors_max;
use crate::ready::ReadyQueue;
use crate::shares::Shares;
use crate::slots::{Flags, Share};
use crate::socket;
use crate::wake::EventFd;
use crate::{ConnId, Descriptors, Event, Plane as _, PlaneConfig, PlaneStats, SendException};
use accept::Acceptor;
pub(crate) use probe::probe;
pub use ring::RING_SLOTS_MAX;
use ring::{Ring, RingSize};
use tag::{Op, Tag};

/// Events of one poll at most, apart from what one round of completions adds.
const EVENTS_MAX: usize = 1_024;
/// Submissions of one poll at most; each can lead to further work.
const ROUNDS_MAX: u32 = 8;
/// Milliseconds that a dropped plane waits for its accepts to be cancelled.
const DROP_PATIENCE_MS: u32 = 100;

/// Moves bytes with `io_uring`.
pub struct UringPlane {
    rings: Vec<Ring>,
    size: RingSize,
    descriptors: Descriptors,
    /// Slots of all rings that are open, closing, or promised to an accept.
    shares: Shares,
    acceptor: Acceptor,
    ready: ReadyQueue,
    arena: Arena,
    /// Receives in flight, by number: connection, and place in the arena. Empty outside of `poll`.
    receives: Vec<(ConnId, usize)>,
    receives_in_flight: usize,
    /// Events that no poll has reported yet.
    pending: VecDeque<Event>,
    /// What the sends of the current batch ran into.
    exceptions: Vec<SendException>,
    /// What the last `Op::Install` said.
    installed: Option<i32>,
    /// Reused memory.
    completions: Vec<cqueue::Entry>,
    wake: Arc<EventFd>,
    stats: PlaneStats,
    /// The rings obey the thread that made them only.
    _thread: PhantomData<*const ()>,
}

impl UringPlane {
    /// Makes the plane and its first ring.
    ///
    /// # Errors
    /// What the kernel answers when it does not let this process have a ring.
    pub fn new(config: PlaneConfig) -> io::Result<Self> {
        let slots = config.slots_per_ring.map(|slots| slots.max(1));
        let size = slots.map_or_else(RingSize::usual, RingSize::for_slots);
        Self::with_ring_size(config, size)
    }

    fn with_ring_size(config: PlaneConfig, size: RingSize) -> io::Result<Self> {
        for listener in &config.listeners {
            // With O_NONBLOCK the kernel would fail an accept instead of waiting for a client.
            socket::set_nonblocking(listener.as_fd(), false)?;
        }
        let connections_max = match config.descriptors {
            Descriptors::Direct => config.connections_max,
            Descriptors::Process => config.connections_max.min(descriptors_max()),
        };
        let mut plane = Self {
            rings: Vec::new(),
            size,
            descriptors: config.descriptors,
            shares: Shares::new(connections_max, config.reserved),
            acceptor: Acceptor::new(config.listeners),
            ready: ReadyQueue::default(),
            arena: Arena::new(config.receives_max, config.receive_bytes_max),
            receives: Vec::new(),
            receives_in_flight: 0,
            pending: VecDeque::new(),
            exceptions: Vec::new(),
            installed: None,
            completions: Vec::new(),
            wake: Arc::new(EventFd::new()?),
            stats: PlaneStats::default(),
            _thread: PhantomData,
        };
        plane.add_ring()?;
        Ok(plane)
    }

    fn add_ring(&mut self) -> io::Result<usize> {
        self.rings.push(Ring::new(self.size, self.descriptors, self.wake.as_fd())?);
        Ok(self.rings.len() - 1)
    }

    /// The first ring with a free slot, a new one if need be.
    fn ring_with_room(&mut self) -> io::Result<usize> {
        match self.rings.iter().position(Ring::has_room) {
            Some(ring) => Ok(ring),
            None => self.add_ring(),
        }
    }

    fn take_slot(&mut self, ring: usize, share: Share) {
        self.rings[ring].taken += 1;
        self.shares.take(share);
    }

    fn give_slot_back(&mut self, ring: usize, share: Share) {
        self.rings[ring].taken -= 1;
        self.shares.give_back(share);
    }

    fn conn(&self, ring: usize, slot: u32, generation: u32) -> ConnId {
        ConnId::new(ring as u32 * self.size.slots + slot, generation)
    }

    /// The ring and the slot of a connection, open or not; the ring may not exist.
    fn place(&self, conn: ConnId) -> (usize, u32) {
        ((conn.index() / self.size.slots) as usize, conn.index() % self.size.slots)
    }

    /// The flags of a connection that is open, its ring and its slot.
    fn get(&mut self, conn: ConnId) -> Option<(&mut Flags, usize, u32)> {
        let (ring, slot) = self.place(conn);
        let flags = self.rings.get_mut(ring)?.slots.get(slot, conn.generation())?;
        Some((flags, ring, slot))
    }

    /// Queues an operation that points to nothing, or to what lives for ever.
    fn push(&mut self, ring: usize, entry: &squeue::Entry) {
        // SAFETY: see above; operations that point to memory do not come here.
        unsafe { self.rings[ring].push(entry) };
    }

    fn arm_poll(&mut self, ring: usize, slot: u32, generation: u32) {
        let Some(flags) = self.rings[ring].slots.get(slot, generation) else {
            return;
        };
        flags.set(Flags::POLLED);
        let target = self.rings[ring].sockets.target(slot);
        self.push(ring, &operation::poll(target, slot, generation));
    }

    /// Keeps accepts in flight, as many as there are slots for.
    fn post_accepts(&mut self) {
        if self.acceptor.backoff.is_paused() {
            return;
        }
        while let Some(listener) = self.acceptor.due(&self.shares) {
            let Ok(ring) = self.ring_with_room() else {
                self.pause_accepts();
                return;
            };
            let Some((fd, address, buffer)) = self.acceptor.launch(listener, ring) else {
                return;
            };
            self.take_slot(ring, self.shares.of_listener(listener));
            let entry = operation::accept(fd, address, buffer, self.descriptors);
            // SAFETY: the buffer belongs to this accept until it lands; a plane that is dropped
            // before leaks the buffers.
            unsafe { self.rings[ring].push(&entry) };
        }
    }

    fn pause_accepts(&mut self) {
        if self.acceptor.backoff.pause(Instant::now()) {
            self.stats.accepts_paused += 1;
        }
    }

    /// Hands everything queued to the kernel; false when nothing was.
    fn submit(&mut self) -> bool {
        let mut any = false;
        for ring in &mut self.rings {
            any |= ring.has_more();
            ring.submit();
        }
        any
    }

    /// Cancels the operations that would keep the socket open after its close.
    fn cancel_armed(&mut self, ring: usize, slot: u32, generation: u32, flags: Flags) {
        for (flag, op) in [
            (Flags::POLLED, Op::Poll),
            (Flags::WANTS_WRITE, Op::Writable),
            (Flags::EDGES, Op::WritableEdge),
            (Flags::CONNECTING, Op::Connect),
        ] {
            if flags.has(flag) {
                let target = Tag::new(op, slot, generation);
                self.push(ring, &operation::cancel(target));
            }
        }
    }

    /// Lets the close of a connection throw away what was not delivered and send RST.
    fn make_close_a_reset(&mut self, ring: usize, slot: u32) {
        match self.rings[ring].sockets.socket(slot) {
            Some(socket) => {
                let refused = socket::reset_on_close(socket).is_err();
                self.stats.resets_refused += u64::from(refused);
            }
            None => self.push(ring, &operation::reset_on_close(slot)),
        }
    }

    fn push_close(&mut self, ring: usize, slot: u32, generation: u32) {
        let target = self.rings[ring].sockets.disown(slot);
        self.push(ring, &operation::close(target, slot, generation));
    }

    /// Puts a socket of the process into a free slot of the ring.
    fn adopt(&mut self, ring: usize, socket: OwnedFd) -> io::Result<u32> {
        match self.descriptors {
            Descriptors::Direct => self.install(ring, &socket),
            Descriptors::Process => {
                let slot = self.rings[ring].sockets.adopt(socket);
                slot.ok_or_else(|| io::Error::from_raw_os_error(libc::ENFILE))
            }
        }
    }

    /// Copies a descriptor into a free slot of the ring's table.
    fn install(&mut self, ring: usize, socket: &OwnedFd) -> io::Result<u32> {
        let fd = Box::into_raw(Box::new(socket.as_raw_fd()));
        self.installed = None;
        // SAFETY: `fd` is freed only after the operation is complete.
        unsafe { self.rings[ring].push(&operation::install(fd)) };
        self.rings[ring].submit();
        self.collect();
        let Some(result) = self.installed.take() else {
            return Err(io::Error::other("the kernel does not install a direct descriptor"));
        };
        // SAFETY: it comes from `into_raw` above, and the kernel is done with it.
        let slot = unsafe { Box::from_raw(fd) }.cast_unsigned();
        match result {
            1 => Ok(slot),
            ..=-1 => Err(io::Error::from_raw_os_error(-result)),
            _ => Err(io::Error::other("the kernel installs no direct descriptor")),
        }
    }
}

impl Drop for UringPlane {
    fn drop(&mut self) {
        if self.receives_in_flight > 0 {
            // Only after `poll` failed: the kernel may still write into the arena.
            std::mem::forget(std::mem::replace(&mut self.arena, Arena::new(1, 1)));
        }
        // Closes that are queued take effect, and no accept writes into freed memory.
        self.stop_accepting();
        for _ in 0..DROP_PATIENCE_MS {
            if self.acceptor.in_flight() == 0 && !self.submit() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
            self.collect();
        }
    }
}

impl fmt::Debug for UringPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UringPlane").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
