//! `GET` and `DELETE /pub/{channel}`, and namespaces.

use std::sync::atomic::Ordering;

use axum::http::Method;
use switchboard_hub::Namespaces;

use super::{Bench, impatient};
use crate::config::{ApiRules, ControlConfig};

#[tokio::test]
async fn counts_are_summed_over_shards() {
    let bench = Bench::new();
    assert_eq!(bench.get("/pub/a", &[]).await.refusal(), (404, "unknown_channel".into()));
    bench.shards.published("a");
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
    let bench = Bench::with(impatient());
    bench.shards.silent.store(true, Ordering::Relaxed);
    assert_eq!(bench.get("/pub/a", &[]).await.refusal(), (503, "no_answer".into()));
}

#[tokio::test]
async fn deletes_what_is_there() {
    let bench = Bench::new();
    bench.shards.published("a");
    let delete = || bench.send(Method::DELETE, "/pub/a", &[]);
    assert_eq!(delete().await.status, 200);
    assert_eq!(delete().await.refusal(), (404, "unknown_channel".into()));
}

#[tokio::test]
async fn strict_namespaces_are_checked() {
    let named = [("chat".to_owned(), ApiRules::default())];
    let namespaces = Namespaces::new(ApiRules::default(), named, true);
    let bench = Bench::with(ControlConfig { namespaces, ..ControlConfig::default() });
    bench.shards.published("chat:a");
    bench.shards.published("plain");
    assert_eq!(bench.get("/pub/chat:a", &[]).await.status, 200);
    assert_eq!(bench.get("/pub/plain", &[]).await.status, 200);
    let unknown = (404, "unknown_namespace".to_owned());
    assert_eq!(bench.get("/pub/:a", &[]).await.refusal(), unknown);
    let delete = bench.send(Method::DELETE, "/pub/chit:a", &[]).await;
    assert_eq!(delete.refusal(), unknown);
    assert_eq!(bench.get("/subscribers/chit:a", &[]).await.refusal(), unknown);
}
