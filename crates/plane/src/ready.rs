//! The queue of connections to receive from, and the results of receives.

use std::collections::VecDeque;

use crate::slots::Flags;
use crate::{Chunk, ConnId, Event};

/// Entries that an empty queue may keep room for.
const CAPACITY_KEPT: usize = 4_096;

/// Connections that may have bytes, in the order in which they became ready. Readiness comes as
/// edges, so a connection leaves the queue for good only when a receive found the socket empty.
#[derive(Default, Debug)]
pub(crate) struct ReadyQueue {
    /// To be received from in this poll.
    now: VecDeque<ConnId>,
    /// Marked since this poll began: their turn is the next one, so that no connection is received
    /// from twice in one poll.
    next: VecDeque<ConnId>,
}

impl ReadyQueue {
    /// Puts a connection at the end, once.
    pub(crate) fn mark(&mut self, conn: ConnId, flags: &mut Flags) {
        if flags.has(Flags::QUEUED | Flags::PAUSED | Flags::ENDED | Flags::CONNECTING) {
            return;
        }
        flags.set(Flags::QUEUED);
        self.next.push_back(conn);
    }

    /// A poll begins: connections that are ready now have their turn in it.
    pub(crate) fn begin(&mut self) {
        self.now.append(&mut self.next);
    }

    /// The one that waited longest. It may be closed, paused or ended meanwhile; see [`claim`].
    pub(crate) fn pop(&mut self) -> Option<ConnId> {
        let conn = self.now.pop_front();
        if conn.is_none() && self.now.capacity() > CAPACITY_KEPT {
            self.now = VecDeque::new();
        }
        conn
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.now.is_empty() && self.next.is_empty()
    }
}

/// Whether a connection that left the queue is to be received from.
pub(crate) fn claim(flags: &mut Flags) -> bool {
    flags.clear(Flags::QUEUED);
    !flags.has(Flags::PAUSED | Flags::ENDED)
}

/// Draws the conclusions from a receive: `result` bytes at `start`, or a negative errno.
/// `filled` says that the kernel may have more.
pub(crate) fn conclude(
    conn: ConnId,
    flags: &mut Flags,
    result: i32,
    start: usize,
    filled: bool,
    ready: &mut ReadyQueue,
) -> Option<Event> {
    match result {
        1.. => {
            if filled || flags.has(Flags::HANGUP) {
                ready.mark(conn, flags);
            }
            let bytes = Chunk { start: start as u32, len: result.cast_unsigned() };
            Some(Event::Received { conn, bytes })
        }
        0 => {
            flags.set(Flags::ENDED);
            Some(Event::Ended { conn, error: None })
        }
        _ if result == -libc::EAGAIN => None,
        _ if result == -libc::EINTR => {
            ready.mark(conn, flags);
            None
        }
        _ => {
            flags.set(Flags::ENDED);
            Some(Event::Ended { conn, error: Some(-result) })
        }
    }
}
