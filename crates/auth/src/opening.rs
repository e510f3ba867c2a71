//! What counts only when a client begins.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::TokenError;
use crate::registered::seconds;
use crate::value::value;

/// What a token or a connect hook says that counts only when a client begins, for those who are subscribed by the
/// server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Opening {
    /// What the backend tells the client: JSON, or other bytes. Tokens have none.
    pub data: Option<Box<[u8]>>,
    /// What `subs` says of channels beside their names, by these.
    pub channels: BTreeMap<Box<str>, ChannelOptions>,
}

/// What is said of a channel that a client is subscribed to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ChannelOptions {
    /// What the client is told with the subscription: JSON, or other bytes.
    pub data: Option<Box<[u8]>>,
    /// When the subscription ends, in Unix seconds; never if none.
    pub expires_at_s: Option<u64>,
}

impl Opening {
    /// Longest `data`, in bytes.
    pub const DATA_BYTES_MAX: usize = 16 << 10;
    /// Bytes of `data` in all options together.
    pub const OPTIONS_BYTES_MAX: usize = 64 << 10;

    /// None where nothing is said.
    pub(crate) fn new(data: Option<Box<[u8]>>, subs: Subs) -> Option<Box<Self>> {
        let channels = subs.0;
        (data.is_some() || !channels.is_empty()).then(|| Box::new(Self { data, channels }))
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let data = |data: &Option<Box<[u8]>>| data.as_ref().map_or(0, |data| data.len());
        let options = self
            .channels
            .iter()
            .map(|(name, options)| size_of::<ChannelOptions>() + name.len() + data(&options.data));
        size_of::<Self>() + data(&self.data) + options.sum::<usize>()
    }
}

/// Those of `subs` that say more than their names.
#[derive(Debug, Default)]
pub(crate) struct Subs(BTreeMap<Box<str>, ChannelOptions>);

#[derive(Default, Deserialize)]
struct RawOptions {
    data: Option<Box<RawValue>>,
    b64data: Option<Value>,
    expire_at: Option<Value>,
}

/// The names in `subs`, and what it says of them beside.
pub(crate) fn subs(json: Option<Box<RawValue>>) -> Result<(Vec<String>, Subs), TokenError> {
    let refused = TokenError::Claim("subs");
    let Some(json) = json else {
        return Ok(Default::default());
    };
    let all: Option<BTreeMap<String, Option<RawOptions>>> =
        serde_json::from_str(json.get()).map_err(|_| refused)?;
    let (mut names, mut subs, mut bytes) = (Vec::new(), Subs::default(), 0);
    for (name, options) in all.unwrap_or_default() {
        let RawOptions { data: json, b64data, expire_at } = options.unwrap_or_default();
        let data = data(json, b64data).map_err(|_| refused)?;
        let expires_at_s = seconds("subs", expire_at.as_ref())?.filter(|at| *at > 0);
        bytes += data.as_ref().map_or(0, |data| data.len());
        if data.is_some() || expires_at_s.is_some() {
            subs.0.insert(name.as_str().into(), ChannelOptions { data, expires_at_s });
        }
        names.push(name);
    }
    if bytes > Opening::OPTIONS_BYTES_MAX { Err(refused) } else { Ok((names, subs)) }
}

/// JSON, or bytes in base64, which replace it.
pub(crate) fn data(
    json: Option<Box<RawValue>>,
    encoded: Option<Value>,
) -> Result<Option<Box<[u8]>>, TokenError> {
    let data = value(json, encoded).map_err(|_| TokenError::Claim("b64data"))?;
    let is_short = data.as_ref().is_none_or(|data| data.len() <= Opening::DATA_BYTES_MAX);
    if is_short { Ok(data) } else { Err(TokenError::Claim("data")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<(Vec<String>, Subs), TokenError> {
        subs(Some(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn subs_name_channels_and_say_what_their_client_is_told() {
        let json = r#"{"a":{"data":{"n": 12345678901234567890123}},"b":null,"c*":{},"d":{"info":1,"b64data":"AP8="}}"#;
        let (names, said) = of(json).unwrap();
        assert_eq!(names, ["a", "b", "c*", "d"]);
        let told: Vec<_> =
            said.0.iter().map(|(name, it)| (&**name, it.data.as_deref().unwrap())).collect();
        assert_eq!(told, [("a", &br#"{"n": 12345678901234567890123}"#[..]), ("d", &[0, 255])]);
        assert!(of("null").unwrap().0.is_empty() && subs(None).unwrap().0.is_empty());
    }

    #[test]
    fn subs_are_an_object_of_objects_within_bounds() {
        let long = |bytes| format!(r#"{{"data":"{}"}}"#, "x".repeat(bytes - 2));
        assert!(of(&format!(r#"{{"a":{}}}"#, long(Opening::DATA_BYTES_MAX))).is_ok());
        let many = |count| {
            let all = (0..count).map(|n| format!(r#""{n}":{}"#, long(Opening::DATA_BYTES_MAX)));
            format!("{{{}}}", all.collect::<Vec<_>>().join(","))
        };
        assert!(of(&many(4)).is_ok());
        for json in [
            "[\"a\"]",
            r#"{"a":1}"#,
            r#"{"a":{"b64data":"*"}}"#,
            &format!(r#"{{"a":{}}}"#, long(Opening::DATA_BYTES_MAX + 1)),
            &many(5),
        ] {
            assert_eq!(of(json).map(|_| ()), Err(TokenError::Claim("subs")), "{json:.40}");
        }
    }
}
