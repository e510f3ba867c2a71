//! What a gateway asks of the engine.

use switchboard_cluster::{Place, Request, RequestId, Send};
use switchboard_hub::{ChannelName, NamespaceId};

/// A stream of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream {
    /// The namespace whose channels are in it.
    pub namespace: NamespaceId,
    /// Its number among the streams of that namespace.
    pub partition: u16,
}

/// Names a request in its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// What keeps the mirrors of a stream.
    Partition(RequestId),
    /// What reads the history of a channel.
    Load {
        /// Which.
        channel: ChannelName,
        /// The number of the request. Never used twice.
        number: u64,
    },
}

/// What is to be done at the engine.
#[derive(Debug)]
pub enum Call {
    /// Ask a stream something, and say what it [answers](crate::Gateway::on_answer).
    Ask {
        /// The stream.
        stream: Stream,
        /// For the answer.
        asker: Asker,
        /// What to ask.
        request: Request,
    },
    /// Publish a message, and say that it is [stored](crate::Gateway::on_stored) or why it is
    /// [refused](crate::Gateway::on_refused).
    Publish(Send),
    /// Subscribe to a bucket, wait until the engine knows, and say that it is
    /// [live](crate::Gateway::on_live).
    Subscribe(NamespaceId, Place),
    /// Subscribe to it no longer.
    Unsubscribe(NamespaceId, Place),
}
