//! What clients send: in the form in which they receive, lines, an empty line and a payload.
//!
//! ```text
//! publish: 17                  a publication; the answer names the same id
//! channel: chat%3Aroom         where the connection has several channels
//! content-type: text/plain     as it is told to listeners
//! event: price
//!
//! payload
//! ```
//!
//! `request: ID` is a message for the backend, of which a line `method:` may say what it is about;
//! `refresh: ID` is a new token.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use switchboard_hub::ChannelName;
use thiserror::Error;

/// A message of a client. Its id is the client's own, and stands in the answer.
#[derive(Debug, Eq, PartialEq)]
pub struct Request<'a> {
    /// 1 to 64 visible ASCII characters.
    pub id: &'a str,
    /// What the client wants.
    pub kind: RequestKind<'a>,
    /// What follows the empty line.
    pub payload: &'a [u8],
}

/// What a client wants.
#[derive(Debug, Eq, PartialEq)]
pub enum RequestKind<'a> {
    /// To publish the payload.
    Publish {
        /// Where; none for the only channel of the connection.
        channel: Option<ChannelName>,
        /// The media type of the payload, 1 to 255 bytes without control characters.
        content_type: Option<&'a str>,
        /// The event's name, the same.
        event: Option<Cow<'a, str>>,
    },
    /// An answer of the backend.
    Ask {
        /// What it is about, 1 to 255 bytes without control characters; empty where it is not said.
        method: Cow<'a, str>,
    },
    /// To show a new token.
    Refresh,
}

/// Why a message cannot be answered: it has no id, or breaks the form.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RequestError {
    /// The first line is none of those.
    #[error(
        "a message begins with `publish: ID`, `request: ID` or `refresh: ID`, and an empty line"
    )]
    Form,
    /// The id is missing or too long.
    #[error("the id of a message is 1 to 64 visible ASCII characters")]
    Id,
    /// A line is not known, or stands twice.
    #[error(
        "after `publish: ID` come `channel:`, `content-type:` and `event:`, after `request: ID` comes \
         `method:`, each once at most"
    )]
    Line,
    /// A value is not one of its kind.
    #[error("the value of `{0}:` is not what it must be")]
    Value(&'static str),
}

const ID_BYTES_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 255;

impl<'a> Request<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is not of this form.
    pub fn parse(message: &'a [u8]) -> Result<Self, RequestError> {
        let (head, payload) = split(message).ok_or(RequestError::Form)?;
        let head = str::from_utf8(head).map_err(|_| RequestError::Form)?;
        let mut lines = head.split('\n').map(|line| line.split_once(": "));
        let (name, id) = lines.next().flatten().ok_or(RequestError::Form)?;
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(RequestError::Id);
        }
        let kind = match name {
            "publish" => publish(lines)?,
            "request" => ask(lines)?,
            "refresh" => RequestKind::Refresh,
            _ => return Err(RequestError::Form),
        };
        if kind.takes_no_lines() && head.contains('\n') {
            return Err(RequestError::Line);
        }
        Ok(Self { id, kind, payload })
    }
}

impl RequestKind<'_> {
    fn takes_no_lines(&self) -> bool {
        matches!(self, Self::Refresh)
    }
}

/// Parts a message at its first empty line.
fn split(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memmem::find(message, b"\n\n")?;
    Some((&message[..end], &message[end + 2..]))
}

fn publish<'a>(
    lines: impl Iterator<Item = Option<(&'a str, &'a str)>>,
) -> Result<RequestKind<'a>, RequestError> {
    let (mut channel, mut content_type, mut event) = (None, None, None);
    for line in lines {
        let (name, value) = line.ok_or(RequestError::Line)?;
        let is_twice = match name {
            "channel" => channel.replace(channel_name(value)?).is_some(),
            "content-type" => content_type.replace(label("content-type", value)?).is_some(),
            "event" => {
                let decoded = decoded(value).ok_or(RequestError::Value("event"))?;
                label("event", &decoded)?;
                event.replace(decoded).is_some()
            }
            _ => true,
        };
        if is_twice {
            return Err(RequestError::Line);
        }
    }
    Ok(RequestKind::Publish { channel, content_type, event })
}

