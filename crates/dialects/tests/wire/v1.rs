//! WebSockets, with and without `switchboard.v1`.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use switchboard_dialects::{Chain, Dialect, Label, write_gap, write_head, write_start};
use switchboard_hub::{ChannelName, Gap, Kind, Publication};

use crate::given::{self, written};
use crate::read;
use crate::read::messages::{self, Message};

/// Reads one header line, decoded where it is a name.
fn decoded(message: &Message) -> Vec<(String, String)> {
    let decode = |name: &str, value: &String| match name {
        "channel" | "event" => read::name(value),
        _ => value.clone(),
    };
    message.header.iter().map(|(name, value)| (name.clone(), decode(name, value))).collect()
}

fn line(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn of_publication(
    publication: &Publication,
    id: &str,
    channel: Option<&ChannelName>,
) -> Vec<(String, String)> {
    let mut header = vec![line("position", id)];
    header.extend(channel.map(|channel| line("channel", channel.as_str())));
    let content_type = given::readable_content_type(publication);
    header.extend(content_type.map(|content_type| line("content-type", content_type)));
    let event = publication.event().filter(|event| !event.is_empty());
    header.extend(event.map(|event| line("event", event)));
    header
}

fn of_gap(channel: &ChannelName, gap: &Gap, id: &str) -> Vec<(String, String)> {
    let mut header = vec![
        line("gap", id),
        line("channel", channel.as_str()),
        line("reason", gap.reason.to_string()),
    ];
    let missed = gap.missed.as_ref();
    header.extend(missed.map(|m| line("missed", format!("{}-{}", m.start(), m.end()))));
    header
}

proptest! {
    #[test]
    fn a_client_gets_exactly_what_was_said(
        news in vec((given::publication(), given::id(), option::of(given::channel())), 1..6),
        (lost_channel, gap, begin) in (given::channel(), given::gap(), given::id()),
        lengths in given::lengths(),
    ) {
        let mut bytes = Vec::new();
        write_gap(Dialect::V1, &lost_channel, &gap, &begin, &mut bytes);
        write_start(Dialect::V1, &begin, Some(5), &mut bytes);
        for (publication, id, channel) in &news {
            bytes.extend(written(Dialect::V1, publication, Label { id, channel: channel.as_ref(), chain: Chain::None }));
        }
        let messages = messages::all(given::cut(&bytes, &lengths));
        prop_assert_eq!(messages.len(), 2 + news.len());
        prop_assert_eq!(decoded(&messages[0]), of_gap(&lost_channel, &gap, &begin));
        prop_assert_eq!(decoded(&messages[1]), vec![line("start", begin)]);
        for notice in &messages[..2] {
            prop_assert!(notice.is_text && notice.payload.is_empty());
        }
        for (message, (publication, id, channel)) in messages[2..].iter().zip(&news) {
            prop_assert_eq!(decoded(message), of_publication(publication, id, channel.as_ref()));
            prop_assert_eq!(message.is_text, publication.kind() == Kind::Text);
            prop_assert_eq!(&message.payload[..], publication.payload());
        }
    }

    #[test]
    fn a_raw_client_gets_payloads_and_nothing_else(
        news in vec(given::publication(), 1..6),
        lengths in given::lengths(),
    ) {
        let name = ChannelName::new("news").unwrap();
        let label = Label { id: "aaaaaaaa-1", channel: Some(&name), chain: Chain::None };
        let mut bytes = Vec::new();
        write_start(Dialect::Plain, label.id, Some(5), &mut bytes);
        for publication in &news {
            let mut head = Vec::new();
            write_head(Dialect::Plain, publication, label, &mut head);
            prop_assert!(head.is_empty());
            bytes.extend(written(Dialect::Plain, publication, label));
        }
        let expected: Vec<(bool, Vec<u8>)> = news
            .iter()
            .map(|news| (news.kind() == Kind::Text, news.payload().to_vec()))
            .collect();
        prop_assert_eq!(messages::bare(given::cut(&bytes, &lengths)), expected);
    }
}

#[test]
fn the_length_of_a_frame_counts_header_and_payload() {
    // The header of these is "position: a\n\n", 13 bytes.
    for payload_bytes in [0, 112, 113, 65_522, 65_523, 1 << 20] {
        let publication = given::publish(Kind::Binary, &vec![0xff; payload_bytes], None, None, 0);
        let mut head = b"before".to_vec();
        let label = Label { id: "a", channel: None, chain: Chain::None };
        let shape = write_head(Dialect::V1, &publication, label, &mut head);
        let frame_header_bytes = match payload_bytes {
            0..=112 => 2,
            113..=65_522 => 4,
            _ => 10,
        };
        assert_eq!(head.len(), "before".len() + frame_header_bytes + 13);
        assert!(head.starts_with(b"before\x82"));
        let frame = [&head[6..], shape.body.of(&publication), shape.tail].concat();
        let messages = messages::all([&frame[..]]);
        assert_eq!(messages[0].payload.len(), payload_bytes);
    }
}
