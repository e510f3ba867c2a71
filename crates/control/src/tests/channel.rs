//! `GET` and `DELETE /pub/{channel}`, and namespaces.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::Method;
use switchboard_hub::Namespaces;

use super::{Bench, short};
use crate::config::{ApiRules, ControlConfig};

#[tokio::test]
async fn counts_are_summed_over_shards() {
    let bench = Bench::new();
    assert_eq!(bench.get("/pub/a", &[]).await.refusal(), (404, "unknown_channel".into()));
    bench.post("/pub/a", &[], "1").await;
    bench.shards.subscribed.store(true, Ordering::Relaxed);
    let reply = bench.get("/pub/a", &[("accept", "application/json")]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["subscribers"], 2);
    assert_eq!(reply.json()["messages"], 1);
    assert_eq!(reply.json()["position"], "00000000-1");
    // Subscribers count even if the home does not know the channel yet.
    let early = bench.get("/pub/b", &[("accept", "text/json")]).await;
    assert_eq!((early.status.as_u16(), &early.json()["position"]), (200, &"".into()));
}

#[tokio::test]
async fn a_silent_shard_is_no_reason_to_wait_for_ever() {
    let bench = Bench::with(ControlConfig { timeouts: short(), ..ControlConfig::default() });
    bench.shards.silent.store(true, Ordering::Relaxed);
    assert_eq!(bench.get("/pub/a", &[]).await.refusal(), (503, "no_answer".into()));
}

#[tokio::test]
async fn deletes_what_is_there() {
    let bench = Bench::new();
    bench.post("/pub/a", &[], "1").await;
    let delete = || bench.send(Method::DELETE, "/pub/a", &[], Body::empty());
    assert_eq!(delete().await.status, 200);
    assert_eq!(delete().await.refusal(), (404, "unknown_channel".into()));
}

#[tokio::test]
async fn strict_namespaces_are_checked_at_every_door() {
    let named = [("chat".to_owned(), ApiRules::default())];
    let namespaces = Namespaces::new(ApiRules::default(), named, true);
    let bench = Bench::with(ControlConfig { namespaces, ..ControlConfig::default() });
    assert_eq!(bench.post("/pub/chat:a", &[], "1").await.status, 202);
    assert_eq!(bench.post("/pub/plain", &[], "1").await.status, 202);
    let unknown = (404, "unknown_namespace".to_owned());
    assert_eq!(bench.post("/pub/chit:a", &[], "1").await.refusal(), unknown);
    assert_eq!(bench.get("/pub/:a", &[]).await.refusal(), unknown);
    let delete = bench.send(Method::DELETE, "/pub/chit:a", &[], Body::empty()).await;
    assert_eq!(delete.refusal(), unknown);
    let headers = [("content-type", "application/x-ndjson")];
    let batch = bench.post("/pub", &headers, r#"{"channel":"chit:a","data":""}"#).await;
    assert_eq!(batch.json()["status"], 404);
}
