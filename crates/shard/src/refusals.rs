//! What is said to the person that runs the server about clients that found it full.

use std::sync::atomic::{AtomicU64, Ordering};

/// Between two lines in the log.
const PAUSE_MS: u64 = 1_000;

/// Refused requests since the last lines in the log, by all shards.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// With 503, because the server is full.
    pub(crate) full: Unsaid,
    /// With 429, because their address has too many connections.
    pub(crate) address: Unsaid,
}

/// Refused requests since the last line in the log: a server that is full refuses thousands in a second,
/// and one line says it as well.
#[derive(Debug, Default)]
pub(crate) struct Unsaid {
    unsaid: AtomicU64,
    /// When the next line may be written.
    next_ms: AtomicU64,
}

impl Unsaid {
    pub(crate) fn add(&self) {
        self.unsaid.fetch_add(1, Ordering::Relaxed);
    }

    /// How many to tell of now, if there are any and the last line is old enough. One shard gets them.
    pub(crate) fn take_due(&self, now_ms: u64) -> Option<u64> {
        if self.unsaid.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let next_ms = self.next_ms.load(Ordering::Relaxed);
        let is_due = now_ms >= next_ms
            && self
                .next_ms
                .compare_exchange(next_ms, now_ms + PAUSE_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        is_due.then(|| self.unsaid.swap(0, Ordering::Relaxed)).filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_once_a_second_with_their_number() {
        let refusals = Unsaid::default();
        assert_eq!(refusals.take_due(5_000), None);
        refusals.add();
        assert_eq!(refusals.take_due(5_000), Some(1));
        for _ in 0..3 {
            refusals.add();
        }
        assert_eq!(refusals.take_due(5_999), None);
        assert_eq!(refusals.take_due(6_000), Some(3));
        assert_eq!(refusals.take_due(9_000), None);
        refusals.add();
        assert_eq!(refusals.take_due(9_000), Some(1));
    }
}
