//! What happens to a channel's stream: publications and deletion.

use std::sync::Arc;

use super::Hub;
use super::budget::TRIM_MAX;
use crate::log::Log;
use crate::role::Role;
use crate::{ChannelName, Draft, Epoch, Message, Outbox, Position, Publication, Receipt, ReplyTo};

impl Hub {
    /// Publishes: at once if this shard is the channel's home, otherwise by a message to the home.
    /// Returns the receipt where it is known at once. Elsewhere the home sends it to `reply_to`, if
    /// that is given, as [`Message::Published`].
    pub fn publish(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        draft: Draft,
        reply_to: Option<ReplyTo>,
        out: &mut Outbox,
    ) -> Option<Receipt> {
        let home = self.router.home(name);
        if home == self.id {
            return Some(self.publish_home(now_ms, name, draft, out));
        }
        out.push((home, Message::Publish { name: name.clone(), draft, reply_to }));
        None
    }

    /// Publishes what nobody waits for and a stranger can cause, such as that somebody has come: at
    /// most `per_second` of them a second in one channel, with a burst of as many, whatever shards
    /// they come from. The home drops and counts what is beyond; 0 means any number.
    pub fn announce(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        draft: Draft,
        per_second: u32,
        out: &mut Outbox,
    ) {
        let home = self.router.home(name);
        if home == self.id {
            return self.announce_home(now_ms, name, draft, per_second, out);
        }
        out.push((home, Message::Announce { name: name.clone(), draft, per_second }));
    }

    pub(super) fn announce_home(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        draft: Draft,
        per_second: u32,
        out: &mut Outbox,
    ) {
        let index = self.find_or_open_home(name);
        if !self.table[index].pace().allow(now_ms, per_second) {
            self.announcements_dropped += 1;
            return;
        }
        self.publish_home(now_ms, name, draft, out);
    }

    /// Publishes and returns the receipt. Only the channel's home can do that: calling it on
    /// another shard is a bug and panics.
    pub fn publish_home(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        draft: Draft,
        out: &mut Outbox,
    ) -> Receipt {
        let index = self.find_or_open_home(name);
        let offset = self.next_offset(self.table[index].log().head());
        let position = Position { epoch: self.table[index].epoch, offset };
        let times = (now_ms, self.fine_us);
        let publication = Publication::new(position, times, draft, &self.accounting);
        self.publications += 1;
        self.give_out(now_ms, index, publication, out)
    }

    /// Appends a home's next publication, and sends it to the mirrors.
    pub(super) fn give_out(
        &mut self,
        now_ms: u64,
        index: u32,
        publication: Arc<Publication>,
        out: &mut Outbox,
    ) -> Receipt {
        let channel = &mut self.table[index];
        let after = channel.log().head();
        let position = publication.position();
        let local = channel.subscribers() as u64;
        let mut remote = 0;
        if let Role::Home(home) = &mut channel.role {
            remote = home.remote_subscribers();
            out.extend(home.mirrors.iter().map(|mirror| {
                let (channel, generation) = (mirror.channel, mirror.generation);
                let publication = Arc::clone(&publication);
                (mirror.shard, Message::Deliver { channel, generation, after, publication })
            }));
        }
        let last_requested_ms = channel.last_requested_ms();
        self.append(now_ms, index, publication);
        let messages = self.table[index].log().history_len() as u64;
        self.renew_idle(now_ms, index, out);
        Receipt {
            position,
            subscribers: local + remote,
            subscribed: local + remote > 0,
            messages,
            last_requested_ms,
        }
    }

    /// Deletes the channel's stream: its subscribers on all shards get
    /// [`WorkKind::Deleted`](crate::WorkKind::Deleted), and later ones find a new epoch. False if
    /// there was nothing to delete. Only for the channel's home, as
    /// [`publish_home`](Hub::publish_home).
    pub fn delete_home(&mut self, name: &ChannelName, out: &mut Outbox) -> bool {
        let hash = self.home_hash(name);
        let Some(index) = self.table.find(hash as u32, name) else {
            return false;
        };
        let channel = &self.table[index];
        if channel.is_idle() {
            let existed = channel.log().head() > 0;
            self.forget(index, out);
            return existed;
        }
        let epoch = self.next_epoch();
        self.restart_home(index, (epoch, 0), out);
        true
    }

    /// Begins a new stream behind an offset, here and on the mirrors.
    pub(super) fn restart_home(
        &mut self,
        index: u32,
        (epoch, head): (Epoch, u64),
        out: &mut Outbox,
    ) {
        if let Role::Home(home) = &self.table[index].role {
            out.extend(home.mirrors.iter().map(|mirror| {
                let (channel, generation) = (mirror.channel, mirror.generation);
                (mirror.shard, Message::Deleted { channel, generation, epoch, head })
            }));
        }
        self.restart_stream(index, epoch, head);
    }

    /// The channel's index on its home, which this shard must be. Hashes the name once.
    pub(super) fn find_or_open_home(&mut self, name: &ChannelName) -> u32 {
        let hash = self.home_hash(name);
        let found = self.table.find(hash as u32, name);
        found.unwrap_or_else(|| self.open_home(name, hash as u32))
    }

    fn home_hash(&self, name: &ChannelName) -> u64 {
        let hash = self.router.hash(name);
        assert_eq!(self.router.shard_of(hash), self.id, "this shard is not the home of {name}");
        hash
    }

    /// Adds the next publication to the log.
    pub(super) fn append(&mut self, now_ms: u64, index: u32, publication: Arc<Publication>) {
        let channel = &mut self.table[index];
        let rules = &self.rules[channel.namespace];
        channel.log_mut().push(publication, &rules.history);
        channel.expire(now_ms, rules.history_ttl_ms, TRIM_MAX);
        self.log_grew(now_ms, index);
    }

    /// Begins a new stream behind an offset. The marks of all subscribers here are below the new
    /// base, which is how fan-out finds them.
    pub(super) fn restart_stream(&mut self, index: u32, epoch: Epoch, head: u64) {
        self.clear_log(index);
        let channel = &mut self.table[index];
        channel.base = channel.head_mark() + 1;
        channel.forget_stream();
        channel.set_log(Log::new(head));
        channel.epoch = epoch;
        channel.ready.abandon_pass();
        self.recall.forget_channel(index);
        self.mark_dirty(index);
    }

    /// Drops all that is kept; the head stays.
    pub(super) fn clear_log(&mut self, index: u32) {
        self.table[index].clear_log();
        self.shares.count(&mut self.table, index);
    }
}
