//! Joins and leaves, as pushes in the channel that they are about.

use switchboard_hub::Publication;

use super::framing::Framing;
use super::push;
use crate::presence::Presence;
use crate::{Body, Label, Shape};

/// What goes before the client that a join or a leave is about: it stands in the publication as whoever made
/// it. What else is published in the channel for joins and leaves is a publication there, which SDKs pass over.
pub(crate) fn write_head(
    framing: Framing,
    publication: &Publication,
    label: Label<'_>,
    head: &mut Vec<u8>,
) -> Shape {
    let presence = label.channel.and_then(|channel| Presence::of(publication, channel));
    let (Some(Presence { channel, event }), Some(info)) = (presence, publication.info()) else {
        return push::write_head(framing, publication, label, head);
    };
    let start = push::begin(framing, channel, event, head);
    head.extend_from_slice(b"{\"info\":");
    let tail = framing.tail(3);
    framing.end_head(head, start, info.len() + tail.len());
    Shape { body: Body::Info, tail }
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
        let mut out = Vec::new();
        let label = Label { id: "", channel: Some(&channel), chain: Chain::None };
        let Shape { body, tail } = write_head(Framing::Message, &publication, label, &mut out);
        out.extend_from_slice(body.of(&publication));
        out.extend_from_slice(tail);
        let header = if out[1] < 126 { 2 } else { 4 };
        let length = if header == 2 { out[1].into() } else { u16::from_be_bytes([out[2], out[3]]) };
        assert_eq!(out.len(), header + usize::from(length));
        String::from_utf8(out.split_off(header)).unwrap()
    }

    #[test]
    fn joins_and_leaves_are_told_in_the_channel_that_they_are_about() {
        let info = r#"{"user":"7","client":"c","conn_info":{"a":1}}"#;
        let draft = |event| Draft::new(Kind::Text, b"{}").with_event(event).with_info(info);
        for event in ["join", "leave"] {
            let push = pushed("presence:a\"b", draft(event));
            let expected =
                format!(r#"{{"push":{{"channel":"a\"b","{event}":{{"info":{info}}}}}}}"#);
            assert_eq!(push, expected);
        }
    }

    #[test]
    fn what_else_is_published_there_is_a_publication_there() {
        let info = r#"{"user":"7","client":"c"}"#;
        for (channel, draft) in [
            ("presence:a", Draft::new(Kind::Text, b"{}").with_event("join")),
            ("presence:a", Draft::new(Kind::Text, b"{}").with_event("other").with_info(info)),
            ("a", Draft::new(Kind::Text, b"{}").with_event("join").with_info(info)),
        ] {
            let expected = format!(r#"{{"push":{{"channel":"{channel}","pub":{{"data":{{}}"#);
            assert!(pushed(channel, draft).starts_with(&expected));
        }
    }

    #[test]
    fn one_that_waits_for_its_socket_shares_what_the_publication_holds() {
        let accounting = Arc::new(Accounting::default());
        let position = Position { epoch: Epoch::from_random(3), offset: 9 };
        let draft = Draft::new(Kind::Text, b"{}").with_event("join").with_info(r#"{"client":"c"}"#);
        let publication = Publication::new(position, (0, 0), draft, &accounting);
        let channel = ChannelName::new("presence:a").unwrap();
        let label = Label { id: "", channel: Some(&channel), chain: Chain::None };
        let shape = write_head(Framing::Message, &publication, label, &mut Vec::new());
        assert_eq!(shape.body, Body::Info);
        let mut out = Vec::new();
        let Shape { tail, .. } = write_head(Framing::ChunkedLine, &publication, label, &mut out);
        let head = br#"{"push":{"channel":"a","join":{"info":"#;
        assert_eq!(out, [&b"38\r\n"[..], head].concat());
        assert_eq!(tail, b"}}}\n\r\n");
    }
}
