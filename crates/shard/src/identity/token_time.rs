//! How long a turn may check tokens.

/// Time that tokens may still take in a turn, in microseconds, since the turn also delivers. What is beyond it
/// waits for the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenTime {
    newcomers_us: u32,
    listeners_us: u32,
}

/// Who shows a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shower {
    /// One that wants to listen.
    Newcomer,
    /// One that listens, and whose time would be over without a new token: newcomers do not take its time.
    Listener,
}

/// What the tokens of either kind have in any turn.
const IN_ANY_TURN_US: u32 = 1_000;

/// What those of newcomers have for each event of the turn. A connection that is accepted takes longer: its
/// accept and its request are two events.
const FOR_EACH_EVENT_US: u32 = 10;

impl TokenTime {
    /// For a turn with so many events. Where everyone comes back at once, turns are long by their events, and
    /// tokens take as long again: with the same time in each turn, their queue would grow.
    pub(crate) fn of_turn(events: usize) -> Self {
        // A turn has some thousand events at most.
        let events = events.min(1 << 16) as u32;
        Self {
            newcomers_us: IN_ANY_TURN_US + events * FOR_EACH_EVENT_US,
            listeners_us: IN_ANY_TURN_US,
        }
    }

    /// Whether there is time for a further token of a newcomer.
    pub(crate) fn is_left(self) -> bool {
        self.newcomers_us > 0
    }

    /// Takes the time of a token, if any is left: the last one may take longer than that.
    pub(crate) fn take(&mut self, shower: Shower, cost_us: u32) -> bool {
        let left_us = match shower {
            Shower::Newcomer => &mut self.newcomers_us,
            Shower::Listener => &mut self.listeners_us,
        };
        let is_left = *left_us > 0;
        *left_us = left_us.saturating_sub(cost_us);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_take_no_time_of_listeners() {
        let mut time = TokenTime::of_turn(10);
        assert!(time.take(Shower::Newcomer, 1_000) && time.is_left());
        assert!(time.take(Shower::Newcomer, 1_000) && !time.is_left(), "more than was left");
        assert!(!time.take(Shower::Newcomer, 1) && time.take(Shower::Listener, 1_000));
        assert!(!time.take(Shower::Listener, 1));
        assert!(TokenTime::of_turn(usize::MAX).is_left());
    }
}
