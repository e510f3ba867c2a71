//! Answers to polls, read by httparse and a JSON parser.

use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use switchboard_dialects::id::push_position;
use switchboard_dialects::poll::{
    Answer, HEAD_BYTES_MAX, Item, JsonBody, write_news_head, write_nothing, write_preflight,
};
use switchboard_dialects::{WallTime, parse};
use switchboard_hub::{ChannelName, Epoch, Gap, GapReason, Kind, Position, Publication, Start};
use switchboard_ws::head::{HeadLimits, HeaderSlots};

use crate::given;
use crate::read::{self, http};

const ORIGIN: &str = "https://app.example.org";
const TIME_MS: u64 = 784_111_777_999;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Every header that an answer may have.
const NAMES: [&str; 16] = [
    "Content-Type",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Content-Length",
    "ETag",
    "Last-Modified",
    "Cache-Control",
    "Retry-After",
    "Switchboard-Channel",
    "Switchboard-Event",
    "Switchboard-Gap",
    "Access-Control-Allow-Origin",
    "Vary",
    "Access-Control-Expose-Headers",
    "Date",
    "Connection",
];

fn check_common(response: &http::Response<'_>, answer: &Answer<'_>) {
    for name in response.names() {
        assert!(NAMES.contains(&name), "{name}");
        assert!(response.header(name).is_some());
    }
    assert_eq!(response.header("etag"), Some(format!("\"{}\"", answer.id).as_str()));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("date"), Some(DATE));
    let connection = if answer.keep_alive { "keep-alive" } else { "close" };
    assert_eq!(response.header("connection"), Some(connection));
    let cors = answer.cors.map(|cors| cors.origin).filter(|origin| *origin == ORIGIN);
    assert_eq!(response.header("access-control-allow-origin"), cors);
    assert_eq!(response.header("vary"), cors.map(|_| "Origin"));
    let exposed = "ETag, Last-Modified, Retry-After, Switchboard-Channel, Switchboard-Event, \
                   Switchboard-Gap";
    assert_eq!(response.header("access-control-expose-headers"), cors.map(|_| exposed));
}

/// Reads `Switchboard-Gap`.
fn gaps(response: &http::Response<'_>) -> Vec<(String, String, Option<String>)> {
    let elements = response.header("switchboard-gap").into_iter().flat_map(|line| line.split(','));
    elements
        .map(|element| {
            let mut parts = element.trim_matches(' ').split("; ");
            let name = read::name(parts.next().unwrap());
            let reason = parts.next().unwrap().strip_prefix("reason=").unwrap().to_owned();
            let missed = parts.next().map(|part| part.strip_prefix("missed=").unwrap().to_owned());
            assert_eq!(parts.next(), None);
            (name, reason, missed)
        })
        .collect()
}

fn expected_gaps(gaps: &[(ChannelName, Gap)]) -> Vec<(String, String, Option<String>)> {
    gaps.iter()
        .map(|(name, gap)| {
            let missed = gap.missed.as_ref().map(|m| format!("{}-{}", m.start(), m.end()));
            (name.to_string(), gap.reason.to_string(), missed)
        })
        .collect()
}

/// The second of a date, at most the last with a four-digit year.
fn second(response: &http::Response<'_>) -> u64 {
    let date = httpdate::parse_http_date(response.header("last-modified").unwrap()).unwrap();
    date.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn expected_second(time_ms: u64) -> u64 {
    (time_ms / 1000).min(253_402_300_799)
}

fn cors() -> impl Strategy<Value = Option<String>> {
    option::of(prop_oneof![
        Just(ORIGIN.to_owned()),
        given::text().prop_map(|text| format!("https://a\r\n{text}")),
    ])
}

fn lost() -> impl Strategy<Value = Vec<(ChannelName, Gap)>> {
    vec((given::channel(), given::gap()), 0..4)
}

fn check_news(response: &http::Response<'_>, publication: &Publication, channel: Option<&str>) {
    let default = match publication.kind() {
        Kind::Text => "text/plain; charset=utf-8",
        Kind::Binary => "application/octet-stream",
    };
    let content_type = given::readable_content_type(publication);
    let mut content_type = content_type.as_deref().unwrap_or(default).to_owned();
    let lower = content_type.to_ascii_lowercase();
    let says_charset = lower.split(';').skip(1).any(|p| p.trim_start().starts_with("charset="));
    if publication.kind() == Kind::Text && lower.starts_with("text/") && !says_charset {
        content_type.push_str("; charset=utf-8");
    }
    assert_eq!(response.header("content-type"), Some(content_type.as_str()));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("switchboard-channel").map(read::name).as_deref(), channel);
    let event = publication.event().filter(|event| !event.is_empty());
    assert_eq!(response.header("switchboard-event").map(read::name).as_deref(), event);
    assert_eq!(second(response), expected_second(publication.time_ms()));
}

