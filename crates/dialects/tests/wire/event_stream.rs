//! Event streams, read by a browser's rules.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use switchboard_dialects::{
    Body, Chain, Dialect, Label, write_end, write_event_stream_head, write_gap, write_head,
    write_keep_alive, write_retry, write_start,
};
use switchboard_hub::{ChannelName, Gap, Kind, Publication};

use crate::given::{self, written};
use crate::read::event_source::{Event, EventSource};
use crate::read::{self, http};

/// One item of a stream.
#[derive(Clone, Debug)]
enum Said {
    Publication(Arc<Publication>),
    Gap(ChannelName, Gap),
    Start(Option<u32>),
    Retry(u32),
    KeepAlive,
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => given::publication().prop_map(Said::Publication),
        1 => (given::channel(), given::gap()).prop_map(|(name, gap)| Said::Gap(name, gap)),
        1 => option::of(any::<u32>()).prop_map(Said::Start),
        1 => any::<u32>().prop_map(Said::Retry),
        1 => Just(Said::KeepAlive),
    ]
}

const DIALECTS: [Dialect; 2] = [Dialect::ChunkedEventStream, Dialect::EventStream];

fn write(dialect: Dialect, said: &Said, id: &str, out: &mut Vec<u8>) {
    match said {
        Said::Publication(publication) => {
            out.extend(written(
                dialect,
                publication,
                Label { id, channel: None, chain: Chain::None },
            ));
        }
        Said::Gap(name, gap) => write_gap(dialect, name, gap, id, out),
        Said::Start(retry_ms) => write_start(dialect, id, *retry_ms, out),
        Said::Retry(retry_ms) => write_retry(dialect, *retry_ms, out),
        Said::KeepAlive => write_keep_alive(dialect, out),
    }
}

/// What a page receives of it.
fn event(said: &Said, id: &str) -> Option<Event> {
    let (kind, data) = match said {
        Said::Publication(publication) => of_publication(publication),
        Said::Gap(name, gap) => ("gap".to_owned(), of_gap(name, gap, id)),
        Said::Start(_) | Said::Retry(_) | Said::KeepAlive => return None,
    };
    Some(Event { kind, data, last_event_id: id.to_owned() })
}

fn of_publication(publication: &Publication) -> (String, String) {
    if publication.kind() == Kind::Binary {
        return ("binary".to_owned(), to_base64(publication.payload()));
    }
    let data = str::from_utf8(publication.payload()).unwrap();
    let data = data.replace("\r\n", "\n").replace('\r', "\n");
    let kind = match publication.event() {
        None | Some("") => "message".to_owned(),
        Some(event) if event.contains(['\r', '\n']) => "decoded below".to_owned(),
        Some(event) => event.to_owned(),
    };
    (kind, data)
}

fn of_gap(name: &ChannelName, gap: &Gap, id: &str) -> String {
    let mut notice = json!({
        "channel": name.as_str(),
        "reason": gap.reason.to_string(),
        "position": id,
    });
    if let Some(missed) = &gap.missed {
        notice["missed"] = json!([missed.start(), missed.end()]);
    }
    notice.to_string()
}

/// RFC 4648 section 4, without a library.
fn to_base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .enumerate()
            .fold(0, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            let is_padding = digit > chunk.len();
            text.push(if is_padding { '=' } else { char::from(ALPHABET[index as usize]) });
        }
    }
    text
}

/// Names that would break their line are encoded, and JSON keys have no order.
fn normalised(said: &Said, event: Event) -> Event {
    match said {
        Said::Publication(publication)
            if publication.kind() == Kind::Text
                && publication.event().is_some_and(|event| event.contains(['\r', '\n'])) =>
        {
            assert_eq!(Some(read::name(&event.kind).as_str()), publication.event());
            Event { kind: "decoded below".to_owned(), ..event }
        }
        Said::Gap(..) => {
            let notice: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            Event { data: notice.to_string(), ..event }
        }
        _ => event,
    }
}

proptest! {
    #[test]
    fn a_page_gets_exactly_what_was_said(
        said in vec((said(), given::id()), 1..8),
        lengths in given::lengths(),
    ) {
        let mut bytes = Vec::new();
        for (said, id) in &said {
            write(Dialect::EventStream, said, id, &mut bytes);
        }
        let mut page = EventSource::default();
        for piece in given::cut(&bytes, &lengths) {
            page.push(piece);
        }
        prop_assert!(page.is_at_rest());
        let expected: Vec<(&Said, Event)> = said
            .iter()
            .filter_map(|(said, id)| Some((said, event(said, id)?)))
            .collect();
        prop_assert_eq!(page.events.len(), expected.len());
        for (event, (said, expected)) in page.events.into_iter().zip(expected) {
            prop_assert_eq!(normalised(said, event), expected);
        }
        let keep_alives = said.iter().filter(|(said, _)| matches!(said, Said::KeepAlive)).count();
        prop_assert_eq!(page.comments, keep_alives);
        let is_named = |said: &Said| !matches!(said, Said::KeepAlive | Said::Retry(_));
        let named = said.iter().rev().find(|(said, _)| is_named(said));
        prop_assert_eq!(page.last_event_id, named.map_or("", |(_, id)| id));
        let retry = said.iter().rev().find_map(|(said, _)| match said {
            Said::Start(retry_ms) => *retry_ms,
            Said::Retry(retry_ms) => Some(*retry_ms),
            _ => None,
        });
        prop_assert_eq!(page.retry_ms, retry.map(u64::from));
    }
}

