//! What a client says.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use thiserror::Error;

use super::connect::Connect;
use super::fields::{Object, raw};
use super::history::History;
use super::subscribe::Subscribe;

/// A command of the client.
#[derive(Debug)]
pub struct Command<'a> {
    /// The client's number of it, which is in the reply; 0 for what has none.
    pub id: u32,
    /// What it wants.
    pub method: Method<'a>,
}

/// What a client wants.
#[derive(Debug)]
pub enum Method<'a> {
    /// To begin: the first command of all.
    Connect(Box<Connect<'a>>),
    /// To listen to a channel.
    Subscribe(Box<Subscribe<'a>>),
    /// To listen to it no longer.
    Unsubscribe(Cow<'a, str>),
    /// To publish.
    Publish(Publish<'a>),
    /// To know who listens to a channel.
    Presence(Cow<'a, str>),
    /// To know how many listen to a channel.
    PresenceStats(Cow<'a, str>),
    /// To read what a channel keeps.
    History(Box<History<'a>>),
    /// To ask the backend.
    Rpc(Rpc<'a>),
    /// To tell the backend something. It has no reply.
    Send(Option<&'a RawValue>),
    /// To show a new token.
    Refresh(Cow<'a, str>),
    /// To show a new token of a subscription.
    SubRefresh(SubRefresh<'a>),
    /// To hear something.
    Ping,
    /// The answer to a ping of the server.
    Pong,
}

/// A publication.
#[derive(Debug, Deserialize)]
pub struct Publish<'a> {
    /// Where.
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    /// What; none where the command has nothing.
    #[serde(borrow, default, deserialize_with = "raw")]
    pub data: Option<&'a RawValue>,
}

/// A question to the backend.
#[derive(Debug, Deserialize)]
pub struct Rpc<'a> {
    /// What it is about.
    #[serde(borrow, default)]
    pub method: Cow<'a, str>,
    /// The question.
    #[serde(borrow, default, deserialize_with = "raw")]
    pub data: Option<&'a RawValue>,
}

/// A new token of a subscription.
#[derive(Debug, Deserialize)]
pub struct SubRefresh<'a> {
    /// The channel.
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    /// The token.
    #[serde(borrow, default)]
    pub token: Cow<'a, str>,
}

/// Why a command is none: the connection ends.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CommandError {
    /// It is no JSON object, or what it has is not what it must be.
    #[error("a command is a JSON object as the protocol has it")]
    Malformed,
    /// It does not say what it wants, or says several things.
    #[error("a command has exactly one method")]
    Methods,
    /// What has a reply needs a number.
    #[error("a command with a reply has an id")]
    Id,
}

/// The commands of one message, parted by line breaks.
#[derive(Debug)]
pub struct Frame;

impl Frame {
    /// The next command in `bytes` from `at` on, as it was written, and what is behind it. None where there is
    /// no other.
    pub fn next(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
        let mut at = at;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest[..end].trim_ascii();
            at += end + 1;
            if !line.is_empty() {
                return Some((line, at.min(bytes.len())));
            }
        }
        None
    }
}

impl<'a> Command<'a> {
    /// Reads one command.
    ///
    /// # Errors
    /// When it is none of the protocol.
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        // The library does not look at bytes that it reads over.
        let line = str::from_utf8(line).map_err(|_| CommandError::Malformed)?;
        let raw: Raw<'a> = serde_json::from_str(line).map_err(|_| CommandError::Malformed)?;
        match raw.method {
            None if raw.is_empty => Ok(Self { id: 0, method: Method::Pong }),
            None => Err(CommandError::Methods),
            Some(_) if raw.are_several => Err(CommandError::Methods),
            Some(method @ Method::Send(_)) => Ok(Self { id: 0, method }),
            Some(_) if raw.id == 0 => Err(CommandError::Id),
            Some(method) => Ok(Self { id: raw.id, method }),
        }
    }
}

/// An object as it is read, field by field.
#[derive(Default)]
struct Raw<'a> {
    id: u32,
    method: Option<Method<'a>>,
    are_several: bool,
    is_empty: bool,
}

/// The fields of a command.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Id,
    Connect,
    Subscribe,
    Unsubscribe,
    Publish,
    Presence,
    PresenceStats,
    History,
    Rpc,
    Send,
    Refresh,
    SubRefresh,
    Ping,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct RawChannel<'a> {
    #[serde(borrow, default)]
    channel: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RawToken<'a> {
    #[serde(borrow, default)]
    token: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RawSend<'a> {
    #[serde(borrow, default, deserialize_with = "raw")]
    data: Option<&'a RawValue>,
}

/// An object whose fields do not matter.
#[derive(Deserialize)]
struct Ignored {}

/// What a method is given: an object, or `null` where the client does not mean it.
fn given<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: &mut A) -> Result<Option<T>, A::Error> {
    Ok(map.next_value::<Option<Object<T>>>()?.map(|Object(given)| given))
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut raw = Raw { is_empty: true, ..Raw::default() };
        while let Some(field) = map.next_key::<Field>()? {
            raw.is_empty = false;
            let method =
                match field {
                    Field::Id => {
                        raw.id = map.next_value()?;
                        continue;
                    }
                    Field::Other => {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    Field::Connect => given(&mut map)?.map(Method::Connect),
                    Field::Subscribe => given(&mut map)?.map(Method::Subscribe),
                    Field::Unsubscribe => given(&mut map)?
                        .map(|raw: RawChannel<'de>| Method::Unsubscribe(raw.channel)),
                    Field::Publish => given(&mut map)?.map(Method::Publish),
                    Field::Rpc => given(&mut map)?.map(Method::Rpc),
                    Field::Send => given(&mut map)?.map(|raw: RawSend<'de>| Method::Send(raw.data)),
                    Field::Refresh => {
                        given(&mut map)?.map(|raw: RawToken<'de>| Method::Refresh(raw.token))
                    }
                    Field::Ping => given(&mut map)?.map(|_: Ignored| Method::Ping),
                    Field::History => given(&mut map)?.map(Method::History),
                    Field::Presence => {
                        given(&mut map)?.map(|raw: RawChannel<'de>| Method::Presence(raw.channel))
                    }
                    Field::PresenceStats => given(&mut map)?
                        .map(|raw: RawChannel<'de>| Method::PresenceStats(raw.channel)),
                    Field::SubRefresh => given(&mut map)?.map(Method::SubRefresh),
                };
            raw.are_several |= raw.method.is_some() && method.is_some();
            raw.method = raw.method.or(method);
        }
        Ok(raw)
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(line: &str) -> Result<Command<'_>, CommandError> {
        Command::parse(line.as_bytes())
    }

    fn lines(text: &str) -> Vec<&str> {
        let (mut lines, mut at) = (Vec::new(), 0);
        while let Some((line, behind)) = Frame::next(text.as_bytes(), at) {
            lines.push(str::from_utf8(line).unwrap());
            at = behind;
        }
        lines
    }

    #[test]
    fn a_message_has_a_command_in_each_line() {
        assert_eq!(lines("{}"), ["{}"]);
        assert_eq!(lines("{\"id\":1}\n{}\r\n\n  \n{} "), ["{\"id\":1}", "{}", "{}"]);
        assert!(lines("").is_empty() && lines("\n \n").is_empty());
    }

    #[test]
    fn each_method_is_read() {
        let connect = r#"{"id":1,"connect":{"token":"a\u0041","data":{"x": 1},"name":"js","flag":7,
            "subs":{"a":{"recover":true,"offset":5,"epoch":"e"},"b":{}}}}"#;
        let Ok(Command { id: 1, method: Method::Connect(connect) }) = parse(connect) else {
            panic!("no connect");
        };
        assert_eq!((&*connect.token, connect.subs.len()), ("aA", 2));
        let subscribe = r#"{"subscribe":{"channel":"c","recover":true,"flag":3},"id":2}"#;
        let Ok(Command { id: 2, method: Method::Subscribe(subscribe) }) = parse(subscribe) else {
            panic!("no subscribe");
        };
        assert_eq!((&*subscribe.channel, subscribe.recover, subscribe.offset), ("c", true, 0));
        assert!(subscribe.rejects_unrecovered());
        let Ok(Command { method: Method::Publish(publish), .. }) =
            parse(r#"{"id":3,"publish":{"channel":"c","data":null}}"#)
        else {
            panic!("no publish");
        };
        assert_eq!(publish.data.map(RawValue::get), Some("null"));
        let is = |line, is: fn(&Method<'_>) -> bool| is(&parse(line).unwrap().method);
        assert!(is(r#"{"id":4,"unsubscribe":{"channel":"c"}}"#, |it| {
            matches!(it, Method::Unsubscribe(name) if name == "c")
        }));
        assert!(is(r#"{"id":4,"rpc":{"method":"m"}}"#, |it| {
            matches!(it, Method::Rpc(Rpc { data: None, .. }))
        }));
        assert!(is(r#"{"send":{"data":1}}"#, |it| matches!(it, Method::Send(Some(_)))));
        assert!(is(r#"{"id":4,"refresh":{"token":"t"}}"#, |it| {
            matches!(it, Method::Refresh(token) if token == "t")
        }));
        assert!(is(r#"{"id":4,"ping":{}}"#, |it| matches!(it, Method::Ping)));
        assert!(is("{}", |it| matches!(it, Method::Pong)));
        assert!(is(r#"{"id":4,"presence":{"channel":"c"}}"#, |it| {
            matches!(it, Method::Presence(name) if name == "c")
        }));
        assert!(is(r#"{"id":4,"presence_stats":{"channel":"c"}}"#, |it| {
            matches!(it, Method::PresenceStats(name) if name == "c")
        }));
        assert!(is(r#"{"id":4,"sub_refresh":{"channel":"c","token":"t"}}"#, |it| {
            matches!(it, Method::SubRefresh(it) if it.channel == "c" && it.token == "t")
        }));
        let history =
            r#"{"id":4,"history":{"channel":"c","limit":-1,"since":{"offset":3},"reverse":true}}"#;
        assert!(is(history, |it| {
            matches!(it, Method::History(it)
                if it.limit == -1 && it.reverse && it.since.as_ref().is_some_and(|it| it.offset == 3))
        }));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for line in ["", "[]", "[1]", "null", "{", "{}{}", r#"{"id":-1,"ping":{}}"#, "x"] {
            assert_eq!(parse(line).unwrap_err(), CommandError::Malformed, "{line}");
        }
        for line in [
            r#"{"id":1,"ping":[]}"#,
            r#"{"id":1,"publish":["c",1]}"#,
            r#"{"id":1,"history":{"channel":"c","since":[3,""]}}"#,
            r#"{"id":1,"connect":{"subs":{"c":[true,3,""]}}}"#,
        ] {
            assert_eq!(parse(line).unwrap_err(), CommandError::Malformed, "{line}");
        }
        let not_utf8 = Command::parse(b"{\"id\":1,\"ping\":{},\"x\":\"\xff\"}");
        assert_eq!(not_utf8.unwrap_err(), CommandError::Malformed);
        for line in [r#"{"id":1.5,"ping":{}}"#, r#"{"id":1,"ping":1}"#, r#"{"id":1,"publish":1}"#] {
            assert_eq!(parse(line).unwrap_err(), CommandError::Malformed, "{line}");
        }
        for line in [r#"{"id":1}"#, r#"{"id":1,"fly":{}}"#, r#"{"id":1,"ping":{},"rpc":{}}"#] {
            assert_eq!(parse(line).unwrap_err(), CommandError::Methods, "{line}");
        }
        for line in [r#"{"ping":{}}"#, r#"{"id":0,"publish":{"channel":"c"}}"#] {
            assert_eq!(parse(line).unwrap_err(), CommandError::Id, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_reader(
            line in r#"\{?("?(id|connect|subscribe|publish|send|subs)"?:)?[{}\[\]",:a-z0-9\\]{0,40}"#,
        ) {
            let _ = parse(&line);
        }

        #[test]
        fn no_command_has_a_line_break(text in "[{}\n\r a]{0,40}") {
            let commands = lines(&text);
            prop_assert!(commands.iter().all(|line| !line.contains('\n') && !line.is_empty()));
            let kept: String = commands.concat().split_whitespace().collect();
            prop_assert_eq!(kept, text.split_whitespace().collect::<String>());
        }
    }
}