fn json_gap((name, gap): &(ChannelName, Gap), begin: &str) -> Value {
    let mut value =
        json!({"position": begin, "channel": name.as_str(), "gap": gap.reason.to_string()});
    if let Some(missed) = &gap.missed {
        value["missed"] = json!([missed.start(), missed.end()]);
    }
    value
}

fn json_item(publication: &Publication, id: &str, name: &ChannelName) -> Value {
    let mut value =
        json!({"position": id, "channel": name.as_str(), "time": publication.time_ms()});
    if let Some(content_type) = given::readable_content_type(publication) {
        value["content_type"] = content_type.into();
    }
    if let Some(event) = publication.event().filter(|event| !event.is_empty()) {
        value["event"] = event.into();
    }
    match publication.kind() {
        Kind::Text => value["data"] = str::from_utf8(publication.payload()).unwrap().into(),
        Kind::Binary => value["b64"] = STANDARD.encode(publication.payload()).into(),
    }
    value
}

proptest! {
    #[test]
    fn an_answer_with_news_is_one_publication(
        publication in given::publication(),
        channel in option::of(given::channel()),
        (id, gaps_given, cors, keep_alive) in (given::id(), lost(), cors(), any::<bool>()),
    ) {
        let answer =
            Answer { keep_alive, cors: cors.as_deref().map(given::page), id: &id, gaps: &gaps_given, wall: given::wall() };
        let mut bytes = Vec::new();
        write_news_head(&answer, &publication, channel.as_ref(), &mut bytes);
        bytes.extend_from_slice(publication.payload());
        bytes.extend_from_slice(b"next");
        let response = http::response(&bytes);
        prop_assert_eq!(response.status, 200);
        prop_assert_eq!(response.body(), (publication.payload(), &b"next"[..]));
        check_common(&response, &answer);
        check_news(&response, &publication, channel.as_ref().map(ChannelName::as_str));
        prop_assert_eq!(gaps(&response), expected_gaps(&gaps_given));
    }

    #[test]
    fn an_answer_in_json_has_gaps_and_then_news(
        news in vec((given::publication(), given::id(), given::channel()), 0..4),
        (begin, gaps_given, cors, keep_alive) in (given::id(), lost(), cors(), any::<bool>()),
    ) {
        let items: Vec<Item<'_>> = news
            .iter()
            .map(|(publication, id, channel)| Item { id, channel, publication })
            .collect();
        let id = items.last().map_or(begin.as_str(), |item| item.id);
        let answer = Answer { keep_alive, cors: cors.as_deref().map(given::page), id, gaps: &gaps_given, wall: given::wall() };
        let mut bytes = given::in_json(&answer, &begin, &items, TIME_MS);
        bytes.extend_from_slice(b"next");
        let response = http::response(&bytes);
        let (body, next) = response.body();
        prop_assert_eq!((response.status, next), (200, &b"next"[..]));
        check_common(&response, &answer);
        prop_assert_eq!(response.header("content-type"), Some("application/json"));
        prop_assert_eq!(response.header("last-modified"), Some(DATE));
        prop_assert_eq!(response.header("switchboard-gap"), None);
        let read: Vec<Value> = serde_json::from_slice(body).unwrap();
        let of_news = news.iter().map(|(news, id, channel)| json_item(news, id, channel));
        let of_gaps = gaps_given.iter().map(|gap| json_gap(gap, &begin));
        prop_assert_eq!(read, of_gaps.chain(of_news).collect::<Vec<Value>>());
    }

    #[test]
    fn an_answer_in_json_is_bounded_by_what_is_encoded(
        sizes in vec(prop_oneof![0_usize..100, 900_usize..1_200, 3_000_usize..20_000], 1..40),
        payload in proptest::sample::select(&["\u{1}", "\"", "x", "\u{e4}"][..]),
        bytes_max in prop_oneof![Just(0_usize), 1_000_usize..100_000],
    ) {
        let channel = ChannelName::new("a").unwrap();
        let news: Vec<_> = sizes
            .iter()
            .map(|size| given::publish(Kind::Text, payload.repeat(*size).as_bytes(), None, None, 0))
            .collect();
        let answer =
            Answer { keep_alive: true, cors: None, id: "a-1", gaps: &[], wall: given::wall() };
        let item = |publication| Item { id: "a-1", channel: &channel, publication };
        let mut body = JsonBody::open("a-0", &[]);
        let count = news.iter().take_while(|news| body.push(answer.wall, &item(news), bytes_max)).count();
        let json = body.close(&answer, 0);
        prop_assert!(json.own.len() < bytes_max.max(4 << 10) + 8_000, "the rest is shared");
        let bytes = given::joined(&json);
        let response = http::response(&bytes);
        let (body, rest) = response.body();
        prop_assert!(rest.is_empty());
        let items: Vec<Value> = serde_json::from_slice(body).unwrap();
        prop_assert_eq!(items.len(), count);
        prop_assert!(count >= 1, "the first one always");
        prop_assert!(body.len() <= bytes_max || count == 1, "{} of {bytes_max}", body.len());
        for (item, size) in items.iter().zip(&sizes) {
            prop_assert_eq!(item["data"].as_str().unwrap(), payload.repeat(*size));
        }
        // One more would have been too much.
        let whole: Vec<Item<'_>> = news[..(count + 1).min(news.len())].iter().map(item).collect();
        let whole = given::in_json(&answer, "a-0", &whole, 0);
        prop_assert!(count == news.len() || http::response(&whole).body().0.len() > bytes_max);
    }

    #[test]
    fn an_answer_without_news_has_validators_and_no_body(
        status in proptest::sample::select(&[304_u16, 408][..]),
        time_ms in any::<u64>(),
        retry_after_s in option::of(any::<u32>()),
        (id, gaps_given, cors, keep_alive) in (given::id(), lost(), cors(), any::<bool>()),
    ) {
        let answer = Answer { keep_alive, cors: cors.as_deref().map(given::page), id: &id, gaps: &gaps_given, wall: given::wall() };
        let mut bytes = Vec::new();
        write_nothing(&answer, status, time_ms, retry_after_s, &mut bytes);
        let response = http::response(&bytes);
        prop_assert_eq!(response.status, status);
        let retry_after = retry_after_s.map(|seconds| seconds.to_string());
        prop_assert_eq!(response.header("retry-after"), retry_after.as_deref());
        prop_assert!(response.rest.is_empty());
        check_common(&response, &answer);
        let length = if status == 304 { None } else { Some("0") };
        prop_assert_eq!(response.header("content-length"), length);
        prop_assert_eq!(response.header("content-type"), None);
        prop_assert_eq!(second(&response), expected_second(time_ms));
        prop_assert_eq!(gaps(&response), expected_gaps(&gaps_given));
    }
}

