//! Accepts in flight.

use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;

use crate::address::RawAddress;
use crate::backoff::Backoff;
use crate::shares::Shares;
use crate::slots::Share;

/// Accepts in flight for one listener at most. Each fails when the process runs out of descriptors.
const IN_FLIGHT_MAX: u32 = 32;

struct Listener {
    /// None once it is closed.
    fd: Option<OwnedFd>,
    in_flight: u32,
}

/// An accept that is complete.
pub(super) struct Landed {
    /// The listener it was posted for.
    pub(super) which: usize,
    /// The address that the kernel wrote.
    pub(super) peer: SocketAddr,
    /// Whether the listener is open.
    pub(super) is_listening: bool,
}

/// The listeners, and one address buffer for each accept that may be in flight.
pub(super) struct Acceptor {
    listeners: Vec<Listener>,
    buffers: AddressBuffers,
    /// For each buffer in use, its listener and the ring that it was posted on.
    posted: Box<[Option<(usize, usize)>]>,
    unused: Vec<u32>,
    pub(super) backoff: Backoff,
}

impl Acceptor {
    pub(super) fn new(listeners: Vec<OwnedFd>) -> Self {
        let count = IN_FLIGHT_MAX * listeners.len() as u32;
        let open = |fd| Listener { fd: Some(fd), in_flight: 0 };
        Self {
            listeners: listeners.into_iter().map(open).collect(),
            buffers: AddressBuffers::new(count as usize),
            posted: vec![None; count as usize].into(),
            unused: (0..count).rev().collect(),
            backoff: Backoff::new(),
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.posted.len() as u32 - self.unused.len() as u32
    }

    /// The listener that should have one more accept in flight, given which slots are neither used nor
    /// promised. Listeners of a share have its last slots evenly.
    pub(super) fn due(&self, shares: &Shares) -> Option<usize> {
        Share::ALL.into_iter().find_map(|share| self.due_of(share, shares))
    }

    fn due_of(&self, share: Share, shares: &Shares) -> Option<usize> {
        let free = shares.free(share);
        if free == 0 {
            return None;
        }
        let is_open = |i: usize| self.listeners[i].fd.is_some();
        let own =
            (0..self.listeners.len()).filter(|&i| shares.of_listener(i) == share && is_open(i));
        let in_flight = |i: &usize| self.listeners[*i].in_flight;
        let fewest = own.clone().min_by_key(in_flight)?;
        let all: u32 = own.clone().map(|i| in_flight(&i)).sum();
        let even = (free + all).div_ceil(own.count() as u32);
        let most = if self.backoff.is_recovering() { 1 } else { IN_FLIGHT_MAX };
        (in_flight(&fewest) < even.min(most)).then_some(fewest)
    }

    /// Takes a buffer for an accept: the listener, the buffer's pointers, and its number.
    pub(super) fn launch(
        &mut self,
        listener: usize,
        ring: usize,
    ) -> Option<(RawFd, (*mut libc::sockaddr, *mut libc::socklen_t), u32)> {
        let fd = self.listeners[listener].fd.as_ref()?.as_raw_fd();
        let number = self.unused.pop()?;
        self.posted[number as usize] = Some((listener, ring));
        self.listeners[listener].in_flight += 1;
        Some((fd, self.buffers.prepare(number as usize), number))
    }

    /// An accept is complete.
    pub(super) fn land(&mut self, number: u32) -> Option<Landed> {
        let (which, _) = self.posted.get_mut(number as usize)?.take()?;
        self.unused.push(number);
        let listener = self.listeners.get_mut(which)?;
        listener.in_flight -= 1;
        let is_listening = listener.fd.is_some();
        Some(Landed { which, peer: self.buffers.read(number as usize), is_listening })
    }

    /// The listeners whose numbers are below `below`, if they are open.
    pub(super) fn open(&self, below: u16) -> impl Iterator<Item = BorrowedFd<'_>> {
        let listeners = self.listeners.iter().take(below.into());
        listeners.filter_map(|listener| Some(listener.fd.as_ref()?.as_fd()))
    }

    /// Closes these. The accepts that [`posted`](Self::posted) names hold them open until they are
    /// cancelled.
    pub(super) fn close(&mut self, below: u16) {
        for listener in self.listeners.iter_mut().take(below.into()) {
            listener.fd = None;
        }
    }

    /// Their accepts in flight: ring and buffer number.
    pub(super) fn posted(&self, below: u16) -> impl Iterator<Item = (usize, u32)> {
        let numbered = self.posted.iter().enumerate();
        numbered.filter_map(move |(number, posted)| {
            let (_, ring) = posted.filter(|(which, _)| *which < usize::from(below))?;
            Some((ring, number as u32))
        })
    }
}

/// Addresses that the kernel fills in; owned through a raw pointer since it writes between two
/// looks at them.
struct AddressBuffers {
    base: NonNull<[RawAddress]>,
}

impl AddressBuffers {
    fn new(count: usize) -> Self {
        let buffers = vec![RawAddress::empty(); count].into_boxed_slice();
        Self { base: NonNull::from(Box::leak(buffers)) }
    }

    fn at(&self, number: usize) -> NonNull<RawAddress> {
        assert!(number < self.base.len());
        // SAFETY: inside the allocation, as just asserted.
        unsafe { self.base.cast::<RawAddress>().add(number) }
    }

    fn prepare(&mut self, number: usize) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        let buffer = self.at(number);
        // SAFETY: no accept with this buffer is in flight, so nobody else looks at it.
        unsafe { buffer.write(RawAddress::empty()) };
        RawAddress::pointers(buffer)
    }

    fn read(&self, number: usize) -> SocketAddr {
        // SAFETY: the accept with this buffer is complete, so nobody writes to it.
        unsafe { self.at(number).read() }.to_socket_addr()
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        if self.in_flight() > 0 {
            // The kernel may still write to them: leaked rather than freed.
            return;
        }
        // SAFETY: this is the box that `new` leaked, and no accept uses it any more.
        drop(unsafe { Box::from_raw(self.buffers.base.as_ptr()) });
    }
}