fn ask<'a>(
    mut lines: impl Iterator<Item = Option<(&'a str, &'a str)>>,
) -> Result<RequestKind<'a>, RequestError> {
    let method = match (lines.next(), lines.next()) {
        (None, _) => Cow::Borrowed(""),
        (Some(Some(("method", value))), None) => {
            let decoded = decoded(value).ok_or(RequestError::Value("method"))?;
            label("method", &decoded)?;
            decoded
        }
        _ => return Err(RequestError::Line),
    };
    Ok(RequestKind::Ask { method })
}

fn channel_name(value: &str) -> Result<ChannelName, RequestError> {
    let name = decoded(value).and_then(|name| ChannelName::new(&name).ok());
    name.ok_or(RequestError::Value("channel"))
}

fn decoded(value: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(value).decode_utf8().ok()
}

fn label<'v>(name: &'static str, value: &'v str) -> Result<&'v str, RequestError> {
    let is_good =
        !value.is_empty() && value.len() <= LABEL_BYTES_MAX && !value.contains(char::is_control);
    if is_good { Ok(value) } else { Err(RequestError::Value(name)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_publication_may_say_where_and_what_it_is() {
        let message =
            b"publish: 17\nchannel: chat:a%20b\ncontent-type: text/x\nevent: p%C3%BC\n\nhi\n\nyou";
        let request = Request::parse(message).unwrap();
        assert_eq!((request.id, request.payload), ("17", &b"hi\n\nyou"[..]));
        let expected = RequestKind::Publish {
            channel: Some(ChannelName::new("chat:a b").unwrap()),
            content_type: Some("text/x"),
            event: Some("p\u{fc}".into()),
        };
        assert_eq!(request.kind, expected);
        let bare = Request::parse(b"publish: a\n\n").unwrap();
        let expected = RequestKind::Publish { channel: None, content_type: None, event: None };
        assert_eq!((bare.kind, bare.payload), (expected, &b""[..]));
    }

    #[test]
    fn a_request_may_say_what_it_is_about_and_a_refresh_has_no_lines() {
        let request = Request::parse(b"request: r-1\n\n\xff\n").unwrap();
        let expected = RequestKind::Ask { method: "".into() };
        assert_eq!((request.kind, request.payload), (expected, &b"\xff\n"[..]));
        let named = Request::parse(b"request: r-1\nmethod: vote%20up\n\n").unwrap();
        assert_eq!(named.kind, RequestKind::Ask { method: "vote up".into() });
        let refresh = Request::parse(b"refresh: ~\n\na.b.c").unwrap();
        assert_eq!((refresh.id, refresh.kind), ("~", RequestKind::Refresh));
        assert_eq!(Request::parse(b"request: 1\nevent: x\n\n"), Err(RequestError::Line));
    }

    #[test]
    fn whatever_breaks_the_form_is_refused() {
        let long = format!("publish: {}\n\n", "x".repeat(65));
        let label = format!("publish: 1\ncontent-type: {}\n\n", "x".repeat(256));
        for (message, error) in [
            ("", RequestError::Form),
            ("hello", RequestError::Form),
            ("publish: 1\n", RequestError::Form),
            ("publish\n\n", RequestError::Form),
            ("publish:1\n\n", RequestError::Form),
            ("Publish: 1\n\n", RequestError::Form),
            ("position: 1\n\n", RequestError::Form),
            ("publish: \n\n", RequestError::Id),
            ("publish: a b\n\n", RequestError::Id),
            (&long, RequestError::Id),
            ("publish: 1\nx: y\n\n", RequestError::Line),
            ("request: 1\nmethod: a\nmethod: a\n\n", RequestError::Line),
            ("request: 1\nmethod: \n\n", RequestError::Value("method")),
            ("refresh: 1\nmethod: a\n\n", RequestError::Line),
            ("publish: 1\nevent\n\n", RequestError::Line),
            ("publish: 1\nevent: a\nevent: a\n\n", RequestError::Line),
            ("publish: 1\nevent: %00\n\n", RequestError::Value("event")),
            ("publish: 1\nevent: %ff\n\n", RequestError::Value("event")),
            ("publish: 1\nchannel: a/b\n\n", RequestError::Value("channel")),
            (&label, RequestError::Value("content-type")),
        ] {
            assert_eq!(Request::parse(message.as_bytes()), Err(error), "{message:?}");
        }
        assert_eq!(Request::parse(b"publish: \xff\n\n"), Err(RequestError::Form));
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_makes_it_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::parse(&message);
        }
    }
}
