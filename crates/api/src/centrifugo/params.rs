//! What the methods are given that do not publish.

use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard_hub::ChannelName;

use super::error::CallError;

/// A channel alone.
#[derive(Debug, Deserialize)]
pub struct OfChannel {
    channel: Option<String>,
}

/// A part of a channel's history.
#[derive(Debug, Deserialize)]
pub struct OfHistory {
    channel: Option<String>,
    /// How many publications at most: 0 for none, a negative number for all.
    pub limit: Option<i64>,
    /// From where on.
    pub since: Option<Since>,
    /// The newest first.
    pub reverse: Option<bool>,
}

/// A position in a stream.
#[derive(Debug, Deserialize)]
pub struct Since {
    /// The offset.
    #[serde(default)]
    pub offset: u64,
    /// The epoch; whichever it is now, where it is empty.
    #[serde(default)]
    pub epoch: String,
}

/// Connections of a user, and what is to become of them.
#[derive(Debug, Deserialize)]
pub struct OfUser {
    user: Option<String>,
    client: Option<String>,
    session: Option<String>,
    whitelist: Option<Vec<String>>,
    disconnect: Option<Box<RawValue>>,
    expired: Option<bool>,
    expire_at: Option<i64>,
    info: Option<Box<RawValue>>,
    b64info: Option<String>,
}

/// Channels by their names.
#[derive(Debug, Deserialize)]
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
