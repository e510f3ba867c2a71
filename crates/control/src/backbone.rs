//! What the internal door needs from the shards.

use switchboard_hub::{ChannelName, Draft, Listener, Receipt, ShardReport, SlowClient};

/// Takes the answer, on whatever thread has it. Dropping it without a call means no answer.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// The way to the shards. No method may block: each hands its request over and returns.
pub trait Backbone: Send + Sync + 'static {
    /// How many shards there are.
    fn shards(&self) -> usize;
    /// Publishes on the channel's home shard. Calls for one channel keep their order.
    fn publish(&self, name: ChannelName, draft: Draft, reply: Reply<Receipt>);
    /// Deletes a channel; false when there was none.
    fn delete(&self, name: ChannelName, reply: Reply<bool>);
    /// What one shard (below [`Backbone::shards`]) knows about a channel.
    fn report(&self, shard: usize, name: ChannelName, reply: Reply<ShardReport>);
    /// At most `max` of one shard's subscribers of a channel.
    fn subscribers(&self, shard: usize, name: ChannelName, max: usize, reply: Reply<Vec<Listener>>);
    /// The clients of one shard whose sockets have been full for longest, at most `max`.
    fn slow(&self, shard: usize, max: usize, reply: Reply<Vec<SlowClient>>);
    /// The counters of each shard, by name.
    fn counters(&self) -> Vec<Vec<(&'static str, u64)>>;
}
