//! From the body of a backend's response to a verdict, in the form of Centrifugo's proxy.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard_auth::{Claims, Opening, TokenError};
use switchboard_hub::Kind;
use thiserror::Error;

use crate::{Answer, Payload, Question, Refreshed, Refusal, Verdict};

/// The response is not what it must be: a bug of the backend, or not that backend.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Garbage {
    /// No JSON object.
    #[error("the response is no JSON object")]
    NotJson,
    /// `error` or `disconnect` is not what it must be.
    #[error("`{0}` in the response must be an object with a number `code`")]
    Refusal(&'static str),
    /// `result` is not what it must be for this question.
    #[error("`result` in the response is not what it must be")]
    Result,
    /// What it says of a client is not what it must be.
    #[error("`{0}` in the result is not what it must be")]
    Claim(&'static str),
}

/// The verdict of a response's body; `now_s` is in Unix seconds. Where a question is asked once for each of
/// its channels, the verdict is about one of them.
///
/// # Errors
/// When it is none of the forms that a response to this question may have.
pub fn read_response(question: &Question, body: &[u8], now_s: u64) -> Result<Verdict, Garbage> {
    let raw: Raw<'_> = object(body).ok_or(Garbage::NotJson)?;
    if let Some(disconnect) = raw.disconnect {
        return disconnected(disconnect).map(Err);
    }
    if let Some(error) = raw.error {
        return refused(error).map(Err);
    }
    let result = raw.result.map(|result| result.get().as_bytes());
    match question {
        Question::Connect { .. } => connected(result, now_s),
        Question::Refresh { .. } => refreshed(result, now_s).map(Answer::Refreshed).map(Ok),
        Question::Subscribe { .. } => subscribed(result).map(Ok),
        Question::Publish { payload, .. } => {
            data(result, payload.kind).map(Answer::Published).map(Ok)
        }
        Question::Message { payload, .. } => {
            let empty = || Payload { kind: Kind::Text, bytes: Vec::new() };
            let answer = data(result, payload.kind)?;
            Ok(Ok(Answer::Message(answer.unwrap_or_else(empty))))
        }
    }
}

/// The longest text that fits a Close frame beside its code (RFC 6455 section 5.5).
const REASON_BYTES_MAX: usize = 123;
/// Where a backend's own code is out of bounds. It has said no, so the client must not get a yes.
const ERROR_CODE: u32 = 400;
/// The same, for a close code: one after which clients do not come back.
const CLOSE_CODE: u16 = 4_500;
/// What Centrifugo answers to credentials whose time is over.
const EXPIRED: u32 = 109;

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    disconnect: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawError {
    code: i64,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    temporary: Option<bool>,
}

#[derive(Deserialize)]
struct RawDisconnect {
    code: i64,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct RawRefreshed {
    #[serde(default)]
    expired: Option<bool>,
    #[serde(default)]
    expire_at: Option<u64>,
}

#[derive(Deserialize)]
struct RawData<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    b64data: Option<String>,
}

/// Reads an object. The library would also take an array for a struct, and does not look at bytes that it reads over.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let json = str::from_utf8(json).ok()?;
    json.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(json).ok())?
}

fn refused(error: &RawValue) -> Result<Refusal, Garbage> {
    let error: RawError = object(error.get().as_bytes()).ok_or(Garbage::Refusal("error"))?;
    let code = u32::try_from(error.code).ok().filter(|code| (100..=1_999).contains(code));
    let message = sentence(&error.message.unwrap_or_default(), "the backend refuses it");
    Ok(Refusal::Error {
        code: code.unwrap_or(ERROR_CODE),
        message,
        is_temporary: error.temporary.unwrap_or(false),
    })
}

