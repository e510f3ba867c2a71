//! Messages that are ours, and those that are not.

use std::sync::Arc;

use proptest::prelude::*;
use switchboard_hub::{Accounting, Epoch, Position};

use super::*;

const STORED: [(&str, &str); 3] = [
    ("Nats-Sequence", "7"),
    ("Nats-Time-Stamp", "1970-01-01T00:00:01.5Z"),
    ("Nats-Last-Sequence", "5"),
];

fn epoch() -> Epoch {
    Epoch::from_random(1)
}

fn all<'a>(ours: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    ours.iter().map(|(name, value)| (*name, value.as_str())).chain(STORED).collect()
}

/// As what a stored message is published on a node.
fn publication(message: Message) -> Arc<Publication> {
    let Body::Publication(draft) = message.body else { panic!("{message:?}") };
    let position = Position { epoch: Epoch::from_random(0), offset: message.sequence };
    Publication::new(position, (message.time_ms, 0), draft, &Arc::new(Accounting::default()))
}

fn foreign(headers: &[(&str, &str)], payload: &[u8]) -> ForeignError {
    let headers: Vec<_> = headers.iter().copied().chain(STORED).collect();
    match Message::parse(&headers, payload).unwrap().body {
        Body::Foreign(error) => error,
        body => panic!("{body:?}"),
    }
}

#[test]
fn a_publication_is_written_as_documented() {
    let content = Content {
        content_type: Some("text/plain; charset=utf-8"),
        event: Some("ä%"),
        ..Content::new(Kind::Text, b"hi")
    };
    let headers = content.headers(epoch(), "n-1-2", Some(60));
    let expected = [
        ("Sb-Kind", "text"),
        ("Sb-Epoch", "10000000"),
        ("Nats-Msg-Id", "n-1-2"),
        ("Nats-TTL", "60s"),
        ("Sb-Content-Type", "text/plain;%20charset=utf-8"),
        ("Sb-Event", "%C3%A4%25"),
    ];
    assert!(headers.iter().map(|(name, value)| (*name, value.as_str())).eq(expected));
    let on_wire = "NATS/1.0\r\nA: bc\r\n\r\nhi".len();
    assert_eq!(wire_bytes(&[("A", "bc".to_owned())], b"hi"), on_wire);
}

#[test]
fn a_deletion_rolls_its_subject_up() {
    let headers = deletion_headers(epoch(), "n-1-2", None);
    assert!(headers.contains(&("Nats-Rollup", "sub".to_owned())));
    assert!(!headers.iter().any(|(name, _)| *name == "Nats-TTL"));
    let message = Message::parse(&all(&headers), b"").unwrap();
    assert!(message.is_deletion() && message.payload_bytes() == 0);
}

#[test]
fn an_epoch_marker_is_stored_once() {
    let headers = epoch_marker_headers();
    assert_eq!(headers, [("Nats-Expected-Last-Subject-Sequence", "0".to_owned())]);
}

#[test]
fn the_engine_says_where_a_message_is() {
    let headers = Content::new(Kind::Binary, b"\xff").headers(epoch(), "i", None);
    let republished = Republished::parse(&all(&headers), b"\xff").unwrap();
    assert_eq!((republished.previous, republished.message.sequence), (5, 7));
    assert_eq!(republished.epoch, Some(epoch()));
    assert_eq!((republished.message.time_ms, republished.message.payload_bytes()), (1_500, 1));
    // A message that came from another stream has the headers of both; ours come last.
    let mut twice = vec![("Nats-Sequence", "3"), ("Nats-Last-Sequence", "2")];
    twice.extend(all(&headers));
    assert_eq!(Republished::parse(&twice, b"").unwrap().message.sequence, 7);
}

#[test]
fn a_message_without_a_place_is_refused() {
    for (index, header) in
        ["Nats-Sequence", "Nats-Time-Stamp", "Nats-Last-Sequence"].iter().enumerate()
    {
        let mut headers = STORED.to_vec();
        headers.remove(index);
        let error = Republished::parse(&headers, b"").unwrap_err();
        assert_eq!(error, MetadataError::Missing { header });
        for bad in ["", "x", "-1", "18446744073709551616"] {
            let mut headers = STORED.to_vec();
            headers.push((header, bad));
            let error = Republished::parse(&headers, b"").unwrap_err();
            assert_eq!(error, MetadataError::Malformed { header }, "{bad}");
        }
    }
    for (sequence, previous) in [("0", "0"), ("5", "5"), ("5", "6")] {
        let mut headers = STORED.to_vec();
        headers.extend([("Nats-Sequence", sequence), ("Nats-Last-Sequence", previous)]);
        assert_eq!(Republished::parse(&headers, b"").unwrap_err(), MetadataError::Order);
    }
}

