//! Connects at a rate, with a bound on the attempts in flight.

use std::ops::Range;

use super::clock::{nanoseconds, seconds};

/// Connects begun in one step at most, so that events are looked at in between.
const BURST_MAX: u64 = 64;

/// The connects of one thread: every so many-th number below `end`.
#[derive(Debug, Clone)]
pub(crate) struct Ramp {
    next: u64,
    stride: u64,
    end: u64,
    begun: u64,
    rate_per_s: f64,
    connecting_max: usize,
    start_ns: u64,
}

impl Ramp {
    /// Thread `thread` of `threads` takes every so many-th of `numbers`; `rate_per_s` and
    /// `connecting_max` are those of all these threads together.
    pub(crate) fn new(
        (thread, threads): (u32, u32),
        numbers: Range<u32>,
        rate_per_s: f64,
        connecting_max: u32,
    ) -> Self {
        Self {
            next: u64::from(numbers.start) + u64::from(thread),
            stride: u64::from(threads),
            end: u64::from(numbers.end),
            begun: 0,
            rate_per_s: rate_per_s / f64::from(threads),
            connecting_max: connecting_max.div_ceil(threads).max(1) as usize,
            start_ns: u64::MAX,
        }
    }

    /// The common start of all threads, once it is known.
    pub(crate) fn start_at(&mut self, start_ns: u64) {
        self.start_ns = start_ns;
    }

    /// The numbers that may connect now, when `connecting` are in flight.
    pub(crate) fn due(
        &mut self,
        now_ns: u64,
        connecting: usize,
    ) -> impl Iterator<Item = u32> + use<> {
        let allowed = match now_ns.checked_sub(self.start_ns) {
            None => 0,
            #[allow(clippy::cast_sign_loss)] // both are above 0
            Some(elapsed_ns) => (seconds(elapsed_ns) * self.rate_per_s) as u64 + 1,
        };
        let room = self.connecting_max.saturating_sub(connecting) as u64;
        let left = self.end.saturating_sub(self.next).div_ceil(self.stride);
        let count = allowed.saturating_sub(self.begun).min(room).min(left).min(BURST_MAX);
        let (first, stride) = (self.next, self.stride);
        self.next += count * stride;
        self.begun += count;
        (0..count).map(move |nth| (first + nth * stride) as u32)
    }

    /// As [`due`](Self::due), but `room` at most.
    pub(crate) fn due_within(
        &mut self,
        now_ns: u64,
        connecting: usize,
        room: usize,
    ) -> impl Iterator<Item = u32> + use<> {
        self.due(now_ns, connecting.max(self.connecting_max.saturating_sub(room)))
    }

    /// All have begun.
    pub(crate) fn is_done(&self) -> bool {
        self.next >= self.end
    }

    /// Whether one more connect is allowed besides those in flight.
    fn has_room(&self, connecting: usize) -> bool {
        connecting < self.connecting_max
    }

    /// When the next one is due, unless too many are in flight.
    pub(crate) fn next_ns(&self, connecting: usize) -> Option<u64> {
        if self.is_done() || !self.has_room(connecting) || self.start_ns == u64::MAX {
            return None;
        }
        let after_s = self.begun as f64 / self.rate_per_s;
        Some(self.start_ns + nanoseconds(after_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::{NS_PER_MS, NS_PER_S};

    #[test]
    fn connects_follow_the_rate_and_the_bound() {
        let mut ramp = Ramp::new((0, 1), 0..25, 1_000.0, 10);
        assert_eq!((ramp.due(NS_PER_S, 0).count(), ramp.next_ns(0)), (0, None));
        ramp.start_at(0);
        assert_eq!(ramp.due(0, 0).collect::<Vec<_>>(), [0]);
        assert_eq!(ramp.next_ns(1), Some(NS_PER_MS));
        assert_eq!(ramp.due(4 * NS_PER_MS, 1).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(ramp.due(40 * NS_PER_MS, 5).count(), 5, "ten may be under way");
        assert_eq!(ramp.next_ns(10), None);
        assert_eq!(ramp.due(40 * NS_PER_MS, 0).count(), 10);
        assert_eq!(ramp.due(40 * NS_PER_MS, 0).last(), Some(24));
        assert!(ramp.is_done());
        assert_eq!(ramp.due(90 * NS_PER_MS, 0).count(), 0);
    }

    #[test]
    fn threads_share_the_numbers() {
        let mut all: Vec<u32> = (0..3)
            .flat_map(|thread| {
                let mut ramp = Ramp::new((thread, 3), 20..100, 1e6, 300);
                ramp.start_at(0);
                ramp.due(NS_PER_S, 0).collect::<Vec<_>>()
            })
            .collect();
        all.sort_unstable();
        assert_eq!(all, (20..100).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_begins_before_the_common_start() {
        let mut ramp = Ramp::new((0, 1), 0..10, 100.0, 10);
        ramp.start_at(5 * NS_PER_S);
        assert_eq!(ramp.due(4 * NS_PER_S, 0).count(), 0);
        assert_eq!(ramp.next_ns(0), Some(5 * NS_PER_S));
    }
}
