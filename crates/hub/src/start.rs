//! Where a subscriber begins, and what it misses.

use std::fmt;
use std::ops::RangeInclusive;

use crate::{Epoch, Position};

/// Where a subscriber wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is published from now on.
    Now,
    /// With the oldest publication of the history.
    Earliest,
    /// With the newest publication of the history.
    Latest,
    /// After this position.
    After(Position),
    /// After this offset, in whatever life the stream is.
    AfterOffset(u64),
    /// After the last publication that was made in this second (Unix time) or before.
    AfterSecond(u64),
    /// After this position, for a client that has no right to the history: where the stream has gone on
    /// since, that is lost to it.
    WithoutHistory(Position),
}

impl Start {
    /// After an offset, in the life of the stream that a text names: in whatever life where it is empty. One that is
    /// no epoch is that of a stream that nobody has.
    pub fn behind(offset: u64, epoch: &str) -> Self {
        if epoch.is_empty() {
            return Self::AfterOffset(offset);
        }
        match epoch.parse() {
            Ok(epoch) => Self::After(Position { epoch, offset }),
            Err(_) => Self::After(Position { epoch: Epoch::from_random(0), offset: 0 }),
        }
    }
}

/// Where a subscriber continues whose start is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnGap {
    /// With what is published from now on.
    #[default]
    Now,
    /// With the oldest publication of the history.
    Earliest,
}

/// Why publications are missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The position names another life of the stream, which is lost.
    Epoch,
    /// They are no longer kept.
    Evicted,
    /// The position names an offset that has not been given yet.
    Future,
    /// The subscriber was too slow, and its namespace lets it miss some.
    Slow,
    /// The client has no right to the history.
    Right,
}

impl GapReason {
    /// The word in the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Evicted => "evicted",
            Self::Future => "future",
            Self::Slow => "slow",
            Self::Right => "right",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a subscriber will never get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// Which offsets, where that is known: every publication in this range is missed, and none
    /// outside of it. Not each of these offsets need have been given.
    pub missed: Option<RangeInclusive<u64>>,
}

/// The offsets that a subscriber misses that goes on behind `last` instead of `after`.
pub(crate) fn missed(after: u64, last: u64) -> RangeInclusive<u64> {
    after + 1..=last
}

/// Where a subscriber really begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// It gets what follows this offset.
    pub cursor: u64,
    /// What it asked for and will not get.
    pub gap: Option<Gap>,
}
