//! What is counted and timed.

use hdrhistogram::Histogram;

/// What is counted. All of them only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    /// Connects begun.
    Begun,
    /// Handshakes completed.
    Connected,
    /// Connects and handshakes that came to nothing.
    Failed,
    /// Open connections that ended although nobody wanted it.
    Dropped,
    /// Connections that were ended as planned.
    Left,
    /// Connections that are back after a drop.
    Back,
    /// Of those, the ones that went on where they were, and those that could not; only where the
    /// dialect says it.
    Recovered,
    Unrecovered,
    /// Slow subscribers that the server closed.
    SlowClosed,
    /// Data messages received.
    Received,
    /// Payload bytes of those.
    ReceivedBytes,
    /// Bytes that came from the sockets, all of them.
    SocketIn,
    /// Bytes that the sockets took, all of them.
    SocketOut,
    /// HTTP requests made, handshakes among them; only where they are compared.
    Requests,
    /// Clients that listen, in whatever way; only where ways are compared.
    Joined,
    /// Pings answered.
    Pings,
    /// Publications or messages sent.
    Sent,
    /// Publications that the server confirmed.
    Acknowledged,
    /// Confirmed with 202: by the server's account nobody listens to their channel.
    Unheard,
    /// Publications that the server refused, or whose fate is unknown.
    Refused,
    /// Publications that were due and never sent.
    Unsent,
}

pub(super) const COUNTERS: usize = Counter::Unsent as usize + 1;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// From the begin of the connect to the end of the handshake.
    Handshake,
    /// From when a publication was due to be sent to its arrival at one subscriber.
    Delivery,
    /// The same, to its arrival at the last subscriber.
    LastDelivery,
    /// From sending a message to the arrival of its echo.
    RoundTrip,
    /// From sending a publication to the server's answer.
    Acknowledge,
    /// From when a publication was due to when it was sent.
    SendDelay,
    /// From the drop to the end of the new handshake.
    Back,
    /// From the Close frame to the end of the connection.
    Leave,
}

pub(crate) const MEASURES: [Measure; 8] = [
    Measure::Handshake,
    Measure::Delivery,
    Measure::LastDelivery,
    Measure::RoundTrip,
    Measure::Acknowledge,
    Measure::SendDelay,
    Measure::Back,
    Measure::Leave,
];

impl Measure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Handshake => "connect and handshake",
            Self::Delivery => "delivery to each subscriber",
            Self::LastDelivery => "delivery to the last subscriber",
            Self::RoundTrip => "round trip",
            Self::Acknowledge => "publication acknowledged",
            Self::SendDelay => "publication sent late",
            Self::Back => "back after the drop",
            Self::Leave => "leave",
        }
    }
}

/// A histogram of microseconds that grows as needed, exact to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"))
}
