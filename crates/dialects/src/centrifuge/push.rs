//! What a client is sent without a command.

use serde::Serialize;
use serde_json::value::RawValue;
use switchboard_hub::Publication;

use super::codes::Unsubscribed;
use super::deltas;
use super::fields::{is_false, is_zero_offset};
use super::framing::Framing;
use crate::json::push_json;
use crate::{Body, Label, Shape};

/// Something that a client did not ask for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Push<'a> {
    /// The subscription is over.
    Unsubscribe {
        /// Why.
        code: u32,
        /// The same for people.
        reason: &'a str,
    },
    /// The connection is over, for those that get no Close frame. It is in no channel.
    Disconnect {
        /// Why.
        code: u16,
        /// The same for people.
        reason: &'a str,
    },
    /// A subscription has begun for which the client did not ask.
    Subscribe {
        /// It may go on behind what it has got.
        #[serde(skip_serializing_if = "is_false")]
        recoverable: bool,
        /// It hears when something is missing.
        #[serde(skip_serializing_if = "is_false")]
        positioned: bool,
        /// Which life of the stream; empty where it hears of no positions.
        #[serde(skip_serializing_if = "str::is_empty")]
        epoch: &'a str,
        /// Where it stands before the publications that follow; 0 is not written.
        #[serde(skip_serializing_if = "is_zero_offset")]
        offset: u64,
        /// What the backend tells the client.
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a RawValue>,
    },
}

#[derive(Serialize)]
struct InChannel<'p, 'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    channel: &'a str,
    #[serde(flatten)]
    push: &'p Push<'a>,
}

#[derive(Serialize)]
struct Pushed<'p, 'a> {
    push: InChannel<'p, 'a>,
}

impl Push<'_> {
    /// The end of a subscription.
    pub fn unsubscribe(why: Unsubscribed) -> Self {
        Self::Unsubscribe { code: why.code(), reason: why.reason() }
    }

    /// Appends it. `channel` is empty for what is in none.
    pub fn write(&self, channel: &str, framing: Framing, out: &mut Vec<u8>) {
        let mut json = Vec::new();
        push_json(&mut json, &Pushed { push: InChannel { channel, push: self } });
        framing.write(&json, out);
    }
}

/// Begins a push of this kind, up to its value. Returns where.
pub(super) fn begin(framing: Framing, channel: &str, kind: &str, head: &mut Vec<u8>) -> usize {
    let start = framing.begin(head);
    head.extend_from_slice(b"{\"push\":{\"channel\":");
    push_json(head, &channel);
    head.extend_from_slice(b",\"");
    head.extend_from_slice(kind.as_bytes());
    head.extend_from_slice(b"\":");
    start
}

