//! Memory in use against a budget: what is done about it before the kernel does something.
//!
//! One shard measures, once a second, and all of them do what follows from it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Between two looks at how much is in use.
const PAUSE_MS: u64 = 1_000;

/// Percent of the budget from which on each of them is done.
const REFUSE_NEW: u64 = 90;
const DROP_HISTORY: u64 = 95;
const CUT_SLOWEST: u64 = 100;

/// So much less, in percent of the budget, must be in use before something is not done any more: at a mark
/// it would be done every other second.
const BACK: u64 = 3;

/// What is done about memory. Each of them includes those before it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub(crate) enum Pressure {
    /// There is enough: nothing.
    #[default]
    Serve,
    /// New connections are refused.
    RefuseNew,
    /// What channels keep is dropped, a part each second.
    DropHistory,
    /// Those whose sockets have been full for the longest are cut.
    CutSlowest,
}

impl Pressure {
    /// With so many bytes of the budget in use.
    pub(super) fn at(used: u64, budget: u64) -> Self {
        let is_over = |percent: u64| {
            u128::from(used) * 100 >= u128::from(budget) * u128::from(percent) && budget > 0
        };
        match () {
            () if is_over(CUT_SLOWEST) => Self::CutSlowest,
            () if is_over(DROP_HISTORY) => Self::DropHistory,
            () if is_over(REFUSE_NEW) => Self::RefuseNew,
            () => Self::Serve,
        }
    }

    /// What follows after this: more at once, less only where it would also be less with a little more in
    /// use. What channels keep is dropped until newcomers can be let in: else they would be refused for as
    /// long as it is kept.
    fn next(self, used: u64, budget: u64) -> Self {
        let back = budget / 100 * BACK;
        let next = self.clamp(Self::at(used, budget), Self::at(used.saturating_add(back), budget));
        let drops = self >= Self::DropHistory && next == Self::RefuseNew;
        if drops { Self::DropHistory } else { next }
    }

    /// What is done, for the person that runs the server.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Serve => "there is enough again",
            Self::RefuseNew => "new connections are refused with 503",
            Self::DropHistory => "what channels keep is dropped, and new connections are refused",
            Self::CutSlowest => {
                "the slowest clients are cut, what channels keep is dropped, and new connections are \
                 refused"
            }
        }
    }

    fn of(byte: u8) -> Self {
        const ALL: [Pressure; 4] =
            [Pressure::Serve, Pressure::RefuseNew, Pressure::DropHistory, Pressure::CutSlowest];
        ALL.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

/// What all shards know of it.
#[derive(Debug)]
pub(crate) struct Memory {
    budget: u64,
    next_ms: AtomicU64,
    pressure: AtomicU8,
}

impl Memory {
    /// `budget` is in bytes, and more than 0.
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, next_ms: AtomicU64::new(0), pressure: AtomicU8::new(0) }
    }

    pub(crate) fn pressure(&self) -> Pressure {
        Pressure::of(self.pressure.load(Ordering::Relaxed))
    }

    /// Bytes that may be in use.
    pub(crate) fn budget(&self) -> u64 {
        self.budget
    }

    /// Whether it is time to measure. One shard is told.
    pub(crate) fn is_due(&self, now_ms: u64) -> bool {
        let next_ms = self.next_ms.load(Ordering::Relaxed);
        let (seen, order) = (now_ms + PAUSE_MS, Ordering::Relaxed);
        now_ms >= next_ms && self.next_ms.compare_exchange(next_ms, seen, order, order).is_ok()
    }

    /// So much is in use. What is done about it from now on, if that is something else than before.
    pub(crate) fn measured(&self, used: u64) -> Option<Pressure> {
        let before = self.pressure();
        let now = before.next(used, self.budget);
        self.pressure.store(now as u8, Ordering::Relaxed);
        (now != before).then_some(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn more_is_done_at_each_mark() {
        let at = |used| Pressure::at(used, 1_000);
        let expected = [
            (0, Pressure::Serve),
            (899, Pressure::Serve),
            (900, Pressure::RefuseNew),
            (949, Pressure::RefuseNew),
            (950, Pressure::DropHistory),
            (999, Pressure::DropHistory),
            (1_000, Pressure::CutSlowest),
            (u64::MAX, Pressure::CutSlowest),
        ];
        for (used, pressure) in expected {
            assert_eq!(at(used), pressure, "{used}");
        }
    }

    proptest! {
        /// Beside a model that knows how it came to where it is: at a mark it goes up, and down only below
        /// the mark by what it must be less.
        #[test]
        fn it_goes_up_at_a_mark_and_down_below_it(steps in prop::collection::vec(0_u64..1_200, 1..60)) {
            let memory = Memory::new(1_000);
            let marks = [0, 900, 950, 1_000];
            let mut model = 0;
            for used in steps {
                while model < 3 && used >= marks[model + 1] {
                    model += 1;
                }
                if model == 3 && used + 30 < 1_000 {
                    model = 2;
                }
                if used + 30 < 900 {
                    model = 0;
                }
                let before = memory.pressure();
                let told = memory.measured(used);
                prop_assert_eq!(memory.pressure() as usize, model);
                prop_assert_eq!(told.is_some(), before != memory.pressure());
            }
        }
    }

    #[test]
    fn one_shard_measures_in_a_second() {
        let memory = Memory::new(1_000);
        assert!(memory.is_due(5_000) && !memory.is_due(5_000) && !memory.is_due(5_999));
        assert!(memory.is_due(6_000) && !memory.is_due(6_000));
    }
}
