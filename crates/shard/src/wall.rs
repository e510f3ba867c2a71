//! The wall clock, which people may correct, beside the clock of the shards, which only grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use switchboard_dialects::{Date, WallTime};

/// The shards' clock is not followed by less than this, so that what is shown of one moment does not
/// waver.
const STEP_MS: u64 = 750;

/// How far the wall clock is ahead of the shards' clock, as all shards of a server show it, in whole
/// seconds: dates that clients compare stay together when the clock is corrected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Correction(Arc<AtomicI64>);

impl Correction {
    /// As far as anybody has seen.
    pub(crate) fn known_s(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Looks at both clocks.
    pub(crate) fn look(&self, unix_ms: u64, now_ms: u64) -> i64 {
        let known_s = self.known_s();
        let ahead_ms = unix_ms.cast_signed().wrapping_sub(now_ms.cast_signed());
        if ahead_ms.abs_diff(known_s.saturating_mul(1000)) < STEP_MS {
            return known_s;
        }
        let ahead_s = (ahead_ms + 500).div_euclid(1000);
        // Another shard may have been faster; then its look counts.
        match self.0.compare_exchange(known_s, ahead_s, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => ahead_s,
            Err(known_s) => known_s,
        }
    }
}

/// What a shard knows of the wall clock.
#[derive(Debug)]
pub(crate) struct Wall {
    second: u64,
    time: WallTime,
}

impl Wall {
    /// A wall clock that agrees with the shards' clock.
    pub(crate) fn at(unix_ms: u64) -> Self {
        let time = WallTime { date: Date::of_unix_ms(unix_ms), ahead_s: 0 };
        Self { second: unix_ms / 1000, time }
    }

    /// Time goes on, or was corrected. The date is made anew once a second.
    pub(crate) fn set(&mut self, unix_ms: u64, ahead_s: i64) {
        let second = unix_ms / 1000;
        if self.second != second {
            self.second = second;
            self.time.date = Date::of_unix_ms(unix_ms);
        }
        self.time.ahead_s = ahead_s;
    }

    /// Unix time.
    pub(crate) fn unix_s(&self) -> u64 {
        self.second
    }

    pub(crate) fn time(&self) -> WallTime {
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 784_111_777_000;

    #[test]
    fn a_correction_is_followed_and_a_waver_is_not() {
        let correction = Correction::default();
        let other = correction.clone();
        for (ahead_ms, expected_s) in [
            (0, 0),
            (3, 0),
            (-749, 0),
            (3_600_002, 3_600),
            (3_599_400, 3_600),
            (-60_000, -60),
            (1, 0),
        ] {
            let unix_ms = START.saturating_add_signed(ahead_ms);
            assert_eq!(correction.look(unix_ms, START), expected_s, "{ahead_ms}");
            assert_eq!(other.look(unix_ms + 2, START), expected_s, "all shards show the same");
        }
        assert_eq!(correction.look(0, START), -784_111_777, "a clock that has no battery");
    }

    #[test]
    fn the_date_is_that_of_the_second() {
        let mut wall = Wall::at(784_111_777_000);
        wall.set(784_111_777_999, 0);
        assert_eq!(wall.time().date, Date::of_unix_ms(784_111_777_000));
        wall.set(784_111_778_000, 1);
        assert_eq!(wall.time().date, Date::of_unix_ms(784_111_778_000));
        assert_eq!(wall.time().ahead_s, 1);
    }
}
