//! What each completion means.

use io_uring::cqueue;

use super::UringPlane;
use super::accept::Landed;
use super::operation::{self, BROKEN, HANGUP, ROOM};
use super::tag::{Op, Tag};
use crate::backoff::AcceptError;
use crate::ready;
use crate::slots::Flags;
use crate::{Event, SendException, SendResult};

impl UringPlane {
    /// Takes all completions of all rings and notes what they mean. It makes a system call only
    /// when a completion queue overflowed.
    pub(super) fn collect(&mut self) {
        let mut completions = std::mem::take(&mut self.completions);
        for ring in 0..self.rings.len() {
            self.rings[ring].drain(&mut completions);
            for completion in completions.drain(..) {
                self.on_completion(ring, &completion);
            }
        }
        self.completions = completions;
    }

    fn on_completion(&mut self, ring: usize, completion: &cqueue::Entry) {
        let tag = Tag::unpack(completion.user_data());
        let result = completion.result();
        match tag.op {
            Op::Poll => self.on_poll(ring, tag, result, cqueue::more(completion.flags())),
            Op::Receive => {
                let more = cqueue::sock_nonempty(completion.flags());
                self.on_receive(tag.index, result, more);
            }
            Op::Send => {
                let conn = self.conn(ring, tag.index, tag.generation);
                let result = SendResult::from_return(result, usize::MAX);
                self.exceptions.extend(result.map(|result| SendException { conn, result }));
            }
            Op::Writable => self.on_writable(ring, tag, result),
            Op::WritableEdge => {
                self.on_writable_edge(ring, tag, result, cqueue::more(completion.flags()));
            }
            Op::Connect => self.on_connect(ring, tag, result),
            Op::Accept => self.on_accept(ring, tag.index, result),
            Op::Close => {
                if let Some(share) = self.rings[ring].slots.free(tag.index) {
                    self.rings[ring].sockets.release(tag.index);
                    self.give_slot_back(ring, share);
                }
            }
            Op::Reset => self.stats.resets_refused += u64::from(result < 0),
            Op::Install => self.installed = Some(result),
            Op::Shutdown => {
                if self.rings[ring].slots.shutdown_ended(tag.index) {
                    self.push_close(ring, tag.index, tag.generation);
                }
            }
            Op::Other => {}
        }
    }

    fn on_poll(&mut self, ring: usize, tag: Tag, result: i32, more: bool) {
        let conn = self.conn(ring, tag.index, tag.generation);
        let Some(flags) = self.rings[ring].slots.get(tag.index, tag.generation) else {
            return;
        };
        if result < 0 {
            // The kernel could not arm it: the connection would be deaf.
            flags.clear(Flags::POLLED);
            flags.set(Flags::ENDED);
            self.pending.push_back(Event::Ended { conn, error: Some(-result) });
            return;
        }
        if result & HANGUP != 0 {
            flags.set(Flags::HANGUP);
        }
        self.ready.mark(conn, flags);
        if !more {
            flags.clear(Flags::POLLED);
            // A new poll begins with what is the case, so nothing is missed.
            if !flags.has(Flags::ENDED) {
                self.stats.polls_rearmed += 1;
                self.arm_poll(ring, tag.index, tag.generation);
            }
        }
    }

    fn on_receive(&mut self, number: u32, result: i32, more: bool) {
        let Some(&(conn, start)) = self.receives.get(number as usize) else {
            return;
        };
        self.receives_in_flight -= 1;
        let room = self.arena.receive_bytes_max();
        let (ring, slot) = self.place(conn);
        let Some(flags) = self.rings[ring].slots.get(slot, conn.generation()) else {
            return;
        };
        self.stats.receives += u64::from(result > 0);
        let filled = more || usize::try_from(result).is_ok_and(|len| len == room);
        let event = ready::conclude(conn, flags, result, start, filled, &mut self.ready);
        self.pending.extend(event);
    }

