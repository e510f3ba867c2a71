//! Replies to commands.

use serde::Serialize;
use serde_json::value::RawValue;

use super::codes::ErrorCode;
use super::connect::Connected;
use super::fields::{is_false, is_zero};
use super::framing::Framing;
use super::history::Past;
use super::subscribe::Subscribed;
use crate::json::push_json;

/// The reply to a command.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply<'a> {
    /// It has begun.
    Connect(Connected<'a>),
    /// It listens.
    Subscribe(Subscribed<'a>),
    /// It listens no longer.
    Unsubscribe {},
    /// It is published.
    Publish {},
    /// What the channel keeps.
    History(Past<'a>),
    /// Who listens to a channel.
    Presence {
        /// The clients by their names.
        presence: &'a RawValue,
    },
    /// How many listen to a channel.
    PresenceStats {
        /// Connections.
        num_clients: u64,
        /// Different users.
        num_users: u64,
    },
    /// The backend's answer.
    Rpc {
        /// The answer.
        data: &'a RawValue,
    },
    /// The new token counts.
    Refresh {
        /// The name of the connection.
        client: &'a str,
        /// The new time has an end, too.
        #[serde(skip_serializing_if = "is_false")]
        expires: bool,
        /// How long that is, in seconds.
        #[serde(skip_serializing_if = "is_zero")]
        ttl: u32,
    },
    /// The new token of a subscription counts.
    SubRefresh {
        /// The new time has an end, too.
        #[serde(skip_serializing_if = "is_false")]
        expires: bool,
        /// How long that is, in seconds.
        #[serde(skip_serializing_if = "is_zero")]
        ttl: u32,
    },
    /// Something to hear.
    Ping {},
    /// It is refused.
    Error {
        /// Why.
        code: u32,
        /// The same for people.
        message: &'a str,
        /// The client may try again by itself.
        #[serde(skip_serializing_if = "is_false")]
        temporary: bool,
    },
}

#[derive(Serialize)]
struct Numbered<'r, 'a> {
    id: u32,
    #[serde(flatten)]
    reply: &'r Reply<'a>,
}

impl Reply<'_> {
    /// A refusal.
    pub fn error(code: ErrorCode) -> Self {
        Self::Error { code: code.code(), message: code.message(), temporary: code.is_temporary() }
    }

    /// Appends the reply to the command with this number.
    pub fn write(&self, id: u32, framing: Framing, out: &mut Vec<u8>) {
        let mut json = Vec::new();
        push_json(&mut json, &Numbered { id, reply: self });
        framing.write(&json, out);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn written(reply: &Reply<'_>) -> String {
        let mut out = Vec::new();
        reply.write(7, Framing::Message, &mut out);
        let header = if out[1] < 126 { 2 } else { 4 };
        assert_eq!(out[0], 0x81);
        String::from_utf8(out.split_off(header)).unwrap()
    }

    #[test]
    fn a_result_is_there_also_when_it_is_empty() {
        assert_eq!(written(&Reply::Publish {}), r#"{"id":7,"publish":{}}"#);
        assert_eq!(written(&Reply::Unsubscribe {}), r#"{"id":7,"unsubscribe":{}}"#);
        assert_eq!(written(&Reply::Ping {}), r#"{"id":7,"ping":{}}"#);
    }

    #[test]
    fn zeroes_are_not_written() {
        let subscribed = Subscribed { epoch: "abc", recoverable: true, ..Subscribed::default() };
        assert_eq!(
            written(&Reply::Subscribe(subscribed)),
            r#"{"id":7,"subscribe":{"recoverable":true,"epoch":"abc"}}"#
        );
        let publication: &RawValue = serde_json::from_str(r#"{"data":1,"offset":8}"#).unwrap();
        let subscribed = Subscribed {
            epoch: "abc",
            offset: 7,
            was_recovering: true,
            recovered: true,
            publications: vec![publication],
            ..Subscribed::default()
        };
        let mut connected =
            Connected { client: "c", version: "v", ping: 25, pong: true, ..Connected::default() };
        connected.subs = BTreeMap::from([("a\"b", subscribed)]);
        assert_eq!(
            written(&Reply::Connect(connected)),
            r#"{"id":7,"connect":{"client":"c","version":"v","ping":25,"pong":true,"subs":{"a\"b":{"epoch":"abc","offset":7,"was_recovering":true,"recovered":true,"publications":[{"data":1,"offset":8}]}}}}"#
        );
    }

    #[test]
    fn an_error_says_whether_it_may_be_tried_again() {
        assert_eq!(
            written(&Reply::error(ErrorCode::Internal)),
            r#"{"id":7,"error":{"code":100,"message":"internal server error","temporary":true}}"#
        );
        assert_eq!(
            written(&Reply::error(ErrorCode::PermissionDenied)),
            r#"{"id":7,"error":{"code":103,"message":"permission denied"}}"#
        );
    }
}
