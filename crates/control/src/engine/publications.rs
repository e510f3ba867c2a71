//! Publications that NATS has not answered for.

use std::collections::BTreeMap;

use async_nats::{HeaderMap, Message};
use serde::Deserialize;
use switchboard_cluster::PublicationId;

/// How long an answer is awaited. The gateway has given the publication up long before.
const AWAITED_MS: u64 = 30_000;

/// Publications that were sent, by the number in the subject of the answer.
#[derive(Debug, Default)]
pub(super) struct Publications {
    last: u64,
    sent: BTreeMap<u64, Sent>,
}

#[derive(Debug)]
struct Sent {
    id: PublicationId,
    at_ms: u64,
}

impl Publications {
    /// One is sent, perhaps again: its number.
    pub(super) fn send(&mut self, now_ms: u64, id: PublicationId) -> u64 {
        self.last += 1;
        self.sent.insert(self.last, Sent { id, at_ms: now_ms });
        self.last
    }

    /// It is answered for: which it is, and how long that took.
    pub(super) fn answered(&mut self, now_ms: u64, number: u64) -> Option<(PublicationId, u64)> {
        let sent = self.sent.remove(&number)?;
        Some((sent.id, now_ms.saturating_sub(sent.at_ms)))
    }

    /// Forgets those that are answered for under another number, or never.
    pub(super) fn expire(&mut self, now_ms: u64) {
        while let Some(oldest) = self.sent.first_entry()
            && oldest.get().at_ms + AWAITED_MS <= now_ms
        {
            oldest.remove();
        }
    }
}

/// What NATS says to a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// It has this sequence.
    Stored(u64),
    /// The status and the number of the error.
    Refused(u16, u32),
}

/// "no responders": there is no such stream, or nobody leads it.
const NO_RESPONDERS: u16 = 503;

impl Ack {
    /// Reads it. What cannot be read is as if nobody had answered.
    pub(super) fn of(message: &Message) -> Self {
        if let Some(status) = message.status {
            return Self::Refused(status.as_u16(), 0);
        }
        match serde_json::from_slice(&message.payload) {
            Ok(Json { error: Some(Error { code, err_code }), .. }) => Self::Refused(code, err_code),
            Ok(Json { seq: Some(sequence), error: None }) => Self::Stored(sequence),
            Ok(Json { seq: None, error: None }) | Err(_) => Self::Refused(NO_RESPONDERS, 0),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Json {
    seq: Option<u64>,
    error: Option<Error>,
}

#[derive(Debug, Deserialize)]
struct Error {
    code: u16,
    err_code: u32,
}

/// Headers as NATS's client takes them.
pub(super) fn headers_of(headers: &[(&'static str, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.as_str());
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(payload: &str) -> Ack {
        Ack::of(&Message {
            subject: "a.p.1".into(),
            reply: None,
            payload: payload.to_owned().into(),
            headers: None,
            status: None,
            description: None,
            length: 0,
        })
    }

    #[test]
    fn what_nats_says_is_read() {
        assert_eq!(ack(r#"{"stream":"S","seq":7}"#), Ack::Stored(7));
        assert_eq!(ack(r#"{"stream":"S","seq":7,"duplicate":true}"#), Ack::Stored(7));
        let refused =
            r#"{"error":{"code":400,"err_code":10071,"description":"x"},"stream":"S","seq":0}"#;
        assert_eq!(ack(refused), Ack::Refused(400, 10_071));
        assert_eq!(ack("garbage"), Ack::Refused(503, 0));
        assert_eq!(ack("{}"), Ack::Refused(503, 0));
    }
}
