//! How the internal API queries the shards.

use std::sync::Arc;

use switchboard_api::centrifugo::{Ending, GivenChannel};
use switchboard_api::{HistogramCounts, Metric, Phase};
use switchboard_hub::{
    ChannelName, History, HistoryQuery, ListenedTo, ShardReport, SlowClient, SubscriberInfo,
};

use crate::reply::Reply;

/// Some connections of a user, by their names.
#[derive(Clone, Debug, Default)]
pub struct Only {
    /// This one alone; all if none.
    pub client: Option<Box<str>>,
    /// The one with this session alone; all if none.
    pub session: Option<Box<str>>,
    /// Not these.
    pub but: Vec<Box<str>>,
}

/// What is new of connections.
#[derive(Clone, Debug, Default)]
pub struct Refresh {
    /// When they end, in Unix seconds; never if none.
    pub until_s: Option<u32>,
    /// What others are told of their clients; what they were told before if none.
    pub info: Option<Arc<[u8]>>,
}

/// Asks the shards what they know. No method may block: each hands its request over and returns.
pub trait Inspect: Send + Sync + 'static {
    /// How far the server is.
    fn phase(&self) -> Phase;
    /// Whether what nodes share channels by can be used; it always can where nothing is shared.
    fn has_engine(&self) -> bool {
        true
    }
    /// The number of shards.
    fn shards(&self) -> usize;
    /// The number of those who know of channels: the shards, and the home of all channels where that is none of
    /// them.
    fn reporters(&self) -> usize {
        self.shards()
    }
    /// What one of those (below [`Inspect::reporters`]) knows about a channel.
    fn report(&self, reporter: usize, name: ChannelName, reply: Reply<ShardReport>);
    /// At most `max` of one shard's subscribers of a channel.
    fn subscribers(
        &self,
        shard: usize,
        name: ChannelName,
        max: usize,
        reply: Reply<Vec<SubscriberInfo>>,
    );
    /// How many connections a user has on one shard, and at most `max` of them.
    fn of_user(
        &self,
        shard: usize,
        user: Box<str>,
        max: usize,
        reply: Reply<(u64, Vec<SubscriberInfo>)>,
    );
    /// Ends some connections of a user on one shard; the answer is how many there were. They are told how they
    /// end, or what they are told otherwise.
    fn disconnect(
        &self,
        shard: usize,
        who: (Box<str>, Only),
        ending: Option<Arc<Ending>>,
        reply: Reply<u64>,
    );
    /// Says something new of some connections of a user on one shard; the answer is how many there are.
    fn refresh(&self, shard: usize, who: (Box<str>, Only), news: Refresh, reply: Reply<u64>);
    /// Subscribes some connections of a user on one shard to a channel, those of Centrifuge clients; the answer is
    /// how many have as many channels as they may.
    fn give(
        &self,
        shard: usize,
        who: (Box<str>, Only),
        given: Arc<GivenChannel>,
        reply: Reply<u64>,
    );
    /// Ends the subscriptions to a channel of some connections of a user on one shard, those of Centrifuge clients.
    fn take_away(&self, shard: usize, who: (Box<str>, Only), name: ChannelName, reply: Reply<()>);
    /// A part of a channel's history; none where nobody knows the channel.
    fn history(&self, name: ChannelName, query: HistoryQuery, reply: Reply<Option<History>>);
    /// Some of the channels that have subscribers on one shard, with their numbers, and where to go on.
    fn channels(&self, shard: usize, from: u32, reply: Reply<ListenedTo>);
    /// The clients of one shard whose sockets have been full for longest, at most `max`.
    fn slow(&self, shard: usize, max: usize, reply: Reply<Vec<SlowClient>>);
    /// The counters of each shard: the same ones in the same order.
    fn counters(&self) -> Vec<Vec<(Metric, u64)>>;
    /// What each shard has measured: the same in the same order.
    fn histograms(&self) -> Vec<Vec<(Metric, HistogramCounts)>>;
}
