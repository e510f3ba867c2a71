//! What is common to all listeners that stay connected.

use switchboard_hub::{ChannelName, Gap, Publication};

use crate::shape::{Label, Shape};
use crate::{event_stream, raw, v1};

/// How publications are written to a listener that stays connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Dialect {
    /// A WebSocket that gets bare payloads.
    Raw,
    /// A WebSocket with the subprotocol [`v1::PROTOCOL`].
    V1,
    /// An event stream.
    EventStream,
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
        Dialect::Raw => raw::SHAPE,
        Dialect::V1 => v1::write_head(publication, label, head),
        Dialect::EventStream => event_stream::write_head(publication, label, head),
    }
}

/// Appends the notice of where the listener begins, after the notices of gaps. The client of an
/// event stream waits `retry_ms` before it reconnects.
pub fn write_start(dialect: Dialect, id: &str, retry_ms: Option<u32>, out: &mut Vec<u8>) {
    match dialect {
        Dialect::Raw => {}
        Dialect::V1 => v1::write_start(id, out),
        Dialect::EventStream => event_stream::write_start(id, retry_ms, out),
    }
}

/// Appends the notice of a gap. `id` is where the listener continues. Plain WebSockets have none.
pub fn write_gap(dialect: Dialect, channel: &ChannelName, gap: &Gap, id: &str, out: &mut Vec<u8>) {
    match dialect {
        Dialect::Raw => {}
        Dialect::V1 => v1::write_gap(channel, gap, id, out),
        Dialect::EventStream => event_stream::write_gap(channel, gap, id, out),
    }
}
