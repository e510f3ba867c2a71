//! A question as the body of an HTTP request, in the form of Centrifugo's proxy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use switchboard_hub::{ChannelName, Kind};

use crate::{Client, Payload, Question};

/// Writes the body. A question about several channels is asked once for each of them, in `channel`; other
/// questions have none there.
pub fn request_body(question: &Question, channel: Option<&ChannelName>) -> Vec<u8> {
    let mut body = Body::of(question.client());
    match question {
        Question::Connect { channels, data, .. } => {
            body.user = None;
            body.channels = channels.iter().map(ChannelName::as_str).collect();
            body.tell(data.as_ref());
        }
        Question::Refresh { .. } => {}
        Question::Subscribe { channels, data, .. } => {
            body.channel = channel.or(channels.first()).map(ChannelName::as_str);
            body.tell(data.as_ref());
        }
        Question::Publish { channel, payload, .. } => {
            body.channel = Some(channel.as_str());
            body.set(payload);
        }
        Question::Message { method, payload, .. } => {
            body.method = Some(method);
            body.set(payload);
        }
    }
    // Texts and JSON that was read before: nothing of it can fail to be written.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// A way to listen, as Centrifugo names it where it has it.
pub(crate) fn transport(ours: &str) -> &str {
    match ours {
        "event_stream" => "uni_sse",
        other => other,
    }
}

#[derive(Serialize)]
struct Body<'q> {
    client: &'q str,
    transport: &'q str,
    protocol: &'static str,
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'q str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'q str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    channels: Vec<&'q str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'q str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'q RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b64data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'q RawValue>,
}

impl<'q> Body<'q> {
    fn of(client: &'q Client) -> Self {
        Self {
            client: &client.connection,
            transport: transport(client.transport),
            protocol: "json",
            encoding: "json",
            user: Some(&client.user),
            channel: None,
            channels: Vec::new(),
            method: None,
            data: None,
            b64data: None,
            meta: client.meta.as_ref().and_then(|meta| serde_json::from_slice(meta).ok()),
        }
    }

    /// What the client tells the backend, if anything.
    fn tell(&mut self, data: Option<&'q Payload>) {
        if let Some(data) = data {
            self.set(data);
        }
    }

    /// Text that is JSON stands there as such, anything else in base64.
    fn set(&mut self, payload: &'q Payload) {
        let text = (payload.kind == Kind::Text).then_some(&payload.bytes);
        self.data = text.and_then(|text| serde_json::from_slice(text).ok());
        if self.data.is_none() {
            self.encoding = "binary";
            self.b64data = Some(STANDARD.encode(&payload.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn client() -> Client {
        Client {
            connection: "0-7-1".to_owned(),
            share: 1,
            transport: "event_stream",
            user: "7".into(),
            meta: Some(br#"{"plan": "a"}"#[..].into()),
            headers: vec![("cookie".into(), b"a=b"[..].into())],
        }
    }

    fn name(name: &str) -> ChannelName {
        ChannelName::new(name).unwrap()
    }

    fn body(question: &Question, channel: Option<&str>) -> Value {
        serde_json::from_slice(&request_body(question, channel.map(name).as_ref())).unwrap()
    }

    fn with(rest: &Value) -> Value {
        let mut body = json!({
            "client": "0-7-1", "transport": "uni_sse", "protocol": "json", "encoding": "json",
            "user": "7", "meta": {"plan": "a"},
        });
        for (key, value) in rest.as_object().unwrap() {
            body[key] = value.clone();
        }
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        body
    }

    #[test]
    fn each_question_has_its_fields() {
        let channels = vec![name("a"), name("b:1")];
        let connect = Question::Connect {
            client: client(),
            channels: channels.clone(),
            data: Some(Payload { kind: Kind::Text, bytes: b"[1]".to_vec() }),
        };
        let expected = with(&json!({"user": null, "channels": ["a", "b:1"], "data": [1]}));
        assert_eq!(body(&connect, None), expected);
        let refresh = Question::Refresh { client: client() };
        assert_eq!(body(&refresh, None), with(&json!({})));
        let subscribe = Question::Subscribe { client: client(), channels, data: None };
        assert_eq!(body(&subscribe, Some("b:1")), with(&json!({"channel": "b:1"})));
        let payload = Payload { kind: Kind::Text, bytes: br#" {"x": 1} "#.to_vec() };
        let publish =
            Question::Publish { client: client(), channel: name("a"), payload: payload.clone() };
        let expected = with(&json!({"channel": "a", "data": {"x": 1}}));
        assert_eq!(body(&publish, None), expected);
        let message = Question::Message { client: client(), method: "sum".into(), payload };
        assert_eq!(body(&message, None), with(&json!({"method": "sum", "data": {"x": 1}})));
    }

    #[test]
    fn what_is_no_json_text_is_binary() {
        for (kind, bytes, base64) in [
            (Kind::Text, &b"{\"x\":"[..], "eyJ4Ijo="),
            (Kind::Text, b"", ""),
            (Kind::Binary, b"{}", "e30="),
            (Kind::Binary, b"\xff", "/w=="),
        ] {
            let payload = Payload { kind, bytes: bytes.to_vec() };
            let question = Question::Message { client: client(), method: "".into(), payload };
            let expected = with(&json!({"method": "", "b64data": base64, "encoding": "binary"}));
            assert_eq!(body(&question, None), expected);
        }
    }

    #[test]
    fn an_anonymous_client_has_an_empty_user() {
        let client =
            Client { connection: "0-1-1".to_owned(), transport: "websocket", ..Client::default() };
        let expected = json!({
            "client": "0-1-1", "transport": "websocket", "protocol": "json", "encoding": "json",
            "user": "",
        });
        assert_eq!(body(&Question::Refresh { client }, None), expected);
    }
}
