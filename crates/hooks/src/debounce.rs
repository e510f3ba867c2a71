//! Holds back who occupies and vacates channels: what is undone within a moment has not happened.
//!
//! Pure: time comes in as an argument.

use std::collections::{HashMap, VecDeque};
use std::mem::discriminant;

use switchboard_hub::ChannelName;

use crate::{Event, EventKind};

/// Holds `occupied` and `vacated` of each channel for a moment. A channel is held back once, so what a backend
/// hears of it alternates, and ends with what is true.
#[derive(Debug)]
pub struct Debounce {
    window_ms: u64,
    channels_max: usize,
    held: HashMap<ChannelName, Held>,
    /// In the order in which they are due, with those that were undone meanwhile.
    order: VecDeque<(u64, ChannelName)>,
    next: u64,
}

#[derive(Debug)]
struct Held {
    number: u64,
    due_ms: u64,
    event: Event,
}

impl Debounce {
    /// Holds for `window_ms`; with 0, nothing. Beyond `channels_max` channels events are not held.
    pub fn new(window_ms: u64, channels_max: usize) -> Self {
        let (held, order) = (HashMap::new(), VecDeque::new());
        Self { window_ms, channels_max, held, order, next: 0 }
    }

    /// Takes an event at `now_ms`, and gives it back where it is not held.
    pub fn push(&mut self, event: Event, now_ms: u64) -> Option<Event> {
        let (EventKind::Occupied { channel } | EventKind::Vacated { channel }) = &event.kind else {
            return Some(event);
        };
        if let Some(held) = self.held.get(channel) {
            // The same again says nothing new.
            if discriminant(&held.event.kind) != discriminant(&event.kind) {
                self.held.remove(channel);
                self.forget_undone();
            }
            return None;
        }
        if self.window_ms == 0 || self.held.len() >= self.channels_max {
            return Some(event);
        }
        let (channel, number) = (channel.clone(), self.next);
        self.next += 1;
        self.order.push_back((number, channel.clone()));
        let due_ms = now_ms.saturating_add(self.window_ms);
        self.held.insert(channel, Held { number, due_ms, event });
        None
    }

    /// The next event whose moment is over at `now_ms`.
    pub fn due(&mut self, now_ms: u64) -> Option<Event> {
        self.next_held(|held| held.due_ms <= now_ms)
    }

    /// The next event, whether its moment is over or not.
    pub fn flush(&mut self) -> Option<Event> {
        self.next_held(|_| true)
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// None are held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn next_held(&mut self, is_due: impl Fn(&Held) -> bool) -> Option<Event> {
        while let Some((number, channel)) = self.order.front() {
            match self.held.get(channel).filter(|held| held.number == *number) {
                Some(held) if !is_due(held) => return None,
                Some(_) => {
                    let (_, channel) = self.order.pop_front()?;
                    return self.held.remove(&channel).map(|held| held.event);
                }
                None => {
                    self.order.pop_front();
                }
            }
        }
        None
    }

    /// A channel that comes and goes all the time must not fill the order.
    fn forget_undone(&mut self) {
        const SLACK: usize = 64;
        if self.order.len() > 2 * self.held.len() + SLACK {
            let held = &self.held;
            self.order.retain(|(number, channel)| {
                held.get(channel).is_some_and(|held| held.number == *number)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(channel: u8, is_occupied: bool) -> Event {
        let channel = ChannelName::new(&channel.to_string()).unwrap();
        let kind = if is_occupied {
            EventKind::Occupied { channel }
        } else {
            EventKind::Vacated { channel }
        };
        Event { time_ms: 0, kind }
    }

    #[test]
    fn what_is_undone_within_the_moment_has_not_happened() {
        let mut debounce = Debounce::new(1_000, 10);
        assert_eq!(debounce.push(event(1, true), 0), None);
        assert_eq!(debounce.push(event(2, true), 1), None);
        assert_eq!(debounce.push(event(1, false), 999), None);
        assert_eq!(debounce.due(1_000), None);
        assert_eq!(debounce.due(1_001), Some(event(2, true)));
        assert!(debounce.is_empty() && debounce.due(u64::MAX).is_none());
        assert_eq!(debounce.push(event(2, false), 2_000), None);
        assert_eq!(debounce.push(event(2, false), 2_500), None, "the same again");
        assert_eq!((debounce.len(), debounce.flush()), (1, Some(event(2, false))));
    }

    #[test]
    fn other_events_pass_and_so_do_all_without_a_moment_or_room() {
        let user = || "7".into();
        let connected = EventKind::Disconnected { connection: "0-1-1".to_owned(), user: user() };
        let connected = Event { time_ms: 0, kind: connected };
        let mut debounce = Debounce::new(1_000, 1);
        assert_eq!(debounce.push(connected.clone(), 0), Some(connected));
        assert_eq!(debounce.push(event(1, true), 0), None);
        assert_eq!(debounce.push(event(2, true), 0), Some(event(2, true)));
        let mut off = Debounce::new(0, 10);
        assert_eq!(off.push(event(1, true), 0), Some(event(1, true)));
        assert_eq!(off.push(event(1, false), 0), Some(event(1, false)));
    }

    proptest! {
        #[test]
        fn what_is_told_of_a_channel_alternates_and_ends_with_the_truth(
            steps in prop::collection::vec((0_u8..6, 0_u64..400), 0..600),
            channels_max in 0_usize..6,
        ) {
            let mut debounce = Debounce::new(1_000, channels_max);
            let (mut truth, mut told) = ([false; 6], [false; 6]);
            let mut now_ms = 0;
            let mut tell = |event: Event| {
                let (EventKind::Occupied { channel } | EventKind::Vacated { channel }) = &event.kind
                else {
                    panic!("{event:?}");
                };
                let channel: usize = channel.as_str().parse().unwrap();
                let is_occupied = matches!(event.kind, EventKind::Occupied { .. });
                assert_ne!(told[channel], is_occupied, "{channel} twice");
                told[channel] = is_occupied;
            };
            for (channel, pass_ms) in steps {
                now_ms += pass_ms;
                while let Some(event) = debounce.due(now_ms) {
                    tell(event);
                }
                let state = &mut truth[usize::from(channel)];
                *state = !*state;
                if let Some(event) = debounce.push(event(channel, *state), now_ms) {
                    tell(event);
                }
                prop_assert!(debounce.len() <= channels_max);
                prop_assert!(debounce.order.len() <= 2 * debounce.len() + 65);
            }
            while let Some(event) = debounce.flush() {
                tell(event);
            }
            prop_assert_eq!(told, truth);
        }
    }
}
