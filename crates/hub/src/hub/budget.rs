//! How much the logs may hold.

use super::Hub;
use crate::channel::Channel;

/// At most this many publications are dropped in one step of trimming.
pub(super) const TRIM_MAX: usize = 1024;

/// At most this many are dropped at once where memory is short, which takes some milliseconds.
const SHED_MAX: usize = 16_384;

impl Hub {
    /// Brings the logs back under their limits after one of them grew.
    pub(super) fn log_grew(&mut self, now_ms: u64, index: u32) {
        self.table[index].find_orphans();
        self.trim(index);
        self.shares.count(&mut self.table, index);
        self.keep_budget(now_ms, index);
        self.mark_dirty(index);
    }

    /// Brings the logs back under the budget after one of them counts more: first those of its
    /// namespace, then all together, of which the namespace that takes most gives first. So a
    /// namespace in which strangers publish costs the others no history.
    pub(super) fn keep_budget(&mut self, now_ms: u64, index: u32) {
        let namespace = self.table[index].namespace;
        while let Some(largest) = self.shares.largest_beyond(namespace) {
            if largest == index && self.table[index].log().len() == 1 {
                // It alone is more than the share, and is still to be delivered.
                break;
            }
            self.evict_oldest(now_ms, largest);
        }
        while self.shares.bytes() > self.limits.shard_log_bytes_max
            && let Some(largest) = self.shares.largest()
        {
            self.evict_oldest(now_ms, largest);
        }
    }

    /// Drops what the largest logs hold, the oldest first, until all together hold no more than this. The
    /// newest publication of each stays, since it may not be delivered yet. Says how many it dropped.
    pub fn shed(&mut self, now_ms: u64, bytes_max: usize) -> usize {
        let mut dropped = 0;
        while dropped < SHED_MAX
            && self.shares.bytes() > bytes_max
            && let Some(largest) = self.shares.largest()
            && self.table[largest].log().len() > 1
        {
            self.evict_oldest(now_ms, largest);
            dropped += 1;
        }
        dropped
    }

    /// Drops the oldest publication of a log, even if a subscriber needs it.
    fn evict_oldest(&mut self, now_ms: u64, index: u32) {
        let channel = &mut self.table[index];
        let ttl_ms = self.rules[channel.namespace].history_ttl_ms;
        let log = channel.log();
        self.evicted += u64::from(log.history_before(now_ms, ttl_ms) == log.before());
        channel.drop_oldest();
        self.shares.count(&mut self.table, index);
        self.mark_dirty(index);
        self.restart_ttl(now_ms, index);
    }

    /// Drops what is over the channel's limits and what no ready subscriber waits for.
    pub(super) fn trim(&mut self, index: u32) {
        let mut dropped = 0;
        while dropped < TRIM_MAX && self.can_trim(&self.table[index]) {
            self.table[index].drop_oldest();
            dropped += 1;
        }
        if dropped > 0 {
            self.shares.count(&mut self.table, index);
        }
    }

    /// Ready subscribers are behind because this shard has not served them yet. That does not make
    /// them slow, so what they wait for stays (until the shard's budget takes it). The newest
    /// publication stays, or one that is over the limit alone could never be delivered.
    fn can_trim(&self, channel: &Channel) -> bool {
        let log = channel.log();
        let tail = &self.rules[channel.namespace].tail;
        let over = log.len() > tail.publications || log.bytes() > tail.bytes;
        over && log.len() > 1 && !log.oldest_is_history() && channel.ready_have_oldest()
    }

    /// Queues the channel for [`next_work`](Hub::next_work) if there is something to do.
    pub(super) fn mark_dirty(&mut self, index: u32) {
        let channel = &self.table[index];
        if channel.ready_has_work() || channel.blocked_has_work() || self.can_trim(channel) {
            self.dirty.push(&mut self.table, index);
        }
    }
}
