//! Ageing of the logs of channels where nothing happens.

use super::Hub;

/// Steps of one tick; a step looks at a channel or drops a publication.
const STEPS_MAX: usize = 1024;

impl Hub {
    /// Walks over the channels and continues with the next tick where this one stopped: drops what
    /// is too old from the histories, and what is kept only for laggards when there are none.
    pub(super) fn sweep(&mut self, now_ms: u64) {
        let mut steps = 0;
        for _ in 0..self.table.slots() {
            if self.swept >= self.table.slots() {
                self.swept = 0;
            }
            steps += 1 + self.sweep_log(now_ms, self.swept, STEPS_MAX - steps);
            if steps >= STEPS_MAX {
                return;
            }
            self.swept += 1;
        }
    }

    fn sweep_log(&mut self, now_ms: u64, index: u32, steps_max: usize) -> usize {
        let Some(channel) = self.table.get_mut(index) else {
            return 0;
        };
        let ttl_ms = self.rules[channel.namespace].history_ttl_ms;
        channel.find_orphans();
        let mut steps = channel.expire(now_ms, ttl_ms, steps_max);
        let expired = steps;
        while steps < steps_max && channel.can_release() {
            channel.drop_oldest();
            steps += 1;
        }
        self.shares.count(&mut self.table, index);
        self.keep_budget(now_ms, index);
        if steps > expired {
            self.restart_ttl(now_ms, index);
        }
        if steps > 0 {
            // What left the history may be more than laggards may have.
            self.mark_dirty(index);
        }
        steps
    }
}
