//! The mirror's side: what the home sends. Messages for a mirror that is gone are ignored.

use std::sync::Arc;

use super::Hub;
use crate::log::Log;
use crate::role::Role;
use crate::{Epoch, Publication};

impl Hub {
    /// The home's answer: all that subscribed meanwhile are at its head.
    pub(super) fn joined(
        &mut self,
        now_ms: u64,
        index: u32,
        generation: u64,
        epoch: Epoch,
        log: Log,
    ) {
        if !self.is_mirror(index, generation, false) {
            return;
        }
        let channel = &mut self.table[index];
        if let Role::Mirror(mirror) = &mut channel.role {
            mirror.joined = true;
        }
        channel.epoch = epoch;
        channel.base = channel.head_mark() - log.head();
        channel.set_log(log);
        self.log_grew(now_ms, index);
    }

    /// The publication that follows `after`, which is the head here unless a message was lost.
    pub(super) fn deliver(
        &mut self,
        now_ms: u64,
        index: u32,
        generation: u64,
        (after, publication): (u64, Arc<Publication>),
    ) {
        if self.is_mirror(index, generation, true) {
            assert_eq!(after, self.table[index].log().head(), "a message between shards was lost");
            self.append(now_ms, index, publication);
        }
    }

    /// The home deleted the stream. Another begins behind an offset.
    pub(super) fn deleted(&mut self, index: u32, generation: u64, (epoch, head): (Epoch, u64)) {
        if self.is_mirror(index, generation, true) {
            self.restart_stream(index, epoch, head);
        }
    }

    /// The home does not know what was published up to there.
    pub(super) fn lost(&mut self, index: u32, generation: u64, until: u64) {
        if self.is_mirror(index, generation, true) {
            self.lose_until(index, until);
        }
    }

    /// The home removed its history.
    pub(super) fn history_removed(&mut self, index: u32, generation: u64) {
        if self.is_mirror(index, generation, true) {
            self.remove_history(index);
        }
    }

    fn is_mirror(&self, index: u32, generation: u64, joined: bool) -> bool {
        self.table.get(index).is_some_and(|channel| match &channel.role {
            Role::Mirror(mirror) => mirror.generation == generation && mirror.joined == joined,
            Role::Home(_) => false,
        })
    }
}
