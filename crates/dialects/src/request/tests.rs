//! Every rule for a request to listen.

use proptest::prelude::*;
use switchboard_hub::{Epoch, Position, PositionError};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

use super::*;
use crate::id::push_position;

const A: &str = "aaaaaaaa-7";
const B: &str = "bbbbbbbb-18446744073709551615";
/// A Sunday, and the second that it names.
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const SECOND: Start = Start::AfterSecond(784_111_777);

const EVENT_STREAM: &str = "Accept: text/event-stream";
const UPGRADE: &str = "Upgrade: websocket";

/// Reads a request for this many channels with this query and these header lines.
fn ask(channels: usize, query: &str, lines: &[&str]) -> Result<Listen, ListenError> {
    let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
    ask_bytes(channels, format!("GET /sub/a?{query} HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes())
}

fn ask_bytes(channels: usize, bytes: &[u8]) -> Result<Listen, ListenError> {
    let mut slots = HeaderSlots::new();
    let request = head::parse(bytes, &mut slots, &HeadLimits::default()).expect("a whole head");
    parse(&request, channels)
}

fn transport(query: &str, lines: &[&str]) -> Transport {
    ask(1, query, lines).unwrap().transport
}

fn starts(channels: usize, query: &str, lines: &[&str]) -> Vec<Start> {
    ask(channels, query, lines).unwrap().starts
}

fn after(position: &str) -> Start {
    Start::After(position.parse().unwrap())
}

#[test]
fn the_transport_is_the_first_that_is_asked_for() {
    assert_eq!(transport("", &[]), Transport::LongPoll);
    assert_eq!(transport("poll=0", &["Accept: */*"]), Transport::LongPoll);
    assert_eq!(transport("poll=1", &[]), Transport::IntervalPoll);
    assert_eq!(transport("poll=1", &[EVENT_STREAM]), Transport::EventStream);
    assert_eq!(
        transport("", &["Accept: text/html, text/event-stream;q=0.1"]),
        Transport::EventStream
    );
    assert_eq!(transport("", &["Accept: text/event-stream;q=0"]), Transport::LongPoll);
    assert_eq!(transport("poll=1", &[EVENT_STREAM, UPGRADE]), Transport::WebSocket);
    assert_eq!(transport("", &["Upgrade: h2c, WebSocket"]), Transport::WebSocket);
    assert_eq!(transport("", &["Upgrade: h2c"]), Transport::LongPoll);
}

#[test]
fn polls_may_ask_for_json() {
    let json = |query, accept| ask(1, query, &[accept]).unwrap().json;
    assert!(json("", "Accept: application/json"));
    assert!(json("poll=1", "Accept: text/plain;q=0.2, Application/JSON; q=0.1"));
    assert!(!json("", "Accept: application/json;q=0"));
    assert!(!json("", "Accept: */*"));
    assert!(!json("", "Accept: application/json, text/event-stream"));
    assert!(!ask(1, "", &[UPGRADE, "Accept: application/json"]).unwrap().json);
}

#[test]
fn without_a_position_everybody_begins_now() {
    for lines in [&[][..], &[EVENT_STREAM], &[UPGRADE]] {
        assert_eq!(starts(2, "", lines), [Start::Now; 2]);
        assert_eq!(starts(2, "_=1700000000&since_=x&Since=y", lines), [Start::Now; 2]);
    }
}

#[test]
fn since_names_words_or_one_position_for_each_channel() {
    for lines in [&[][..], &[EVENT_STREAM], &[UPGRADE]] {
        assert_eq!(starts(1, "since=earliest", lines), [Start::Earliest]);
        assert_eq!(starts(3, "since=latest", lines), [Start::Latest; 3]);
        assert_eq!(starts(1, &format!("since={A}"), lines), [after(A)]);
        let list = format!("x=1&since={A},latest,{B},earliest");
        let expected = [after(A), Start::Latest, after(B), Start::Earliest];
        assert_eq!(starts(4, &list, lines), expected);
        assert_eq!(starts(2, &format!("last_event_id={A}%2C{B}"), lines), [after(A), after(B)]);
        assert_eq!(starts(1, "%73ince=earlies%74", lines), [Start::Earliest]);
    }
}

#[test]
fn the_number_of_positions_is_that_of_the_channels() {
    for (channels, text, given) in
        [(2, A.to_owned(), 1), (1, format!("{A},{B}"), 2), (3, "earliest,earliest".to_owned(), 2)]
    {
        let count = |place| Err(ListenError::Count { place, given, channels });
        assert_eq!(ask(channels, &format!("since={text}"), &[]), count("since"));
        assert_eq!(ask(channels, &format!("last_event_id={text}"), &[]), count("last_event_id"));
        let header = format!("Last-Event-ID: {text}");
        assert_eq!(ask(channels, "", &[EVENT_STREAM, &header]), count("Last-Event-ID"));
        let header = format!("If-None-Match: \"{text}\"");
        assert_eq!(ask(channels, "", &[&header]), count("If-None-Match"));
    }
    let many = format!("since={}", [A; 128].join(","));
    assert_eq!(starts(128, &many, &[]), [after(A); 128]);
}

#[test]
fn malformed_positions_are_refused() {
    for (text, reason) in [
        ("", PositionError::Dash),
        ("now", PositionError::Dash),
        ("Earliest", PositionError::Dash),
        ("aaaaaaaa", PositionError::Dash),
        ("aaaa-1", PositionError::Epoch),
        ("AAAAAAAA-1", PositionError::Epoch),
        ("aaaaaaaa-", PositionError::Offset),
        ("aaaaaaaa--1", PositionError::Offset),
        ("aaaaaaaa-01", PositionError::Offset),
        ("aaaaaaaa-99999999999999999999", PositionError::Offset),
        ("aaaaaaaa-1%0d%0aX:%20y", PositionError::Offset),
        ("aaaaaaaa-1+", PositionError::Offset),
    ] {
        let error = Err(ListenError::Position { place: "since", reason });
        assert_eq!(ask(1, &format!("since={text}"), &[]), error, "{text}");
        assert_eq!(ask(2, &format!("since={A},{text}"), &[UPGRADE]), error, "{text}");
    }
    let error = Err(ListenError::Position { place: "Last-Event-ID", reason: PositionError::Dash });
    assert_eq!(ask(1, "", &[EVENT_STREAM, "Last-Event-ID: 17"]), error);
}

#[test]
fn keys_have_few_values_and_are_given_once() {
    let gap = |query| ask(1, query, &[]).map(|listen| listen.on_gap);
    assert_eq!(gap(""), Ok(OnGap::Now));
    assert_eq!(gap("gap=now"), Ok(OnGap::Now));
    assert_eq!(gap("gap=earliest"), Ok(OnGap::Earliest));
    for refused in ["gap", "gap=", "gap=latest", "gap=EARLIEST"] {
        assert_eq!(gap(refused), Err(ListenError::Gap), "{refused}");
    }
    for refused in ["poll", "poll=", "poll=2", "poll=true", "poll=01"] {
        assert_eq!(gap(refused), Err(ListenError::Poll), "{refused}");
        assert_eq!(ask(1, refused, &[UPGRADE]), Err(ListenError::Poll), "{refused}");
    }
    for (query, key) in [
        ("since=latest&x=1&since=latest", "since"),
        ("last_event_id=latest&last_event_id=", "last_event_id"),
        ("gap=now&gap=now", "gap"),
        ("poll=1&%70oll=1", "poll"),
    ] {
        assert_eq!(gap(query), Err(ListenError::KeyTwice(key)), "{query}");
    }
    assert_eq!(gap("x=1&x=2"), Ok(OnGap::Now));
    for lines in [&[][..], &[EVENT_STREAM], &[UPGRADE]] {
        let both = ask(1, "since=latest&last_event_id=latest", lines);
        assert_eq!(both, Err(ListenError::TwoStarts));
    }
}

#[test]
fn an_event_stream_follows_its_header_before_its_url() {
    let header = format!("Last-Event-ID: {A}");
    assert_eq!(starts(1, "since=earliest", &[EVENT_STREAM, &header]), [after(A)]);
    assert_eq!(starts(1, "since=broken", &[EVENT_STREAM, &header]), [after(A)]);
    let query = format!("last_event_id={B}");
    assert_eq!(starts(1, &query, &[EVENT_STREAM, &header]), [after(A)]);
    assert_eq!(starts(1, "", &[EVENT_STREAM, "last-event-id: earliest"]), [Start::Earliest]);
    assert_eq!(starts(1, &query, &[EVENT_STREAM, "Last-Event-ID:"]), [after(B)]);
    let twice = ask(1, "", &[EVENT_STREAM, &header, &header]);
    assert_eq!(twice, Err(ListenError::LastEventId));
    let twice = ask(1, "", &[EVENT_STREAM, "Last-Event-ID:", &header]);
    assert_eq!(twice, Err(ListenError::LastEventId));
    let bytes =
        b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: \xff\r\n\r\n";
    assert_eq!(ask_bytes(1, bytes), Err(ListenError::LastEventId));
    // It ignores what polls repeat, and the other way round.
    let lines = [EVENT_STREAM, "If-None-Match: x", "If-Modified-Since: x"];
    assert_eq!(starts(1, "", &lines), [Start::Now]);
    assert_eq!(starts(1, "", &["Last-Event-ID: x"]), [Start::Now]);
    assert_eq!(starts(1, "", &[UPGRADE, "Last-Event-ID: x", "If-None-Match: x"]), [Start::Now]);
}

#[test]
fn polls_follow_their_validators() {
    let modified = format!("If-Modified-Since: {DATE}");
    let tag = format!("If-None-Match: \"{A},{B}\"");
    let weak = format!("If-None-Match: W/\"{A},{B}\"");
    for poll in ["poll=0", "poll=1"] {
        let since = format!("{poll}&since=earliest");
        assert_eq!(starts(2, poll, &[&tag]), [after(A), after(B)]);
        assert_eq!(starts(2, &since, &[&weak, &modified]), [after(A), after(B)]);
        assert_eq!(starts(2, &since, &[&modified]), [Start::Earliest; 2]);
        assert_eq!(starts(2, poll, &[&modified]), [SECOND; 2]);
        assert_eq!(
            starts(1, poll, &["If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"]),
            [SECOND]
        );
        assert_eq!(starts(1, poll, &["If-Modified-Since: Sun Nov  6 08:49:37 1994"]), [SECOND]);
        for unreadable in ["", "yesterday", "784111777", "Mon, 06 Nov 1994 08:49:37 GMT"] {
            let line = format!("If-Modified-Since: {unreadable}");
            assert_eq!(starts(1, poll, &[&line]), [Start::Now], "{unreadable}");
        }
        assert_eq!(starts(1, poll, &[&modified, &modified]), [Start::Now]);
    }
    for refused in ["", "*", A, "\"\"", "\"latest\"", "\"earliest\"", "\"17\"", "\"aaaaaaaa-1"] {
        let line = format!("If-None-Match: {refused}");
        assert_eq!(ask(1, "since=latest", &[&line]), Err(ListenError::IfNoneMatch), "{refused}");
    }
    let two = format!("If-None-Match: \"{A}\", \"{B}\"");
    assert_eq!(ask(2, "", &[&two]), Err(ListenError::IfNoneMatch));
    assert_eq!(ask(2, "", &[&tag, &tag]), Err(ListenError::IfNoneMatch));
}

#[test]
fn refusals_are_sentences_that_name_the_place() {
    let sentence = |query, lines| ask(1, query, lines).unwrap_err().to_string();
    let refused = sentence("since=x", &[]);
    assert!(refused.starts_with("since must be earliest, latest or the position"), "{refused}");
    assert!(refused.ends_with("a position is written <epoch>-<offset>"), "{refused}");
    let refused = sentence("last_event_id=latest,latest", &[]);
    assert_eq!(
        refused,
        "last_event_id names 2 positions, but the number of channels is 1; give one for each, \
         in their order"
    );
}

fn position() -> impl Strategy<Value = Position> {
    (any::<u64>(), any::<u64>())
        .prop_map(|(random, offset)| Position { epoch: Epoch::from_random(random), offset })
}

/// Pieces of requests, and noise.
fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(pieces).prop_map(str::to_owned),
        1 => "[!-~]{0,6}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

const QUERY: &[&str] = &[
    "since",
    "last_event_id",
    "gap",
    "poll",
    "=",
    "=",
    "&",
    "&",
    "earliest",
    "latest",
    ",",
    "%2C",
    "aaaaaaaa-1",
    "-",
    "0",
    "1",
    "%",
    "%ff",
    "+",
    "\"",
];
const VALUE: &[&str] = &[
    "text/event-stream",
    "application/json",
    ";",
    ",",
    "q=0",
    "\"",
    "\\",
    "W/",
    "aaaaaaaa-1",
    "earliest",
    " ",
    "\t",
    "\u{e4}",
    "-",
];

proptest! {
    #[test]
    fn nothing_that_is_a_request_makes_it_panic(
        query in text(QUERY),
        accept in text(VALUE),
        id in text(VALUE),
        tag in text(VALUE),
        modified in text(VALUE),
        channels in 1_usize..4,
    ) {
        let query = query.replace('#', "");
        let lines = [
            format!("Accept: {accept}"),
            format!("Last-Event-ID: {id}"),
            format!("If-None-Match: {tag}"),
            format!("If-Modified-Since: {modified}"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        match ask(channels, &query, &lines) {
            Ok(listen) => prop_assert_eq!(listen.starts.len(), channels),
            Err(error) => prop_assert!(!error.to_string().contains(['\r', '\n'])),
        }
    }

    #[test]
    fn what_we_write_is_read_back_wherever_a_client_puts_it(
        positions in proptest::collection::vec(position(), 1..20),
    ) {
        let mut id = String::new();
        for position in &positions {
            push_position(&mut id, *position);
        }
        let channels = positions.len();
        let expected: Vec<Start> = positions.into_iter().map(Start::After).collect();
        for (query, lines) in [
            (format!("since={id}"), vec![UPGRADE.to_owned()]),
            (format!("last_event_id={}", id.replace(',', "%2C")), vec![EVENT_STREAM.to_owned()]),
            (String::new(), vec![EVENT_STREAM.to_owned(), format!("Last-Event-ID: {id}")]),
            (String::new(), vec![format!("If-None-Match: \"{id}\"")]),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(&ask(channels, &query, &lines).unwrap().starts, &expected);
        }
    }
}
