//! How much the logs may hold.

use super::Hub;
use crate::Outbox;
use crate::channel::Channel;

/// At most this many publications are dropped in one step of trimming.
pub(super) const TRIM_MAX: usize = 1024;

/// At most this many idle mirrors are removed for one publication, before logs are cut.
const MIRRORS_FORGOTTEN_MAX: usize = 1024;

impl Hub {
    /// Brings the logs back under their limits after one of them grew. Mirrors without subscribers
    /// go first, whole: their homes have the same. The log that grew may be among them.
    pub(super) fn log_grew(&mut self, now_ms: u64, index: u32, out: &mut Outbox) {
        self.trim(index);
        for _ in 0..MIRRORS_FORGOTTEN_MAX {
            match self.idle_mirrors.first() {
                Some(idle) if self.log_bytes > self.limits.shard_log_bytes_max => {
                    self.forget(idle, out);
                }
                _ => break,
            }
        }
        if self.table.get(index).is_none() {
            return;
        }
        while self.log_bytes > self.limits.shard_log_bytes_max
            && let Some(largest) = self.sizes.largest()
        {
            self.evict_oldest(now_ms, largest);
        }
        self.mark_dirty(index);
    }

    /// Drops the oldest publication of a log, even if a subscriber needs it.
    fn evict_oldest(&mut self, now_ms: u64, index: u32) {
        let channel = &mut self.table[index];
        let ttl_ms = self.rules[channel.namespace].history_ttl_ms;
        let log = &mut channel.log;
        self.evicted += u64::from(log.history_before(now_ms, ttl_ms) == log.before());
        self.log_bytes -= log.drop_oldest();
        self.sizes.place(&mut self.table, index);
        self.mark_dirty(index);
        self.restart_ttl(now_ms, index);
    }

    /// Drops what is over the channel's limits and what no ready subscriber waits for, and records
    /// the log's size.
    pub(super) fn trim(&mut self, index: u32) {
        for _ in 0..TRIM_MAX {
            if !self.can_trim(&self.table[index]) {
                break;
            }
            self.log_bytes -= self.table[index].log.drop_oldest();
        }
        self.sizes.place(&mut self.table, index);
    }

    /// Ready subscribers are behind because this shard has not served them yet. That does not make
    /// them slow, so what they wait for stays (until the shard's budget takes it). The newest
    /// publication stays, or one that is over the limit alone could never be delivered.
    fn can_trim(&self, channel: &Channel) -> bool {
        let log = &channel.log;
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
