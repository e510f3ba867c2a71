//! How often something may happen, in one number that all shards share.

use std::sync::atomic::{AtomicU64, Ordering};

const NS_PER_MS: u64 = 1_000_000;
pub(super) const NS_PER_S: u64 = 1_000_000_000;

/// Lets something happen `per_second` times a second, with a burst of as many. A token bucket that is
/// stored as the moment at which it will be full again, so that a single compare-and-swap takes a token.
#[derive(Debug)]
pub(crate) struct Pace {
    interval_ns: u64,
    full_at_ns: AtomicU64,
}

impl Pace {
    /// `per_second` is at least 1.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { interval_ns: NS_PER_S / u64::from(per_second.max(1)), full_at_ns: AtomicU64::new(0) }
    }

    /// Takes one token, or says that there is none.
    pub(crate) fn try_take(&self, now_ms: u64) -> bool {
        let take = |full_at_ns| taken(full_at_ns, self.interval_ns, 1, now_ms);
        self.full_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// When a bucket will be full again after `count` tokens are taken from it; none where it has not one. What
/// is not there is owed: it comes out of what the bucket would get next.
pub(super) fn taken(full_at_ns: u64, interval_ns: u64, count: u32, now_ms: u64) -> Option<u64> {
    let now_ns = now_ms * NS_PER_MS;
    let full_at_ns = full_at_ns.max(now_ns);
    let has_one = full_at_ns + interval_ns <= now_ns + NS_PER_S;
    has_one.then(|| full_at_ns + u64::from(count) * interval_ns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rate::TokenBucket;

    proptest! {
        /// Rates whose interval is a whole number of nanoseconds, and milliseconds that only grow.
        #[test]
        fn a_pace_is_a_token_bucket(
            per_second in prop::sample::select(vec![1_u32, 2, 5, 20, 1_000, 8_000]),
            steps in prop::collection::vec((0_u64..400, 1_u32..2_000), 1..40),
        ) {
            let pace = Pace::new(per_second);
            let mut bucket = TokenBucket::new(per_second, 1_000);
            let mut now_ms = 1_000;
            for (passed_ms, times) in steps {
                now_ms += passed_ms;
                for _ in 0..times {
                    prop_assert_eq!(pace.try_take(now_ms), bucket.try_take(now_ms));
                }
            }
        }
    }
}
