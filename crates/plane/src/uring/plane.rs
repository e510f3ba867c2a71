//! The plane's interface.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;

use super::operation;
use super::ring::Ring;
use super::tag::{Op, Tag};
use super::{EVENTS_MAX, ROUNDS_MAX, UringPlane};
use crate::slots::{Flags, Share};
use crate::socket;
use crate::{Chunk, Close, ConnId, Event, Plane, PlaneStats, SendException, SendResult, Waker};

impl Plane for UringPlane {
    fn name(&self) -> &'static str {
        "io_uring"
    }

    fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        self.finish_receives()?;
        self.arena.reset();
        // The order matters: what comes after the counter is cleared makes it readable again, what
        // came before is collected here. The system call also makes the kernel complete what it
        // was about to; that needs no further wake-up, since it is collected too.
        for ring in &mut self.rings {
            ring.mute_eventfd();
        }
        self.wake.clear();
        for ring in &mut self.rings {
            ring.unmute_eventfd();
        }
        self.collect();
        self.ready.begin();
        let mut received = 0;
        for _ in 0..ROUNDS_MAX {
            let room = EVENTS_MAX.saturating_sub(self.pending.len());
            if room > 0 {
                self.post_accepts();
                received += self.queue_receives(room);
            }
            if !self.submit() {
                break;
            }
            self.collect();
        }
        self.finish_receives()?;
        self.report(received > 0, events);
        Ok(())
    }

    fn received(&mut self, at: Chunk) -> &mut [u8] {
        self.arena.bytes(at)
    }

    fn has_more(&self) -> bool {
        !self.pending.is_empty()
            || !self.ready.is_empty()
            || self.rings.iter().any(Ring::has_more)
            || (!self.acceptor.backoff.is_pausing() && self.acceptor.due(&self.shares).is_some())
    }

    fn send_batch<'b, I>(&mut self, sends: I, exceptions: &mut Vec<SendException>)
    where
        I: IntoIterator<Item = (ConnId, &'b [u8])>,
    {
        let batch = Batch(self);
        for (conn, bytes) in sends {
            if !bytes.is_empty() {
                batch.0.queue_send(conn, bytes);
            }
        }
        drop(batch);
        self.collect();
        for exception in &self.exceptions {
            self.stats.count(exception.result);
        }
        exceptions.append(&mut self.exceptions);
    }

    fn pause_read(&mut self, conn: ConnId) {
        if let Some((flags, ..)) = self.get(conn) {
            flags.set(Flags::PAUSED);
        }
    }

    fn resume_read(&mut self, conn: ConnId) {
        let (ring, slot) = self.place(conn);
        let Some(ring) = self.rings.get_mut(ring) else {
            return;
        };
        if let Some(flags) = ring.slots.get(slot, conn.generation()) {
            flags.clear(Flags::PAUSED);
            self.ready.mark(conn, flags);
        }
    }

    fn want_write(&mut self, conn: ConnId) {
        let Some((flags, ring, slot)) = self.get(conn) else {
            return;
        };
        if flags.has(Flags::WANTS_WRITE | Flags::CONNECTING) {
            return;
        }
        flags.set(Flags::WANTS_WRITE);
        let target = self.rings[ring].sockets.target(slot);
        self.push(ring, &operation::poll_out(Op::Writable, target, slot, conn.generation()));
    }

    fn shutdown_write(&mut self, conn: ConnId) {
        let (ring, slot) = self.place(conn);
        let Some(Ring { slots, sockets, .. }) = self.rings.get_mut(ring) else {
            return;
        };
        let Some(flags) = slots.get(slot, conn.generation()) else {
            return;
        };
        if let Some(socket) = sockets.socket(slot) {
            socket::shutdown_write(socket.as_raw_fd());
        } else if !flags.has(Flags::SHUTTING) {
            flags.set(Flags::SHUTTING);
            self.push(ring, &operation::shutdown_write(slot, conn.generation()));
        }
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        let Some((flags, ring, slot)) = self.get(conn) else {
            return;
        };
        let flags = *flags;
        self.rings[ring].slots.close(slot);
        if how == Close::Reset {
            self.make_close_a_reset(ring, slot);
        }
        self.cancel_armed(ring, slot, conn.generation(), flags);
        if !flags.has(Flags::SHUTTING) {
            self.push_close(ring, slot, conn.generation());
        }
    }

    fn hold_off(&mut self, below: u16) {
        self.acceptor.open(below).for_each(socket::hold_off);
    }

    fn waiting(&self, below: u16) -> u32 {
        self.acceptor.open(below).map(socket::waiting).sum()
    }

    fn close_listeners(&mut self, below: u16) {
        self.acceptor.close(below);
        let posted: Vec<_> = self.acceptor.posted(below).collect();
        for (ring, buffer) in posted {
            self.push(ring, &operation::cancel(Tag::new(Op::Accept, buffer, 0)));
        }
        self.submit();
        self.collect();
    }

    fn connect(&mut self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<ConnId> {
        if self.shares.free(Share::Common) == 0 {
            return Err(io::Error::from_raw_os_error(libc::ENFILE));
        }
        let ring = self.ring_with_room()?;
        let socket = socket::begin_connect(&to, from)?;
        let slot = self.adopt(ring, socket)?;
        self.take_slot(ring, Share::Common);
        let generation = self.rings[ring].slots.open(slot, Flags::CONNECTING);
        let target = self.rings[ring].sockets.target(slot);
        self.push(ring, &operation::poll_out(Op::Connect, target, slot, generation));
        self.stats.connects += 1;
        Ok(self.conn(ring, slot, generation))
    }

    fn wait_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.wake))
    }

    fn stats(&self) -> PlaneStats {
        PlaneStats {
            connections: u64::from(self.shares.taken() - self.acceptor.in_flight()),
            rings: self.rings.len() as u64,
            completion_overflows: self.rings.iter().map(Ring::overflows).sum(),
            ..self.stats
        }
    }
}

impl UringPlane {
    /// Reports pending events. Received bytes must not wait for another poll.
    fn report(&mut self, all: bool, events: &mut Vec<Event>) {
        let count = if all { self.pending.len() } else { self.pending.len().min(EVENTS_MAX) };
        let rings = &self.rings;
        let slots = self.size.slots;
        let is_open = |conn: ConnId| {
            let ring = rings.get((conn.index() / slots) as usize);
            ring.is_some_and(|r| r.slots.is_open(conn.index() % slots, conn.generation()))
        };
        // An event may be about a connection that was closed after it was noted.
        events.extend(self.pending.drain(..count).filter(|event| is_open(event.conn())));
    }

    fn queue_send(&mut self, conn: ConnId, bytes: &[u8]) {
        let Some((_, ring, slot)) = self.get(conn) else {
            let result = SendResult::Failed(libc::EBADF);
            self.exceptions.push(SendException { conn, result });
            return;
        };
        let target = self.rings[ring].sockets.target(slot);
        let entry = operation::send(target, slot, conn.generation(), bytes);
        // SAFETY: the caller's `Batch` submits before the bytes can be freed, and the send is over
        // when the submission is, thanks to its flags.
        unsafe { self.rings[ring].push(&entry) };
    }
}

/// Submits the sends of a batch when it is dropped, also when the caller's iterator panics: a
/// queued send must not outlive its bytes.
struct Batch<'a>(&'a mut UringPlane);

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.0.submit();
    }
}
