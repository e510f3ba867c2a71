//! What the methods are given that do not publish.

use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard_hub::ChannelName;
use utoipa::ToSchema;

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
    /// There are no sessions: any but an empty one is refused.
    session: Option<String>,
    /// Connections that stay.
    whitelist: Option<Vec<String>>,
    /// Codes of the caller's own are refused; leave it out.
    #[schema(value_type = Option<Value>)]
    disconnect: Option<Box<RawValue>>,
    /// The connections end now.
    expired: Option<bool>,
    /// When they end, in Unix seconds. 0 for never.
    #[schema(minimum = -9_223_372_036_854_775_808_i64, maximum = 9_223_372_036_854_775_807_i64)]
    expire_at: Option<i64>,
    /// That of the token stays: any is refused.
    #[schema(value_type = Option<Value>)]
    info: Option<Box<RawValue>>,
    /// As `info`; an empty text counts as none.
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

/// The only connection that is meant; all of a user if none.
pub(super) fn one_of(
    client: Option<&str>,
    session: Option<&str>,
) -> Result<Option<Box<str>>, CallError> {
    if session.is_some_and(|session| !session.is_empty()) {
        return Err(CallError::not_available("there are no sessions; name a client"));
    }
    Ok(client.filter(|client| !client.is_empty()).map(Into::into))
}

impl OfUser {
    /// The user.
    pub fn user(&self) -> Box<str> {
        self.user.clone().unwrap_or_default().into()
    }

    /// The only connection that is meant; all of the user if none.
    pub fn client(&self) -> Result<Option<Box<str>>, CallError> {
        one_of(self.client.as_deref(), self.session.as_deref())
    }

    /// The connections that are not meant.
    pub fn whitelist(&self) -> Result<Vec<Box<str>>, CallError> {
        if self.disconnect.is_some() {
            let why = "connections that end have the close code 4403; leave disconnect out";
            return Err(CallError::not_available(why));
        }
        Ok(self.whitelist.iter().flatten().map(|client| client.as_str().into()).collect())
    }

    /// When the connections are to end, in Unix seconds: never if none.
    pub fn until_s(&self) -> Result<Option<u32>, CallError> {
        let b64info = self.b64info.as_deref().unwrap_or_default();
        if self.info.is_some() || !b64info.is_empty() {
            let why = "the info of a connection is that of its token; leave info out";
            return Err(CallError::not_available(why));
        }
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
