//! `POST` and `PUT /pub/{channel}`.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::stream;
use switchboard_hub::Kind;

use super::{Bench, short};
use crate::config::ControlConfig;

#[tokio::test]
async fn says_whether_somebody_listens() {
    let bench = Bench::new();
    assert_eq!(bench.post("/pub/news", &[], "hi").await.status, 202);
    bench.shards.subscribed.store(true, Ordering::Relaxed);
    assert_eq!(bench.send(Method::PUT, "/pub/news", &[], "ho").await.status, 201);
    assert_eq!(bench.shards.payloads("news"), [b"hi", b"ho"]);
}

#[tokio::test]
async fn answers_in_the_form_that_is_asked_for() {
    let bench = Bench::new();
    let text = bench.post("/pub/a", &[("accept", "*/*")], "1").await;
    assert_eq!(
        text.text(),
        "queued messages: 1\r\nlast requested: -1 sec. ago\r\nactive subscribers: 0\r\n\
         last message id: 00000000-1\r\nposition: 00000000-1\r\n"
    );
    for accept in ["text/json", "text/html, application/json;q=0.9"] {
        let json = bench.post("/pub/b", &[("accept", accept)], "1").await.json();
        assert_eq!(json["messages"].as_u64(), json["position"].as_str().unwrap()[9..].parse().ok());
        assert_eq!(json["requested"], -1);
        assert_eq!(json["subscribers"], 0);
        assert_eq!(json["last_message_id"], json["position"]);
    }
}

#[tokio::test]
async fn text_and_binary_are_told_apart() {
    let bench = Bench::new();
    let form = "application/x-www-form-urlencoded";
    let cases: [(&str, &[u8], Kind, Option<&str>); 6] = [
        (form, b"a=1", Kind::Text, None),
        ("text/plain", "ä".as_bytes(), Kind::Text, Some("text/plain")),
        (
            "application/json; charset=utf-8",
            b"{}",
            Kind::Text,
            Some("application/json; charset=utf-8"),
        ),
        ("Application/Octet-Stream", b"a", Kind::Binary, Some("Application/Octet-Stream")),
        ("text/plain", b"\xff", Kind::Binary, Some("text/plain")),
        ("", b"", Kind::Text, None),
    ];
    for (content_type, payload, kind, kept) in cases {
        let headers: &[_] = &[("content-type", content_type), ("x-eventsource-event", "tick")];
        assert_eq!(bench.post("/pub/a", headers, payload.to_vec()).await.status, 202);
        let publication = bench.shards.last("a");
        assert_eq!(publication.kind(), kind, "{content_type}");
        assert_eq!(publication.payload(), payload);
        assert_eq!(publication.content_type(), kept);
        assert_eq!(publication.event(), Some("tick"));
    }
}

#[tokio::test]
async fn names_are_decoded_once_and_checked() {
    let bench = Bench::new();
    assert_eq!(bench.post("/pub/chat:a%20b%2Cc%2525", &[], "1").await.status, 202);
    assert_eq!(bench.shards.payloads("chat:a b,c%25").len(), 1);
    for path in ["/pub/", "/pub/a/b", "/pub/a%2Fb", "/pub/a%0Ab", "/pub/%ff", "/pub/a,b", "/pub/%"]
    {
        assert_eq!(
            bench.post(path, &[], "1").await.refusal(),
            (400, "bad_channel".into()),
            "{path}"
        );
    }
    let long = format!("/pub/{}", "x".repeat(256));
    assert_eq!(bench.post(&long, &[], "1").await.refusal(), (400, "bad_channel".into()));
    assert_eq!(bench.shards.count(), 1);
}

#[tokio::test]
async fn labels_cannot_break_lines_or_pass_for_the_servers_own() {
    let bench = Bench::new();
    for event in ["a\tb", "gap", "binary"] {
        let event = [("x-eventsource-event", event)];
        assert_eq!(bench.post("/pub/a", &event, "1").await.refusal(), (400, "bad_event".into()));
    }
    let content_type = [("content-type", "täxt/plain")];
    let refusal = bench.post("/pub/a", &content_type, "1").await.refusal();
    assert_eq!(refusal, (400, "bad_content_type".into()));
}

#[tokio::test]
async fn encoded_bodies_are_refused() {
    let bench = Bench::new();
    for encoding in ["gzip", "GZIP", "identity, br", "aws-chunked"] {
        let headers = [("content-encoding", encoding), ("content-type", "application/x-ndjson")];
        for path in ["/pub/a", "/pub"] {
            let reply = bench.post(path, &headers, "1").await;
            assert_eq!(reply.headers["accept-encoding"], "identity");
            let expected = (415, "unsupported_content_encoding".into());
            assert_eq!(reply.refusal(), expected, "{encoding} {path}");
        }
    }
    assert_eq!(bench.shards.count(), 0);
    for encoding in ["identity", "", "Identity ,"] {
        let reply = bench.post("/pub/a", &[("content-encoding", encoding)], "1").await;
        assert_eq!(reply.status, 202, "{encoding}");
    }
}

#[tokio::test]
async fn refuses_bodies_above_the_limit() {
    let bench = Bench::with(ControlConfig { publish_bytes_max: 4, ..ControlConfig::default() });
    assert_eq!(bench.post("/pub/a", &[], "1234").await.status, 202);
    assert_eq!(bench.post("/pub/a", &[], "12345").await.refusal(), (413, "too_large".into()));
    let chunks = ["123", "45"].map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
    let chunked = Body::from_stream(stream::iter(chunks));
    assert_eq!(bench.post("/pub/a", &[], chunked).await.refusal(), (413, "too_large".into()));
    assert_eq!(bench.shards.count(), 1);
}

#[tokio::test]
async fn gives_up_on_a_body_that_does_not_end() {
    let bench = Bench::with(ControlConfig { timeouts: short(), ..ControlConfig::default() });
    let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    assert_eq!(bench.post("/pub/a", &[], body).await.refusal(), (408, "body_timeout".into()));
}

#[tokio::test]
async fn gives_up_on_a_silent_shard() {
    let bench = Bench::with(ControlConfig { timeouts: short(), ..ControlConfig::default() });
    bench.shards.silent.store(true, Ordering::Relaxed);
    let reply = bench.post("/pub/a", &[], "1").await;
    assert_eq!(reply.headers["retry-after"], "1");
    assert_eq!(reply.refusal(), (503, "no_answer".into()));
}

#[tokio::test]
async fn bytes_stay_counted_until_a_shard_is_done_with_them() {
    let config =
        ControlConfig { pending_bytes_max: 10, timeouts: short(), ..ControlConfig::default() };
    let bench = Bench::with(config);
    bench.shards.silent.store(true, Ordering::Relaxed);
    assert_eq!(bench.post("/pub/a", &[], "12345678").await.refusal().1, "no_answer");
    bench.shards.silent.store(false, Ordering::Relaxed);
    // The caller got its answer, but the shard still has the question.
    let reply = bench.post("/pub/a", &[], "123").await;
    assert_eq!(reply.headers["retry-after"], "1");
    assert_eq!(reply.refusal(), (503, "busy".into()));
    assert_eq!(bench.post("/pub/a", &[], "12").await.status, 202);
    bench.shards.drop_unanswered();
    for _ in 0..10 {
        assert_eq!(bench.post("/pub/a", &[], "1234567890").await.status, 202);
    }
}
