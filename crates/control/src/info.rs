//! A channel's information, in nchan's format.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use switchboard_hub::{Receipt, ShardReport};

/// A channel in nchan's fields, plus its position.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ChannelInfo {
    /// Publications kept.
    messages: u64,
    /// Seconds since a client last subscribed; -1 if none did.
    requested: i64,
    /// Subscribers now.
    subscribers: u64,
    /// The position again, under nchan's name; empty when there is none.
    last_message_id: String,
    /// The last publication's position, `<epoch>-<offset>`.
    position: String,
}

impl ChannelInfo {
    pub(crate) fn of_receipt(receipt: &Receipt, now_ms: u64) -> Self {
        let position = receipt.position.to_string();
        Self {
            messages: receipt.messages,
            requested: seconds_since(receipt.last_requested_ms, now_ms),
            subscribers: receipt.subscribers,
            last_message_id: position.clone(),
            position,
        }
    }

    /// The sum of what all shards report; none if no shard knows the channel.
    pub(crate) fn of_reports(reports: &[ShardReport], now_ms: u64) -> Option<Self> {
        let subscribers = subscribers(reports)?;
        let home = reports.iter().find_map(|report| report.home.as_ref());
        let requested = reports.iter().filter_map(|report| report.last_requested_ms).max();
        let position = home.map(|home| home.position.to_string()).unwrap_or_default();
        Some(Self {
            messages: home.map_or(0, |home| home.messages),
            requested: seconds_since(requested, now_ms),
            subscribers,
            last_message_id: position.clone(),
            position,
        })
    }

    /// JSON for clients that accept it, otherwise nchan's lines of text.
    pub(crate) fn respond(self, status: StatusCode, request: &HeaderMap) -> Response {
        if accepts_json(request) {
            return (status, Json(self)).into_response();
        }
        let text = format!(
            "queued messages: {}\r\nlast requested: {} sec. ago\r\nactive subscribers: {}\r\n\
             last message id: {}\r\nposition: {}\r\n",
            self.messages, self.requested, self.subscribers, self.last_message_id, self.position
        );
        (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
    }
}

/// The exact number of a channel's subscribers; none if no shard knows the channel.
pub(crate) fn subscribers(reports: &[ShardReport]) -> Option<u64> {
    let subscribers = reports.iter().map(|report| report.subscribers).sum();
    let is_known = subscribers > 0 || reports.iter().any(|report| report.home.is_some());
    is_known.then_some(subscribers)
}

fn seconds_since(past_ms: Option<u64>, now_ms: u64) -> i64 {
    const NEVER: i64 = -1;
    past_ms
        .map_or(NEVER, |past| i64::try_from(now_ms.saturating_sub(past) / 1_000).unwrap_or(NEVER))
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accept.flat_map(|value| value.split(',')).any(|range| {
        let kind = range.split(';').next().unwrap_or("").trim();
        ["application/json", "text/json"].iter().any(|json| json.eq_ignore_ascii_case(kind))
    })
}
