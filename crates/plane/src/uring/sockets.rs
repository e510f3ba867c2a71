//! Where the sockets of a ring's connections are, and how an operation names them.

use std::os::fd::{
    AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd,
};

use io_uring::squeue::Flags;
use io_uring::types::Fd;

use crate::Descriptors;
use crate::slots::FreeSlots;

/// How an operation names its socket.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Target {
    /// By its entry in the ring's table.
    Direct(u32),
    /// By its descriptor in the process.
    Process(RawFd),
}

impl Target {
    /// The number in the entry's descriptor field; [`flags`](Self::flags) tells what it counts.
    pub(super) fn fd(self) -> Fd {
        match self {
            Self::Direct(slot) => Fd(slot.cast_signed()),
            Self::Process(fd) => Fd(fd),
        }
    }

    pub(super) fn flags(self) -> Flags {
        match self {
            Self::Direct(_) => Flags::FIXED_FILE,
            Self::Process(_) => Flags::empty(),
        }
    }
}

/// The sockets of one ring, by slot.
#[derive(Debug)]
pub(super) enum Sockets {
    /// In the ring's table. The kernel chooses the entry, and the entry is the slot.
    Direct,
    /// Among the descriptors of the process.
    Process {
        /// The socket of each slot that is in use and not closing.
        sockets: Box<[Option<OwnedFd>]>,
        free: FreeSlots,
    },
}

impl Sockets {
    pub(super) fn new(descriptors: Descriptors, slots: u32) -> Self {
        match descriptors {
            Descriptors::Direct => Self::Direct,
            Descriptors::Process => Self::Process {
                sockets: (0..slots).map(|_| None).collect(),
                free: FreeSlots::new(slots),
            },
        }
    }

    /// How to name the socket of a slot that is in use.
    pub(super) fn target(&self, slot: u32) -> Target {
        match self {
            Self::Direct => Target::Direct(slot),
            Self::Process { .. } => {
                // No socket has the number -1: the operation would fail with EBADF.
                Target::Process(self.socket(slot).map_or(-1, |socket| socket.as_raw_fd()))
            }
        }
    }

    /// The socket of a slot, where it is a descriptor of the process.
    pub(super) fn socket(&self, slot: u32) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Direct => None,
            Self::Process { sockets, .. } => Some(sockets.get(slot as usize)?.as_ref()?.as_fd()),
        }
    }

    /// Finds the slot of an accepted socket: `accepted` is what the accept returned. None when the
    /// table is full; then the socket is closed.
    pub(super) fn adopt_accepted(&mut self, accepted: u32) -> Option<u32> {
        match self {
            Self::Direct => Some(accepted),
            Self::Process { .. } => {
                // SAFETY: an accept without a slot returns a new descriptor of the process, and
                // nobody else has seen it.
                let socket = unsafe { OwnedFd::from_raw_fd(accepted.cast_signed()) };
                self.adopt(socket)
            }
        }
    }

    /// Puts a socket of the process into a free slot. None when there is none, or when the ring has
    /// direct descriptors; then the socket is closed.
    pub(super) fn adopt(&mut self, socket: OwnedFd) -> Option<u32> {
        let Self::Process { sockets, free } = self else { return None };
        let slot = free.take()?;
        sockets[slot as usize] = Some(socket);
        Some(slot)
    }

    /// Names the socket of a slot for the operation that closes it.
    pub(super) fn disown(&mut self, slot: u32) -> Target {
        match self {
            Self::Direct => Target::Direct(slot),
            Self::Process { sockets, .. } => {
                let socket = sockets[slot as usize].take();
                Target::Process(socket.map_or(-1, OwnedFd::into_raw_fd))
            }
        }
    }

    /// The close of a slot is complete.
    pub(super) fn release(&mut self, slot: u32) {
        if let Self::Process { free, .. } = self {
            free.put(slot);
        }
    }
}
