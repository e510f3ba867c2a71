//! What is on its way to the engine.

use switchboard_hub::{ChannelName, Epoch};

use crate::waiter::Waiter;

/// A message that the engine has not answered for.
#[derive(Debug)]
pub(crate) struct UnderWay {
    pub(crate) name: ChannelName,
    /// What this node took for the stream's epoch.
    pub(crate) epoch: Epoch,
    pub(crate) waiter: Waiter,
}
