//! A circuit breaker: a backend that does not answer is left alone for a while, and then asked once.
//!
//! Pure: time and chance come in as arguments. Each call asks for a [`Permit`] first and gives it back with
//! what became of it.

/// When it opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerRules {
    /// Opens after so many failures in a row.
    pub failures_in_row: u32,
    /// Opens where half of so many calls, the last ones, have failed; 32 at most.
    pub window: u32,
    /// How long it is open for the first time, in milliseconds.
    pub open_ms_min: u64,
    /// How long at most: each failed probe doubles the time up to this.
    pub open_ms_max: u64,
}

impl Default for BreakerRules {
    /// 5 in a row, or 10 of 20; 1 s to 30 s.
    fn default() -> Self {
        Self { failures_in_row: 5, window: 20, open_ms_min: 1_000, open_ms_max: 30_000 }
    }
}

/// The breaker of one hook.
#[derive(Clone, Debug)]
pub struct Breaker {
    rules: BreakerRules,
    state: State,
    /// Grows with each change of state: what became of a call says nothing about a later state.
    era: u64,
}

/// One call may be made. It must be given back.
#[derive(Debug)]
#[must_use = "the breaker waits for what became of the call"]
pub struct Permit {
    era: u64,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The backend answered, whatever it said.
    Answered,
    /// It did not.
    Failed,
    /// Nobody waited for it, or it was not made.
    Abandoned,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Calls are made. The newest is in the lowest bit of `failed`.
    Closed { in_row: u32, failed: u32, calls: u32 },
    /// None are, until then.
    Open { until_ms: u64, for_ms: u64 },
    /// One is under way that decides.
    Probing { for_ms: u64 },
}

impl State {
    const CLOSED: Self = Self::Closed { in_row: 0, failed: 0, calls: 0 };
}

impl Breaker {
    /// Closed.
    pub fn new(rules: BreakerRules) -> Self {
        Self { rules, state: State::CLOSED, era: 0 }
    }

    /// Whether a call may be made at `now_ms`.
    pub fn admit(&mut self, now_ms: u64) -> Option<Permit> {
        match self.state {
            State::Closed { .. } => {}
            State::Open { until_ms, for_ms } if now_ms >= until_ms => {
                self.change(State::Probing { for_ms });
            }
            State::Open { .. } | State::Probing { .. } => return None,
        }
        Some(Permit { era: self.era })
    }

