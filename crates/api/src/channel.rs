//! The name of a channel in a path, and a channel's information in nchan's format.

use serde::Serialize;
use switchboard_hub::{ChannelName, Receipt, ShardReport};
use utoipa::ToSchema;

use crate::ApiError;
use crate::outcome::status_of;

/// The channel that a path segment names, percent-decoded and checked.
///
/// # Errors
/// 400 with the rule that it breaks.
pub fn channel_in(segment: &str) -> Result<ChannelName, ApiError> {
    if segment.contains(',') {
        // For listeners a comma separates channels; here it would silently name another one.
        return Err(ApiError::bad_request(
            "bad_channel",
            "name one channel at a time; a comma in a name is written %2C",
        ));
    }
    Ok(ChannelName::decode(segment)?)
}

/// A channel in nchan's fields, plus its position.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ChannelInfo {
    /// Publications kept.
    messages: u64,
    /// Seconds since a client last subscribed; -1 if none did.
    #[schema(minimum = -1)]
    requested: i64,
    /// Subscribers now.
    subscribers: u64,
    /// The position again, under nchan's name; empty when there is none.
    last_message_id: String,
    /// The last publication's position, `<epoch>-<offset>`.
    position: String,
}

impl ChannelInfo {
    /// What a publication's receipt says of its channel, and the status of the answer.
    pub fn of_receipt(receipt: &Receipt, now_ms: u64) -> (u16, Self) {
        let position = receipt.position.to_string();
        let info = Self {
            messages: receipt.messages,
            requested: seconds_since(receipt.last_requested_ms, now_ms),
            subscribers: receipt.subscribers,
            last_message_id: position.clone(),
            position,
        };
        (status_of(receipt), info)
    }

    /// The same with those that other machines have.
    #[must_use]
    pub fn with_more_subscribers(mut self, more: u64) -> Self {
        self.subscribers = self.subscribers.saturating_add(more);
        self
    }

    /// The sum of what all shards report; none if no shard knows the channel.
    pub fn of_reports(reports: &[ShardReport], now_ms: u64) -> Option<Self> {
        let subscribers = reports.iter().map(|report| report.subscribers).sum();
        let is_known = subscribers > 0 || reports.iter().any(|report| report.home.is_some());
        let home = reports.iter().find_map(|report| report.home.as_ref());
        let requested = reports.iter().filter_map(|report| report.last_requested_ms).max();
        let position = home.map(|home| home.position.to_string()).unwrap_or_default();
        is_known.then(|| Self {
            messages: home.map_or(0, |home| home.messages),
            requested: seconds_since(requested, now_ms),
            subscribers,
            last_message_id: position.clone(),
            position,
        })
    }

    /// Subscribers now.
    pub fn subscribers(&self) -> u64 {
        self.subscribers
    }

    /// The content type and body of the answer: JSON, or nchan's lines of text.
    pub fn write(&self, as_json: bool) -> (&'static str, Vec<u8>) {
        if as_json {
            // Numbers and strings written to memory: nothing can fail.
            return ("application/json", serde_json::to_vec(self).unwrap_or_default());
        }
        let text = format!(
            "queued messages: {}\r\nlast requested: {} sec. ago\r\nactive subscribers: {}\r\n\
             last message id: {}\r\nposition: {}\r\n",
            self.messages, self.requested, self.subscribers, self.last_message_id, self.position
        );
        ("text/plain; charset=utf-8", text.into_bytes())
    }
}

fn seconds_since(past_ms: Option<u64>, now_ms: u64) -> i64 {
    const NEVER: i64 = -1;
    past_ms
        .map_or(NEVER, |past| i64::try_from(now_ms.saturating_sub(past) / 1_000).unwrap_or(NEVER))
}

/// Whether a client that sends these values of `Accept` takes JSON.
pub fn accepts_json<'v>(mut values: impl Iterator<Item = &'v [u8]>) -> bool {
    values.any(|value| {
        value.split(|byte| *byte == b',').any(|range| {
            let kind = range.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            [&b"application/json"[..], b"text/json"].iter().any(|it| it.eq_ignore_ascii_case(kind))
        })
    })
}

#[cfg(test)]
mod tests {
    use switchboard_hub::{Epoch, Position};

    use super::*;

    #[test]
    fn names_are_decoded_once_and_checked() {
        assert_eq!(channel_in("chat:a%20b%2Cc%2525").unwrap().as_str(), "chat:a b,c%25");
        for segment in ["", "a/b", "a%2Fb", "a%0Ab", "%ff", "a,b", "%", &"x".repeat(256)] {
            let error = channel_in(segment).unwrap_err();
            assert_eq!((error.status, error.code), (400, "bad_channel"), "{segment}");
        }
    }

    #[test]
    fn answers_have_the_form_that_is_asked_for() {
        let receipt = Receipt {
            position: Position { epoch: Epoch::from_random(0), offset: 1 },
            subscribers: 0,
            subscribed: false,
            messages: 1,
            last_requested_ms: Some(1_000),
        };
        let (status, info) = ChannelInfo::of_receipt(&receipt, 6_500);
        assert_eq!(status, 202);
        let (content_type, text) = info.write(false);
        assert_eq!(content_type, "text/plain; charset=utf-8");
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "queued messages: 1\r\nlast requested: 5 sec. ago\r\nactive subscribers: 0\r\n\
             last message id: 00000000-1\r\nposition: 00000000-1\r\n"
        );
        let (content_type, json) = info.write(true);
        assert_eq!(content_type, "application/json");
        let expected = "{\"messages\":1,\"requested\":5,\"subscribers\":0,\
             \"last_message_id\":\"00000000-1\",\"position\":\"00000000-1\"}";
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn json_is_for_clients_that_accept_it() {
        let accepts = |value: &str| accepts_json(std::iter::once(value.as_bytes()));
        assert!(accepts("text/json") && accepts("text/html, application/json;q=0.9"));
        assert!(!accepts("*/*") && !accepts(""));
    }
}
