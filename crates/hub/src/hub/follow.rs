//! A home whose streams are numbered elsewhere: it follows what an engine says that several machines
//! share, and never numbers a publication itself.

use std::sync::Arc;

use super::Hub;
use crate::log::Log;
use crate::role::{Home, Role};
use crate::{ChannelName, Epoch, Message, Outbox, Position, Publication, Receipt};

/// A part of a stream up to its head, as the engine has it that numbers it.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The stream's epoch.
    pub epoch: Epoch,
    /// The offset behind which `publications` begin; the head when there are none.
    pub before: u64,
    /// All publications after `before`.
    pub publications: Vec<Arc<Publication>>,
    /// When the publication at `before` was made (Unix milliseconds); 0 where that is not known.
    pub dropped_ms: u64,
}

impl Hub {
    /// Whether this home follows the channel's stream. It forgets channels that no shard uses.
    pub fn follows(&self, name: &ChannelName) -> bool {
        self.find(name).is_some()
    }

    /// Where this home is in the stream of a channel; none where it does not follow it.
    pub fn position_of(&self, name: &ChannelName) -> Option<Position> {
        self.table[self.find(name)?].position()
    }

    /// Whether some shard uses a channel that this home follows.
    pub fn is_used(&self, name: &ChannelName) -> bool {
        self.find(name).is_some_and(|index| !self.table[index].is_idle())
    }

    /// Takes a part of a stream. Call it before a shard's [`Message::Join`] of a channel that this home
    /// does not [follow](Hub::follows), and where a part of the stream was missed:
    ///
    /// - What is new to this home goes to all mirrors.
    /// - If the part begins behind this home's head, what lies between is lost. Subscribers that wait for
    ///   it fall off the log, as those that are too slow.
    /// - Another epoch is another stream: the subscribers of the old one get
    ///   [`WorkKind::Deleted`](crate::WorkKind::Deleted).
    ///
    /// Only for the channel's home, as [`publish_home`](Hub::publish_home).
    pub fn follow(&mut self, now_ms: u64, name: &ChannelName, stream: Stream, out: &mut Outbox) {
        let Some(index) = self.find(name) else {
            return self.begin_to_follow(now_ms, name, stream, out);
        };
        if self.table[index].epoch != stream.epoch {
            self.restart_home(index, (stream.epoch, stream.before), out);
        } else if self.table[index].log().head() < stream.before {
            self.lose_home(index, stream.before, out);
        }
        for publication in stream.publications {
            self.take_next(now_ms, index, publication, out);
        }
    }

    /// Takes the next publication of a stream that this home follows, and sends it to all mirrors.
    /// False, and nothing is done, where the home is past it, does not follow the stream, or follows one
    /// of another epoch. The caller sees to it that none is left out.
    pub fn follow_next(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        publication: Arc<Publication>,
        out: &mut Outbox,
    ) -> bool {
        self.find(name).is_some_and(|index| self.take_next(now_ms, index, publication, out))
    }

    fn take_next(
        &mut self,
        now_ms: u64,
        index: u32,
        publication: Arc<Publication>,
        out: &mut Outbox,
    ) -> bool {
        let (channel, position) = (&self.table[index], publication.position());
        if channel.epoch != position.epoch || position.offset <= channel.log().head() {
            return false;
        }
        self.publications += 1;
        self.give_out(now_ms, index, publication, out);
        true
    }

    /// The stream was deleted by what has this offset, behind which it goes on. Its subscribers on all
    /// shards get [`WorkKind::Deleted`](crate::WorkKind::Deleted).
    pub fn follow_deletion(&mut self, name: &ChannelName, offset: u64, out: &mut Outbox) {
        let Some(index) = self.find(name) else { return };
        let channel = &self.table[index];
        if offset <= channel.log().head() {
            return;
        }
        if channel.is_idle() {
            self.forget(index, out);
        } else {
            self.restart_home(index, (channel.epoch, offset), out);
        }
    }

    /// The receipt of a publication that another has numbered. None where this home does not follow the
    /// channel.
    pub fn receipt_home(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        position: Position,
        out: &mut Outbox,
    ) -> Option<Receipt> {
        let index = self.find(name)?;
        Some(self.receipt(now_ms, index, position, out))
    }

    /// Whether an announcement may be published, as [`announce`](Hub::announce) says it. One that may not is
    /// counted.
    pub fn may_announce(&mut self, now_ms: u64, name: &ChannelName, per_second: u32) -> bool {
        let index = self.find(name);
        let may = index.is_some_and(|index| self.table[index].pace().allow(now_ms, per_second));
        self.announcements_dropped += u64::from(!may);
        may
    }

    /// Follows a channel no longer, if no shard has used it for so long. True if it is not followed
    /// any more.
    pub fn unfollow(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        idle_ms: u64,
        out: &mut Outbox,
    ) -> bool {
        let Some(index) = self.find(name) else { return true };
        let is_over = self.table[index].is_idle() && self.is_over(now_ms, index, idle_ms);
        if is_over {
            self.forget(index, out);
        }
        is_over
    }

    fn begin_to_follow(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        stream: Stream,
        out: &mut Outbox,
    ) {
        let Stream { epoch, before, publications, dropped_ms } = stream;
        let hash = self.router.hash(name) as u32;
        let index = self.insert(name, hash, epoch, Role::Home(Home::default()));
        self.table[index].set_log(Log::seeded(before, publications, dropped_ms));
        self.log_grew(now_ms, index);
        self.settle(now_ms, index, out);
    }

    fn lose_home(&mut self, index: u32, until: u64, out: &mut Outbox) {
        if let Role::Home(home) = &self.table[index].role {
            out.extend(home.mirrors.iter().map(|mirror| {
                let (channel, generation) = (mirror.channel, mirror.generation);
                (mirror.shard, Message::Lost { channel, generation, until })
            }));
        }
        self.lose_until(index, until);
    }

    /// The stream goes on behind an offset, and nothing before that can be had.
    pub(super) fn lose_until(&mut self, index: u32, until: u64) {
        self.clear_log(index);
        let channel = &mut self.table[index];
        if until > channel.log().head() {
            channel.set_log(Log::new(until));
        }
        self.mark_dirty(index);
    }
}
