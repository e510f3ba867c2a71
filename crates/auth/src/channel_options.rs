//! What is said of a channel that a client is subscribed to, beside its name.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::registered::seconds;
use crate::value::{INFO_BYTES_MAX, object, value};
use crate::{Overrides, TokenError};

/// What a token or a backend says of a client's subscription.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ChannelOptions {
    /// What the client is told with the subscription: JSON, or other bytes.
    pub data: Option<Box<[u8]>>,
    /// What others are told of the client in this channel: JSON, or other bytes.
    pub info: Option<Arc<[u8]>>,
    /// When the subscription ends, in Unix seconds; never if none.
    pub expires_at_s: Option<u64>,
    /// In which way it is not as its namespace says.
    pub overrides: Overrides,
}

/// The same as it is written.
#[derive(Debug, Default, Deserialize)]
pub struct WrittenOptions {
    /// `data`: any JSON.
    pub data: Option<Box<RawValue>>,
    /// `b64data`: bytes in base64, which replace it.
    pub b64data: Option<Value>,
    /// `info`: any JSON.
    pub info: Option<Box<RawValue>>,
    /// `b64info`: bytes in base64, which replace it.
    pub b64info: Option<Value>,
    /// `expire_at`: Unix seconds, 0 for never.
    pub expire_at: Option<Value>,
    /// `override`.
    #[serde(rename = "override")]
    pub overrides: Option<Box<RawValue>>,
}

impl ChannelOptions {
    /// Longest `data`, in bytes.
    pub const DATA_BYTES_MAX: usize = 16 << 10;
    /// Longest `info`, in bytes.
    pub const INFO_BYTES_MAX: usize = INFO_BYTES_MAX;

    /// What a backend says of a client that may listen: the `result` of its subscribe hook.
    ///
    /// # Errors
    /// When it is no JSON object, its end is not after `now_s` (Unix seconds), or a member is not what it must
    /// be.
    pub fn of_subscribe(json: &[u8], now_s: u64) -> Result<Self, TokenError> {
        let written: WrittenOptions = object(json).ok_or(TokenError::Malformed)?;
        let options = written.read()?;
        let is_over = options.expires_at_s.is_some_and(|at| at <= now_s);
        if is_over { Err(TokenError::Expired) } else { Ok(options) }
    }

    /// Nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Bytes of what it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.len())
            + self.info.as_ref().map_or(0, |info| info.len())
    }
}

impl WrittenOptions {
    /// What they say.
    ///
    /// # Errors
    /// Names the member that is not what it must be.
    pub fn read(self) -> Result<ChannelOptions, TokenError> {
        let info = value(self.info, self.b64info).map_err(|_| TokenError::Claim("b64info"))?;
        let is_long = |info: &[u8]| info.len() > ChannelOptions::INFO_BYTES_MAX;
        if info.as_deref().is_some_and(is_long) {
            return Err(TokenError::Claim("info"));
        }
        let overrides = self.overrides.filter(|json| json.get() != "null");
        let overrides = overrides.map(|json| Overrides::of_json(&json));
        Ok(ChannelOptions {
            data: data(self.data, self.b64data)?,
            info: info.map(Arc::from),
            expires_at_s: seconds("expire_at", self.expire_at.as_ref())?.filter(|at| *at > 0),
            overrides: match overrides {
                None => Overrides::default(),
                Some(overrides) => overrides.ok_or(TokenError::Claim("override"))?,
            },
        })
    }
}

/// JSON, or bytes in base64, which replace it.
pub(crate) fn data(
    json: Option<Box<RawValue>>,
    encoded: Option<Value>,
) -> Result<Option<Box<[u8]>>, TokenError> {
    let data = value(json, encoded).map_err(|_| TokenError::Claim("b64data"))?;
    let is_short = data.as_ref().is_none_or(|data| data.len() <= ChannelOptions::DATA_BYTES_MAX);
    if is_short { Ok(data) } else { Err(TokenError::Claim("data")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscribe_hook_says_what_a_subscription_is_like() {
        let of = |json: &str| ChannelOptions::of_subscribe(json.as_bytes(), 1_000);
        let all = of(
            r#"{"data":[1],"info":{"n": 1},"expire_at":2000,"override":{"presence":{"value":false}}}"#,
        );
        let expected = ChannelOptions {
            data: Some(b"[1]"[..].into()),
            info: Some(Arc::from(&br#"{"n": 1}"#[..])),
            expires_at_s: Some(2_000),
            overrides: Overrides { presence: Some(false), ..Overrides::default() },
        };
        assert_eq!(all, Ok(expected));
        let nothing = r#"{"data":null,"info":null,"b64info":"","expire_at":0,"override":null}"#;
        assert!(of(nothing).unwrap().is_empty() && of("{}").unwrap().is_empty());
        assert_eq!(of(r#"{"b64info":"AP8="}"#).unwrap().info.as_deref(), Some(&[0, 255][..]));
        let long = format!(r#"{{"info":"{}"}}"#, "x".repeat(ChannelOptions::INFO_BYTES_MAX));
        for (json, error) in [
            ("[]", TokenError::Malformed),
            ("", TokenError::Malformed),
            (r#"{"expire_at":1000}"#, TokenError::Expired),
            (r#"{"expire_at":"x"}"#, TokenError::Claim("expire_at")),
            (r#"{"b64info":"*"}"#, TokenError::Claim("b64info")),
            (r#"{"b64data":1}"#, TokenError::Claim("b64data")),
            (r#"{"override":[]}"#, TokenError::Claim("override")),
            (&long, TokenError::Claim("info")),
        ] {
            assert_eq!(of(json), Err(error), "{json:.40}");
        }
    }
}
