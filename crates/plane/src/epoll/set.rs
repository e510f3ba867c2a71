//! An epoll set and the events it reported last.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::ConnId;
use crate::socket::check;

/// Whose event it is.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Token {
    Conn(ConnId),
    Listener(usize),
    Wake,
}

/// Generations have 24 bits, so no connection has this in its upper half.
const LISTENER: u64 = 1 << 32 << 24;
const WAKE: u64 = u64::MAX;

impl Token {
    fn pack(self) -> u64 {
        match self {
            Self::Conn(conn) => u64::from(conn.generation()) << 32 | u64::from(conn.index()),
            Self::Listener(which) => LISTENER | which as u64,
            Self::Wake => WAKE,
        }
    }

    fn unpack(packed: u64) -> Self {
        match packed {
            WAKE => Self::Wake,
            LISTENER.. => Self::Listener((packed - LISTENER) as usize),
            _ => Self::Conn(ConnId::new(packed as u32, (packed >> 32) as u32)),
        }
    }
}

pub(super) struct EpollSet {
    fd: OwnedFd,
    reported: Box<[libc::epoll_event]>,
}

impl EpollSet {
    pub(super) fn new(events_max: usize) -> io::Result<Self> {
        // SAFETY: epoll_create1 takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel just made this descriptor and nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, reported: vec![libc::epoll_event { events: 0, u64: 0 }; events_max].into() })
    }

    /// Registers a descriptor, edge-triggered.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, token: Token, interest: i32) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    /// Changes the interest, and reports again what is ready already.
    pub(super) fn change(&self, fd: BorrowedFd<'_>, token: Token, interest: i32) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    fn control(&self, op: i32, fd: BorrowedFd<'_>, token: Token, interest: i32) -> io::Result<()> {
        let events = (interest | libc::EPOLLET).cast_unsigned();
        let mut event = libc::epoll_event { events, u64: token.pack() };
        let (set, fd) = (self.fd.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: the pointer is valid for reading the structure.
        check(unsafe { libc::epoll_ctl(set, op, fd, &raw mut event) }).map(drop)
    }

    /// Asks what is ready, without waiting; returns how many events there are.
    pub(super) fn ask(&mut self) -> io::Result<usize> {
        let at = self.reported.as_mut_ptr();
        let len = libc::c_int::try_from(self.reported.len()).unwrap_or(libc::c_int::MAX);
        // SAFETY: the pointer is valid for writing `len` events.
        match check(unsafe { libc::epoll_wait(self.fd.as_raw_fd(), at, len, 0) }) {
            Ok(count) => Ok(count.cast_unsigned() as usize),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(e) => Err(e),
        }
    }

    /// An event of the last `ask`: whose, and the epoll bits.
    pub(super) fn event(&self, nth: usize) -> (Token, i32) {
        let event = self.reported[nth];
        (Token::unpack(event.u64), event.events.cast_signed())
    }
}

impl AsFd for EpollSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::GENERATION_MAX;

    #[test]
    fn tokens_survive_the_kernel() {
        let last = ConnId::new(u32::MAX, GENERATION_MAX);
        for token in [Token::Conn(ConnId::new(5, 1)), Token::Conn(last), Token::Wake] {
            assert_eq!(Token::unpack(token.pack()), token);
        }
        assert_eq!(Token::unpack(Token::Listener(3).pack()), Token::Listener(3));
    }
}
