//! Where a subscriber begins, new or resumed.

use std::sync::Arc;

use super::Hub;
use crate::start::missed;
use crate::{
    Begin, ChannelName, Gap, GapReason, Message, OnGap, Outbox, Position, Publication, ReplyTo,
    Start,
};

impl Hub {
    /// Looks up a channel for a client that wants its publications, and makes it if this is its
    /// home. Counts as a use: the idle time starts again. None while the home must be asked first:
    /// subscribe, [block](Hub::block), and wait for [`WorkKind::Joined`](crate::WorkKind::Joined).
    ///
    /// The index of a channel without subscribers is valid until the next call that takes `&mut
    /// self`.
    pub fn visit(&mut self, now_ms: u64, name: &ChannelName, out: &mut Outbox) -> Option<u32> {
        let hash = self.router.hash(name);
        let index = match self.table.find(hash as u32, name) {
            Some(index) => index,
            None if self.router.shard_of(hash) == self.id => self.open_home(name, hash as u32),
            None => return None,
        };
        let channel = &mut self.table[index];
        if channel.is_waiting() {
            return None;
        }
        channel.request(now_ms);
        self.renew_idle(now_ms, index, out);
        Some(index)
    }

    /// Where a subscriber that asks for `start` begins, and what it misses. None while the home has
    /// not answered. Changes nothing.
    ///
    /// A mirror knows only what its home sent. Take those messages before the request of a client
    /// that may have seen more, or its position seems to be from the future.
    pub fn begin(&self, now_ms: u64, index: u32, start: &Start, on_gap: OnGap) -> Option<Begin> {
        let channel = self.table.get(index)?;
        let stand = channel.position()?;
        let (log, head) = (channel.log(), stand.offset);
        let ttl_ms = self.rules[channel.namespace].history_ttl_ms;
        let before = log.history_before(now_ms, ttl_ms);
        let onward = match on_gap {
            OnGap::Now => head,
            OnGap::Earliest => before,
        };
        let at = |cursor| Begin { cursor, gap: None };
        let behind = |reason, missed| Begin { cursor: onward, gap: Some(Gap { reason, missed }) };
        Some(match *start {
            Start::Now => at(head),
            Start::Earliest => at(before),
            Start::Latest => at(log.before_newest().max(before)),
            Start::After(position) if position.epoch != stand.epoch => {
                behind(GapReason::Epoch, None)
            }
            Start::After(position) if position.offset > head => behind(GapReason::Future, None),
            Start::After(position) if position.offset < before => {
                behind(GapReason::Evicted, Some(missed(position.offset, onward)))
            }
            Start::After(position) => at(position.offset),
            Start::AfterOffset(offset) => {
                let position = Position { offset, ..stand };
                return self.begin(now_ms, index, &Start::After(position), on_gap);
            }
            Start::WithoutHistory(position) if position == stand => at(head),
            Start::WithoutHistory(_) => {
                Begin { cursor: head, gap: Some(Gap { reason: GapReason::Right, missed: None }) }
            }
            Start::AfterSecond(second) => {
                // Times grow with the offsets: if the last missing one is old enough, all are.
                if log.time_at(before).is_some_and(|time_ms| time_ms / 1000 > second) {
                    behind(GapReason::Evicted, None)
                } else {
                    at(log.last_until_second(second).max(before))
                }
            }
        })
    }

    /// Asks the home of a channel to say when it has come as far as a position: another machine that shares the
    /// channel may have given out what this one has not heard of yet. The answer is a
    /// [`Message::Reached`], behind all that the home had before.
    pub fn ask_to_reach(&self, channel: u32, position: Position, to: ReplyTo, out: &mut Outbox) {
        if let Some(name) = self.name(channel).cloned() {
            out.push((self.router.home(&name), Message::Reach { name, position, to }));
        }
    }

    /// Copies what follows `cursor` into `publications` (emptied first): at most `bytes_max` of
    /// frames, but at least one. Nothing when the cursor is at the head, or so far back that what
    /// follows it is no longer kept.
    pub fn copy_after(
        &self,
        channel: u32,
        cursor: u64,
        bytes_max: usize,
        publications: &mut Vec<Arc<Publication>>,
    ) {
        publications.clear();
        let Some(channel) = self.table.get(channel) else { return };
        let (log, head) = (channel.log(), channel.log().head());
        if cursor < head && cursor >= log.before() {
            log.copy(cursor, head, bytes_max, publications);
        }
    }

    /// What the history of a channel has after one offset and up to another, oldest first. Nothing while the
    /// home has not answered.
    pub fn history(
        &self,
        now_ms: u64,
        channel: u32,
        after: u64,
        until: u64,
    ) -> impl DoubleEndedIterator<Item = &Publication> {
        let channel = self.table.get(channel).filter(|channel| !channel.is_waiting());
        channel.into_iter().flat_map(move |channel| {
            let ttl_ms = self.rules[channel.namespace].history_ttl_ms;
            let after = after.max(channel.log().history_before(now_ms, ttl_ms));
            channel.log().between(after, until.max(after))
        })
    }

    /// When the last publication up to `offset` was made (Unix milliseconds), if it is kept or was the
    /// last one dropped; of that one only the second is known.
    pub fn time_at(&self, channel: u32, offset: u64) -> Option<u64> {
        self.table.get(channel)?.log().time_at(offset)
    }
}
