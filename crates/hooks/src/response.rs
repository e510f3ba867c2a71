//! From the body of a backend's response to a verdict, in the form of Centrifugo's proxy.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use switchboard_auth::{ChannelOptions, Claims, TokenError, WrittenOptions, object};
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
        Question::Subscribe { .. } => subscribed(result, now_s),
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
/// What it answers to a subscription whose time is over.
const SUBSCRIPTION_EXPIRED: u32 = 110;

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
    #[serde(default)]
    info: Option<Box<RawValue>>,
    #[serde(default)]
    b64info: Option<Value>,
}

#[derive(Deserialize)]
struct RawData<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    b64data: Option<String>,
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
    let written = WrittenOptions { info: raw.info, b64info: raw.b64info, ..Default::default() };
    let info = match written.read() {
        Ok(options) => options.info,
        Err(TokenError::Claim(name)) => return Err(Garbage::Claim(name)),
        Err(_) => return Err(Garbage::Result),
    };
    Ok(match raw.expire_at {
        _ if raw.expired == Some(true) => Refreshed::Expired,
        None | Some(0) => Refreshed::Until { end_s: None, info },
        Some(at) if at <= now_s => Refreshed::Expired,
        end_s => Refreshed::Until { end_s, info },
    })
}

/// A backend without an opinion has nothing to say of the subscription either.
fn subscribed(result: Option<&[u8]>, now_s: u64) -> Result<Verdict, Garbage> {
    let Some(result) = result else {
        return Ok(Ok(Answer::Subscribed(None)));
    };
    match ChannelOptions::of_subscribe(result, now_s) {
        Ok(options) => {
            let options = Some(options).filter(|options| !options.is_empty()).map(Box::new);
            Ok(Ok(Answer::Subscribed(options)))
        }
        Err(TokenError::Expired) => Ok(Err(Refusal::Error {
            code: SUBSCRIPTION_EXPIRED,
            message: "the time of this subscription is over".to_owned(),
            is_temporary: false,
        })),
        Err(TokenError::Claim(name)) => Err(Garbage::Claim(name)),
        Err(_) => Err(Garbage::Result),
    }
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
mod tests;