    /// The kernel completes a poll for room also when the peer has ended its side (it adds POLLRDHUP to
    /// what every poll asks for), and then one that is armed anew completes at once. From there on a
    /// poll that speaks at the edges only waits for the room.
    fn on_writable(&mut self, ring: usize, tag: Tag, result: i32) {
        if !is_only_the_peers_end(result) {
            self.report_writable(ring, tag);
            return;
        }
        let flags = self.rings[ring].slots.get(tag.index, tag.generation);
        if flags.is_some_and(|flags| !flags.has(Flags::EDGES)) {
            self.arm_edges(ring, tag);
        }
    }

    fn on_writable_edge(&mut self, ring: usize, tag: Tag, result: i32, more: bool) {
        if !is_only_the_peers_end(result) {
            // Of one that was cancelled: there may be another by now.
            if result != -libc::ECANCELED {
                self.report_writable(ring, tag);
            }
        } else if !more {
            // The completion queue overflowed, which ends multishot polls.
            self.arm_edges(ring, tag);
        }
    }

    fn arm_edges(&mut self, ring: usize, tag: Tag) {
        let Some(flags) = self.rings[ring].slots.get(tag.index, tag.generation) else {
            return;
        };
        if flags.has(Flags::WANTS_WRITE) {
            flags.set(Flags::EDGES);
            let target = self.rings[ring].sockets.target(tag.index);
            self.push(ring, &operation::poll_out_edges(target, tag.index, tag.generation));
        }
    }

    fn report_writable(&mut self, ring: usize, tag: Tag) {
        let conn = self.conn(ring, tag.index, tag.generation);
        let Some(flags) = self.rings[ring].slots.get(tag.index, tag.generation) else {
            return;
        };
        if !flags.take(Flags::WANTS_WRITE) {
            return;
        }
        if flags.take(Flags::EDGES) {
            let edges = Tag::new(Op::WritableEdge, tag.index, tag.generation);
            self.push(ring, &operation::cancel(edges));
        }
        self.pending.push_back(Event::Writable { conn });
    }

    fn on_connect(&mut self, ring: usize, tag: Tag, result: i32) {
        let conn = self.conn(ring, tag.index, tag.generation);
        let Some(flags) = self.rings[ring].slots.get(tag.index, tag.generation) else {
            return;
        };
        flags.clear(Flags::CONNECTING);
        if result < 0 || result & BROKEN != 0 {
            // A receive tells the reason.
            flags.set(Flags::HANGUP);
            self.ready.mark(conn, flags);
            return;
        }
        self.pending.push_back(Event::Connected { conn });
        self.arm_poll(ring, tag.index, tag.generation);
    }

    fn on_accept(&mut self, ring: usize, buffer: u32, result: i32) {
        let Some(Landed { which, peer, is_listening }) = self.acceptor.land(buffer) else {
            return;
        };
        let share = self.shares.of_listener(which);
        let Ok(accepted) = u32::try_from(result) else {
            self.give_slot_back(ring, share);
            self.on_accept_error(-result, is_listening);
            return;
        };
        let Some(slot) = self.rings[ring].sockets.adopt_accepted(accepted) else {
            self.give_slot_back(ring, share);
            return;
        };
        let generation = self.rings[ring].slots.open(slot, share.flag());
        let conn = self.conn(ring, slot, generation);
        self.acceptor.backoff.succeeded();
        self.stats.accepts += 1;
        self.pending.push_back(Event::Accepted { conn, peer, listener: which as u16 });
        self.arm_poll(ring, slot, generation);
    }

    fn on_accept_error(&mut self, errno: i32, listening: bool) {
        if !listening {
            return;
        }
        self.stats.accepts_failed += 1;
        if AcceptError::from_errno(errno) == AcceptError::Exhausted {
            self.pause_accepts();
        }
    }
}

/// Whether a poll for room tells of the peer's end and of no room.
fn is_only_the_peers_end(result: i32) -> bool {
    result >= 0 && result & (ROOM | BROKEN) == 0
}
