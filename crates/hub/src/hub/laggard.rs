//! Subscribers whose sockets are full: out of the fan-out's way, they pull when there is room.

use std::sync::Arc;

use super::Hub;
use crate::channel::{FIRST_MARK, WAITING};
use crate::roster::Entry;
use crate::{Lag, Moved, Publication, Pull, Seat};

impl Hub {
    /// Takes a subscriber out of fan-out, because its socket could not take everything. `cursor` is
    /// the last publication that was handed over whole or whose remainder the connection now holds
    /// (not beyond what fan-out gave). The seat must be a ready one.
    pub fn block(&mut self, seat: Seat, cursor: u64) -> (Seat, Option<Moved>) {
        assert!(!seat.is_blocked(), "this subscriber is blocked already");
        let (entry, moved) = self.stand_up(seat);
        let channel = &mut self.table[seat.channel];
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
        self.mark_dirty(seat.channel);
        (Seat::blocked(seat.channel, place), moved)
    }

    /// Copies what follows a subscriber's cursor into `publications` (emptied first): at most
    /// `bytes_max` of frames, but at least one. The cursor stays.
    pub fn pull(
        &self,
        seat: Seat,
        bytes_max: usize,
        publications: &mut Vec<Arc<Publication>>,
    ) -> Pull {
        publications.clear();
        let channel = &self.table[seat.channel];
        let (base, head) = (channel.base, channel.head_mark());
        let mark = self.mark(seat);
        if mark < base {
            return Pull::Deleted;
        }
        if mark >= head {
            return Pull::CaughtUp;
        }
        if mark + 1 < channel.first_mark() {
            return Pull::Lagged { missed: mark + 1 - base..=channel.mark_after_lag() - base };
        }
        channel.log.copy(mark - base, head - base, bytes_max, publications);
        Pull::More
    }

    /// Moves a subscriber's cursor forward, behind what it was sent after a pull or behind a gap
    /// that it was told of.
    pub fn advance(&mut self, seat: Seat, cursor: u64) {
        self.place(seat, cursor.max(self.cursor(seat)));
    }

    /// Sets a subscriber's cursor, back or forth, to where it [begins](Hub::begin); beyond the head
    /// means the head. Place blocked seats: a ready one behind the head costs a pass over the whole
    /// channel. Nothing happens while the home has not answered, and after a deletion, of which the
    /// subscriber still must hear.
    pub fn place(&mut self, seat: Seat, cursor: u64) {
        let before = self.mark(seat);
        let channel = &mut self.table[seat.channel];
        if channel.is_waiting() || before < channel.base {
            return;
        }
        let mark = channel.base + cursor.min(channel.log.head());
        match &mut channel.blocked {
            Some(blocked) if seat.is_blocked() => blocked.set_mark(seat.index(), mark),
            _ => channel.ready.set_mark(seat.index(), mark),
        }
        self.mark_dirty(seat.channel);
    }

    /// Gives a subscriber back to fan-out. Pull until it has caught up before: a cursor behind the
    /// head costs a pass over the whole channel.
    pub fn unblock(&mut self, seat: Seat) -> (Seat, Option<Moved>) {
        let (entry, moved) = self.stand_up(seat);
        let place = self.table[seat.channel].ready.push(entry);
        self.mark_dirty(seat.channel);
        (Seat::ready(seat.channel, place), moved)
    }

    /// The last offset that a subscriber was given or stands behind; 0 while the home has not
    /// answered and after a deletion. Blocking a seat at its own cursor takes it out of fan-out as
    /// it is, for a socket that is full because of another channel.
    pub fn cursor(&self, seat: Seat) -> u64 {
        self.mark(seat).saturating_sub(self.table[seat.channel].base)
    }

    /// The stream that the subscriber listened to was deleted, and it has not left yet.
    pub fn is_deleted(&self, seat: Seat) -> bool {
        self.mark(seat) < self.table[seat.channel].base
    }

    /// How far a subscriber is behind. Looks at each publication between.
    pub fn lag(&self, seat: Seat) -> Lag {
        let channel = &self.table[seat.channel];
        match self.mark(seat).checked_sub(channel.base) {
            Some(cursor) => Lag {
                publications: channel.log.head() - cursor,
                bytes: channel.log.frame_bytes_after(cursor),
            },
            None => Lag::default(),
        }
    }

    fn mark(&self, seat: Seat) -> u64 {
        let channel = &self.table[seat.channel];
        let mark = match &channel.blocked {
            Some(blocked) if seat.is_blocked() => blocked.get(seat.index()).mark,
            _ => channel.ready.get(seat.index()).mark,
        };
        if mark == WAITING { FIRST_MARK } else { mark }
    }
}
