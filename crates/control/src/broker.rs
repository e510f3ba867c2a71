//! How the internal API publishes.

use switchboard_hub::{ChannelName, Draft, Receipt};

use crate::reply::Reply;

/// Passes publications and deletions to the channels' home shards. No method may block: each hands
/// its request over and returns.
pub trait Broker: Send + Sync + 'static {
    /// Publishes. Calls for one channel keep their order.
    fn publish(&self, name: ChannelName, draft: Draft, reply: Reply<Receipt>);
    /// Deletes a channel; false when there was none.
    fn delete(&self, name: ChannelName, reply: Reply<bool>);
}
