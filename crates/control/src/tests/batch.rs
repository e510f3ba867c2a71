//! `POST /pub`.

use std::sync::atomic::Ordering;

use serde_json::Value;
use switchboard_hub::Kind;

use super::{Bench, Reply, short};
use crate::config::ControlConfig;

const NDJSON: [(&str, &str); 1] = [("content-type", "application/x-ndjson; charset=utf-8")];

fn results(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "application/x-ndjson");
    reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_bad_line_does_not_stop_the_others() {
    let bench = Bench::with(ControlConfig { publish_bytes_max: 8, ..ControlConfig::default() });
    let cases = [
        (r#"{"channel":"a","data":"1"}"#, "202"),
        (r#"{"channel":"a","data":"1","b64":"MQ=="}"#, "bad_line"),
        (r#"{"channel":"a"}"#, "bad_line"),
        (r#"{"channel":"a","data":"1","dta":1}"#, "bad_line"),
        (r#"{"channel":"a/b","data":"1"}"#, "bad_channel"),
        (r#"{"channel":"a","b64":"M"}"#, "bad_base64"),
        (r#"{"channel":"a","data":"123456789"}"#, "too_large"),
        (r#"{"channel":"a","data":"1","event":"x\ny"}"#, "bad_event"),
        (r#"{"channel":"a","data":"1","event":"gap"}"#, "bad_event"),
        (r#"{"channel":"a","data":"1","event":"binary"}"#, "bad_event"),
        (r#"{"channel":"a","data":"1","content_type":"x\r\ny"}"#, "bad_content_type"),
        ("no json", "bad_line"),
        (r#"{"channel":"a,b%20","data":"\u00e4"}"#, "202"),
        (r#"{"channel":"a","b64":"/w==","content_type":"image/png","event":"e"}"#, "202"),
    ];
    let body: Vec<&str> = cases.iter().map(|(line, _)| *line).collect();
    let reply = bench.post("/pub", &NDJSON, body.join("\r\n\n")).await;
    let results = results(&reply);
    assert_eq!(results.len(), cases.len());
    for ((line, wanted), result) in cases.iter().zip(results) {
        let code = result["error"]["code"].as_str().map(str::to_owned);
        assert_eq!(code.unwrap_or_else(|| result["status"].to_string()), *wanted, "{line}");
    }
    assert_eq!(bench.shards.payloads("a"), [b"1".to_vec(), vec![0xff]]);
    assert_eq!(bench.shards.payloads("a,b%20"), ["ä".as_bytes()]);
    let last = bench.shards.last("a");
    assert_eq!(
        (last.kind(), last.content_type(), last.event()),
        (Kind::Binary, Some("image/png"), Some("e"))
    );
}

#[tokio::test]
async fn order_is_kept_over_many_lines() {
    let bench = Bench::new();
    let lines: Vec<String> =
        (0..5_000).map(|i| format!("{{\"channel\":\"a\",\"data\":\"{i}\"}}")).collect();
    let body = lines.join("\n");
    let results = results(&bench.post("/pub", &NDJSON, body).await);
    for (i, result) in results.iter().enumerate() {
        assert_eq!(result["position"], format!("00000000-{}", i + 1));
    }
    let payloads = bench.shards.payloads("a");
    assert!(payloads.iter().enumerate().all(|(i, payload)| *payload == i.to_string().as_bytes()));
    assert_eq!((results.len(), payloads.len()), (5_000, 5_000));
}

#[tokio::test]
async fn refuses_a_batch_as_a_whole_before_its_first_line() {
    let config =
        ControlConfig { batch_lines_max: 2, batch_bytes_max: 100, ..ControlConfig::default() };
    let bench = Bench::with(config);
    let line = "{\"channel\":\"a\",\"data\":\"1\"}\n";
    let reply = bench.post("/pub", &NDJSON, line.repeat(3)).await;
    assert_eq!(reply.refusal(), (413, "too_many_lines".into()));
    let reply = bench.post("/pub", &NDJSON, line.repeat(4)).await;
    assert_eq!(reply.refusal(), (413, "too_large".into()));
    for headers in [&[][..], &[("content-type", "application/json")]] {
        let reply = bench.post("/pub", headers, line).await;
        assert_eq!(reply.refusal(), (415, "unsupported_media_type".into()));
    }
    assert_eq!(bench.shards.count(), 0);
    assert_eq!(results(&bench.post("/pub", &NDJSON, "").await).len(), 0);
}

#[tokio::test]
async fn a_silent_shard_ends_the_wait_for_the_whole_batch() {
    let bench = Bench::with(ControlConfig { timeouts: short(), ..ControlConfig::default() });
    bench.shards.silent.store(true, Ordering::Relaxed);
    let body = "{\"channel\":\"a\",\"data\":\"1\"}\n".repeat(3_000);
    let results = results(&bench.post("/pub", &NDJSON, body).await);
    assert_eq!(results.len(), 3_000);
    assert_eq!(results[0]["error"]["code"], "no_answer");
    assert_eq!(results[2_999]["error"]["code"], "not_tried");
}
