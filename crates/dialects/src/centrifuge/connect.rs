//! The first command of a connection, and its result.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fields::{is_false, is_zero, objects, raw};
use super::subscribe::{Recover, Subscribed};

/// How a client begins.
#[derive(Debug, Deserialize)]
pub struct Connect<'a> {
    /// Who it is; empty for an anonymous one.
    #[serde(borrow, default)]
    pub token: Cow<'a, str>,
    /// What it tells the backend.
    #[serde(borrow, default, deserialize_with = "raw")]
    pub data: Option<&'a RawValue>,
    /// Headers that its request would have, if it could.
    #[serde(borrow, default)]
    pub headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// The channels that it did not ask for and had, with where it stood in them.
    #[serde(borrow, default, deserialize_with = "objects")]
    pub subs: BTreeMap<Cow<'a, str>, Recover<'a>>,
}

/// What a client is told when it has begun.
#[derive(Debug, Default, Serialize)]
pub struct Connected<'a> {
    /// The name of its connection.
    pub client: &'a str,
    /// What the server is.
    pub version: &'a str,
    /// Its time has an end.
    #[serde(skip_serializing_if = "is_false")]
    pub expires: bool,
    /// How long that is, in seconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub ttl: u32,
    /// What the backend tells the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
    /// Seconds between two pings of the server; none where they are those of WebSocket, which SDKs do not see.
    #[serde(skip_serializing_if = "is_zero")]
    pub ping: u32,
    /// Pings are to be answered.
    #[serde(skip_serializing_if = "is_false")]
    pub pong: bool,
    /// By what it is known where its commands come in requests of their own: a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
    /// Where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<&'a str>,
    /// The channels that it listens to without having asked for them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subs: BTreeMap<&'a str, Subscribed<'a>>,
}
