//! One subscriber of a channel.

use crate::Subscriber;

/// A subscriber: sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) who: Subscriber,
    /// Its cursor, as the channel counts (see [`Channel`](crate::channel::Channel)).
    pub(crate) mark: u64,
}