#[test]
fn a_preflight_is_answered_without_a_body() {
    for (cors, keep_alive) in [(Some(ORIGIN), true), (None, false)] {
        let mut bytes = Vec::new();
        write_preflight(given::wall().date, cors.map(given::page), keep_alive, &mut bytes);
        let response = http::response(&bytes);
        assert_eq!(response.status, 204);
        assert_eq!(response.header("access-control-allow-origin"), cors);
        assert_eq!(response.header("access-control-allow-methods"), Some("GET"));
        assert_eq!(response.header("allow"), Some("GET, OPTIONS"));
        let headers =
            "If-None-Match, If-Modified-Since, Last-Event-ID, Cache-Control, Authorization";
        assert_eq!(response.header("access-control-allow-headers"), Some(headers));
        assert_eq!(response.header("access-control-max-age"), Some("86400"));
        let connection = if keep_alive { "keep-alive" } else { "close" };
        assert_eq!(response.header("connection"), Some(connection));
        assert_eq!(response.header("content-length"), None);
        assert!(response.rest.is_empty());
    }
}

/// Every answer's head with 128 channels of the longest names, all with gaps, fits what the smallest
/// proxies take, and says where to go on.
#[test]
fn no_head_is_too_long_for_a_proxy() {
    let channel =
        |nth: usize| ChannelName::new(&format!("{nth:03}{}", "\u{e4}".repeat(126))).unwrap();
    let gap = || Gap { reason: GapReason::Evicted, missed: Some(1..=1 << 40) };
    for (channels, offset) in [(1, 7), (20, 7), (110, 1), (128, 1 << 40)] {
        let gaps: Vec<_> = (0..channels).map(|nth| (channel(nth), gap())).collect();
        let mut id = String::new();
        for nth in 0..channels {
            let epoch = Epoch::from_random(nth as u64 * 12_345_678_901);
            push_position(&mut id, Position { epoch, offset });
        }
        let answer = Answer {
            keep_alive: true,
            cors: Some(given::page(ORIGIN)),
            id: &id,
            gaps: &gaps,
            wall: given::wall(),
        };
        let event = "\u{e4}".repeat(127);
        let content_type = format!("text/html; {}", "x".repeat(244));
        let publication =
            given::publish(Kind::Text, b"news", Some(&content_type), Some(&event), TIME_MS);
        let item = Item { id: &id, channel: &gaps[0].0, publication: &publication };

        let mut heads = [Vec::new(), Vec::new(), Vec::new()];
        write_news_head(&answer, &publication, Some(&gaps[0].0), &mut heads[0]);
        write_nothing(&answer, 304, TIME_MS, Some(u32::MAX), &mut heads[1]);
        heads[2] = given::in_json(&answer, &id, &[item], TIME_MS);
        for head in heads {
            let response = http::response(&head);
            let bytes = head.len() - response.rest.len();
            assert!(bytes <= HEAD_BYTES_MAX, "{bytes} with {channels} channels");
            let tag = response.header("etag").unwrap();
            let line = format!("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n");
            let mut slots = HeaderSlots::new();
            let limits = HeadLimits::default();
            let request = switchboard_ws::head::parse(line.as_bytes(), &mut slots, &limits);
            let starts = parse(&request.unwrap(), channels).unwrap().starts;
            let expected: Vec<_> =
                id.split(',').map(|one| Start::After(one.parse().unwrap())).collect();
            assert_eq!(starts, expected);
            let Some(gaps) = response.header("switchboard-gap") else { continue };
            let told = gaps.split(", ").filter(|gap| !gap.starts_with('*')).count();
            let more = gaps.split_once("*; more=").map_or(0, |(_, more)| more.parse().unwrap());
            assert!(told > 0 || channels > 20);
            assert_eq!(told + more, channels, "each is told or counted");
        }
    }
}

