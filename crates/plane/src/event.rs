//! Events of a plane, and the results of incomplete sends.

use std::net::SocketAddr;

use crate::ConnId;

/// Received bytes: a range of the plane's receive arena, valid until the next `poll()`.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Chunk {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Chunk {
    /// Length in bytes; never 0 in an event.
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there are no bytes in it.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// One thing that happened to a connection.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Event {
    /// A client connected. It occupies its slot until `close`.
    Accepted {
        /// The new connection.
        conn: ConnId,
        /// The client's address.
        peer: SocketAddr,
        /// Which of [`PlaneConfig::listeners`](crate::PlaneConfig::listeners) it came to.
        listener: u16,
    },
    /// A connection that `connect` began is established.
    Connected {
        /// The connection.
        conn: ConnId,
    },
    /// Bytes arrived.
    Received {
        /// The connection.
        conn: ConnId,
        /// Where the bytes are.
        bytes: Chunk,
    },
    /// There is room to send again, or the connection failed and the next send says how. One per
    /// `want_write`.
    Writable {
        /// The connection.
        conn: ConnId,
    },
    /// Reading is over. The connection stays open for sending, and keeps its slot, until `close`.
    Ended {
        /// The connection.
        conn: ConnId,
        /// None when the peer sent FIN, otherwise the errno.
        error: Option<i32>,
    },
}

impl Event {
    /// The connection it is about.
    pub const fn conn(&self) -> ConnId {
        match *self {
            Self::Accepted { conn, .. }
            | Self::Connected { conn }
            | Self::Received { conn, .. }
            | Self::Writable { conn }
            | Self::Ended { conn, .. } => conn,
        }
    }
}

/// How to end a connection.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Close {
    /// Let the kernel deliver what was sent, then FIN.
    Fin,
    /// Throw away what was not delivered and send RST: frees the kernel's memory at once.
    Reset,
}

/// The result of a send that was not complete.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum SendResult {
    /// Only this many bytes were taken, at least 1 and fewer than all.
    Short(usize),
    /// No byte was taken: the socket is full.
    WouldBlock,
    /// The connection cannot send any more; the errno.
    Failed(i32),
}

/// A send of a batch that was not complete.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct SendException {
    /// The connection.
    pub conn: ConnId,
    /// How much of it went out.
    pub result: SendResult,
}

impl SendResult {
    /// Reads the return value of a send of `len` bytes: a count, or a negative errno. None when
    /// it was complete.
    pub(crate) fn from_return(returned: i32, len: usize) -> Option<Self> {
        match usize::try_from(returned) {
            Ok(sent) if sent >= len => None,
            Ok(sent) => Some(Self::Short(sent)),
            Err(_) if returned == -libc::EAGAIN => Some(Self::WouldBlock),
            Err(_) => Some(Self::Failed(-returned)),
        }
    }
}
