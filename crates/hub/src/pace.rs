//! How often something may happen.

/// So many times a second, with a burst of as many. Kept as one number: when the next one would be
/// due, if all that were allowed came evenly (a generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    due_us: u64,
}

const SECOND_US: u64 = 1_000_000;

impl Pace {
    /// Whether it may happen now; 0 a second means that there is no bound.
    pub(crate) fn allow(&mut self, now_ms: u64, per_second: u32) -> bool {
        let Some(step_us) = SECOND_US.checked_div(per_second.into()) else {
            return true;
        };
        let now_us = now_ms.saturating_mul(1_000);
        let due_us = self.due_us.max(now_us) + step_us;
        let is_allowed = due_us <= now_us + SECOND_US;
        if is_allowed {
            self.due_us = due_us;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_one_second_and_then_the_rate() {
        let mut pace = Pace::default();
        let mut allowed = |now_ms| (0..100).filter(|_| pace.allow(now_ms, 10)).count();
        assert_eq!([5_000, 5_099, 5_100, 5_199, 5_400].map(&mut allowed), [10, 0, 1, 0, 3]);
        assert_eq!([5_000_000, 5_000_999].map(allowed), [10, 9]);
    }

    #[test]
    fn without_a_bound_all_is_allowed() {
        let mut pace = Pace::default();
        assert!((0..1_000).all(|_| pace.allow(0, 0)));
    }
}
