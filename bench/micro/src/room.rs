//! A hub that is home to some channels with subscribers.

use std::sync::Arc;

use switchboard_hub::{
    Accounting, ChannelName, Draft, Hub, Limits, Namespaces, Outbox, Router, Rules, ShardId,
    Subscriber, Subscription, Work,
};

/// Targets and bytes of one slice, as in a shard.
const SENDS_MAX: usize = 256;
const BYTES_MAX: usize = 64 << 10;

const NOW_MS: u64 = 1_000;

/// One hub, its channels, and where its subscribers sit.
#[derive(Debug)]
pub struct Room {
    hub: Hub,
    names: Vec<ChannelName>,
    /// By connection; the connections of a channel follow one another.
    subscriptions: Vec<Subscription>,
    work: Work,
    /// Stays empty: there is no other shard.
    out: Outbox,
    /// State of the generator that picks who leaves.
    random: u32,
}

impl Room {
    /// Some channels with so many subscribers each, whose logs are full and who have everything.
    pub fn new(channels: usize, subscribers: usize) -> Self {
        let router = Router::new(1);
        let (rules, limits) = (Rules::default(), Limits::default());
        let accounting = Arc::new(Accounting::default());
        // More would be evicted at once where there are many channels.
        let kept = if channels == 1 { rules.history.publications } else { 1 };
        let namespaces = Arc::new(Namespaces::new(rules, [], false));
        let names = (0..channels).map(|at| ChannelName::new(&format!("news:{at}")).unwrap());
        let mut room = Self {
            hub: Hub::new(ShardId(0), router, namespaces, limits, 1, accounting),
            names: names.collect(),
            subscriptions: Vec::with_capacity(channels * subscribers),
            work: Work::default(),
            out: Outbox::new(),
            random: 1,
        };
        for channel in 0..channels {
            for _ in 0..subscribers {
                let conn = room.subscriptions.len() as u32;
                let subscription = room.sit(channel, conn);
                room.subscriptions.push(subscription);
            }
        }
        let draft = crate::sample::draft(64);
        for _ in 0..=kept {
            (0..channels).for_each(|channel| room.publish(channel, draft.clone()));
            room.fan_out();
        }
        room
    }

    /// Publishes to one of the channels.
    pub fn publish(&mut self, channel: usize, draft: Draft) {
        let name = &self.names[channel];
        self.hub.publish_home(NOW_MS, name, draft, &mut self.out);
    }

    /// Hands out all slices of work; returns how many sends they are.
    pub fn fan_out(&mut self) -> usize {
        let mut sends = 0;
        while self.hub.next_work(SENDS_MAX, BYTES_MAX, &mut self.work) {
            sends += std::hint::black_box(&self.work).targets.len();
        }
        sends
    }

    /// One client leaves the first channel and another joins.
    pub fn replace_one(&mut self) {
        // An odd multiplier and a large step visit everybody in an order of no use to any cache.
        self.random = self.random.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let conn = (u64::from(self.random) * self.subscriptions.len() as u64) >> 32;
        let subscription = self.subscriptions[conn as usize];
        if let Some(moved) = self.hub.unsubscribe(NOW_MS, subscription, &mut self.out) {
            self.subscriptions[moved.who.conn as usize] = moved.subscription;
        }
        self.subscriptions[conn as usize] = self.sit(0, conn as u32);
    }

    fn sit(&mut self, channel: usize, conn: u32) -> Subscription {
        let who = Subscriber { conn, nth: 0, form: 0 };
        self.hub.subscribe(NOW_MS, &self.names[channel], who, &mut self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_sent_what_is_published_also_after_changes() {
        let mut room = Room::new(2, 300);
        (0..1_000).for_each(|_| room.replace_one());
        room.publish(0, crate::sample::draft(64));
        // Who left the second channel came to the first.
        let first = room.fan_out();
        assert!((301..600).contains(&first), "{first}");
        room.publish(1, crate::sample::draft(64));
        assert_eq!(first + room.fan_out(), 600);
        assert_eq!(room.fan_out(), 0);
    }
}