fn disconnected(disconnect: &RawValue) -> Result<Refusal, Garbage> {
    let disconnect: RawDisconnect =
        object(disconnect.get().as_bytes()).ok_or(Garbage::Refusal("disconnect"))?;
    let code = u16::try_from(disconnect.code).ok().filter(|code| (4_000..=4_999).contains(code));
    let reason = sentence(&disconnect.reason.unwrap_or_default(), "the backend ends this");
    Ok(Refusal::Disconnect { code: code.unwrap_or(CLOSE_CODE), reason })
}

/// One line that fits a Close frame.
fn sentence(text: &str, default: &str) -> String {
    let mut text = text.replace(char::is_control, " ");
    text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    if text.trim().is_empty() { default.to_owned() } else { text }
}

/// A backend without an opinion gives no credentials; a result does, even one without a user.
fn connected(result: Option<&[u8]>, now_s: u64) -> Result<Verdict, Garbage> {
    let Some(result) = result else {
        return Ok(Ok(Answer::Connected(None)));
    };
    if !result.starts_with(b"{") {
        return Err(Garbage::Result);
    }
    match Claims::of_connect(result, now_s) {
        Ok(claims) => Ok(Ok(Answer::Connected(Some(Arc::new(claims))))),
        Err(TokenError::Expired) => Ok(Err(Refusal::Error {
            code: EXPIRED,
            message: "the time of this client is over".to_owned(),
            is_temporary: false,
        })),
        Err(TokenError::Claim(name)) => Err(Garbage::Claim(name)),
        Err(_) => Err(Garbage::Result),
    }
}

/// A backend that does not say that a client may stay lets it go.
fn refreshed(result: Option<&[u8]>, now_s: u64) -> Result<Refreshed, Garbage> {
    let Some(result) = result else {
        return Ok(Refreshed::Expired);
    };
    let raw: RawRefreshed = object(result).ok_or(Garbage::Result)?;
    Ok(match raw.expire_at {
        _ if raw.expired == Some(true) => Refreshed::Expired,
        None | Some(0) => Refreshed::Until(None),
        Some(at) if at <= now_s => Refreshed::Expired,
        at => Refreshed::Until(at),
    })
}

fn subscribed(result: Option<&[u8]>) -> Result<Answer, Garbage> {
    if result.is_some_and(|result| !result.starts_with(b"{")) {
        return Err(Garbage::Result);
    }
    let data = data(result, Kind::Text)?.filter(|data| data.bytes != b"null");
    let is_short = data.as_ref().is_none_or(|data| data.bytes.len() <= Opening::DATA_BYTES_MAX);
    if is_short { Ok(Answer::Subscribed(data)) } else { Err(Garbage::Claim("data")) }
}