#[test]
fn what_others_write_is_foreign_by_rule() {
    let text = ("Sb-Kind", "text");
    assert_eq!(foreign(&[], b"hi"), ForeignError::NotOurs);
    assert_eq!(foreign(&[("Sb-Event", "e")], b"hi"), ForeignError::NotOurs);
    assert_eq!(foreign(&[("Sb-Kind", "Text")], b"hi"), ForeignError::Kind);
    assert_eq!(foreign(&[text, ("Sb-New", "1")], b"hi"), ForeignError::UnknownHeader);
    assert_eq!(foreign(&[text, text], b"hi"), ForeignError::Twice);
    assert_eq!(foreign(&[text], b"\xff"), ForeignError::NotUtf8);
    assert_eq!(foreign(&[text, ("Sb-Event", "%ff")], b""), ForeignError::Encoding);
    for label in ["Sb-Content-Type", "Sb-Event", "Sb-Info"] {
        assert_eq!(foreign(&[text, (label, "")], b""), ForeignError::Label);
        assert_eq!(foreign(&[text, (label, "a%0Ab")], b""), ForeignError::Label);
    }
    assert_eq!(foreign(&[text, ("Sb-Info", "{")], b""), ForeignError::Info);
    for tags in ["", "[]", "{\"a\":1}", "{}x"] {
        assert_eq!(foreign(&[text, ("Sb-Tags", tags)], b""), ForeignError::Tags);
    }
    let deletion = ("Sb-Kind", "deletion");
    assert_eq!(foreign(&[deletion], b"x"), ForeignError::Deletion);
    assert_eq!(foreign(&[deletion, ("Sb-Event", "e")], b""), ForeignError::Deletion);
}

proptest! {
    #[test]
    fn every_publication_comes_back_from_its_message(
        payload in any::<Vec<u8>>(),
        content_type in proptest::option::of("[^\\p{Cc}]{1,20}"),
        event in proptest::option::of("[^\\p{Cc}]{1,20}"),
        info in proptest::option::of("[^\\p{Cc}\"\\\\]{0,20}"),
        tags in proptest::option::of(proptest::collection::btree_map(any::<String>(), any::<String>(), 0..3)),
    ) {
        let kind = if str::from_utf8(&payload).is_ok() { Kind::Text } else { Kind::Binary };
        let info = info.map(|text| format!("{{\"name\": \"{text}\"}}"));
        let tags = tags.map(|tags| format!(" {}\n", serde_json::to_string_pretty(&tags).unwrap()));
        let content = Content {
            kind,
            payload: &payload,
            content_type: content_type.as_deref(),
            event: event.as_deref(),
            info: info.as_deref(),
            tags: tags.as_deref(),
        };
        let headers = content.headers(epoch(), "i", Some(1));
        for (_, value) in &headers {
            prop_assert!(value.is_ascii() && !value.contains(['\r', '\n', '\0']));
            prop_assert_eq!(value.trim(), value);
        }
        let message = Message::parse(&all(&headers), &payload).unwrap();
        let publication = publication(message);
        prop_assert_eq!(Content::from(&*publication), content);
        prop_assert_eq!((publication.offset(), publication.time_ms()), (7, 1_500));
    }

    #[test]
    fn no_headers_and_no_payload_end_the_reading(
        headers in proptest::collection::vec(("(Sb-|Nats-)[A-Z][a-z]{2,8}(-[A-Z][a-z]{2,8})?", "[ -~]{0,20}"), 0..6),
        payload in any::<Vec<u8>>(),
    ) {
        let headers: Vec<_> = headers.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let _ = Republished::parse(&headers, &payload);
        let _ = Message::parse(&[headers, STORED.to_vec()].concat(), &payload);
    }
}
