//! When the next of many is due, so that all of them are spread over a time.

/// Spreads those that are left over the time that is left. Between two of them is a random time, from a half
/// to one and a half of the mean, so that the last is never due after the end.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the next is due, in microseconds: there may be many in a millisecond.
    next_us: u64,
    random: u64,
}

impl Pace {
    /// Begins now, with so many that are left; `seed` makes the random times.
    pub(crate) fn new(now_ms: u64, until_ms: u64, left: u64, seed: u64) -> Self {
        let mut pace = Self { next_us: now_ms.saturating_mul(1_000), random: seed };
        pace.go_on(left, until_ms);
        pace
    }

    /// When the next is due.
    pub(crate) fn due_ms(&self) -> u64 {
        self.next_us.div_ceil(1_000)
    }

    /// One has had its turn, and so many are left.
    pub(crate) fn go_on(&mut self, left: u64, until_ms: u64) {
        let left_us = until_ms.saturating_mul(1_000).saturating_sub(self.next_us);
        let mean_us = left_us / (left + 1);
        self.next_us += mean_us / 2 + self.next_random() % (mean_us + 1);
    }

    /// None is due before this.
    pub(crate) fn pause_until(&mut self, ms: u64) {
        self.next_us = ms.saturating_mul(1_000);
    }

    /// `SplitMix64`.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of `count` is due between 1,000 and 5,000 ms.
    fn times(count: u64, seed: u64) -> Vec<u64> {
        let mut pace = Pace::new(1_000, 5_000, count, seed);
        let next = |left| {
            let due_ms = pace.due_ms();
            pace.go_on(left, 5_000);
            due_ms
        };
        (0..count).rev().map(next).collect()
    }

    #[test]
    fn all_are_due_before_the_end_and_none_at_the_beginning() {
        for (count, seed) in (1..50).flat_map(|count| (0..20).map(move |seed| (count, seed))) {
            let times = times(count, seed);
            assert!(times.is_sorted());
            assert!(times[0] > 1_000 && *times.last().unwrap() < 5_000, "{times:?}");
        }
    }

    #[test]
    fn many_are_spread_evenly() {
        for seed in 0..20 {
            let mut quarters = [0; 4];
            for time in times(10_000, seed) {
                quarters[((time - 1_000) as usize / 1_000).min(3)] += 1;
            }
            assert!(
                quarters.iter().all(|quarter| (2_300..2_700).contains(quarter)),
                "{quarters:?}"
            );
        }
    }

    #[test]
    fn gaps_are_not_the_same() {
        let times = times(100, 1);
        let gaps = times[..50].windows(2).map(|pair| pair[1] - pair[0]);
        let mut gaps: Vec<_> = gaps.collect();
        gaps.sort_unstable();
        assert!(gaps[5] < 30 && gaps[44] > 50, "{gaps:?}");
        assert!(gaps[0] >= 15 && gaps[48] <= 70, "{gaps:?}");
    }

    #[test]
    fn those_that_are_late_are_due_at_once() {
        let mut pace = Pace::new(1_000, 5_000, 10, 7);
        pace.pause_until(6_000);
        pace.go_on(9, 5_000);
        assert_eq!(pace.due_ms(), 6_000, "no time is left");
    }
}