/// The payload in a result, if there is one. Text stays text on its way through base64.
fn data(result: Option<&[u8]>, asked: Kind) -> Result<Option<Payload>, Garbage> {
    let Some(result) = result else {
        return Ok(None);
    };
    let raw: RawData<'_> = object(result).ok_or(Garbage::Result)?;
    if let Some(encoded) = raw.b64data.filter(|encoded| !encoded.is_empty()) {
        let bytes = STANDARD.decode(encoded).map_err(|_| Garbage::Result)?;
        let is_text = asked == Kind::Text && str::from_utf8(&bytes).is_ok();
        let kind = if is_text { Kind::Text } else { Kind::Binary };
        return Ok(Some(Payload { kind, bytes }));
    }
    let json = raw.data.map(|data| data.get().as_bytes().to_vec());
    Ok(json.map(|bytes| Payload { kind: Kind::Text, bytes }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use switchboard_hub::ChannelName;

    use super::*;
    use crate::Client;

    fn payload(kind: Kind, bytes: &[u8]) -> Payload {
        Payload { kind, bytes: bytes.to_vec() }
    }

    fn questions() -> [Question; 5] {
        let client = Client::default;
        let channel = ChannelName::new("a").unwrap();
        let question = payload(Kind::Text, b"?");
        [
            Question::Connect { client: client(), channels: Vec::new(), data: None },
            Question::Refresh { client: client() },
            Question::Subscribe { client: client(), channels: vec![channel.clone()], data: None },
            Question::Publish { client: client(), channel, payload: question.clone() },
            Question::Message { client: client(), method: "".into(), payload: question },
        ]
    }

    fn read(question: usize, body: &str) -> Result<Verdict, Garbage> {
        read_response(&questions()[question], body.as_bytes(), 1_000)
    }

    #[test]
    fn a_backend_without_an_opinion_lets_things_be_as_without_it() {
        let answers = [
            Answer::Connected(None),
            Answer::Refreshed(Refreshed::Expired),
            Answer::Subscribed(None),
            Answer::Published(None),
            Answer::Message(payload(Kind::Text, b"")),
        ];
        for (question, answer) in answers.into_iter().enumerate() {
            for body in ["{}", r#" {"result":null,"error":null,"disconnect":null} "#, r#"{"x":1}"#]
            {
                assert_eq!(read(question, body), Ok(Ok(answer.clone())), "{body}");
            }
        }
    }

    #[test]
    fn a_result_is_read_as_its_question_wants() {
        let Ok(Ok(Answer::Connected(Some(claims)))) =
            read(0, r#"{"result":{"user":"7","expire_at":2000,"meta":{}}}"#)
        else {
            panic!("no claims");
        };
        assert_eq!((&*claims.user, claims.expires_at_s), ("7", Some(2_000)));
        assert!(matches!(read(0, r#"{"result":{}}"#), Ok(Ok(Answer::Connected(Some(_))))));
        let expired = read(0, r#"{"result":{"expire_at":1000}}"#);
        assert!(matches!(expired, Ok(Err(Refusal::Error { code: 109, .. }))), "{expired:?}");
        for (result, refreshed) in [
            ("{}", Refreshed::Until(None)),
            (r#"{"expire_at":0,"expired":false}"#, Refreshed::Until(None)),
            (r#"{"expire_at":1001}"#, Refreshed::Until(Some(1_001))),
            (r#"{"expire_at":1000}"#, Refreshed::Expired),
            (r#"{"expire_at":2000,"expired":true}"#, Refreshed::Expired),
        ] {
            let body = format!(r#"{{"result":{result}}}"#);
            assert_eq!(read(1, &body), Ok(Ok(Answer::Refreshed(refreshed))), "{result}");
        }
        let told = |result: &str| read(2, &format!(r#"{{"result":{result}}}"#));
        assert_eq!(told(r#"{"info":1,"data":null}"#), Ok(Ok(Answer::Subscribed(None))));
        let data = Some(payload(Kind::Text, b"[1]"));
        assert_eq!(told(r#"{"data":[1]}"#), Ok(Ok(Answer::Subscribed(data))));
        let long = format!(r#"{{"data":"{}"}}"#, "x".repeat(Opening::DATA_BYTES_MAX));
        assert_eq!(told(&long), Err(Garbage::Claim("data")));
        for (result, data) in [
            ("{}", None),
            (r#"{"data": {"a": 1}}"#, Some(payload(Kind::Text, br#"{"a": 1}"#))),
            (r#"{"data":1,"b64data":"aGk="}"#, Some(payload(Kind::Text, b"hi"))),
            (r#"{"data":1,"b64data":""}"#, Some(payload(Kind::Text, b"1"))),
            (r#"{"b64data":"/w=="}"#, Some(payload(Kind::Binary, b"\xff"))),
        ] {
            let body = format!(r#"{{"result":{result}}}"#);
            assert_eq!(read(3, &body), Ok(Ok(Answer::Published(data.clone()))), "{result}");
            let data = data.unwrap_or(payload(Kind::Text, b""));
            assert_eq!(read(4, &body), Ok(Ok(Answer::Message(data))), "{result}");
        }
        let binary = Question::Message {
            client: Client::default(),
            method: "".into(),
            payload: payload(Kind::Binary, b"?"),
        };
        let answer = read_response(&binary, br#"{"result":{"b64data":"aGk="}}"#, 0);
        assert_eq!(answer, Ok(Ok(Answer::Message(payload(Kind::Binary, b"hi")))));
    }

    #[test]
    fn a_no_stays_a_no_whatever_its_code() {
        let error = |code, message: &str, is_temporary| {
            Ok(Err(Refusal::Error { code, message: message.to_owned(), is_temporary }))
        };
        let disconnect =
            |code, reason: &str| Ok(Err(Refusal::Disconnect { code, reason: reason.to_owned() }));
        let long = "é".repeat(100);
        for (body, expected) in [
            (
                r#"{"error":{"code":1000,"message":"no","temporary":true}}"#,
                error(1_000, "no", true),
            ),
            (r#"{"error":{"code":103}}"#, error(103, "the backend refuses it", false)),
            (r#"{"error":{"code":-1,"message":"a\nb"}}"#, error(400, "a b", false)),
            (
                r#"{"error":{"code":2000,"message":" "}}"#,
                error(400, "the backend refuses it", false),
            ),
            (r#"{"disconnect":{"code":4400,"reason":"go"}}"#, disconnect(4_400, "go")),
            (r#"{"disconnect":{"code":3503}}"#, disconnect(4_500, "the backend ends this")),
            (
                r#"{"disconnect":{"code":99999,"reason":"\u0000"}}"#,
                disconnect(4_500, "the backend ends this"),
            ),
            (
                &format!(r#"{{"error":{{"code":1,"message":"{long}"}}}}"#),
                error(400, &long[..122], false),
            ),
            (
                r#"{"result":{},"error":{"code":400},"disconnect":{"code":4000,"reason":"x"}}"#,
                disconnect(4_000, "x"),
            ),
        ] {
            for question in 0..5 {
                assert_eq!(read(question, body), expected, "{body}");
            }
        }
    }

    #[test]
    fn anything_else_is_garbage() {
        for question in questions() {
            let not_utf8 = read_response(&question, b"{\"result\":null,\"x\":\"\xff\"}", 1_000);
            assert_eq!(not_utf8, Err(Garbage::NotJson));
        }
        for question in 0..5 {
            for body in
                ["", "null", "[]", "[null,null,null]", "<html>", "{", "{}x", r#"{"result":{}} {}"#]
            {
                assert_eq!(read(question, body), Err(Garbage::NotJson), "{body}");
            }
            for body in [r#"{"error":{}}"#, r#"{"error":"no"}"#, r#"{"error":[400,"",false]}"#] {
                assert_eq!(read(question, body), Err(Garbage::Refusal("error")), "{body}");
            }
            let disconnect = read(question, r#"{"disconnect":{"code":"x"}}"#);
            assert_eq!(disconnect, Err(Garbage::Refusal("disconnect")));
            for result in ["[]", "1", "\"a\"", "true"] {
                let body = format!(r#"{{"result":{result}}}"#);
                assert_eq!(read(question, &body), Err(Garbage::Result), "{body}");
            }
        }
        assert_eq!(read(0, r#"{"result":{"user":7}}"#), Err(Garbage::Claim("user")));
        assert_eq!(read(1, r#"{"result":{"expire_at":"x"}}"#), Err(Garbage::Result));
        assert_eq!(read(3, r#"{"result":{"b64data":"*"}}"#), Err(Garbage::Result));
    }

    proptest! {
        #[test]
        fn no_response_breaks_the_reader(body in ".{0,64}", json in r#"\{"(result|error|disconnect)":.{0,40}\}"#) {
            for question in 0..5 {
                let _ = read(question, &body);
                if let Ok(Err(Refusal::Error { message, .. } | Refusal::Disconnect { reason: message, .. })) = read(question, &json) {
                    prop_assert!(message.len() <= REASON_BYTES_MAX && !message.contains(char::is_control));
                }
            }
        }
    }
}
