//! How long things took, as plain numbers.

use std::array;

use switchboard_api::{HistogramCounts, Metric, Unit};

use crate::counters::Counter;

/// What [`Handle::send_delays`](crate::Handle::send_delays) measures.
pub const SEND_DELAY: Metric = Metric::histogram(
    "publish_to_last_send",
    "Time from the turn in which a publication was accepted by its home shard to the end of the turn \
     in which this shard sent it to the last subscriber that was not behind.",
)
.in_unit(Unit::Seconds);

const BUCKETS: usize = 17;

/// The largest value of each bucket.
const BOUNDS_US: [u32; BUCKETS] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Times in buckets from 50 us to 10 s. Only its own shard writes it, anybody may read it. It never
/// allocates.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BUCKETS],
    /// Beyond all of them.
    above: Counter,
    sum_us: Counter,
}

impl Histogram {
    /// Counts a time, so many times. To be called by the owning shard's thread only.
    pub fn observe(&self, us: u32, times: u64) {
        let at = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets.get(at).unwrap_or(&self.above).add(times);
        self.sum_us.add(times.wrapping_mul(us.into()));
    }

    /// What it has counted so far.
    pub fn snapshot(&self) -> HistogramCounts {
        let below = array::from_fn::<_, BUCKETS, _>(|at| {
            (f64::from(BOUNDS_US[at]) / 1e6, self.buckets[at].get())
        });
        let above = (f64::INFINITY, self.above.get());
        let buckets = below.into_iter().chain([above]).collect();
        HistogramCounts { buckets, sum: self.sum_us.get() as f64 / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for (us, times) in [(0, 1), (50, 1), (51, 2), (10_000_000, 3), (10_000_001, 4)] {
            histogram.observe(us, times);
        }
        let HistogramCounts { buckets, sum } = histogram.snapshot();
        let counted: Vec<_> = buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(counted, [(50e-6, 2), (100e-6, 2), (10.0, 3), (f64::INFINITY, 4)]);
        assert_eq!(buckets.len(), BUCKETS + 1);
        assert!((sum - 70.000_156).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn the_bounds_ascend() {
        assert!(BOUNDS_US.is_sorted_by(|one, next| one < next));
    }
}
