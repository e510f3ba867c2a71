//! Time as a shard sees it: milliseconds that only grow, and ticks of a tenth of a second for what
//! every connection stores.

/// A point in time in tenths of a second, in 4 bytes: 13 years before it wraps.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Tick(u32);

const TICK_MS: u64 = 100;

impl Tick {
    /// Later than everything.
    pub(crate) const NEVER: Self = Self(u32::MAX);

    /// The tick of `now_ms`, counted from `start_ms`.
    pub(crate) fn at(start_ms: u64, now_ms: u64) -> Self {
        let ticks = now_ms.saturating_sub(start_ms) / TICK_MS;
        Self(u32::try_from(ticks).unwrap_or(u32::MAX - 1))
    }

    /// This tick and `ms` more, rounded up; never before the next tick.
    pub(crate) fn after_ms(self, ms: u64) -> Self {
        let ticks = u32::try_from(ms.div_ceil(TICK_MS)).unwrap_or(u32::MAX).max(1);
        Self(self.0.saturating_add(ticks).min(u32::MAX - 1))
    }

    /// Milliseconds since `earlier`.
    pub(crate) fn since_ms(self, earlier: Self) -> u64 {
        u64::from(self.0.saturating_sub(earlier.0)) * TICK_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_never_early_by_more_than_a_tick_and_never_now() {
        let now = Tick::at(1_000, 5_250);
        assert_eq!(now, Tick(42));
        assert_eq!(now.after_ms(0), Tick(43));
        assert_eq!(now.after_ms(101), Tick(44));
        assert_eq!(now.after_ms(u64::MAX), Tick(u32::MAX - 1));
        assert!(now.after_ms(u64::MAX) < Tick::NEVER);
        assert_eq!(Tick(50).since_ms(now), 800);
        assert_eq!(now.since_ms(Tick(50)), 0);
    }
}
