//! What the simulated line does to a piece of data: when it arrives.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes of a TCP segment on Ethernet.
pub(crate) const SEGMENT_BYTES: usize = 1_448;

/// Segments that must follow a lost one for its loss to be noticed before the timeout (RFC 5681).
const DUPLICATES: usize = 3;

/// What Linux adds to the round trip at least before it sends again without being told.
const TIMEOUT_EXTRA: Duration = Duration::from_millis(200);

/// What a line is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Delay of each direction.
    pub(crate) delay_ms: u32,
    /// Greatest difference from it, at most as much.
    pub(crate) jitter_ms: u32,
    /// Part of the segments that are lost, from 0 to 1.
    pub(crate) loss: f64,
    /// Bytes that may be under way in each direction of a connection.
    pub(crate) window_bytes: u32,
}

impl Line {
    /// There and back.
    pub(crate) fn round_trip(&self) -> Duration {
        2 * Duration::from_millis(u64::from(self.delay_ms))
    }
}

/// One direction of one connection: gives each segment its time of arrival.
#[derive(Debug)]
pub(crate) struct Schedule {
    line: Line,
    random: fastrand::Rng,
    /// When the last one arrives. Nothing overtakes it.
    last: Instant,
}

impl Schedule {
    pub(crate) fn new(line: Line, seed: u64, now: Instant) -> Self {
        Self { line, random: fastrand::Rng::with_seed(seed), last: now }
    }

    /// When a segment that is sent now arrives, if so many more are sent right behind it.
    pub(crate) fn arrival(&mut self, now: Instant, following: usize) -> Instant {
        let (delay, jitter) = (u64::from(self.line.delay_ms), u64::from(self.line.jitter_ms));
        let wavering_us = self.random.u64(1_000 * (delay - jitter)..=1_000 * (delay + jitter));
        let mut due = now + Duration::from_micros(wavering_us);
        if self.random.f64() < self.line.loss {
            due += self.line.round_trip();
            if following < DUPLICATES {
                due += TIMEOUT_EXTRA;
            }
        }
        self.last = self.last.max(due);
        self.last
    }

    /// When the end of the stream arrives. It is as late as data, but its loss is not modelled.
    pub(crate) fn end(&self, now: Instant) -> Instant {
        self.last.max(now + Duration::from_millis(u64::from(self.line.delay_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(jitter_ms: u32, loss: f64, now: Instant) -> Schedule {
        let line = Line { delay_ms: 40, jitter_ms, loss, window_bytes: 1 << 20 };
        Schedule::new(line, 7, now)
    }

    #[test]
    fn delay_alone_is_exact() {
        let now = Instant::now();
        let mut schedule = schedule(0, 0.0, now);
        assert_eq!(schedule.arrival(now, 0) - now, Duration::from_millis(40));
        let later = now + Duration::from_millis(5);
        assert_eq!(schedule.arrival(later, 0) - later, Duration::from_millis(40));
    }

    #[test]
    fn jitter_stays_in_its_bounds_and_nothing_overtakes() {
        let mut now = Instant::now();
        let mut schedule = schedule(10, 0.0, now);
        let (mut last, mut delays) = (now, Vec::new());
        for _ in 0..1_000 {
            now += Duration::from_millis(25);
            let due = schedule.arrival(now, 0);
            assert!(due >= last);
            delays.push((due - now).as_millis());
            last = due;
        }
        let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
        assert!((30..=32).contains(least) && (48..=50).contains(most), "{least} to {most}");
    }

    #[test]
    fn so_many_are_lost_as_was_asked_for() {
        let mut now = Instant::now();
        let mut schedule = schedule(0, 0.1, now);
        let mut lost = 0;
        for _ in 0..10_000 {
            now += Duration::from_secs(1);
            lost += u32::from(schedule.arrival(now, 9) - now > Duration::from_millis(40));
        }
        assert!((900..1_100).contains(&lost), "{lost} of 10,000");
    }

    #[test]
    fn a_loss_costs_a_round_trip_and_the_last_one_a_timeout() {
        let now = Instant::now();
        let lost = |following| schedule(0, 1.0, now).arrival(now, following) - now;
        assert_eq!(lost(3), Duration::from_millis(40 + 80));
        assert_eq!(lost(2), Duration::from_millis(40 + 80 + 200));
    }
}
