//! The listeners of an epoll plane.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use super::set::{EpollSet, Token};
use crate::PlaneStats;
use crate::backoff::{AcceptError, Backoff};
use crate::shares::Shares;
use crate::socket;

#[derive(Debug)]
struct Listener {
    /// None once it is closed.
    fd: Option<OwnedFd>,
    /// Clients may be waiting: epoll says so only once.
    waiting: bool,
}

/// Accepts in bounded batches. The listeners are edge-triggered, so that clients that wait while
/// there is no room for them cause no further events.
#[derive(Debug)]
pub(super) struct Acceptor {
    listeners: Vec<Listener>,
    backoff: Backoff,
    next: usize,
}

impl Acceptor {
    pub(super) fn new(listeners: Vec<OwnedFd>, set: &EpollSet) -> io::Result<Self> {
        for (which, fd) in listeners.iter().enumerate() {
            socket::set_nonblocking(fd.as_fd(), true)?;
            set.add(fd.as_fd(), Token::Listener(which), libc::EPOLLIN)?;
        }
        let open = |fd| Listener { fd: Some(fd), waiting: true };
        let listeners = listeners.into_iter().map(open).collect();
        Ok(Self { listeners, backoff: Backoff::new(), next: 0 })
    }

    /// The listeners whose numbers are below `below`, if they are open.
    pub(super) fn open(&self, below: u16) -> impl Iterator<Item = BorrowedFd<'_>> {
        let listeners = self.listeners.iter().take(below.into());
        listeners.filter_map(|listener| Some(listener.fd.as_ref()?.as_fd()))
    }

    /// Closes these; the kernel resets clients in their queues.
    pub(super) fn close(&mut self, below: u16) {
        for listener in self.listeners.iter_mut().take(below.into()) {
            *listener = Listener { fd: None, waiting: false };
        }
    }

    /// epoll reports that a client waits.
    pub(super) fn ring(&mut self, which: usize) {
        if let Some(listener) = self.listeners.get_mut(which) {
            listener.waiting = listener.fd.is_some();
        }
    }

    /// Whether `accept` would do something now.
    pub(super) fn has_more(&self, shares: &Shares) -> bool {
        !self.backoff.is_pausing() && (0..self.listeners.len()).any(|it| self.is_due(it, shares))
    }

    /// Clients may wait at the listener, and there is room for them.
    fn is_due(&self, which: usize, shares: &Shares) -> bool {
        self.listeners[which].waiting && shares.free(shares.of_listener(which)) > 0
    }

    /// The next client, from the listeners in turn, and which of them; None when nobody waits or accepting
    /// pauses.
    pub(super) fn accept(
        &mut self,
        shares: &Shares,
        stats: &mut PlaneStats,
    ) -> Option<(OwnedFd, SocketAddr, u16)> {
        if self.backoff.is_paused() {
            return None;
        }
        let count = self.listeners.len();
        for turn in 0..count {
            let which = (self.next + turn) % count;
            if !self.is_due(which, shares) {
                continue;
            }
            let Some(fd) = &self.listeners[which].fd else {
                continue;
            };
            self.next = which + 1;
            match socket::accept(fd.as_fd()) {
                Ok((socket, peer)) => {
                    self.backoff.succeeded();
                    stats.accepts += 1;
                    return Some((socket, peer, which as u16));
                }
                Err(libc::EAGAIN) => self.listeners[which].waiting = false,
                Err(errno) => {
                    self.failed(errno, stats);
                    return None;
                }
            }
        }
        None
    }

    fn failed(&mut self, errno: i32, stats: &mut PlaneStats) {
        stats.accepts_failed += 1;
        if AcceptError::from_errno(errno) == AcceptError::Exhausted
            && self.backoff.pause(Instant::now())
        {
            stats.accepts_paused += 1;
        }
    }
}
