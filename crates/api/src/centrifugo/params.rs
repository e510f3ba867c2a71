//! What the methods are given that do not publish.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use switchboard_auth::{ChannelOptions, TokenError, WrittenOptions};
use switchboard_hub::ChannelName;
use utoipa::ToSchema;

use super::ending::Ending;
use super::error::CallError;

/// A channel alone.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OfChannel {
    /// The channel.
    #[schema(value_type = String, required, nullable = false, min_length = 1, max_length = 255,
        pattern = r"^[^/\x00-\x1f\x7f-\x9f]+$")]
    channel: Option<String>,
}

/// A part of a channel's history.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OfHistory {
    /// The channel.
    #[schema(value_type = String, required, nullable = false, min_length = 1, max_length = 255,
        pattern = r"^[^/\x00-\x1f\x7f-\x9f]+$")]
    channel: Option<String>,
    /// How many publications at most: 0 for none, a negative number for all.
    #[schema(minimum = -9_223_372_036_854_775_808_i64, maximum = 9_223_372_036_854_775_807_i64)]
    pub limit: Option<i64>,
    /// From where on.
    pub since: Option<Since>,
    /// The newest first.
    pub reverse: Option<bool>,
}

/// A position in a stream.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Since {
    /// The offset.
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    #[serde(default)]
    pub offset: u64,
    /// The epoch; whichever it is now, where it is empty.
    #[serde(default)]
    pub epoch: String,
}

/// Connections of a user, and what is to become of them.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OfUser {
    /// The user, as tokens name it in `sub`. An empty one is that of tokens without a name.
    user: Option<String>,
    /// Only this connection.
    client: Option<String>,
    /// Only the connection with this session.
    session: Option<String>,
    /// Connections that stay.
    whitelist: Option<Vec<String>>,
    /// The close code and reason of the clients: `code`, 4000 to 4999 or one of Centrifugo's own, and `reason`.
    #[schema(value_type = Option<Value>)]
    disconnect: Option<Box<RawValue>>,
    /// The connections end now.
    expired: Option<bool>,
    /// When they end, in Unix seconds. 0 for never.
    #[schema(minimum = -9_223_372_036_854_775_808_i64, maximum = 9_223_372_036_854_775_807_i64)]
    expire_at: Option<i64>,
    /// The new `info` of the clients, which others see: any JSON. Without it, that of the token stays.
    #[schema(value_type = Option<Value>)]
    info: Option<Box<RawValue>>,
    /// The same as bytes in base64; an empty text counts as none.
    b64info: Option<String>,
}

/// Channels by their names.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OfChannels {
    /// What their names are like: `*` is any number of characters. All channels if none.
    pub pattern: Option<String>,
}

impl OfChannel {
    /// Its name.
    pub fn name(&self) -> Result<ChannelName, CallError> {
        name(self.channel.as_deref())
    }
}

impl OfHistory {
    /// The name of the channel.
    pub fn name(&self) -> Result<ChannelName, CallError> {
        name(self.channel.as_deref())
    }
}

pub(super) fn name(channel: Option<&str>) -> Result<ChannelName, CallError> {
    let channel = channel.filter(|channel| !channel.is_empty());
    let channel = channel.ok_or_else(|| CallError::bad_request("channel is missing"))?;
    Ok(ChannelName::new(channel)?)
}

/// Which connection is meant; none where nothing is said.
pub(super) fn one_of(name: Option<&str>) -> Option<Box<str>> {
    name.filter(|name| !name.is_empty()).map(Into::into)
}

/// What is said of a subscription or its client, within bounds.
pub(super) fn read_options(written: WrittenOptions) -> Result<ChannelOptions, CallError> {
    written.read().map_err(|error| match error {
        TokenError::Claim(name) => {
            CallError::bad_request(format!("{name} is not what it must be, or too long"))
        }
        _ => CallError::bad_request("it is not what it must be"),
    })
}

impl OfUser {
    /// The user.
    pub fn user(&self) -> Box<str> {
        self.user.clone().unwrap_or_default().into()
    }

    /// The only connection that is meant; all of the user if none.
    pub fn client(&self) -> Option<Box<str>> {
        one_of(self.client.as_deref())
    }

    /// The session of the only connection that is meant.
    pub fn session(&self) -> Option<Box<str>> {
        one_of(self.session.as_deref())
    }

    /// The connections that are not meant.
    pub fn whitelist(&self) -> Vec<Box<str>> {
        self.whitelist.iter().flatten().map(|client| client.as_str().into()).collect()
    }

    /// The close code and reason for the clients; the default ones if none.
    pub fn ending(&self) -> Result<Option<Ending>, CallError> {
        self.disconnect.as_deref().map(Ending::of_json).transpose()
    }

    /// The new `info` of the clients; the present one stays if none.
    pub fn info(&self) -> Result<Option<Arc<[u8]>>, CallError> {
        let (info, b64info) = (self.info.clone(), self.b64info.clone().map(Value::String));
        let written = WrittenOptions { info, b64info, ..WrittenOptions::default() };
        Ok(read_options(written)?.info)
    }

    /// When the connections are to end, in Unix seconds: never if none.
    pub fn until_s(&self) -> Result<Option<u32>, CallError> {
        if self.expired == Some(true) {
            // Any time that is over.
            return Ok(Some(1));
        }
        match self.expire_at.unwrap_or(0) {
            0 => Ok(None),
            until_s if until_s < 0 => Err(CallError::bad_request("expire_at is negative")),
            until_s => Ok(Some(u32::try_from(until_s).unwrap_or(u32::MAX))),
        }
    }
}
