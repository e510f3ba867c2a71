//! The home's side of mirrors.

use super::Hub;
use crate::channel::{RemoteMirror, Role};
use crate::{ChannelName, Message, Outbox, ShardId};

impl Hub {
    /// A shard wants to mirror a channel: whatever was published before is in the answer, whatever
    /// comes after follows it. An older mirror of that shard is gone.
    pub(super) fn join(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        from: ShardId,
        channel: u32,
        generation: u64,
        out: &mut Outbox,
    ) {
        debug_assert_eq!(self.router.home(name), self.id);
        let index = self.find_or_open(name, out);
        self.wake(index);
        let home_channel = &mut self.table[index];
        home_channel.request(now_ms);
        let (epoch, head) = (home_channel.epoch, home_channel.log.head());
        let log = home_channel.log.to_vec();
        if let Role::Home(home) = &mut home_channel.role {
            home.mirrors.retain(|mirror| mirror.shard != from);
            home.mirrors.push(RemoteMirror { generation, channel, subscribers: 1, shard: from });
            out.push((from, Message::Joined { channel, generation, epoch, head, log }));
        }
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
            home.mirrors.retain(|mirror| mirror.shard != from || mirror.generation != generation);
        }
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
        }
    }
}
