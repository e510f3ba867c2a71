//! When all channels of a stream are looked at: in rounds, one part of a round after another.

use switchboard_hub::ChannelName;

/// The least time from the beginning of one round to that of the next, since strangers can cause rounds.
const PAUSE_MS: u64 = 250;
/// The wait after a part that was not answered.
const RETRY_MS: u64 = 500;

/// The rounds of one stream.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    next_ms: u64,
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

    /// Begins a part, and perhaps a round. Returns the channel behind which it begins.
    pub(crate) fn begin(&mut self, now_ms: u64) -> Option<ChannelName> {
        if self.after.is_none() {
            self.began_ms = Some(now_ms);
        }
        self.is_asking = true;
        self.after.take()
    }

    /// A part is answered. Without a channel behind which to go on, the round is over.
    pub(crate) fn on_answered(
        &mut self,
        now_ms: u64,
        after: Option<ChannelName>,
        interval_ms: u64,
    ) {
        self.is_asking = false;
        self.after = after;
        if self.after.is_some() {
            self.next_ms = now_ms;
            return;
        }
        self.next_ms = self.began_ms.unwrap_or(now_ms) + interval_ms;
        if std::mem::take(&mut self.again) {
            self.hasten(now_ms);
        }
    }

    /// A part is not answered. The round begins again: how far it came does not matter beside that it failed.
    pub(crate) fn on_failed(&mut self, now_ms: u64) {
        *self = Self { next_ms: now_ms + RETRY_MS, began_ms: self.began_ms, ..Self::default() };
    }

    /// Begins the next round as soon as may be; after this one, where one is under way.
    pub(crate) fn hasten(&mut self, now_ms: u64) {
        self.again = self.is_asking || self.after.is_some();
        if !self.again {
            let earliest_ms = self.began_ms.map_or(0, |began_ms| began_ms + PAUSE_MS);
            self.next_ms = self.next_ms.min(earliest_ms.max(now_ms));
        }
    }
}
