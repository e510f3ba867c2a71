//! What counts only when a client begins.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::channel_options::WrittenOptions;
use crate::{ChannelOptions, TokenError};

/// What a token or a connect hook says that counts only when a client begins, for those who are subscribed by the
/// server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Opening {
    /// What the backend tells the client: JSON, or other bytes. Tokens have none.
    pub data: Option<Box<[u8]>>,
    /// What `subs` says of channels beside their names, by these.
    pub channels: BTreeMap<Box<str>, ChannelOptions>,
}

impl Opening {
    /// Bytes of `data` and `info` in all options together.
    pub const OPTIONS_BYTES_MAX: usize = 64 << 10;

    /// None where nothing is said.
    pub(crate) fn new(data: Option<Box<[u8]>>, subs: Subs) -> Option<Box<Self>> {
        let channels = subs.0;
        (data.is_some() || !channels.is_empty()).then(|| Box::new(Self { data, channels }))
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let options = self
            .channels
            .iter()
            .map(|(name, options)| size_of::<ChannelOptions>() + name.len() + options.bytes());
        let data = self.data.as_ref().map_or(0, |data| data.len());
        size_of::<Self>() + data + options.sum::<usize>()
    }
}

/// Those of `subs` that say more than their names.
#[derive(Debug, Default)]
pub(crate) struct Subs(BTreeMap<Box<str>, ChannelOptions>);

/// The names in `subs`, and what it says of them beside.
pub(crate) fn subs(json: Option<Box<RawValue>>) -> Result<(Vec<String>, Subs), TokenError> {
    let refused = TokenError::Claim("subs");
    let Some(json) = json else {
        return Ok(Default::default());
    };
    let all: Option<BTreeMap<String, Option<WrittenOptions>>> =
        serde_json::from_str(json.get()).map_err(|_| refused)?;
    let (mut names, mut subs, mut bytes) = (Vec::new(), Subs::default(), 0);
    for (name, options) in all.unwrap_or_default() {
        let options = options.unwrap_or_default().read().map_err(|_| refused)?;
        bytes += options.bytes();
        if !options.is_empty() {
            subs.0.insert(name.as_str().into(), options);
        }
        names.push(name);
    }
    if bytes > Opening::OPTIONS_BYTES_MAX { Err(refused) } else { Ok((names, subs)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<(Vec<String>, Subs), TokenError> {
        subs(Some(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn subs_name_channels_and_say_what_their_client_is_told() {
        let json = r#"{"a":{"data":{"n": 12345678901234567890123}},"b":null,"c*":{},"d":{"info":1,"b64data":"AP8="},
            "e":{"override":{"presence":{"value":false}}}}"#;
        let (names, said) = of(json).unwrap();
        assert_eq!(names, ["a", "b", "c*", "d", "e"]);
        let told: Vec<_> = said
            .0
            .iter()
            .map(|(name, it)| (&**name, it.data.as_deref(), it.info.as_deref()))
            .collect();
        let data = &br#"{"n": 12345678901234567890123}"#[..];
        let expected = [
            ("a", Some(data), None),
            ("d", Some(&[0, 255][..]), Some(&b"1"[..])),
            ("e", None, None),
        ];
        assert_eq!(told, expected);
        assert_eq!(said.0["e"].overrides.presence, Some(false));
        assert!(of("null").unwrap().0.is_empty() && subs(None).unwrap().0.is_empty());
    }

    #[test]
    fn subs_are_an_object_of_objects_within_bounds() {
        let long = |bytes| format!(r#"{{"data":"{}"}}"#, "x".repeat(bytes - 2));
        assert!(of(&format!(r#"{{"a":{}}}"#, long(ChannelOptions::DATA_BYTES_MAX))).is_ok());
        let many = |count| {
            let all =
                (0..count).map(|n| format!(r#""{n}":{}"#, long(ChannelOptions::DATA_BYTES_MAX)));
            format!("{{{}}}", all.collect::<Vec<_>>().join(","))
        };
        assert!(of(&many(4)).is_ok());
        for json in [
            "[\"a\"]",
            r#"{"a":1}"#,
            r#"{"a":{"b64data":"*"}}"#,
            r#"{"a":{"override":1}}"#,
            &format!(r#"{{"a":{}}}"#, long(ChannelOptions::DATA_BYTES_MAX + 1)),
            &many(5),
        ] {
            assert_eq!(of(json).map(|_| ()), Err(TokenError::Claim("subs")), "{json:.40}");
        }
    }
}
