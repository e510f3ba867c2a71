//! When all channels of a stream are looked at: in rounds, one part of a round after another.
//!
//! A round begins with the leader, which says how far the stream is. The parts are answered by any replica; one
//! that has come that far says what there was when the round began.

use switchboard_hub::ChannelName;

/// The least time from the beginning of one round to that of the next, since strangers can cause rounds.
const PAUSE_MS: u64 = 250;
/// The wait after a part that was not answered.
const RETRY_MS: u64 = 500;

/// How far a stream was at a time: what is newer was stored later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) at_ms: u64,
    pub(crate) last: u64,
}

/// What to ask next.
#[derive(Debug)]
pub(crate) enum Part {
    /// The leader.
    Leader,
    /// For the channels after this one.
    After(Option<ChannelName>),
}

/// The rounds of one stream.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    next_ms: u64,
    /// What the leader said, while a round is under way.
    mark: Option<Mark>,
    /// The round goes on behind this channel.
    after: Option<ChannelName>,
    is_asking: bool,
    began_ms: Option<u64>,
    /// Something came up during the round that it may not have seen.
    again: bool,
}

impl Checks {
    /// When to ask for the next part. None while one is under way.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        (!self.is_asking).then_some(self.next_ms)
    }

    /// Begins a part, and perhaps a round.
    pub(crate) fn begin(&mut self, now_ms: u64) -> Part {
        self.is_asking = true;
        if self.mark.is_some() {
            return Part::After(self.after.take());
        }
        self.began_ms = Some(now_ms);
        Part::Leader
    }

    /// The leader has answered what it was asked then.
    pub(crate) fn on_leader(&mut self, now_ms: u64, mark: Mark) {
        (self.is_asking, self.mark, self.next_ms) = (false, Some(mark), now_ms);
    }

    /// A part is answered. Without a channel behind which to go on, the round is over. Returns what the leader said.
    pub(crate) fn on_answered(
        &mut self,
        now_ms: u64,
        after: Option<ChannelName>,
        interval_ms: u64,
    ) -> Option<Mark> {
        self.is_asking = false;
        self.after = after;
        if self.after.is_some() {
            self.next_ms = now_ms;
            return self.mark;
        }
        self.next_ms = self.began_ms.unwrap_or(now_ms) + interval_ms;
        let mark = self.mark.take();
        if std::mem::take(&mut self.again) {
            self.hasten(now_ms);
        }
        mark
    }

    /// A part is not answered. The round begins again: how far it came does not matter beside that it failed.
    pub(crate) fn on_failed(&mut self, now_ms: u64) {
        *self = Self { next_ms: now_ms + RETRY_MS, began_ms: self.began_ms, ..Self::default() };
    }

    /// Begins the next round as soon as may be; after this one, where one is under way.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        self.again = self.is_asking || self.mark.is_some();
        if !self.again {
            let earliest_ms = self.began_ms.map_or(0, |began_ms| began_ms + PAUSE_MS);
            self.next_ms = self.next_ms.min(earliest_ms.max(now_ms));
        }
    }
}
