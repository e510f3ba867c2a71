//! When the next publication is due, and to which channel.

use std::collections::VecDeque;

use super::lanes::Lanes;
use crate::engine::clock::nanoseconds;

/// A publication that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) channel: u32,
    pub(crate) due_ns: u64,
}

/// The order of publications.
#[derive(Debug)]
pub(crate) enum Schedule {
    /// At a rate, whatever happens: the channels take turns.
    Open { channels: u32, rate_per_s: f64, next: u64 },
    /// A number of publications under way in each channel; one goes out when one has reached all.
    Closed { ready: VecDeque<u32> },
    /// A number of publications in flight in all channels together.
    InFlight(Lanes),
}

impl Schedule {
    /// `rate_per_s` of all channels together.
    pub(crate) fn open(channels: u32, rate_per_s: f64) -> Self {
        Self::Open { channels, rate_per_s, next: 0 }
    }

    /// `window` publications under way in each channel.
    pub(crate) fn closed(channels: u32, window: u32) -> Self {
        let ready = (0..window).flat_map(|_| 0..channels).collect();
        Self::Closed { ready }
    }

    /// `in_flight` publications in all channels together, at most one in each.
    pub(crate) fn in_flight(channels: u32, in_flight: u32) -> Self {
        Self::InFlight(Lanes::new(channels, in_flight))
    }

    /// The next one that is due, in a run that began at `start_ns`.
    pub(crate) fn next(&mut self, start_ns: u64, now_ns: u64) -> Option<Due> {
        match self {
            Self::Open { channels, next, .. } => {
                let channel = (*next % u64::from(*channels)) as u32;
                let due_ns = self.next_ns(start_ns)?;
                if due_ns > now_ns {
                    return None;
                }
                if let Self::Open { next, .. } = self {
                    *next += 1;
                }
                Some(Due { channel, due_ns })
            }
            Self::Closed { ready } => {
                let channel = ready.pop_front()?;
                Some(Due { channel, due_ns: now_ns })
            }
            Self::InFlight(lanes) => {
                let channel = lanes.next()?;
                Some(Due { channel, due_ns: now_ns })
            }
        }
    }

    /// When the next one is due, if that is a matter of time.
    pub(crate) fn next_ns(&self, start_ns: u64) -> Option<u64> {
        match self {
            Self::Open { rate_per_s, next, .. } => {
                Some(start_ns + nanoseconds(*next as f64 / rate_per_s))
            }
            Self::Closed { .. } | Self::InFlight(_) => None,
        }
    }

    /// A publication of this channel has reached everyone.
    pub(crate) fn completed(&mut self, channel: u32) {
        match self {
            Self::Open { .. } => {}
            Self::Closed { ready } => ready.push_back(channel),
            Self::InFlight(lanes) => lanes.delivered(channel),
        }
    }

    /// A publication of this channel was answered, or never will be.
    pub(crate) fn answered(&mut self, channel: u32) {
        if let Self::InFlight(lanes) = self {
            lanes.answered(channel);
        }
    }

    /// Whether completions matter.
    pub(crate) fn is_closed(&self) -> bool {
        !matches!(self, Self::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::{NS_PER_MS, NS_PER_S};

    #[test]
    fn an_open_schedule_keeps_its_times_however_late_it_is_asked() {
        let mut schedule = Schedule::open(2, 1_000.0);
        let start_ns = 5 * NS_PER_S;
        assert_eq!(schedule.next(start_ns, start_ns - 1), None);
        let late = start_ns + 3 * NS_PER_MS;
        let due: Vec<_> = std::iter::from_fn(|| schedule.next(start_ns, late))
            .map(|due| (due.channel, (due.due_ns - start_ns) / NS_PER_MS))
            .collect();
        assert_eq!(due, [(0, 0), (1, 1), (0, 2), (1, 3)]);
        assert_eq!(schedule.next_ns(start_ns), Some(start_ns + 4 * NS_PER_MS));
    }

    #[test]
    fn a_closed_schedule_waits_for_completions() {
        let mut schedule = Schedule::closed(2, 2);
        let first: Vec<_> =
            std::iter::from_fn(|| schedule.next(0, 7)).map(|due| due.channel).collect();
        assert_eq!(first, [0, 1, 0, 1]);
        assert_eq!((schedule.next(0, 8), schedule.next_ns(0)), (None, None));
        schedule.completed(1);
        assert_eq!(schedule.next(0, 9), Some(Due { channel: 1, due_ns: 9 }));
    }
}
