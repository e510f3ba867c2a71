//! The ways to listen.

/// The four ways to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// An event stream.
    EventStream,
    /// A request that is answered when there is a message.
    LongPoll,
    /// A request that is answered at once.
    IntervalPoll,
}
