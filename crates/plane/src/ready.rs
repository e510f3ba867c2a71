//! The queue of connections to receive from, and the results of receives.

use std::collections::VecDeque;

use crate::slots::{Flags, Share};
use crate::{Chunk, ConnId, Event};

/// Entries that an empty queue may keep room for.
const CAPACITY_KEPT: usize = 4_096;

/// Connections that may have bytes, in the order in which they became ready. Readiness comes as
/// edges, so a connection leaves the queue for good only when a receive found the socket empty.
///
/// Those in reserved slots have a queue of their own and every other turn: where a hundred thousand clients
/// come back at once, a backend does not stand behind them.
#[derive(Default, Debug)]
pub(crate) struct ReadyQueue {
    common: Turns,
    reserved: Turns,
    is_turn_of_common: bool,
}

#[derive(Default, Debug)]
struct Turns {
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
        match Share::of(*flags) {
            Share::Common => self.common.next.push_back(conn),
            Share::Reserved => self.reserved.next.push_back(conn),
        }
    }

    /// A poll begins: connections that are ready now have their turn in it.
    pub(crate) fn begin(&mut self) {
        for turns in [&mut self.common, &mut self.reserved] {
            if !turns.next.is_empty() {
                turns.now.append(&mut turns.next);
            }
        }
    }

    /// The one that waited longest. It may be closed, paused or ended meanwhile; see [`claim`].
    pub(crate) fn pop(&mut self) -> Option<ConnId> {
        let is_turn_of_common = self.is_turn_of_common;
        self.is_turn_of_common = !is_turn_of_common;
        if is_turn_of_common {
            self.common.pop().or_else(|| self.reserved.pop())
        } else {
            self.reserved.pop().or_else(|| self.common.pop())
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.common.is_empty() && self.reserved.is_empty()
    }
}

impl Turns {
    fn pop(&mut self) -> Option<ConnId> {
        let conn = self.now.pop_front();
        if conn.is_none() && self.now.capacity() > CAPACITY_KEPT {
            self.now = VecDeque::new();
        }
        conn
    }

    fn is_empty(&self) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_connections_do_not_stand_behind_the_others_nor_in_their_way() {
        let mut ready = ReadyQueue::default();
        let mark = |ready: &mut ReadyQueue, share: Share, slots: std::ops::Range<u32>| {
            for slot in slots {
                let mut flags = Flags::default();
                flags.set(share.flag());
                ready.mark(ConnId::new(slot, 1), &mut flags);
                ready.mark(ConnId::new(slot, 1), &mut flags);
            }
        };
        mark(&mut ready, Share::Common, 0..100);
        mark(&mut ready, Share::Reserved, 100..103);
        assert!(ready.pop().is_none() && !ready.is_empty(), "their poll has not begun");
        ready.begin();
        mark(&mut ready, Share::Reserved, 103..104);
        let slots: Vec<u32> = std::iter::from_fn(|| ready.pop()).map(ConnId::index).collect();
        assert_eq!(slots[..8], [0, 100, 1, 101, 2, 102, 3, 4]);
        assert_eq!(slots.len(), 103);
        ready.begin();
        assert_eq!(ready.pop().map(ConnId::index), Some(103));
        assert!(ready.is_empty());
    }
}
