//! What is to become of subscriptions of a user.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard_hub::{ChannelName, Start};
use utoipa::ToSchema;

use super::error::CallError;
use super::params::{Since, name, one_of};

/// Longest `data`, in bytes: it may wait for the sockets of many clients.
const DATA_BYTES_MAX: usize = 16 << 10;

/// A channel that connections of a user are to have, or no more. `info` and `override` are read over.
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
    /// What the clients are told: JSON, or other bytes.
    pub data: Option<Box<[u8]>>,
    /// When it ends, in Unix seconds; never if none.
    pub end_s: Option<u32>,
    /// Where the clients begin, and the offset of that.
    pub start: (Start, u64),
}

impl OfSubscription {
    /// The user.
    pub fn user(&self) -> Box<str> {
        self.user.clone().unwrap_or_default().into()
    }

    /// The only connection that is meant; all of the user if none.
    pub fn client(&self) -> Result<Option<Box<str>>, CallError> {
        one_of(self.client.as_deref(), self.session.as_deref())
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
            data: self.data()?,
            end_s: match self.expire_at.unwrap_or(0) {
                0 => None,
                end_s => {
                    Some(u32::try_from(end_s).map_err(|_| {
                        CallError::bad_request("expire_at is no time in Unix seconds")
                    })?)
                }
            },
            start: since.map_or((Start::Now, 0), |since| {
                (Start::behind(since.offset, &since.epoch), since.offset)
            }),
        })
    }

    fn data(&self) -> Result<Option<Box<[u8]>>, CallError> {
        let encoded = self.b64data.as_deref().filter(|encoded| !encoded.is_empty());
        let data: Option<Box<[u8]>> = match (encoded, &self.data) {
            (Some(encoded), _) => {
                let decoded = STANDARD.decode(encoded);
                let decoded =
                    decoded.map_err(|_| CallError::bad_request("b64data is no base64"))?;
                Some(decoded.into())
            }
            (None, json) => json.as_ref().map(|json| json.get().as_bytes().into()),
        };
        match data {
            Some(data) if data.len() > DATA_BYTES_MAX => {
                Err(CallError::bad_request(format!("data is more than {DATA_BYTES_MAX} bytes")))
            }
            data => Ok(data),
        }
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
            r#"{"user":"7","channel":"a","data":{"n":1},"expire_at":9,"info":1,"override":{},
                "recover_since":{"offset":3,"epoch":"00000001"}}"#,
        );
        let all = all.unwrap();
        assert_eq!((all.name.as_str(), all.end_s), ("a", Some(9)));
        assert_eq!(all.data.as_deref(), Some(&br#"{"n":1}"#[..]));
        assert_eq!(all.start, (Start::behind(3, "00000001"), 3));
        let least = given(r#"{"channel":"a"}"#).unwrap();
        assert_eq!((least.data, least.end_s, least.start), (None, None, (Start::Now, 0)));
        assert_eq!(
            given(r#"{"channel":"a","b64data":"AP8="}"#).unwrap().data.unwrap()[..],
            [0, 255]
        );
        let long = format!(r#"{{"channel":"a","data":"{}"}}"#, "x".repeat(DATA_BYTES_MAX));
        for json in
            ["{}", r#"{"channel":"a","expire_at":-1}"#, r#"{"channel":"a","b64data":"*"}"#, &long]
        {
            assert_eq!(given(json), Err(107), "{json:.60}");
        }
    }
}
