//! How channels are changed.

use switchboard_hub::{ChannelName, Condition, Draft, Published, Unpublished};

use crate::reply::Reply;

/// Passes what changes a channel to its home shard. No method may block: each hands its request over and
/// returns.
pub trait Broker: Send + Sync + 'static {
    /// Publishes, if the condition holds. If not, the answer is the receipt of the publication that was made
    /// already, or has the position of the last one.
    fn publish(
        &self,
        name: ChannelName,
        draft: Draft,
        condition: Condition,
        reply: Reply<Published>,
    );
    /// Removes the history of a channel; false when there was none.
    fn remove_history(&self, name: ChannelName, reply: Reply<Result<bool, Unpublished>>);
    /// Deletes a channel; false when there was none.
    fn delete(&self, name: ChannelName, reply: Reply<Result<bool, Unpublished>>);
}
