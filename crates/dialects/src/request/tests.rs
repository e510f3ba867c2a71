//! Every rule for a request to listen.

use proptest::prelude::*;
use switchboard_hub::{Epoch, Position};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

use super::*;
use crate::id::{compact, push_position};

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

/// A position that is none of ours.
fn foreign() -> Start {
    after("00000000-0")
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
fn positions_of_another_number_of_channels_are_lost() {
    for (channels, text) in
        [(2, A.to_owned()), (1, format!("{A},{B}")), (3, "earliest,earliest".to_owned())]
    {
        let lost = vec![foreign(); channels];
        assert_eq!(starts(channels, &format!("since={text}"), &[]), lost);
        assert_eq!(starts(channels, &format!("last_event_id={text}"), &[UPGRADE]), lost);
        let header = format!("Last-Event-ID: {text}");
        assert_eq!(starts(channels, "", &[EVENT_STREAM, &header]), lost);
        let header = format!("If-None-Match: \"{text}\"");
        assert_eq!(starts(channels, "", &[&header]), vec![Start::Now; channels], "absent");
    }
    let many = format!("since={}", [A; 128].join(","));
    assert_eq!(starts(128, &many, &[]), [after(A); 128]);
}

#[test]
fn foreign_positions_are_lost_and_never_refused() {
    for text in [
        "now",
        "Earliest",
        "aaaaaaaa",
        "aaaa-1",
        "AAAAAAAA-1",
        "aaaaaaaa-",
        "aaaaaaaa--1",
        "aaaaaaaa-01",
        "aaaaaaaa-99999999999999999999",
        "aaaaaaaa-1%0d%0aX:%20y",
        "aaaaaaaa-1x",
        "1472717586:0",
        "~",
        "%FF",
    ] {
        let lines = [&[][..], &[EVENT_STREAM], &[UPGRADE]];
        for lines in lines {
            assert_eq!(starts(1, &format!("since={text}"), lines), [foreign()], "{text}");
            let list = format!("since={A},{text}");
            assert_eq!(starts(2, &list, lines), [after(A), foreign()], "{text}");
        }
        let header = format!("Last-Event-ID: {text}");
        assert_eq!(starts(1, "since=earliest", &[EVENT_STREAM, &header]), [foreign()]);
    }
    // What says nothing.
    for query in ["since=", "last_event_id=", "since=+", "lastEventId"] {
        assert_eq!(starts(1, query, &[]), [Start::Now], "{query}");
    }
    let bytes =
        b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: \xff\r\n\r\n";
    assert_eq!(ask_bytes(1, bytes).unwrap().starts, [foreign()]);
}

#[test]
fn each_name_of_a_position_is_known_and_the_later_position_wins() {
    let names = ["last_event_id", "lastEventId", "lastEventID", "Last-Event-ID", "last-event-id"];
    for name in names {
        for lines in [&[][..], &[EVENT_STREAM], &[UPGRADE], &["Accept: application/json"]] {
            let query = format!("{name}={A}");
            assert_eq!(starts(1, &query, lines), [after(A)], "{name}");
            for word in ["earliest", "latest", "other"] {
                let query = format!("since={word}&{name}={A}");
                assert_eq!(starts(1, &query, lines), [after(A)], "{query}");
            }
            for (one, other, later) in [
                ("aaaaaaaa-7", "aaaaaaaa-8", "aaaaaaaa-8"),
                ("aaaaaaaa-8", "aaaaaaaa-7", "aaaaaaaa-8"),
                // Of two streams, the one that the client added.
                ("bbbbbbbb-9", "aaaaaaaa-1", "aaaaaaaa-1"),
            ] {
                let query = format!("since={one}&{name}={other}");
                assert_eq!(starts(1, &query, lines), [after(later)], "{query}");
                let query = format!("{name}={other}&since={one}");
                assert_eq!(starts(1, &query, lines), [after(later)], "{query}");
            }
        }
    }
    assert_eq!(starts(1, &format!("since={A}&since=aaaaaaaa-9"), &[]), [after("aaaaaaaa-9")]);
    let query = format!("lastEventId={A}&lastEventId={B}");
    assert_eq!(starts(1, &query, &[EVENT_STREAM]), [after(B)], "what was added last");
    let query = format!("since=earliest,{A}&lastEventId=aaaaaaaa-3,aaaaaaaa-3");
    assert_eq!(starts(2, &query, &[]), [after("aaaaaaaa-3"), after(A)], "each by itself");
    // A client that comes from another server hears of the gap, wherever its URL begins.
    assert_eq!(starts(1, "since=earliest&lastEventId=17", &[]), [foreign()]);
    assert_eq!(starts(1, "since=earliest&since=latest", &[]), [Start::Latest]);
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
    for (query, key) in [("gap=now&gap=now", "gap"), ("poll=1&%70oll=1", "poll")] {
        assert_eq!(gap(query), Err(ListenError::KeyTwice(key)), "{query}");
    }
    assert_eq!(gap("x=1&x=2"), Ok(OnGap::Now));
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
    // Even a later one, which may be of the future.
    assert_eq!(starts(1, "since=aaaaaaaa-8", &[EVENT_STREAM, &header]), [after(A)]);
    let tag = format!("If-None-Match: \"{A}\"");
    assert_eq!(starts(1, "since=aaaaaaaa-8", &[&tag]), [after(A)]);
    let newer = "Last-Event-ID: aaaaaaaa-9";
    assert_eq!(starts(1, "", &[EVENT_STREAM, &header, newer]), [after("aaaaaaaa-9")]);
    assert_eq!(starts(1, "", &[EVENT_STREAM, "Last-Event-ID:", &header]), [after(A)]);
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
}

#[test]
fn a_validator_is_read_through_what_was_done_to_it() {
    let tag = format!("{A},{B}");
    let short = compact(&tag).unwrap();
    for tag in [&tag, &short] {
        for value in [
            format!("\"{tag}\""),
            format!("W/\"{tag}\""),
            format!("\"{tag}-gzip\""),
            format!("\"{tag}--gzip\""),
            format!("W/\"{tag}-br\""),
            format!("\"{tag};gzip\""),
            format!("\"{tag}\"-gzip"),
            tag.clone(),
            format!("\"other\", W/\"{tag}\", \"x-1\""),
            format!("\"{A}\", \"{tag}\""),
        ] {
            let line = format!("If-None-Match: {value}");
            assert_eq!(
                starts(2, "poll=1&since=earliest", &[&line]),
                [after(A), after(B)],
                "{line}"
            );
        }
        assert_eq!(starts(2, &format!("since={tag}"), &[UPGRADE]), [after(A), after(B)]);
        let header = format!("Last-Event-ID: {tag}");
        assert_eq!(starts(2, "", &[EVENT_STREAM, &header]), [after(A), after(B)]);
    }
    let lines = ["If-None-Match: \"aaaaaaaa-9-gzip\", \"aaaaaaaa-4\"", "If-None-Match: \"x\""];
    assert_eq!(starts(1, "", &lines), [after("aaaaaaaa-9")], "the latest of a list");
}

#[test]
fn a_validator_that_is_none_of_ours_counts_as_absent() {
    let modified = format!("If-Modified-Since: {DATE}");
    for value in [
        "",
        " ",
        "*",
        "\"\"",
        "\"latest\"",
        "\"earliest\"",
        "\"17\"",
        "\"aaaaaaaa-1",
        "\"aaaaaaaa-1x\"",
        "\"aaaaaaaa-1,bbbbbbbb-2\"",
        "\"aaaaaaaa-18446744073709551616\"",
        "\"5d8c72a5edda8d6a:3239\"",
        "W/\"0815-abc\"",
        "\"~AAAA\"",
    ] {
        let line = format!("If-None-Match: {value}");
        assert_eq!(starts(1, "since=latest", &[&line]), [Start::Latest], "{value}");
        assert_eq!(starts(1, "", &[&line, &modified]), [SECOND], "{value}");
        assert_eq!(starts(1, "poll=1", &[&line]), [Start::Now], "{value}");
    }
}

#[test]
fn refusals_are_sentences() {
    let sentence = |query| ask(1, query, &[]).unwrap_err().to_string();
    assert_eq!(sentence("gap=now&gap=now"), "gap is given twice; give it once");
    assert!(sentence("gap=later").starts_with("gap must be now or earliest"));
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
            (String::new(), vec![format!("If-None-Match: \"{}\"", compact(&id).unwrap())]),
            (format!("lastEventId={}", compact(&id).unwrap()), vec![EVENT_STREAM.to_owned()]),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(&ask(channels, &query, &lines).unwrap().starts, &expected);
        }
    }
}
