//! Subscribers that read slowly, or not at all.

use std::collections::HashMap;

use switchboard_plane::ConnId;

use crate::engine::Core;
use crate::engine::clock::{NS_PER_MS, NS_PER_S};

/// How often the slow ones may read.
const STEP_NS: u64 = 100 * NS_PER_MS;

/// The slow ones of a thread.
#[derive(Debug)]
pub(super) struct Slow {
    bytes_per_s: u64,
    /// Bytes that each may still read; negative when it has read ahead.
    budgets: HashMap<ConnId, i64>,
    next_ns: u64,
}

impl Slow {
    pub(super) fn new(bytes_per_s: u64) -> Self {
        Self { bytes_per_s, budgets: HashMap::new(), next_ns: 0 }
    }

    /// One more: it does not read from now on.
    pub(super) fn add<D>(&mut self, core: &mut Core<D>, id: ConnId) {
        core.pause(id);
        self.budgets.insert(id, 0);
    }

    pub(super) fn remove(&mut self, id: ConnId) {
        self.budgets.remove(&id);
    }

    /// A message of `bytes` was read.
    pub(super) fn read<D>(&mut self, core: &mut Core<D>, id: ConnId, bytes: usize) {
        if let Some(budget) = self.budgets.get_mut(&id) {
            let before = *budget;
            *budget -= i64::try_from(bytes).unwrap_or(i64::MAX);
            if before > 0 && *budget <= 0 {
                core.pause(id);
            }
        }
    }

    /// Everyone reads as much as there is from now on.
    pub(super) fn release<D>(&mut self, core: &mut Core<D>) {
        for (id, _) in self.budgets.drain() {
            core.resume(id);
        }
    }

    /// Gives everyone its share of the time that has passed.
    pub(super) fn step<D>(&mut self, core: &mut Core<D>) -> Option<u64> {
        if self.bytes_per_s == 0 || self.budgets.is_empty() {
            return None;
        }
        if core.now_ns >= self.next_ns {
            self.next_ns = core.now_ns + STEP_NS;
            let share = (self.bytes_per_s / (NS_PER_S / STEP_NS)).max(1).cast_signed();
            for (id, budget) in &mut self.budgets {
                let before = *budget;
                *budget = (before + share).min(share);
                if before <= 0 && *budget > 0 {
                    core.resume(*id);
                }
            }
        }
        Some(self.next_ns)
    }
}

/// Whether the connection of this number is among `percent` of all, evenly spread.
pub(super) fn is_slow(number: u32, percent: u32) -> bool {
    let below = |number: u64| number * u64::from(percent) / 100;
    below(u64::from(number) + 1) > below(u64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_slow_ones_is_exact() {
        for percent in [0, 1, 10, 33, 50, 99, 100] {
            let slow = (0..1_000).filter(|number| is_slow(*number, percent)).count();
            assert_eq!(slow, percent as usize * 10);
        }
        assert!((0..20).filter(|number| is_slow(*number, 10)).eq([9, 19]));
    }
}
