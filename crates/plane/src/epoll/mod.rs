//! The epoll plane: ordinary descriptors, one edge-triggered epoll set, one system call for each
//! receive and each send. It makes no `io_uring` call.

mod accept;
mod set;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use crate::arena::Arena;
use crate::limits::descriptors_max;
use crate::ready::{self, ReadyQueue};
use crate::shares::Shares;
use crate::slots::{Flags, FreeSlots, Share, Slots};
use crate::socket;
use crate::wake::EventFd;
use crate::{
    Chunk, Close, ConnId, Event, Plane, PlaneConfig, PlaneStats, SendException, SendResult, Waker,
};
use accept::Acceptor;
use set::{EpollSet, Token};

/// Events of one poll at most, apart from what one question to epoll adds; and of such a question.
const EVENTS_MAX: usize = 1_024;
/// Questions to epoll in one poll at most.
const QUESTIONS_MAX: u32 = 16;
/// Clients that one poll accepts at most.
const ACCEPTS_MAX: usize = 256;

const READ: i32 = libc::EPOLLIN | libc::EPOLLRDHUP;
const HANGUP: i32 = libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR;
const BROKEN: i32 = libc::EPOLLHUP | libc::EPOLLERR;

/// Moves bytes with epoll.
pub struct EpollPlane {
    set: EpollSet,
    wake: Arc<EventFd>,
    acceptor: Acceptor,
    slots: Slots,
    free: FreeSlots,
    shares: Shares,
    sockets: Box<[Option<OwnedFd>]>,
    ready: ReadyQueue,
    arena: Arena,
    stats: PlaneStats,
}

impl EpollPlane {
    /// Makes the plane. It can hold no more connections than the process may have descriptors.
    pub fn new(config: PlaneConfig) -> io::Result<Self> {
        let set = EpollSet::new(EVENTS_MAX)?;
        let wake = Arc::new(EventFd::new()?);
        set.add(wake.as_fd(), Token::Wake, libc::EPOLLIN)?;
        let shares = Shares::new(config.connections_max.min(descriptors_max()), config.reserved);
        let slots = shares.slots();
        Ok(Self {
            acceptor: Acceptor::new(config.listeners, &set)?,
            set,
            wake,
            slots: Slots::new(slots),
            free: FreeSlots::new(slots),
            shares,
            sockets: (0..slots).map(|_| None).collect(),
            ready: ReadyQueue::default(),
            arena: Arena::new(config.receives_max, config.receive_bytes_max),
            stats: PlaneStats::default(),
        })
    }

    /// Puts a socket into a slot and into the set.
    fn adopt(
        &mut self,
        socket: OwnedFd,
        interest: i32,
        flags: u32,
        share: Share,
    ) -> io::Result<ConnId> {
        let full = || io::Error::from_raw_os_error(libc::ENFILE);
        if self.shares.free(share) == 0 {
            return Err(full());
        }
        let slot = self.free.take().ok_or_else(full)?;
        self.shares.take(share);
        let conn = ConnId::new(slot, self.slots.open(slot, flags | share.flag()));
        if let Err(error) = self.set.add(socket.as_fd(), Token::Conn(conn), interest) {
            self.release(conn);
            return Err(error);
        }
        self.sockets[slot as usize] = Some(socket);
        Ok(conn)
    }

    fn release(&mut self, conn: ConnId) {
        self.slots.close(conn.index());
        if let Some(share) = self.slots.free(conn.index()) {
            self.shares.give_back(share);
        }
        self.free.put(conn.index());
        self.sockets[conn.index() as usize] = None;
    }

    /// The flags and the descriptor of a connection that is open.
    fn get(&mut self, conn: ConnId) -> Option<(&mut Flags, RawFd)> {
        let flags = self.slots.get(conn.index(), conn.generation())?;
        let socket = self.sockets[conn.index() as usize].as_ref()?;
        Some((flags, socket.as_raw_fd()))
    }

    /// Takes what is ready in: epoll names it in the order in which it came, so that whoever is served first is
    /// found only when all have been named.
    fn ask(&mut self, events: &mut Vec<Event>, events_max: usize) -> io::Result<()> {
        for _ in 0..QUESTIONS_MAX {
            let count = self.set.ask()?;
            for nth in 0..count {
                match self.set.event(nth) {
                    (Token::Conn(conn), bits) => self.on_readiness(conn, bits, events),
                    (Token::Listener(which), _) => self.acceptor.ring(which),
                    // Edge-triggered: the counter needs no reading.
                    (Token::Wake, _) => {}
                }
            }
            if count < EVENTS_MAX || events.len() >= events_max {
                break;
            }
        }
        Ok(())
    }

    fn on_readiness(&mut self, conn: ConnId, bits: i32, events: &mut Vec<Event>) {
        let Some((flags, fd)) = self.get(conn) else {
            return;
        };
        if flags.has(Flags::CONNECTING) {
            if bits & (libc::EPOLLOUT | BROKEN) == 0 {
                return;
            }
            flags.clear(Flags::CONNECTING);
            let errno = socket::take_error(fd);
            if errno != 0 {
                flags.set(Flags::ENDED);
                events.push(Event::Ended { conn, error: Some(errno) });
                return;
            }
            events.push(Event::Connected { conn });
        }
        let Some(flags) = self.slots.get(conn.index(), conn.generation()) else {
            return;
        };
        if bits & (libc::EPOLLOUT | BROKEN) != 0 && flags.take(Flags::WANTS_WRITE) {
            events.push(Event::Writable { conn });
        }
        if bits & HANGUP != 0 {
            flags.set(Flags::HANGUP);
        }
        if bits & (READ | HANGUP) != 0 {
            self.ready.mark(conn, flags);
        }
    }

