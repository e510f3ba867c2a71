//! What a turn does now and then: timers, what is given up while memory is short, and the gauges.

use switchboard_plane::Plane;

use super::{Shard, sweep};
use crate::counters::Counters;

/// Housekeeping while no connection is open.
const IDLE_STEP_MS: u64 = 1_000;

impl<P: Plane> Shard<P> {
    /// Timers, housekeeping and the gauges.
    pub(super) fn step(&mut self, now_ms: u64) {
        let behind = self.sweep.step(&mut self.core);
        self.relief.step(&mut self.core);
        self.end_stage();
        self.core.hub.tick(self.core.now_ms, &mut self.core.exchange.outbox);
        self.core.exchange.post();
        let wait_ms = match self.core.slab.open() {
            _ if behind => 0,
            0 => IDLE_STEP_MS,
            _ => sweep::STEP_MS,
        };
        self.next_step_ms = now_ms + wait_ms;
        self.publish_gauges();
        if let Some(requests) = self.core.refusals.address.take_due(now_ms) {
            tracing::warn!(
                requests,
                "single addresses have as many connections as they may \
                 (connections_per_address_max): their new ones are refused with 429; if it is a \
                 proxy's address, name it in trusted_proxies"
            );
        }
        if let Some(requests) = self.core.refusals.full.take_due(now_ms) {
            tracing::warn!(
                requests,
                "the server is full (connections_max): new clients are refused with 503"
            );
        }
    }

    fn publish_gauges(&self) {
        let counters: &Counters = &self.core.counters;
        let stats = self.link.plane().stats();
        counters.publications.set(self.core.hub.publications());
        counters.channels.set(self.core.hub.channels() as u64);
        counters.subscriptions.set(self.core.hub.subscriptions() as u64);
        counters.log_bytes.set(self.core.hub.log_bytes() as u64);
        counters.history_evicted.set(self.core.hub.evicted());
        counters.join_leave_dropped.set(self.core.hub.announcements_dropped());
        counters.identified_open.set(self.core.identities.open());
        counters.users_open.set(self.core.identities.users());
        counters.accepts_paused.set(stats.accepts_paused);
        counters.sends_short.set(stats.sends_short);
        counters.sends_refused.set(stats.sends_refused);
        counters.sends_failed.set(stats.sends_failed);
        counters.polls_rearmed.set(stats.polls_rearmed);
        counters.completion_overflows.set(stats.completion_overflows);
    }
}
