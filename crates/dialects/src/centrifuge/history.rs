//! What a channel keeps, as a client asks for it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchboard_hub::Start;

use super::fields::{is_zero_offset, maybe_object};

/// What a client wants of the history of a channel.
#[derive(Debug, Default, Deserialize)]
pub struct History<'a> {
    /// The channel.
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    /// How many publications at most; 0 for only where the channel stands, and less for all of them.
    #[serde(default)]
    pub limit: i32,
    /// Only what is after that, or before it in reverse.
    #[serde(borrow, default, deserialize_with = "maybe_object")]
    pub since: Option<Since<'a>>,
    /// The newest first.
    #[serde(default)]
    pub reverse: bool,
}

/// A place in a stream.
#[derive(Debug, Default, Deserialize)]
pub struct Since<'a> {
    /// The offset.
    #[serde(default)]
    pub offset: u64,
    /// The life of the stream; empty for any.
    #[serde(borrow, default)]
    pub epoch: Cow<'a, str>,
}

impl Since<'_> {
    /// Behind it.
    pub fn start(&self) -> Start {
        Start::behind(self.offset, &self.epoch)
    }
}

/// What a client is told of the history of a channel.
#[derive(Debug, Default, Serialize)]
pub struct Past<'a> {
    /// The publications, in the order that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<&'a RawValue>,
    /// Which life of the stream.
    pub epoch: &'a str,
    /// Where it stands; 0 is not written.
    #[serde(skip_serializing_if = "is_zero_offset")]
    pub offset: u64,
}
