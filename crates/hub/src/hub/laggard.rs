//! Subscribers whose sockets are full: out of the fan-out's way, they pull when there is room.

use std::sync::Arc;

use super::Hub;
use crate::channel::{FIRST_MARK, WAITING};
use crate::start::missed;
use crate::subscriber_set::Entry;
use crate::{Lag, Moved, Publication, Pull, Subscription};

impl Hub {
    /// Takes a subscriber out of fan-out, because its socket could not take everything. `cursor` is
    /// the last publication that was sent whole or whose remainder the connection now holds (not
    /// beyond what fan-out gave). The subscription must be a ready one.
    pub fn block(
        &mut self,
        subscription: Subscription,
        cursor: u64,
    ) -> (Subscription, Option<Moved>) {
        assert!(!subscription.is_blocked(), "this subscriber is blocked already");
        let (entry, moved) = self.stand_up(subscription);
        let channel = &mut self.table[subscription.channel];
        let mark = if channel.is_waiting() {
            WAITING
        } else if entry.mark < channel.base {
            entry.mark
        } else {
            debug_assert!(channel.base + cursor <= entry.mark);
            entry.mark.min(channel.base + cursor)
        };
        let blocked = channel.blocked.get_or_insert_default();
        let place = blocked.push(Entry { who: entry.who, mark });
        self.mark_dirty(subscription.channel);
        (Subscription::blocked(subscription.channel, place), moved)
    }

    /// Copies what follows a subscriber's cursor into `publications` (emptied first): at most
    /// `bytes_max` of frames, but at least one. The cursor stays.
    pub fn pull(
        &self,
        subscription: Subscription,
        bytes_max: usize,
        publications: &mut Vec<Arc<Publication>>,
    ) -> Pull {
        publications.clear();
        let channel = &self.table[subscription.channel];
        let (base, head) = (channel.base, channel.head_mark());
        let mark = self.mark(subscription);
        if mark < base {
            return Pull::Deleted;
        }
        if mark >= head {
            return Pull::CaughtUp;
        }
        if mark < channel.kept_mark() {
            return Pull::Lagged { missed: missed(mark - base, channel.mark_after_lag() - base) };
        }
        channel.log().copy(mark - base, head - base, bytes_max, publications);
        Pull::More
    }

    /// Moves a subscriber's cursor forward, past what it was sent after a pull or past a gap that
    /// was announced to it.
    pub fn advance(&mut self, subscription: Subscription, cursor: u64) {
        self.place(subscription, cursor.max(self.cursor(subscription)));
    }

    /// Sets a subscriber's cursor, back or forth, to where it [begins](Hub::begin); beyond the head
    /// means the head. Place blocked subscriptions: a ready one behind the head costs a pass over
    /// the whole channel. Does nothing while the home has not answered, and after a deletion that
    /// the subscriber has yet to hear of.
    pub fn place(&mut self, subscription: Subscription, cursor: u64) {
        let before = self.mark(subscription);
        let channel = &mut self.table[subscription.channel];
        if channel.is_waiting() || before < channel.base {
            return;
        }
        let mark = channel.base + cursor.min(channel.log().head());
        match &mut channel.blocked {
            Some(blocked) if subscription.is_blocked() => {
                blocked.set_mark(subscription.index(), mark);
            }
            _ => channel.ready.set_mark(subscription.index(), mark),
        }
        self.mark_dirty(subscription.channel);
    }

    /// Returns a subscriber to fan-out. Pull until it has caught up first: a cursor behind the head
    /// costs a pass over the whole channel.
    pub fn unblock(&mut self, subscription: Subscription) -> (Subscription, Option<Moved>) {
        let (entry, moved) = self.stand_up(subscription);
        let place = self.table[subscription.channel].ready.push(entry);
        self.mark_dirty(subscription.channel);
        (Subscription::ready(subscription.channel, place), moved)
    }

    /// The last offset that a subscriber was given or has passed; 0 while the home has not answered
    /// and after a deletion. To take a subscription out of fan-out as it is, block it at its own
    /// cursor, for a socket that is full because of another channel.
    pub fn cursor(&self, subscription: Subscription) -> u64 {
        self.known_cursor(subscription).unwrap_or(0)
    }

    /// The stream that the subscriber listened to was deleted, and it has not left yet.
    pub fn is_deleted(&self, subscription: Subscription) -> bool {
        self.known_cursor(subscription).is_none()
    }

    /// How far a subscriber is behind. Looks at each publication between.
    pub fn lag(&self, subscription: Subscription) -> Lag {
        let log = self.table[subscription.channel].log();
        let cursor = self.known_cursor(subscription);
        Lag {
            publications: self.publications_behind(subscription),
            bytes: cursor.map_or(0, |cursor| log.frame_bytes_after(cursor)),
        }
    }

    /// The publications of [`lag`](Hub::lag) alone, which needs no look at each of them.
    pub fn publications_behind(&self, subscription: Subscription) -> u64 {
        let log = self.table[subscription.channel].log();
        self.known_cursor(subscription).map_or(0, |cursor| log.len_after(cursor))
    }

    /// A subscriber's cursor in the stream as it is now; none after a deletion.
    fn known_cursor(&self, subscription: Subscription) -> Option<u64> {
        self.mark(subscription).checked_sub(self.table[subscription.channel].base)
    }

    fn mark(&self, subscription: Subscription) -> u64 {
        let channel = &self.table[subscription.channel];
        let mark = match &channel.blocked {
            Some(blocked) if subscription.is_blocked() => blocked.get(subscription.index()).mark,
            _ => channel.ready.get(subscription.index()).mark,
        };
        if mark == WAITING { FIRST_MARK } else { mark }
    }
}