    fn accept(&mut self, events: &mut Vec<Event>) {
        for _ in 0..ACCEPTS_MAX {
            let accepted = self.acceptor.accept(&self.shares, &mut self.stats);
            let Some((socket, peer, listener)) = accepted else {
                return;
            };
            let share = self.shares.of_listener(listener.into());
            match self.adopt(socket, READ, 0, share) {
                Ok(conn) => events.push(Event::Accepted { conn, peer, listener }),
                Err(_) => self.stats.accepts_failed += 1,
            }
        }
    }

    fn receive(&mut self, events: &mut Vec<Event>, events_max: usize) {
        while events.len() < events_max && self.arena.has_room() {
            let Some(conn) = self.ready.pop() else { return };
            let (index, generation) = (conn.index(), conn.generation());
            let Some(flags) = self.slots.get(index, generation) else {
                continue;
            };
            let Some(socket) = &self.sockets[index as usize] else {
                continue;
            };
            if !ready::claim(flags) {
                continue;
            }
            let Some(start) = self.arena.take() else {
                return;
            };
            let room = self.arena.receive_bytes_max();
            // SAFETY: the arena gave `room` bytes at `start` to this receive.
            let result =
                unsafe { socket::receive(socket.as_raw_fd(), self.arena.pointer(start), room) };
            let len = usize::try_from(result).unwrap_or(0);
            self.arena.keep(start, len);
            self.stats.receives += u64::from(len > 0);
            let filled = len == room;
            events.extend(ready::conclude(conn, flags, result, start, filled, &mut self.ready));
        }
    }
}

impl Plane for EpollPlane {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        self.arena.reset();
        let events_max = events.len() + EVENTS_MAX;
        self.ask(events, events_max)?;
        self.ready.begin();
        self.accept(events);
        self.receive(events, events_max);
        Ok(())
    }

    fn received(&mut self, at: Chunk) -> &mut [u8] {
        self.arena.bytes(at)
    }

    fn has_more(&self) -> bool {
        !self.ready.is_empty() || self.acceptor.has_more(&self.shares)
    }

    fn send_batch<'b, I>(&mut self, sends: I, exceptions: &mut Vec<SendException>)
    where
        I: IntoIterator<Item = (ConnId, &'b [u8])>,
    {
        for (conn, bytes) in sends {
            let result = match self.get(conn) {
                _ if bytes.is_empty() => continue,
                Some((_, fd)) => SendResult::from_return(socket::send(fd, bytes), bytes.len()),
                None => Some(SendResult::Failed(libc::EBADF)),
            };
            let Some(result) = result else { continue };
            self.stats.count(result);
            exceptions.push(SendException { conn, result });
        }
    }

    fn pause_read(&mut self, conn: ConnId) {
        if let Some((flags, _)) = self.get(conn) {
            flags.set(Flags::PAUSED);
        }
    }

    fn resume_read(&mut self, conn: ConnId) {
        if let Some(flags) = self.slots.get(conn.index(), conn.generation()) {
            flags.clear(Flags::PAUSED);
            self.ready.mark(conn, flags);
        }
    }

    fn want_write(&mut self, conn: ConnId) {
        let Some((flags, fd)) = self.get(conn) else {
            return;
        };
        if flags.has(Flags::WANTS_WRITE) {
            return;
        }
        flags.set(Flags::WANTS_WRITE);
        // SAFETY: the descriptor is open, since the slot is, and the borrow ends in this call.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        // It can only fail for lack of kernel memory; then a later edge or the owner's deadline
        // has to help.
        let _ = self.set.change(fd, Token::Conn(conn), READ | libc::EPOLLOUT);
    }

    fn shutdown_write(&mut self, conn: ConnId) {
        if let Some((_, fd)) = self.get(conn) {
            socket::shutdown_write(fd);
        }
    }

    fn close(&mut self, conn: ConnId, how: Close) {
        if self.get(conn).is_none() {
            return;
        }
        if let (Close::Reset, Some(socket)) = (how, &self.sockets[conn.index() as usize]) {
            let refused = socket::reset_on_close(socket.as_fd()).is_err();
            self.stats.resets_refused += u64::from(refused);
        }
        self.release(conn);
    }

    fn hold_off(&mut self, below: u16) {
        self.acceptor.open(below).for_each(socket::hold_off);
    }

    fn waiting(&self, below: u16) -> u32 {
        self.acceptor.open(below).map(socket::waiting).sum()
    }

    fn close_listeners(&mut self, below: u16) {
        self.acceptor.close(below);
    }

    fn connect(&mut self, to: SocketAddr, from: Option<IpAddr>) -> io::Result<ConnId> {
        let socket = socket::begin_connect(&to, from)?;
        let conn = self.adopt(socket, READ | libc::EPOLLOUT, Flags::CONNECTING, Share::Common)?;
        self.stats.connects += 1;
        Ok(conn)
    }

    fn wait_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }

    fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.wake))
    }

    fn stats(&self) -> PlaneStats {
        PlaneStats { connections: u64::from(self.free.used()), ..self.stats }
    }
}

impl fmt::Debug for EpollPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpollPlane").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