/// What goes before a publication. All who listen to its channel get the same bytes, so the label must name
/// the channel.
pub(crate) fn write_head(
    framing: Framing,
    publication: &Publication,
    label: Label<'_>,
    head: &mut Vec<u8>,
) -> Shape {
    let channel = label.channel.map_or("", |channel| channel.as_str());
    let start = begin(framing, channel, "pub", head);
    let body = deltas::publication(publication, label.chain).map_or(Body::Payload, Body::Form);
    let tail = framing.tail(2);
    framing.end_head(head, start, body.of(publication).len() + tail.len());
    Shape { body, tail }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use switchboard_hub::{Accounting, ChannelName, Draft, Epoch, Kind, Position};

    use super::*;
    use crate::Chain;

    fn pushed(channel: &str, draft: Draft) -> String {
        let position = Position { epoch: Epoch::from_random(3), offset: 9 };
        let publication = Publication::new(position, (0, 0), draft, &Arc::default());
        let channel = ChannelName::new(channel).unwrap();
        let mut out = b"before".to_vec();
        let label = Label { id: "", channel: Some(&channel), chain: Chain::None };
        let Shape { body, tail } = write_head(Framing::Message, &publication, label, &mut out);
        out.extend_from_slice(body.of(&publication));
        out.extend_from_slice(tail);
        assert!(out.starts_with(b"before\x81"));
        let (length, header) = match out[7] {
            126 => (usize::from(u16::from_be_bytes([out[8], out[9]])), 4),
            short => (usize::from(short), 2),
        };
        assert_eq!(out.len(), 6 + header + length, "the frame is as long as its header says");
        String::from_utf8(out.split_off(6 + header)).unwrap()
    }

    #[test]
    fn a_publication_names_its_channel_and_its_place() {
        let push = pushed("a\"b", Draft::new(Kind::Text, b" {\"x\":\n1} "));
        assert_eq!(push, r#"{"push":{"channel":"a\"b","pub":{"data":{"x":1},"offset":9}}}"#);
        let info = r#"{"user":"7","client":"c"}"#;
        let draft = Draft::new(Kind::Binary, b"\xff").with_info(info).with_tags(r#"{"a":"b"}"#);
        let expected =
            r#""pub":{"data":"/w==","offset":9,"info":{"user":"7","client":"c"},"tags":{"a":"b"}}"#;
        assert!(pushed("a", draft).contains(expected));
        let long = "x".repeat(200);
        assert!(pushed("a", Draft::new(Kind::Text, long.as_bytes())).contains(&long));
    }

    #[test]
    fn the_json_of_a_publication_is_made_once() {
        let accounting = Arc::new(Accounting::default());
        let position = Position { epoch: Epoch::from_random(3), offset: 9 };
        let draft = Draft::new(Kind::Text, b"{}");
        let publication = Publication::new(position, (0, 0), draft, &accounting);
        let label = Label { id: "", channel: None, chain: Chain::None };
        let body = |framing| match write_head(framing, &publication, label, &mut Vec::new()) {
            Shape { body: Body::Form(form), .. } => form,
            shape => panic!("{shape:?}"),
        };
        assert!(Arc::ptr_eq(&body(Framing::Message), &body(Framing::ChunkedLine)));
    }

    #[test]
    fn a_subscription_that_the_server_begins_says_where_it_stands() {
        let mut out = Vec::new();
        let data = serde_json::from_str("[1]").ok();
        Push::Subscribe { recoverable: true, positioned: true, epoch: "abc", offset: 0, data }
            .write("c", Framing::Message, &mut out);
        assert_eq!(
            &out[2..],
            br#"{"push":{"channel":"c","subscribe":{"recoverable":true,"positioned":true,"epoch":"abc","data":[1]}}}"#
        );
    }

    #[test]
    fn the_end_of_a_subscription_has_a_code() {
        let mut out = Vec::new();
        let push = Push::unsubscribe(Unsubscribed::InsufficientState);
        push.write("c", Framing::Message, &mut out);
        assert_eq!(
            &out[2..],
            br#"{"push":{"channel":"c","unsubscribe":{"code":2500,"reason":"insufficient state"}}}"#
        );
    }

    #[test]
    fn the_end_of_a_connection_is_in_no_channel() {
        let mut out = Vec::new();
        Push::Disconnect { code: 3001, reason: "a\nb" }.write("", Framing::Line, &mut out);
        assert_eq!(out, b"{\"push\":{\"disconnect\":{\"code\":3001,\"reason\":\"a\\nb\"}}}\n");
    }

    #[test]
    fn a_push_stands_in_its_framing() {
        let position = Position { epoch: Epoch::from_random(3), offset: 9 };
        let draft = Draft::new(Kind::Text, b"1");
        let publication = Publication::new(position, (0, 0), draft, &Arc::default());
        let channel = ChannelName::new("c").unwrap();
        let written = |framing| {
            let (mut out, label) =
                (Vec::new(), Label { id: "", channel: Some(&channel), chain: Chain::None });
            let Shape { body, tail } = write_head(framing, &publication, label, &mut out);
            out.extend_from_slice(body.of(&publication));
            out.extend_from_slice(tail);
            String::from_utf8(out).unwrap()
        };
        let json = r#"{"push":{"channel":"c","pub":{"data":1,"offset":9}}}"#;
        assert_eq!(written(Framing::Line), format!("{json}\n"));
        assert_eq!(written(Framing::ChunkedLine), format!("{:x}\r\n{json}\n\r\n", json.len() + 1));
        assert_eq!(written(Framing::Event), format!("data: {json}\n\n"));
        let chunk = format!("{:x}\r\ndata: {json}\n\n\r\n", json.len() + 8);
        assert_eq!(written(Framing::ChunkedEvent), chunk);
    }
}
