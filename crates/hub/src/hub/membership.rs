//! Subscribing and unsubscribing.

use super::Hub;
use crate::channel::{FIRST_MARK, WAITING};
use crate::subscriber_set::{Entry, SubscriberSet};
use crate::{ChannelName, Moved, Outbox, Subscriber, Subscription};

impl Hub {
    /// Subscribes to a channel from now on: to what this shard, or while a join is under way the
    /// channel's home, has not seen yet. Any name is taken; the caller decides who may subscribe to
    /// what and how often.
    pub fn subscribe(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        who: Subscriber,
        out: &mut Outbox,
    ) -> Subscription {
        let index = self.find_or_open(name, out);
        let channel = &mut self.table[index];
        channel.request(now_ms);
        let mark = channel.head_mark();
        let place = channel.ready.push(Entry { who, mark });
        self.subscriptions += 1;
        self.wake(index);
        self.presence_changed(now_ms, index, out);
        self.occupancy_changed(index);
        Subscription::ready(index, place)
    }

    /// Gives a subscription up. If that moves another subscriber, the caller must store its new
    /// subscription.
    pub fn unsubscribe(
        &mut self,
        now_ms: u64,
        subscription: Subscription,
        out: &mut Outbox,
    ) -> Option<Moved> {
        let (_, moved) = self.stand_up(subscription);
        self.subscriptions -= 1;
        // What was kept for the last ready subscriber may be more than laggards may have.
        self.mark_dirty(subscription.channel);
        self.presence_changed(now_ms, subscription.channel, out);
        self.occupancy_changed(subscription.channel);
        self.settle(now_ms, subscription.channel, out);
        moved
    }

    /// The subscribers of a channel on this shard, ready and blocked, at most `max` of them.
    pub fn members(&self, name: &ChannelName, max: usize) -> Vec<Subscriber> {
        let Some(index) = self.find(name) else {
            return Vec::new();
        };
        let channel = &self.table[index];
        let blocked = channel.blocked.iter().flat_map(|blocked| blocked.members());
        channel.ready.members().chain(blocked).take(max).collect()
    }

    /// Takes a subscriber from its subscription.
    pub(super) fn stand_up(&mut self, subscription: Subscription) -> (Entry, Option<Moved>) {
        let channel = &mut self.table[subscription.channel];
        let subscribers = if subscription.is_blocked() {
            channel.blocked.get_or_insert_default()
        } else {
            &mut channel.ready
        };
        let (mut entry, moved) = subscribers.remove(subscription.index());
        if entry.mark == WAITING {
            entry.mark = FIRST_MARK;
        }
        let moved = moved.map(|who| Moved { who, subscription });
        if channel.blocked.as_deref().is_some_and(SubscriberSet::is_empty) {
            channel.blocked = None;
        }
        (entry, moved)
    }
}
