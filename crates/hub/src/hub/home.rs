//! The home's side of mirrors.

use super::Hub;
use crate::role::{RemoteMirror, Role};
use crate::{ChannelName, Message, Outbox, ShardId};

impl Hub {
    /// A shard wants to mirror a channel. The answer has the stream's head; what comes later
    /// follows it. An older mirror of that shard is gone.
    pub(super) fn join(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        from: ShardId,
        channel: u32,
        generation: u64,
        out: &mut Outbox,
    ) {
        let index = self.find_or_open_home(name);
        self.wake(index);
        let home_channel = &mut self.table[index];
        home_channel.request(now_ms);
        let ttl_ms = self.rules[home_channel.namespace].history_ttl_ms;
        let (epoch, log) = (home_channel.epoch, home_channel.log());
        let before = log.history_before(now_ms, ttl_ms);
        let history = log.to_vec(before);
        let dropped_ms = log.time_at(before).unwrap_or(0);
        if let Role::Home(home) = &mut home_channel.role {
            let mirror = RemoteMirror { generation, channel, subscribers: 1, shard: from };
            home.replace_mirror(from, None, Some(mirror));
            let joined =
                Message::Joined { channel, generation, epoch, before, history, dropped_ms };
            out.push((from, joined));
        }
        self.occupancy_changed(index);
    }

    /// A shard's mirror is gone, unless that shard has joined again since.
    pub(super) fn leave(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        from: ShardId,
        generation: u64,
        out: &mut Outbox,
    ) {
        let Some(index) = self.find(name) else { return };
        if let Role::Home(home) = &mut self.table[index].role {
            home.replace_mirror(from, Some(generation), None);
        }
        self.occupancy_changed(index);
        self.settle(now_ms, index, out);
    }

    /// A mirror's number of subscribers.
    pub(super) fn note_presence(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        from: ShardId,
        generation: u64,
        subscribers: u32,
    ) {
        let Some(index) = self.find(name) else { return };
        let channel = &mut self.table[index];
        let Role::Home(home) = &mut channel.role else {
            return;
        };
        let mirror = home
            .mirrors
            .iter_mut()
            .find(|mirror| mirror.shard == from && mirror.generation == generation);
        if let Some(mirror) = mirror {
            let more = subscribers > mirror.subscribers;
            mirror.subscribers = subscribers;
            if more {
                channel.request(now_ms);
            }
            self.occupancy_changed(index);
        }
    }
}
