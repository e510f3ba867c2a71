//! One example of everything, byte for byte as the documentation shows it.

use switchboard_dialects::poll::{Answer, Item, write_news_head, write_nothing};
use switchboard_dialects::{
    Chain, Dialect, Label, write_end, write_event_stream_head, write_gap, write_keep_alive,
    write_retry, write_start,
};
use switchboard_hub::{ChannelName, Gap, GapReason, Kind};

use crate::given::{in_json, page, publish, wall, written};

const ID: &str = "4xk2c9aa-19,0m1n2o3p-7";
const TIME_MS: u64 = 784_111_777_123;

fn room() -> ChannelName {
    ChannelName::new("chat:room one").unwrap()
}

fn evicted() -> Gap {
    Gap { reason: GapReason::Evicted, missed: Some(18..=39) }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn switchboard_v1() {
    let publication =
        publish(Kind::Text, b"12.50", Some("text/plain"), Some("price \u{e4}"), TIME_MS);
    let room = room();
    let message = written(
        Dialect::V1,
        &publication,
        Label { id: ID, channel: Some(&room), chain: Chain::None },
    );
    let expected = "position: 4xk2c9aa-19,0m1n2o3p-7\nchannel: chat:room%20one\n\
                    content-type: text/plain\nevent: price%20%C3%A4\n\n12.50";
    assert_eq!(message[..2], [0x81, expected.len() as u8]);
    assert_eq!(text(message[2..].to_vec()), expected);

    let mut start = Vec::new();
    write_start(Dialect::V1, "4xk2c9aa-0", None, &mut start);
    assert_eq!(text(start[2..].to_vec()), "start: 4xk2c9aa-0\n\n");

    let mut gap = Vec::new();
    write_gap(Dialect::V1, &room, &evicted(), "4xk2c9aa-39", &mut gap);
    let expected = "gap: 4xk2c9aa-39\nchannel: chat:room%20one\nreason: evicted\nmissed: 18-39\n\n";
    assert_eq!(text(gap[2..].to_vec()), expected);
}

#[test]
fn an_event_stream() {
    let mut out = Vec::new();
    let cors = Some("https://app.example.org");
    write_event_stream_head(Dialect::EventStream, wall().date, cors.map(page), &mut out);
    write_gap(Dialect::EventStream, &room(), &evicted(), "4xk2c9aa-39", &mut out);
    write_start(Dialect::EventStream, "4xk2c9aa-39", Some(2_000), &mut out);
    let price = publish(Kind::Text, b"12.50\n13.00", None, Some("price"), TIME_MS);
    out.extend(written(
        Dialect::EventStream,
        &price,
        Label { id: ID, channel: None, chain: Chain::None },
    ));
    let bytes = publish(Kind::Binary, &[0xff, 0], None, Some("price"), TIME_MS);
    out.extend(written(
        Dialect::EventStream,
        &bytes,
        Label { id: ID, channel: None, chain: Chain::None },
    ));
    assert_eq!(
        text(out),
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
         Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nAccess-Control-Allow-Origin: https://app.example.org\r\n\
         Vary: Origin\r\nAccess-Control-Expose-Headers: ETag, Last-Modified, Retry-After, \
         Switchboard-Channel, Switchboard-Event, Switchboard-Gap\r\nConnection: close\r\n\r\n\
         id: 4xk2c9aa-39\nevent: gap\ndata: {\"channel\":\"chat:room one\",\"reason\":\"evicted\",\
         \"missed\":[18,39],\"position\":\"4xk2c9aa-39\"}\n\n\
         retry: 2000\nid: 4xk2c9aa-39\n\n\
         id: 4xk2c9aa-19,0m1n2o3p-7\nevent: price\ndata: 12.50\ndata: 13.00\n\n\
         id: 4xk2c9aa-19,0m1n2o3p-7\nevent: binary\ndata: /wA=\n\n"
    );
}

#[test]
fn an_event_stream_in_chunks() {
    let dialect = Dialect::ChunkedEventStream;
    let mut out = Vec::new();
    write_event_stream_head(dialect, wall().date, None, &mut out);
    write_start(dialect, "4xk2c9aa-39", Some(2_000), &mut out);
    let price = publish(Kind::Text, b"12.50", None, None, TIME_MS);
    out.extend(written(
        dialect,
        &price,
        Label { id: "4xk2c9aa-40", channel: None, chain: Chain::None },
    ));
    write_keep_alive(dialect, &mut out);
    write_retry(dialect, 3_000, &mut out);
    write_end(dialect, &mut out);
    assert_eq!(
        text(out),
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n\
         X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n\r\n\
         1d\r\nretry: 2000\nid: 4xk2c9aa-39\n\n\r\n\
         1d\r\nid: 4xk2c9aa-40\ndata: 12.50\n\n\r\n\
         3\r\n:\n\n\r\n\
         d\r\nretry: 3000\n\n\r\n\
         0\r\n\r\n"
    );
}

#[test]
fn polls() {
    let room = room();
    let gaps = [(room.clone(), evicted())];
    let publication = publish(Kind::Text, b"12.50", None, Some("price"), TIME_MS);
    let answer = Answer { keep_alive: true, cors: None, id: ID, gaps: &gaps, wall: wall() };
    let mut out = Vec::new();
    write_news_head(&answer, &publication, Some(&room), &mut out);
    assert_eq!(
        text(out),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
         X-Content-Type-Options: nosniff\r\nContent-Length: 5\r\n\
         ETag: \"4xk2c9aa-19,0m1n2o3p-7\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Cache-Control: no-store\r\nSwitchboard-Channel: chat:room%20one\r\n\
         Switchboard-Event: price\r\n\
         Switchboard-Gap: chat:room%20one; reason=evicted; missed=18-39\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: keep-alive\r\n\r\n"
    );

    let mut out = Vec::new();
    let answer = Answer { keep_alive: false, cors: None, id: ID, gaps: &[], wall: wall() };
    write_nothing(&answer, 304, TIME_MS, None, &mut out);
    assert_eq!(
        text(out),
        "HTTP/1.1 304 Not Modified\r\nETag: \"4xk2c9aa-19,0m1n2o3p-7\"\r\n\
         Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: no-store\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n\r\n"
    );

    let item = Item { id: ID, channel: &room, publication: &publication };
    let answer = Answer { gaps: &gaps, ..answer };
    let out = text(in_json(&answer, "4xk2c9aa-39", &[item], TIME_MS));
    let (_, body) = out.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        body,
        "[{\"position\":\"4xk2c9aa-39\",\"channel\":\"chat:room one\",\"gap\":\"evicted\",\
         \"missed\":[18,39]},\n{\"position\":\"4xk2c9aa-19,0m1n2o3p-7\",\
         \"channel\":\"chat:room one\",\"time\":784111777123,\"event\":\"price\",\
         \"data\":\"12.50\"}]"
    );
}