proptest! {
    #[test]
    fn in_chunks_the_same_is_said_and_each_thing_is_one_chunk(
        said in vec((said(), given::id()), 0..8),
    ) {
        let (mut plain, mut chunked) = (Vec::new(), Vec::new());
        let mut ends = Vec::new();
        for (said, id) in &said {
            write(Dialect::EventStream, said, id, &mut plain);
            write(Dialect::ChunkedEventStream, said, id, &mut chunked);
            ends.push(plain.len());
        }
        write_end(Dialect::EventStream, &mut plain);
        prop_assert_eq!(plain.len(), ends.last().copied().unwrap_or(0), "the connection ends it");
        write_end(Dialect::ChunkedEventStream, &mut chunked);
        let (chunks, rest) = http::chunks(&chunked);
        prop_assert!(rest.is_empty());
        prop_assert_eq!(chunks.concat(), plain);
        let chunk_ends = chunks.iter().scan(0, |end, chunk| {
            *end += chunk.len();
            Some(*end)
        });
        prop_assert_eq!(chunk_ends.collect::<Vec<_>>(), ends);
    }
}

#[test]
fn each_mix_of_line_breaks_becomes_lines_of_data() {
    const BREAKS: [&str; 5] = ["\r", "\n", "\r\n", "x", " "];
    for number in 0..BREAKS.len().pow(5) {
        let text: String = (0..5_u32).map(|at| BREAKS[number / BREAKS.len().pow(at) % 5]).collect();
        let publication = given::publish(Kind::Text, text.as_bytes(), None, None, 0);
        let bytes = written(
            Dialect::EventStream,
            &publication,
            Label { id: "a", channel: None, chain: Chain::None },
        );
        for piece in [1, 2, 3, bytes.len()] {
            let mut page = EventSource::default();
            bytes.chunks(piece).for_each(|piece| page.push(piece));
            let expected = text.replace("\r\n", "\n").replace('\r', "\n");
            assert_eq!(page.events.len(), 1, "{text:?}");
            assert_eq!(page.events[0].data, expected, "{text:?}");
        }
    }
}

#[test]
fn a_payload_without_line_breaks_is_sent_as_it_lies() {
    let is_as_it_lies = |kind, payload: &[u8]| {
        let publication = given::publish(kind, payload, None, None, 0);
        let label = Label { id: "a", channel: None, chain: Chain::None };
        let [body, other] = DIALECTS.map(|dialect| {
            let shape = write_head(dialect, &publication, label, &mut Vec::new());
            let is_payload = std::ptr::eq(shape.body.of(&publication), publication.payload());
            assert_eq!(is_payload, shape.body == Body::Payload);
            shape.body
        });
        assert_eq!(body, other, "both share it");
        body == Body::Payload
    };
    assert!(is_as_it_lies(Kind::Text, b"news"));
    assert!(is_as_it_lies(Kind::Text, b""));
    assert!(!is_as_it_lies(Kind::Text, b"\n"));
    assert!(!is_as_it_lies(Kind::Binary, b"news"));
    // The base64 of nothing is nothing.
    assert!(is_as_it_lies(Kind::Binary, b""));
}

#[test]
fn the_head_says_how_the_stream_ends() {
    let origin = "https://app.example.org";
    for (dialect, coding) in DIALECTS.into_iter().zip([Some("chunked"), None]) {
        for cors in [None, Some(origin), Some("https://a\r\nSet-Cookie: b=c")] {
            let mut head = Vec::new();
            write_event_stream_head(dialect, given::wall().date, cors.map(given::page), &mut head);
            let response = http::response(&head);
            assert_eq!(response.status, 200);
            assert_eq!(response.header("content-type"), Some("text/event-stream; charset=utf-8"));
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert_eq!(response.header("x-accel-buffering"), Some("no"));
            assert_eq!(response.header("connection"), Some("close"));
            assert_eq!(response.header("transfer-encoding"), coding);
            assert_eq!(response.header("content-length"), None);
            let allowed = cors.filter(|cors| *cors == origin);
            assert_eq!(response.header("access-control-allow-origin"), allowed);
            let lines = 5 + 3 * usize::from(allowed.is_some()) + usize::from(coding.is_some());
            assert_eq!(response.headers.len(), lines);
            assert!(response.rest.is_empty());
        }
    }
}
