//! What a token says of one channel.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::channel_options::WrittenOptions;
use crate::registered::{check_place, ends, user};
use crate::{ChannelOptions, TokenError};

/// What a verified token says that lets a client listen to one channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubscriptionClaims {
    /// `sub`: the user whose client it is; empty for an anonymous one.
    pub user: Box<str>,
    /// `channel`: to what it may listen.
    pub channel: Box<str>,
    /// `client`: the only connection that may; any of the user if none.
    pub client: Option<Box<str>>,
    /// What it says of the subscription. It ends with `expire_at` where that is there (0 is never), else with
    /// `exp`.
    pub options: ChannelOptions,
}

/// The payload of such a token.
#[derive(Deserialize)]
pub(crate) struct RawSubscription {
    sub: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    iss: Option<Value>,
    aud: Option<Value>,
    expire_at: Option<Value>,
    channel: Option<Value>,
    client: Option<Value>,
    info: Option<Box<RawValue>>,
    b64info: Option<Value>,
    data: Option<Box<RawValue>>,
    b64data: Option<Value>,
    #[serde(rename = "override")]
    overrides: Option<Box<RawValue>>,
}

impl RawSubscription {
    /// The claims of a token that is good at `now_s` (Unix seconds), of this issuer and for this audience
    /// where those are given.
    pub(crate) fn check(
        self,
        now_s: u64,
        issuer: Option<&str>,
        audience: Option<&str>,
    ) -> Result<SubscriptionClaims, TokenError> {
        let Some(channel) = text("channel", self.channel)? else {
            return Err(TokenError::Purpose);
        };
        check_place((self.iss.as_ref(), self.aud.as_ref()), issuer, audience)?;
        let (_, expires_at_s) =
            ends(self.exp.as_ref(), self.nbf.as_ref(), self.expire_at.as_ref(), now_s)?;
        let client = text("client", self.client)?;
        let options = WrittenOptions {
            data: self.data,
            b64data: self.b64data,
            info: self.info,
            b64info: self.b64info,
            expire_at: None,
            overrides: self.overrides,
        };
        let options = ChannelOptions { expires_at_s, ..options.read()? };
        Ok(SubscriptionClaims { user: user("sub", self.sub)?, channel, client, options })
    }
}

/// A text; none where there is nothing in it.
fn text(name: &'static str, value: Option<Value>) -> Result<Option<Box<str>>, TokenError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok((!text.is_empty()).then(|| text.into())),
        Some(_) => Err(TokenError::Claim(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Overrides;

    fn check(json: &str) -> Result<SubscriptionClaims, TokenError> {
        serde_json::from_str::<RawSubscription>(json).unwrap().check(1_000, None, None)
    }

    #[test]
    fn a_token_of_a_subscription_names_its_channel() {
        let claims = check(
            r#"{"sub":"7","channel":"a","client":"c","exp":2000,"info":{},"b64data":"aGk=",
                "override":{"join_leave":{"value":true}}}"#,
        );
        let options = ChannelOptions {
            data: Some(b"hi"[..].into()),
            info: Some(Arc::from(&b"{}"[..])),
            expires_at_s: Some(2_000),
            overrides: Overrides { join_leave: Some(true), ..Overrides::default() },
        };
        let expected = SubscriptionClaims {
            user: "7".into(),
            channel: "a".into(),
            client: Some("c".into()),
            options,
        };
        assert_eq!(claims, Ok(expected));
        let claims = check(r#"{"channel":"a","client":"","exp":2000,"expire_at":0}"#).unwrap();
        assert_eq!((&*claims.user, claims.client, claims.options.expires_at_s), ("", None, None));
        for (json, error) in [
            ("{}", TokenError::Purpose),
            (r#"{"channel":""}"#, TokenError::Purpose),
            (r#"{"channel":1}"#, TokenError::Claim("channel")),
            (r#"{"channel":"a","client":1}"#, TokenError::Claim("client")),
            (r#"{"channel":"a","sub":1}"#, TokenError::Claim("sub")),
            (r#"{"channel":"a","override":1}"#, TokenError::Claim("override")),
            (r#"{"channel":"a","b64info":1}"#, TokenError::Claim("b64info")),
            (r#"{"channel":"a","exp":1000}"#, TokenError::Expired),
            (r#"{"channel":"a","nbf":1006}"#, TokenError::NotYetValid),
        ] {
            assert_eq!(check(json), Err(error), "{json}");
        }
    }
}
