//! How channels are changed.

use switchboard_hub::ChannelName;

use crate::reply::Reply;

/// Passes what changes a channel to its home shard. No method may block: each hands its request over and
/// returns.
pub trait Broker: Send + Sync + 'static {
    /// Deletes a channel; false when there was none.
    fn delete(&self, name: ChannelName, reply: Reply<bool>);
}
