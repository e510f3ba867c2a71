//! What is to become of subscriptions of a user.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use switchboard_auth::{ChannelOptions, WrittenOptions};
use switchboard_hub::{ChannelName, Start};
use utoipa::ToSchema;

use super::error::CallError;
use super::params::{Since, name, one_of, read_options};

/// A channel that connections of a user are to have, or no more.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OfSubscription {
    /// The user, as tokens name it in `sub`.
    user: Option<String>,
    /// Only this connection.
    client: Option<String>,
    /// Only the connection with this session.
    session: Option<String>,
    /// The channel.
    channel: Option<String>,
    /// What the clients are told: any JSON.
    #[schema(value_type = Option<Value>)]
    data: Option<Box<RawValue>>,
    /// The same as bytes in base64.
    b64data: Option<String>,
    /// What others are told of the clients in this channel: any JSON.
    #[schema(value_type = Option<Value>)]
    info: Option<Box<RawValue>>,
    /// The same as bytes in base64.
    b64info: Option<String>,
    /// In which way the subscription is not as its namespace says: objects with a `value` by the names `presence`,
    /// `join_leave`, `force_push_join_leave`, `force_recovery` and `force_positioning`.
    #[schema(value_type = Option<Value>)]
    #[serde(rename = "override")]
    overrides: Option<Box<RawValue>>,
    /// When it ends, in Unix seconds; 0 for never.
    expire_at: Option<i64>,
    /// Where the clients begin.
    recover_since: Option<Since>,
}

/// A channel that a backend gives to clients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GivenChannel {
    /// The channel.
    pub name: ChannelName,
    /// What is said of the subscriptions.
    pub options: ChannelOptions,
    /// Where the clients begin, and the offset of that.
    pub start: (Start, u64),
}

impl OfSubscription {
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

    /// The name of the channel.
    pub fn name(&self) -> Result<ChannelName, CallError> {
        name(self.channel.as_deref())
    }

    /// What its clients are given.
    pub fn given(&self) -> Result<GivenChannel, CallError> {
        let since = self.recover_since.as_ref();
        Ok(GivenChannel {
            name: self.name()?,
            options: self.options()?,
            start: since.map_or((Start::Now, 0), |since| {
                (Start::behind(since.offset, &since.epoch), since.offset)
            }),
        })
    }

    fn options(&self) -> Result<ChannelOptions, CallError> {
        let encoded = |bytes: &Option<String>| bytes.clone().map(Value::String);
        let options = read_options(WrittenOptions {
            data: self.data.clone(),
            b64data: encoded(&self.b64data),
            info: self.info.clone(),
            b64info: encoded(&self.b64info),
            expire_at: None,
            overrides: self.overrides.clone(),
        })?;
        let wrong = |_| CallError::bad_request("expire_at is no time in Unix seconds");
        let end_s = self.expire_at.filter(|end_s| *end_s != 0);
        let end_s = end_s.map(u32::try_from).transpose().map_err(wrong)?;
        Ok(ChannelOptions { expires_at_s: end_s.map(u64::from), ..options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: &str) -> Result<GivenChannel, u32> {
        let asked: OfSubscription = serde_json::from_str(json).unwrap();
        asked.given().map_err(|error| error.code as u32)
    }

    #[test]
    fn a_channel_is_given_with_what_stands_beside_it() {
        let all = given(
            r#"{"user":"7","channel":"a","data":{"n":1},"expire_at":9,"info":1,
                "override":{"presence":{"value":false}},
                "recover_since":{"offset":3,"epoch":"00000001"}}"#,
        );
        let all = all.unwrap();
        assert_eq!((all.name.as_str(), all.options.expires_at_s), ("a", Some(9)));
        assert_eq!(all.options.data.as_deref(), Some(&br#"{"n":1}"#[..]));
        assert_eq!(all.options.info.as_deref(), Some(&b"1"[..]));
        assert_eq!(all.options.overrides.presence, Some(false));
        assert_eq!(all.start, (Start::behind(3, "00000001"), 3));
        let least = given(r#"{"channel":"a"}"#).unwrap();
        assert!(least.options.is_empty() && least.start == (Start::Now, 0));
        let data = given(r#"{"channel":"a","b64data":"AP8="}"#).unwrap().options.data;
        assert_eq!(data.as_deref(), Some(&[0, 255][..]));
        let long = |name, bytes| format!(r#"{{"channel":"a","{name}":"{}"}}"#, "x".repeat(bytes));
        for json in [
            "{}",
            r#"{"channel":"a","expire_at":-1}"#,
            r#"{"channel":"a","b64data":"*"}"#,
            r#"{"channel":"a","override":1}"#,
            &long("data", ChannelOptions::DATA_BYTES_MAX),
            &long("info", ChannelOptions::INFO_BYTES_MAX),
        ] {
            assert_eq!(given(json), Err(107), "{json:.60}");
        }
    }
}
