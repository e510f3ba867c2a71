//! Which channels have subscribers, on whichever shards, as their homes see it.

use super::Hub;
use crate::occupied::Occupancy;
use crate::role::Role;

impl Hub {
    /// What has changed since the last call, in the order in which it did. Empty unless
    /// [`Limits::watches_occupancy`](crate::Limits::watches_occupancy); then the caller must take it often.
    pub fn take_occupancy(&mut self) -> Vec<Occupancy> {
        self.occupied.take_changes()
    }

    /// The number of subscribers of a channel may have changed, here or on another shard.
    #[inline]
    pub(super) fn occupancy_changed(&mut self, index: u32) {
        if self.limits.watches_occupancy {
            self.note_occupancy(index);
        }
    }

    #[cold]
    fn note_occupancy(&mut self, index: u32) {
        let channel = &self.table[index];
        let Role::Home(home) = &channel.role else {
            return;
        };
        let is_occupied = channel.subscribers() > 0 || home.remote_subscribers() > 0;
        self.occupied.set(index, &channel.name, is_occupied);
    }
}
