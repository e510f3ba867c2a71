//! What is common to all listeners that stay connected.

use switchboard_hub::{ChannelName, Gap, Publication};

use crate::cors::Cors;
use crate::date::Date;
use crate::event_stream::{self, Framing};
use crate::shape::{Label, Shape};
use crate::{centrifuge, plain, v1};

/// How publications are written to a listener that stays connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// A WebSocket that gets bare payloads.
    Plain,
    /// A WebSocket with the subprotocol [`v1::PROTOCOL`].
    V1,
    /// An event stream on HTTP/1.1: each publication is a chunk.
    ChunkedEventStream,
    /// An event stream on HTTP/1.0: it ends with the connection.
    EventStream,
    /// Any transport of a Centrifuge SDK ([`centrifuge`]).
    Centrifuge(centrifuge::Framing),
    /// The same, which gets the publications of a channel for joins and leaves as events of the channel that they
    /// are about.
    CentrifugePresence(centrifuge::Framing),
}

impl Dialect {
    /// Of an event stream.
    fn framing(self) -> Option<Framing> {
        match self {
            Self::Plain | Self::V1 | Self::Centrifuge(_) | Self::CentrifugePresence(_) => None,
            Self::ChunkedEventStream => Some(Framing::Chunked),
            Self::EventStream => Some(Framing::UntilClose),
        }
    }

    /// Publications carry the listener's position in all its channels. Then those who listen to several get
    /// bytes of their own; otherwise all listeners share the same ones.
    #[inline]
    pub fn has_positions(self) -> bool {
        !matches!(self, Self::Plain | Self::Centrifuge(_) | Self::CentrifugePresence(_))
    }

    /// Publications name their channel also to those who listen to no other.
    #[inline]
    pub fn names_channel(self) -> bool {
        matches!(self, Self::Centrifuge(_) | Self::CentrifugePresence(_))
    }

    /// One of both kinds of event streams.
    pub fn is_event_stream(self) -> bool {
        self.framing().is_some()
    }
}

/// Appends to `head` what precedes a publication. A connection that cannot take all of it at once
/// keeps the head, the shape and the shared publication, never a copy of the payload.
#[inline]
pub fn write_head(
    dialect: Dialect,
    publication: &Publication,
    label: Label<'_>,
    head: &mut Vec<u8>,
) -> Shape {
    match dialect {
        Dialect::Plain => plain::SHAPE,
        Dialect::V1 => v1::write_head(publication, label, head),
        Dialect::ChunkedEventStream => {
            event_stream::write_head(Framing::Chunked, publication, label, head)
        }
        Dialect::EventStream => {
            event_stream::write_head(Framing::UntilClose, publication, label, head)
        }
        Dialect::Centrifuge(framing) => centrifuge::write_head(framing, publication, label, head),
        Dialect::CentrifugePresence(framing) => {
            centrifuge::write_presence_head(framing, publication, label, head)
        }
    }
}

/// Appends the notice of where the listener begins, after the notices of gaps. The client of an
/// event stream waits `retry_ms` before it reconnects.
pub fn write_start(dialect: Dialect, id: &str, retry_ms: Option<u32>, out: &mut Vec<u8>) {
    match (dialect, dialect.framing()) {
        (Dialect::V1, _) => v1::write_start(id, out),
        (_, Some(framing)) => event_stream::write_start(framing, id, retry_ms, out),
        (_, None) => {}
    }
}

/// Appends the notice of a gap. `id` is where the listener continues. Plain WebSockets have none, and those
/// of Centrifuge begin anew instead.
pub fn write_gap(dialect: Dialect, channel: &ChannelName, gap: &Gap, id: &str, out: &mut Vec<u8>) {
    match (dialect, dialect.framing()) {
        (Dialect::V1, _) => v1::write_gap(channel, gap, id, out),
        (_, Some(framing)) => event_stream::write_gap(framing, channel, gap, id, out),
        (_, None) => {}
    }
}

/// Appends the head of the response that an event stream begins with; nothing for a WebSocket.
pub fn write_event_stream_head(
    dialect: Dialect,
    date: Date,
    cors: Option<Cors<'_>>,
    out: &mut Vec<u8>,
) {
    if let Some(framing) = dialect.framing() {
        event_stream::write_response_head(framing, date, cors, out);
    }
}

/// Appends what keeps an event stream alive in silence; nothing for a WebSocket, which has pings.
pub fn write_keep_alive(dialect: Dialect, out: &mut Vec<u8>) {
    if let Some(framing) = dialect.framing() {
        event_stream::write_keep_alive(framing, out);
    }
}

/// Appends how long the client of an event stream is to wait before it reconnects; nothing for a
/// WebSocket.
pub fn write_retry(dialect: Dialect, retry_ms: u32, out: &mut Vec<u8>) {
    if let Some(framing) = dialect.framing() {
        event_stream::write_retry(framing, retry_ms, out);
    }
}

/// Appends what ends an event stream in order, so that its client does not take it for a broken
/// connection; nothing for a WebSocket, which has Close frames.
pub fn write_end(dialect: Dialect, out: &mut Vec<u8>) {
    if let Some(framing) = dialect.framing() {
        event_stream::write_end(framing, out);
    }
}