/// The position of all channels in each of their gaps would be 200 KB.
#[test]
fn many_gaps_in_json_have_one_position() {
    let lost = |nth: usize| {
        let name = ChannelName::new(&format!("{nth:03}{}", "x".repeat(252))).unwrap();
        (name, Gap { reason: GapReason::Epoch, missed: None })
    };
    for (channels, has_all) in [(20, true), (128, false)] {
        let gaps: Vec<_> = (0..channels).map(lost).collect();
        let id = vec!["aaaaaaaa-12345"; channels].join(",");
        let answer =
            Answer { keep_alive: true, cors: None, id: &id, gaps: &gaps, wall: given::wall() };
        let bytes = given::in_json(&answer, &id, &[], 0);
        assert!(bytes.len() < 64 << 10, "{}", bytes.len());
        let items: Vec<Value> = serde_json::from_slice(http::response(&bytes).body().0).unwrap();
        assert_eq!(items.len(), channels);
        assert!(items[..channels - 1].iter().all(|item| item.get("position").is_some() == has_all));
        assert_eq!(items[channels - 1]["position"], *id);
    }
}

/// A clock that was an hour behind when the server started.
#[test]
fn what_is_shown_follows_the_corrected_clock() {
    let wall = WallTime { ahead_s: 3_600, ..given::wall() };
    let answer = Answer { keep_alive: true, cors: None, id: "a-1", gaps: &[], wall };
    let publication = given::publish(Kind::Text, b"x", None, None, TIME_MS);
    let mut head = Vec::new();
    write_news_head(&answer, &publication, None, &mut head);
    let response = http::response(&head);
    assert_eq!(response.header("last-modified"), Some("Sun, 06 Nov 1994 09:49:37 GMT"));
    assert_eq!(response.header("date"), Some(DATE));
    let channel = ChannelName::new("a").unwrap();
    let item = Item { id: "a-1", channel: &channel, publication: &publication };
    let bytes = given::in_json(&answer, "a-0", &[item], TIME_MS);
    let response = http::response(&bytes);
    assert_eq!(response.header("last-modified"), Some("Sun, 06 Nov 1994 09:49:37 GMT"));
    let items: Value = serde_json::from_slice(response.rest).unwrap();
    assert_eq!(items[0]["time"], TIME_MS + 3_600_000);
}