    /// Whether calls are refused at `now_ms`, as long as nothing else happens.
    pub fn is_open(&self, now_ms: u64) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { until_ms, .. } => now_ms < until_ms,
            State::Probing { .. } => true,
        }
    }

    /// A call has ended. `jitter` is a random number from 0 to 1, by which the time until the next probe is
    /// shortened up to the half, so that several servers do not probe together.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is for one call")]
    pub fn record(&mut self, permit: Permit, outcome: Outcome, now_ms: u64, jitter: f64) {
        if permit.era != self.era {
            return;
        }
        match (self.state, outcome) {
            (State::Closed { in_row, failed, calls }, Outcome::Answered | Outcome::Failed) => {
                let is_failure = outcome == Outcome::Failed;
                let in_row = if is_failure { in_row + 1 } else { 0 };
                let window = self.rules.window.clamp(1, u32::BITS);
                let failed =
                    (failed << 1 | u32::from(is_failure)) & (u32::MAX >> (u32::BITS - window));
                let calls = (calls + 1).min(window);
                self.state = State::Closed { in_row, failed, calls };
                let is_half = calls == window && failed.count_ones() * 2 >= window;
                if is_failure && (in_row >= self.rules.failures_in_row || is_half) {
                    self.open(self.rules.open_ms_min, now_ms, jitter);
                }
            }
            (State::Probing { .. }, Outcome::Answered) => self.change(State::CLOSED),
            (State::Probing { for_ms }, Outcome::Failed) => {
                self.open(for_ms.saturating_mul(2).min(self.rules.open_ms_max), now_ms, jitter);
            }
            // The next call is the probe.
            (State::Probing { for_ms }, Outcome::Abandoned) => {
                self.change(State::Open { until_ms: now_ms, for_ms });
            }
            (State::Closed { .. }, Outcome::Abandoned) | (State::Open { .. }, _) => {}
        }
    }

    fn open(&mut self, for_ms: u64, now_ms: u64, jitter: f64) {
        let shortened = for_ms as f64 * (1.0 - jitter.clamp(0.0, 1.0) / 2.0);
        #[expect(clippy::cast_sign_loss, reason = "it is half of a time at least")]
        let until_ms = now_ms.saturating_add(shortened as u64);
        self.change(State::Open { until_ms, for_ms });
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(breaker: &mut Breaker, outcome: Outcome, now_ms: u64) -> bool {
        let permit = breaker.admit(now_ms);
        permit.map(|permit| breaker.record(permit, outcome, now_ms, 0.0)).is_some()
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_when_a_probe_is_answered() {
        let mut breaker = Breaker::new(BreakerRules::default());
        for _ in 0..4 {
            assert!(call(&mut breaker, Outcome::Failed, 0));
        }
        assert!(call(&mut breaker, Outcome::Answered, 0));
        for _ in 0..5 {
            assert!(call(&mut breaker, Outcome::Failed, 0));
        }
        assert!(breaker.is_open(999) && !call(&mut breaker, Outcome::Answered, 999));
        let probe = breaker.admit(1_000).unwrap();
        assert!(
            breaker.admit(1_000).is_none() && breaker.admit(u64::MAX).is_none(),
            "one at a time"
        );
        breaker.record(probe, Outcome::Answered, 1_100, 0.0);
        assert!(!breaker.is_open(1_100) && call(&mut breaker, Outcome::Failed, 1_100));
        assert!(call(&mut breaker, Outcome::Answered, 1_100), "the count starts again");
    }

    #[test]
    fn it_opens_when_half_of_the_last_calls_fail() {
        let mut breaker = Breaker::new(BreakerRules::default());
        let mut calls = 0;
        while calls < 100 && !breaker.is_open(0) {
            call(&mut breaker, [Outcome::Answered, Outcome::Failed][calls % 2], 0);
            calls += 1;
        }
        assert_eq!(calls, 20);
        let mut breaker = Breaker::new(BreakerRules::default());
        for calls in 0..300 {
            let outcome = if calls % 5 < 2 { Outcome::Failed } else { Outcome::Answered };
            assert!(call(&mut breaker, outcome, 0), "less than the half, after {calls}");
        }
    }

    #[test]
    fn each_failed_probe_doubles_the_time_and_jitter_shortens_it() {
        let mut breaker = Breaker::new(BreakerRules::default());
        for _ in 0..5 {
            call(&mut breaker, Outcome::Failed, 0);
        }
        let mut now_ms = 1_000;
        for for_ms in [2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert!(call(&mut breaker, Outcome::Failed, now_ms));
            assert!(breaker.is_open(now_ms + for_ms - 1) && !breaker.is_open(now_ms + for_ms));
            now_ms += for_ms;
        }
        let probe = breaker.admit(now_ms).unwrap();
        breaker.record(probe, Outcome::Failed, now_ms, 1.0);
        assert!(breaker.is_open(now_ms + 14_999) && !breaker.is_open(now_ms + 15_000));
        let probe = breaker.admit(now_ms + 15_000).unwrap();
        breaker.record(probe, Outcome::Abandoned, now_ms + 15_001, 0.0);
        assert!(
            call(&mut breaker, Outcome::Answered, now_ms + 15_001),
            "the next one is the probe"
        );
    }

    #[test]
    fn calls_of_before_do_not_decide() {
        let mut breaker = Breaker::new(BreakerRules::default());
        let early: Vec<Permit> = (0..10).filter_map(|_| breaker.admit(0)).collect();
        let mut early = early.into_iter();
        for permit in early.by_ref().take(5) {
            breaker.record(permit, Outcome::Failed, 0, 0.0);
        }
        assert!(breaker.is_open(0));
        breaker.record(early.next().unwrap(), Outcome::Answered, 1, 0.0);
        assert!(breaker.is_open(1), "asked before it opened");
        let probe = breaker.admit(1_000).unwrap();
        breaker.record(early.next().unwrap(), Outcome::Answered, 1_000, 0.0);
        breaker.record(early.next().unwrap(), Outcome::Failed, 1_000, 0.0);
        assert!(breaker.is_open(1_000));
        breaker.record(probe, Outcome::Answered, 1_000, 0.0);
        assert!(!breaker.is_open(1_000));
    }

    proptest! {
        /// Whatever happens: at most one call is under way that was admitted since it opened, an open
        /// breaker is asked again within the longest time, and a closed one refuses nothing.
        #[test]
        fn it_never_stays_open_for_ever_and_probes_once_at_a_time(
            steps in prop::collection::vec((0_u8..4, 0_u64..5_000, 0.0_f64..1.0), 1..400),
        ) {
            let rules = BreakerRules::default();
            let mut breaker = Breaker::new(rules);
            let mut under_way: Vec<(Permit, bool)> = Vec::new();
            let (mut now_ms, mut refused_since_ms) = (0, None);
            for (step, pass_ms, jitter) in steps {
                now_ms += pass_ms;
                if step == 0 || under_way.is_empty() {
                    let was_closed = matches!(breaker.state, State::Closed { .. });
                    if let Some(permit) = breaker.admit(now_ms) {
                        prop_assert!(was_closed || under_way.iter().all(|(_, probe)| !probe));
                        under_way.push((permit, !was_closed));
                        refused_since_ms = None;
                    } else {
                        prop_assert!(!was_closed);
                        let since_ms = *refused_since_ms.get_or_insert(now_ms);
                        let is_probed = under_way.iter().any(|(_, probe)| *probe);
                        prop_assert!(is_probed || now_ms - since_ms <= rules.open_ms_max);
                    }
                } else {
                    let at = usize::from(step) % under_way.len();
                    let (permit, probe) = under_way.swap_remove(at);
                    let outcome = [Outcome::Answered, Outcome::Failed, Outcome::Abandoned]
                        [usize::from(step) - 1];
                    breaker.record(permit, outcome, now_ms, jitter);
                    if probe {
                        refused_since_ms = None;
                        let is_closed = matches!(breaker.state, State::Closed { .. });
                        prop_assert_eq!(is_closed, outcome == Outcome::Answered);
                    }
                }
            }
        }
    }
}
