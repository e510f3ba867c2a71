//! Receives into the arena.

use std::io;
use std::time::Duration;

use super::{UringPlane, operation};
use crate::ready;

/// Times that a poll looks for receives that did not complete at once.
const FINISH_ATTEMPTS_MAX: u32 = 1_000;

impl UringPlane {
    /// Queues receives from ready connections, as far as the arena and the events go. Returns how
    /// many.
    pub(super) fn queue_receives(&mut self, receives_max: usize) -> usize {
        let mut queued = 0;
        while queued < receives_max && self.arena.has_room() {
            let Some(conn) = self.ready.pop() else { break };
            let Some((flags, ring, slot)) = self.get(conn) else {
                continue;
            };
            if !ready::claim(flags) {
                continue;
            }
            let Some(start) = self.arena.take() else {
                break;
            };
            let number = self.receives.len() as u32;
            self.receives.push((conn, start));
            let room = self.arena.receive_bytes_max() as u32;
            let target = self.rings[ring].sockets.target(slot);
            let entry = operation::receive(target, self.arena.pointer(start), room, number);
            // SAFETY: the arena gave `room` bytes at `start` to this receive, and takes them back
            // only after all receives are complete.
            unsafe { self.rings[ring].push(&entry) };
            queued += 1;
        }
        self.receives_in_flight += queued;
        queued
    }

    /// Receives are complete when their submission is. This waits for a kernel that had to put
    /// completions aside, because the arena must not be used again before.
    pub(super) fn finish_receives(&mut self) -> io::Result<()> {
        for attempt in 0..FINISH_ATTEMPTS_MAX {
            if self.receives_in_flight == 0 {
                self.receives.clear();
                return Ok(());
            }
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.submit();
            self.collect();
        }
        Err(io::Error::other("a receive with MSG_DONTWAIT does not complete"))
    }
}
