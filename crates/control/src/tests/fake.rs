//! Shards that remember what they were asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use switchboard_api::centrifugo::{Ending, GivenChannel};
use switchboard_api::{HistogramCounts, Metric, Phase, PhaseCell, Unit};
use switchboard_hub::{
    Accounting, ChannelName, Condition, Draft, Epoch, History, HistoryQuery, HomeReport, Kind,
    ListenedTo, Position, Publication, Published, Receipt, ShardReport, SlowClient, SubscriberInfo,
    Unpublished,
};

use crate::broker::Broker;
use crate::inspect::{Inspect, Only, Refresh};
use crate::reply::Reply;

/// Two shards; the second is home to every channel.
#[derive(Default)]
pub(super) struct Shards {
    /// How many publications each channel has.
    pub channels: Mutex<HashMap<String, usize>>,
    /// Every channel has a subscriber.
    pub subscribed: AtomicBool,
    /// The clients of each shard that cannot keep up.
    pub slow: Mutex<[Vec<SlowClient>; 2]>,
    /// What was done to users, in words.
    pub asked: Mutex<Vec<String>>,
    /// Questions stay unanswered.
    pub silent: AtomicBool,
    /// How far they are.
    pub phases: PhaseCell,
}

impl Shards {
    /// Somebody has published to the channel.
    pub(super) fn published(&self, channel: &str) {
        *self.channels.lock().unwrap().entry(channel.to_owned()).or_default() += 1;
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
    SubscriberInfo {
        connection: format!("{shard}-7-1"),
        address,
        transport: "websocket",
        user: None,
        info: None,
        channel_info: None,
        is_hidden: false,
    }
}

impl Broker for Shards {
    fn publish(
        &self,
        name: ChannelName,
        _draft: Draft,
        _condition: Condition,
        reply: Reply<Published>,
    ) {
        if self.is_silent() {
            return;
        }
        self.published(name.as_str());
        let messages = self.channels.lock().unwrap()[name.as_str()];
        reply(Ok(Receipt {
            position: position(messages),
            subscribers: self.subscribers(),
            subscribed: self.subscribers() > 0,
            messages: messages as u64,
            last_requested_ms: None,
        }));
    }

    fn remove_history(&self, name: ChannelName, reply: Reply<Result<bool, Unpublished>>) {
        reply(Ok(self.channels.lock().unwrap().contains_key(name.as_str())));
    }

    fn delete(&self, name: ChannelName, reply: Reply<Result<bool, Unpublished>>) {
        reply(Ok(self.channels.lock().unwrap().remove(name.as_str()).is_some()));
    }
}

impl Inspect for Shards {
    fn phase(&self) -> Phase {
        self.phases.get()
    }

    fn shards(&self) -> usize {
        2
    }

    fn report(&self, shard: usize, name: ChannelName, reply: Reply<ShardReport>) {
        if self.is_silent() {
            return;
        }
        let channels = self.channels.lock().unwrap();
        let home = channels.get(name.as_str()).filter(|_| shard == 1).map(|count| HomeReport {
            position: position(*count),
            messages: *count as u64,
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

    fn of_user(
        &self,
        shard: usize,
        user: Box<str>,
        max: usize,
        reply: Reply<(u64, Vec<SubscriberInfo>)>,
    ) {
        let one = SubscriberInfo { user: Some(user.into()), ..subscriber(shard) };
        reply((1, [one].into_iter().take(max).collect()));
    }

    fn disconnect(
        &self,
        shard: usize,
        (user, only): (Box<str>, Only),
        ending: Option<Arc<Ending>>,
        reply: Reply<u64>,
    ) {
        let words = format!("{shard} disconnect {user} {only:?} {ending:?}");
        self.asked.lock().unwrap().push(words);
        reply(user.len() as u64);
    }

    fn refresh(
        &self,
        shard: usize,
        (user, only): (Box<str>, Only),
        news: Refresh,
        reply: Reply<u64>,
    ) {
        self.asked.lock().unwrap().push(format!("{shard} refresh {user} {only:?} {news:?}"));
        reply(1);
    }

    fn give(
        &self,
        shard: usize,
        who: (Box<str>, Only),
        given: Arc<GivenChannel>,
        reply: Reply<u64>,
    ) {
        self.asked.lock().unwrap().push(format!("{shard} give {who:?} {given:?}"));
        reply(u64::from(&*who.0 == "full"));
    }

    fn take_away(&self, shard: usize, who: (Box<str>, Only), name: ChannelName, reply: Reply<()>) {
        self.asked.lock().unwrap().push(format!("{shard} take {who:?} {name}"));
        reply(());
    }

    fn history(&self, name: ChannelName, query: HistoryQuery, reply: Reply<Option<History>>) {
        let count = self.channels.lock().unwrap().get(name.as_str()).copied();
        reply(count.map(|count| {
            let accounting = Arc::new(Accounting::default());
            let draft = Draft::new(Kind::Text, b"{\"a\": 1}").with_tags("{\"t\":\"v\"}");
            let draft = [draft, Draft::new(Kind::Text, b"text"), Draft::new(Kind::Binary, b"\xff")];
            let all = (1..=count).zip(draft).map(|(offset, draft)| {
                Publication::new(position(offset), (0, 0), draft, &accounting)
            });
            History { position: position(count), publications: all.take(query.limit).collect() }
        }));
    }

    fn channels(&self, shard: usize, from: u32, reply: Reply<ListenedTo>) {
        let name = ChannelName::new(["chat:a", "chat:b", "news"][from as usize]).unwrap();
        let channels = vec![(name, shard as u64 + 1)];
        reply(ListenedTo { channels, next: Some(from + 1).filter(|next| *next < 3) });
    }

    fn slow(&self, shard: usize, max: usize, reply: Reply<Vec<SlowClient>>) {
        if self.is_silent() {
            return;
        }
        reply(self.slow.lock().unwrap()[shard].iter().take(max).cloned().collect());
    }

    fn counters(&self) -> Vec<Vec<(Metric, u64)>> {
        let counters = [
            Metric::gauge("polls_held", "Long polls held now."),
            Metric::counter("bytes_received", "Bytes received from clients.").in_unit(Unit::Bytes),
        ];
        [[3, 1], [4, 0]].map(|values| counters.into_iter().zip(values).collect()).into()
    }

    fn histograms(&self) -> Vec<Vec<(Metric, HistogramCounts)>> {
        let delay = Metric::histogram("delay", "How long it took.").in_unit(Unit::Seconds);
        let buckets = vec![(0.5, 2), (f64::INFINITY, 1)];
        (0..2)
            .map(|_| vec![(delay, HistogramCounts { buckets: buckets.clone(), sum: 3.25 })])
            .collect()
    }
}
