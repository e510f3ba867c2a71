//! Events as the body of an HTTP request. Those of channels are as Centrifugo's `notify_channel_state`.

use serde::Serialize;

use crate::request::transport;
use crate::{Event, EventKind};

/// Writes `{"events":[...]}`, in their order.
pub fn batch_body<'e>(events: impl IntoIterator<Item = &'e Event>) -> Vec<u8> {
    let batch = Batch { events: events.into_iter().map(Raw::from).collect() };
    // Texts and numbers: nothing of it can fail to be written.
    serde_json::to_vec(&batch).unwrap_or_default()
}

#[derive(Serialize)]
struct Batch<'e> {
    events: Vec<Raw<'e>>,
}

#[derive(Serialize)]
struct Raw<'e> {
    time_ms: u64,
    #[serde(rename = "type")]
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'e str>,
    /// Empty for an anonymous client, and left out.
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'e str>,
}

impl<'e> From<&'e Event> for Raw<'e> {
    fn from(Event { time_ms, kind }: &'e Event) -> Self {
        let name = kind.name();
        let bare =
            Raw { time_ms: *time_ms, name, channel: None, client: None, user: "", transport: None };
        match kind {
            EventKind::Connected { connection, transport: ours, user } => {
                let transport = Some(transport(ours));
                Raw { client: Some(connection), user, transport, ..bare }
            }
            EventKind::Disconnected { connection, user } => {
                Raw { client: Some(connection), user, ..bare }
            }
            EventKind::Subscribed { connection, user, channel }
            | EventKind::Unsubscribed { connection, user, channel } => {
                Raw { client: Some(connection), user, channel: Some(channel.as_str()), ..bare }
            }
            EventKind::Occupied { channel } | EventKind::Vacated { channel } => {
                Raw { channel: Some(channel.as_str()), ..bare }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use switchboard_hub::ChannelName;

    use super::*;

    #[test]
    fn each_event_has_its_fields() {
        let channel = || ChannelName::new("a:1").unwrap();
        let (connection, user) = (|| "0-7-1".to_owned(), || "7".into());
        let kinds = [
            EventKind::Connected {
                connection: connection(),
                transport: "event_stream",
                user: user(),
            },
            EventKind::Subscribed { connection: connection(), user: user(), channel: channel() },
            EventKind::Unsubscribed {
                connection: connection(),
                user: "".into(),
                channel: channel(),
            },
            EventKind::Disconnected { connection: connection(), user: user() },
            EventKind::Occupied { channel: channel() },
            EventKind::Vacated { channel: channel() },
        ];
        let events: Vec<Event> = kinds.into_iter().map(|kind| Event { time_ms: 5, kind }).collect();
        let body: Value = serde_json::from_slice(&batch_body(&events)).unwrap();
        let expected = json!({"events": [
            {"time_ms": 5, "type": "connected", "client": "0-7-1", "user": "7", "transport": "uni_sse"},
            {"time_ms": 5, "type": "subscribed", "client": "0-7-1", "user": "7", "channel": "a:1"},
            {"time_ms": 5, "type": "unsubscribed", "client": "0-7-1", "channel": "a:1"},
            {"time_ms": 5, "type": "disconnected", "client": "0-7-1", "user": "7"},
            {"time_ms": 5, "type": "occupied", "channel": "a:1"},
            {"time_ms": 5, "type": "vacated", "channel": "a:1"},
        ]});
        assert_eq!(body, expected);
    }
}
