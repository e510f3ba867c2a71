//! What others are told of a client.

use serde::Serialize;
use serde_json::value::RawValue;

use super::data::json_of;

/// A client, as others are told of it.
#[derive(Debug, Serialize)]
pub struct Info<'a> {
    user: &'a str,
    client: &'a str,
    #[serde(rename = "conn_info", skip_serializing_if = "Option::is_none")]
    about: Option<Box<RawValue>>,
    #[serde(rename = "chan_info", skip_serializing_if = "Option::is_none")]
    in_channel: Option<Box<RawValue>>,
}

impl<'a> Info<'a> {
    /// A user, the name of its connection, and what its token says of it.
    pub fn new(user: &'a str, client: &'a str, info: Option<&[u8]>) -> Self {
        Self { user, client, about: raw(info), in_channel: None }
    }

    /// With what is said of it in one channel.
    #[must_use]
    pub fn in_channel(self, info: Option<&[u8]>) -> Self {
        Self { in_channel: raw(info), ..self }
    }

    /// One value on one line.
    pub fn to_json(&self) -> String {
        // Texts and JSON: nothing of it can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn raw(info: Option<&[u8]>) -> Option<Box<RawValue>> {
    serde_json::from_slice::<&RawValue>(&json_of(info?)).ok().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_info_as_json_on_one_line() {
        let info = |info: Option<&[u8]>| Info::new("7", "c", info).to_json();
        assert_eq!(info(None), r#"{"user":"7","client":"c"}"#);
        let expected = r#"{"user":"7","client":"c","conn_info":{"a":1}}"#;
        assert_eq!(info(Some(b"{\n\"a\": 1}")), expected);
        assert_eq!(info(Some(b"\xff")), r#"{"user":"7","client":"c","conn_info":"/w=="}"#);
        let in_channel = Info::new("", "c", None).in_channel(Some(b"[1,\n2]")).to_json();
        assert_eq!(in_channel, r#"{"user":"","client":"c","chan_info":[1,2]}"#);
    }
}
