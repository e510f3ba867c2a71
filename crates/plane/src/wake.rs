//! The eventfd that ends a plane's sleep.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use crate::socket::check;

/// An eventfd: a counter that is readable while it is not 0.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel just made this descriptor and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes it readable. It can only fail when the counter is at its maximum: readable anyway.
    pub(crate) fn signal(&self) {
        let one = 1u64;
        // SAFETY: the pointer is valid for the 8 bytes that are read.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    /// Sets the counter to 0.
    pub(crate) fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: the pointer is valid for the 8 bytes that are written.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Makes a plane's `wait_fd` readable, from any thread and also after the plane is gone.
#[derive(Clone, Debug)]
pub struct Waker(pub(crate) Arc<EventFd>);

impl Waker {
    /// One eventfd write; a wake that comes while another is pending merges with it.
    pub fn wake(&self) {
        self.0.signal();
    }
}
