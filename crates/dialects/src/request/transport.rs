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

impl Transport {
    /// Its name, as the internal API and backends know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::EventStream => "event_stream",
            Self::LongPoll => "long_poll",
            Self::IntervalPoll => "interval_poll",
        }
    }
}
