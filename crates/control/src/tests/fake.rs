//! Shards that remember what they were asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use switchboard_hub::{
    Accounting, ChannelName, Draft, Epoch, HomeReport, Position, Publication, Receipt, ShardReport,
    SlowClient, SubscriberInfo,
};

use crate::broker::Broker;
use crate::inspect::Inspect;
use crate::reply::Reply;

/// Two shards; the second is home to every channel.
#[derive(Default)]
pub(super) struct Shards {
    pub channels: Mutex<HashMap<String, Vec<Arc<Publication>>>>,
    /// Every channel has a subscriber.
    pub subscribed: AtomicBool,
    /// The clients of each shard that cannot keep up.
    pub slow: Mutex<[Vec<SlowClient>; 2]>,
    /// Questions stay unanswered; they are kept here.
    pub silent: AtomicBool,
    unanswered: Mutex<Vec<Reply<Receipt>>>,
}

impl Shards {
    pub(super) fn last(&self, channel: &str) -> Arc<Publication> {
        Arc::clone(self.channels.lock().unwrap()[channel].last().unwrap())
    }

    pub(super) fn payloads(&self, channel: &str) -> Vec<Vec<u8>> {
        let channels = self.channels.lock().unwrap();
        channels
            .get(channel)
            .into_iter()
            .flatten()
            .map(|publication| publication.payload().to_vec())
            .collect()
    }

    pub(super) fn count(&self) -> usize {
        self.channels.lock().unwrap().values().map(Vec::len).sum()
    }

    pub(super) fn drop_unanswered(&self) {
        self.unanswered.lock().unwrap().clear();
    }

    fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    fn subscribers(&self) -> u64 {
        u64::from(self.subscribed.load(Ordering::Relaxed))
    }
}

fn position(offset: usize) -> Position {
    Position { epoch: Epoch::from_random(0), offset: offset as u64 }
}

/// The one of `shard` who listens to every channel when somebody does.
pub(super) fn subscriber(shard: usize) -> SubscriberInfo {
    let address = ([192, 0, 2, shard as u8], 4_000).into();
    SubscriberInfo { connection: format!("{shard}-7-1"), address, transport: "websocket" }
}

impl Broker for Shards {
    fn publish(&self, name: ChannelName, draft: Draft, reply: Reply<Receipt>) {
        if self.is_silent() {
            self.unanswered.lock().unwrap().push(reply);
            return;
        }
        let mut channels = self.channels.lock().unwrap();
        let log = channels.entry(name.to_string()).or_default();
        let offset = log.len() + 1;
        let accounting = Arc::new(Accounting::default());
        log.push(Publication::new(position(offset), 0, draft, &accounting));
        reply(Receipt {
            position: position(offset),
            subscribers: self.subscribers(),
            subscribed: self.subscribers() > 0,
            messages: offset as u64,
            last_requested_ms: None,
        });
    }

    fn delete(&self, name: ChannelName, reply: Reply<bool>) {
        reply(self.channels.lock().unwrap().remove(name.as_str()).is_some());
    }
}

impl Inspect for Shards {
    fn shards(&self) -> usize {
        2
    }

    fn report(&self, shard: usize, name: ChannelName, reply: Reply<ShardReport>) {
        if self.is_silent() {
            return;
        }
        let channels = self.channels.lock().unwrap();
        let home = channels.get(name.as_str()).filter(|_| shard == 1).map(|log| HomeReport {
            position: position(log.len()),
            messages: log.len() as u64,
            bytes: 0,
            last_publication_ms: Some(0),
        });
        reply(ShardReport { subscribers: self.subscribers(), last_requested_ms: None, home });
    }

    fn subscribers(
        &self,
        shard: usize,
        _name: ChannelName,
        max: usize,
        reply: Reply<Vec<SubscriberInfo>>,
    ) {
        if self.is_silent() {
            return;
        }
        let listeners = (0..self.subscribers()).map(|_| subscriber(shard));
        reply(listeners.take(max).collect());
    }

    fn slow(&self, shard: usize, max: usize, reply: Reply<Vec<SlowClient>>) {
        if self.is_silent() {
            return;
        }
        reply(self.slow.lock().unwrap()[shard].iter().take(max).cloned().collect());
    }

    fn counters(&self) -> Vec<Vec<(&'static str, u64)>> {
        vec![vec![("connections", 3), ("short", 1)], vec![("connections", 4)]]
    }
}
