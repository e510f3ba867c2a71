//! Dropped connections that reconnect, each after its back-off.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::str::FromStr;

use crate::centrifuge::Place;
use crate::engine::clock::NS_PER_MS;
use crate::engine::random::Random;

/// Pause before a failed connect is tried again without back-off, so that a server that refuses is
/// not asked without end.
const RETRY_NS: u64 = 10 * NS_PER_MS;

/// Times that the jitter of a failed connect is doubled at most.
const DOUBLINGS_MAX: u32 = 5;

/// How long clients wait before they reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backoff {
    /// Not at all.
    None,
    /// A random time up to so many milliseconds, doubled after each failure.
    Jitter { ms: u64 },
}

impl Backoff {
    fn delay_ns(self, attempt: u8, random: &mut Random) -> u64 {
        match self {
            Self::None if attempt == 0 => 0,
            Self::None => RETRY_NS,
            Self::Jitter { ms } => {
                let doublings = u32::from(attempt).min(DOUBLINGS_MAX);
                random.below((ms * NS_PER_MS) << doublings)
            }
        }
    }
}

impl FromStr for Backoff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let ms = text.strip_prefix("jitter:").and_then(|ms| ms.parse().ok());
        match ms {
            Some(ms @ 1..=3_600_000) => Ok(Self::Jitter { ms }),
            _ => Err("a back-off is none or jitter:MILLISECONDS".to_owned()),
        }
    }
}

impl std::fmt::Display for Backoff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Jitter { ms } => write!(f, "jitter:{ms}"),
        }
    }
}

/// A connection that is to reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Absent {
    pub(super) due_ns: u64,
    pub(super) number: u32,
    pub(super) channel: u32,
    /// Failed connects so far.
    pub(super) attempt: u8,
    /// Where it goes on.
    pub(super) place: Place,
}

/// Connections that are to reconnect, the next one first.
#[derive(Debug, Default)]
pub(super) struct Returning(BinaryHeap<Reverse<Absent>>);

impl Returning {
    pub(super) fn add(
        &mut self,
        (number, channel, place): (u32, u32, Place),
        attempt: u8,
        backoff: Backoff,
        now_ns: u64,
        random: &mut Random,
    ) {
        let due_ns = now_ns + backoff.delay_ns(attempt, random);
        self.0.push(Reverse(Absent { due_ns, number, channel, attempt, place }));
    }

    /// The next one whose time has come.
    pub(super) fn due(&mut self, now_ns: u64) -> Option<Absent> {
        let Reverse(next) = self.0.peek()?;
        if next.due_ns > now_ns {
            return None;
        }
        self.0.pop().map(|Reverse(absent)| absent)
    }

    pub(super) fn next_ns(&self) -> Option<u64> {
        self.0.peek().map(|Reverse(next)| next.due_ns)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_offs_are_read() {
        for text in ["none", "jitter:250"] {
            assert_eq!(text.parse::<Backoff>().unwrap().to_string(), text);
        }
        for wrong in ["", "jitter", "jitter:0", "jitter:x", "250"] {
            assert!(wrong.parse::<Backoff>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn they_come_back_in_the_order_of_their_times() {
        let mut random = Random::new(1);
        let mut returning = Returning::default();
        let jitter = Backoff::Jitter { ms: 100 };
        for number in 0..100 {
            returning.add((number, 0, Place::default()), 0, jitter, 0, &mut random);
        }
        let half: Vec<_> = std::iter::from_fn(|| returning.due(50 * NS_PER_MS)).collect();
        assert!((30..70).contains(&half.len()), "{}", half.len());
        assert!(half.is_sorted_by_key(|absent| absent.due_ns));
        assert_eq!(std::iter::from_fn(|| returning.due(100 * NS_PER_MS)).count(), 100 - half.len());
        assert!(returning.is_empty());
    }
}
