//! Requests to listen: how, and from where.

use switchboard_hub::{OnGap, Start};
use switchboard_ws::head::Request;
use switchboard_ws::{accept, handshake};

mod error;
mod query;
mod start;
mod transport;

#[cfg(test)]
mod tests;

pub use error::ListenError;
use query::Query;
pub use transport::Transport;

/// What a request to listen asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// How.
    pub transport: Transport,
    /// From where, for each channel in the order of the URL.
    pub starts: Vec<Start>,
    /// Where to continue if that is lost.
    pub on_gap: OnGap,
    /// Whether a poll gets JSON.
    pub json: bool,
}

/// Reads a request to listen to this many channels. Does not look at its method, its origin and the
/// handshake of a WebSocket.
pub fn parse(request: &Request<'_>, channels: usize) -> Result<Listen, ListenError> {
    let query = Query::parse(request.query().unwrap_or_default())?;
    let transport = if handshake::wants_upgrade(request) {
        Transport::WebSocket
    } else if accept::names(request, "text/event-stream") {
        Transport::EventStream
    } else if query.poll {
        Transport::IntervalPoll
    } else {
        Transport::LongPoll
    };
    let is_poll = matches!(transport, Transport::LongPoll | Transport::IntervalPoll);
    Ok(Listen {
        transport,
        starts: start::parse(request, transport, &query, channels),
        on_gap: query.on_gap,
        json: is_poll && accept::names(request, "application/json"),
    })
}
