//! What a client is sent without a command.

use serde::Serialize;
use switchboard_hub::Publication;
use switchboard_ws::frame::{HEADER_BYTES_MAX, Opcode, encode_header};

use super::codes::Unsubscribed;
use super::data;
use super::reply::write_message;
use crate::json::push_json;
use crate::{Body, Label, Shape};

/// What follows a publication in its push.
const TAIL: &[u8] = b"}}";

/// Something that a client did not ask for, in a channel.
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
}

#[derive(Serialize)]
struct InChannel<'p, 'a> {
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

    /// Appends it as a message.
    pub fn write(&self, channel: &str, out: &mut Vec<u8>) {
        let mut json = Vec::new();
        push_json(&mut json, &Pushed { push: InChannel { channel, push: self } });
        write_message(&json, out);
    }
}

/// What goes before a publication. All who listen to its channel get the same bytes, so the label must name
/// the channel.
pub(crate) fn write_head(publication: &Publication, label: Label<'_>, head: &mut Vec<u8>) -> Shape {
    let start = head.len();
    head.extend_from_slice(b"{\"push\":{\"channel\":");
    push_json(head, &label.channel.map_or("", |channel| channel.as_str()));
    head.extend_from_slice(b",\"pub\":");
    let body = data::publication(publication).map_or(Body::Payload, Body::Form);
    begin_frame(head, start, body.of(publication).len() + TAIL.len());
    Shape { body, tail: TAIL }
}

/// Puts the header of a frame before what stands from `start` on, which so many bytes follow.
pub(super) fn begin_frame(head: &mut Vec<u8>, start: usize, rest_bytes: usize) {
    let payload_bytes = head.len() - start + rest_bytes;
    let mut header = [0; HEADER_BYTES_MAX];
    let used = encode_header(&mut header, true, Opcode::Text, payload_bytes as u64, None);
    head.extend_from_slice(&header[..used]);
    head[start..].rotate_right(used);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use switchboard_hub::{Accounting, ChannelName, Draft, Epoch, Kind, Position};

    use super::*;

    fn pushed(channel: &str, draft: Draft) -> String {
        let position = Position { epoch: Epoch::from_random(3), offset: 9 };
        let publication = Publication::new(position, (0, 0), draft, &Arc::default());
        let channel = ChannelName::new(channel).unwrap();
        let mut out = b"before".to_vec();
        let label = Label { id: "", channel: Some(&channel) };
        let Shape { body, tail } = write_head(&publication, label, &mut out);
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
        let body =
            || match write_head(&publication, Label { id: "", channel: None }, &mut Vec::new()) {
                Shape { body: Body::Form(form), .. } => form,
                shape => panic!("{shape:?}"),
            };
        assert!(Arc::ptr_eq(&body(), &body()));
    }

    #[test]
    fn the_end_of_a_subscription_has_a_code() {
        let mut out = Vec::new();
        Push::unsubscribe(Unsubscribed::InsufficientState).write("c", &mut out);
        assert_eq!(
            &out[2..],
            br#"{"push":{"channel":"c","unsubscribe":{"code":2500,"reason":"insufficient state"}}}"#
        );
    }
}
