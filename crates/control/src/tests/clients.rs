//! `GET /subscribers/{channel}` and `GET /slow`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use switchboard_hub::{ChannelName, Namespaces, SlowClient};

use super::fake::subscriber;
use super::{Bench, impatient};
use crate::config::{ApiRules, ControlConfig};

/// An API that lists the subscribers to channels of the namespace `open`.
fn api(shard_timeout: Duration) -> Bench {
    let named = [("open".to_owned(), ApiRules { presence_list: true, ..ApiRules::default() })];
    let namespaces = Namespaces::new(ApiRules::default(), named, false);
    Bench::with(ControlConfig { namespaces, shard_timeout, ..ControlConfig::default() })
}

#[tokio::test]
async fn all_are_counted_and_some_are_listed() {
    let bench = api(ControlConfig::default().shard_timeout);
    let unknown = (404, "unknown_channel".to_owned());
    assert_eq!(bench.get("/subscribers/open:a", &[]).await.refusal(), unknown);
    bench.shards.published("open:a");
    let nobody = bench.get("/subscribers/open:a", &[]).await;
    assert_eq!(nobody.json(), json!({"subscribers": 0, "listed": 0, "list": []}));
    bench.shards.subscribed.store(true, Ordering::Relaxed);
    let reply = bench.get("/subscribers/open%3Aa", &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["cache-control"], "no-store");
    let first = json!({"connection":"0-7-1","address":"192.0.2.0:4000","transport":"websocket"});
    let second = json!({"connection":"1-7-1","address":"192.0.2.1:4000","transport":"websocket"});
    let all = json!({"subscribers": 2, "listed": 2, "list": [first, second]});
    assert_eq!(reply.json(), all);
    let one = bench.get("/subscribers/open:a?limit=1&_=5", &[]).await.json();
    assert_eq!(one, json!({"subscribers": 2, "listed": 1, "list": [first]}));
}

#[tokio::test]
async fn only_namespaces_that_say_so_are_listed() {
    let bench = api(ControlConfig::default().shard_timeout);
    bench.shards.subscribed.store(true, Ordering::Relaxed);
    for path in ["/subscribers/a", "/subscribers/shut:a", "/subscribers/opened:a"] {
        assert_eq!(bench.get(path, &[]).await.refusal(), (403, "presence_off".into()), "{path}");
    }
    let default = ApiRules { presence_list: true, ..ApiRules::default() };
    let named = [("shut".to_owned(), ApiRules::default())];
    let namespaces = Namespaces::new(default, named, false);
    let bench = Bench::with(ControlConfig { namespaces, ..ControlConfig::default() });
    bench.shards.subscribed.store(true, Ordering::Relaxed);
    assert_eq!(bench.get("/subscribers/a", &[]).await.status, 200);
    assert_eq!(bench.get("/subscribers/x:a", &[]).await.status, 200);
    assert_eq!(bench.get("/subscribers/shut:a", &[]).await.status, 403);
}

#[tokio::test]
async fn names_and_limits_are_checked() {
    let bench = api(ControlConfig::default().shard_timeout);
    for path in ["/subscribers/", "/subscribers/a/b", "/subscribers/a,b", "/subscribers/%0a"] {
        assert_eq!(bench.get(path, &[]).await.refusal(), (400, "bad_channel".into()), "{path}");
    }
    assert_eq!(bench.get("/subscribers", &[]).await.refusal(), (404, "not_found".into()));
    for limit in ["", "0", "-1", "x", "10001", "99999999999999999999", "5&limit=5"] {
        for path in ["/subscribers/open:a", "/slow"] {
            let refusal = bench.get(&format!("{path}?limit={limit}"), &[]).await.refusal();
            assert_eq!(refusal, (400, "bad_limit".into()), "{path} {limit}");
        }
    }
    assert_eq!(bench.get("/slow?limit=1001", &[]).await.status, 400);
    assert_eq!(bench.get("/slow?limit=1000", &[]).await.status, 200);
    bench.shards.subscribed.store(true, Ordering::Relaxed);
    assert_eq!(bench.get("/subscribers/open:a?limit=10000", &[]).await.status, 200);
}

#[tokio::test]
async fn the_slowest_of_all_shards_come_first() {
    let bench = Bench::new();
    assert_eq!(bench.get("/slow", &[]).await.json(), json!({"clients": []}));
    let slow = |shard, blocked_ms, lag_bytes| SlowClient {
        subscriber: subscriber(shard),
        channel: ChannelName::new("a b").unwrap(),
        lag_publications: 3,
        lag_bytes,
        blocked_ms,
    };
    let shards = [vec![slow(0, 900, 1), slow(0, 20, 2)], vec![slow(1, 900, 5), slow(1, 30, 1)]];
    *bench.shards.slow.lock().unwrap() = shards;
    let order = |json: serde_json::Value| -> Vec<(u64, u64)> {
        let clients = json["clients"].as_array().unwrap().iter();
        let number = |client: &serde_json::Value, key: &str| client[key].as_u64().unwrap();
        clients.map(|c| (number(c, "blocked_ms"), number(c, "lag_bytes"))).collect()
    };
    let all = bench.get("/slow", &[]).await.json();
    let first = json!({
        "connection": "1-7-1", "address": "192.0.2.1:4000", "transport": "websocket",
        "channel": "a b", "lag_publications": 3, "lag_bytes": 5, "blocked_ms": 900
    });
    assert_eq!(all["clients"][0], first);
    assert_eq!(order(all), [(900, 5), (900, 1), (30, 1), (20, 2)]);
    let two = bench.get("/slow?limit=2", &[]).await.json();
    assert_eq!(order(two), [(900, 5), (900, 1)]);
}

#[tokio::test]
async fn a_silent_shard_is_no_reason_to_wait_for_ever() {
    let bench = api(impatient().shard_timeout);
    bench.shards.silent.store(true, Ordering::Relaxed);
    for path in ["/subscribers/open:a", "/slow"] {
        assert_eq!(bench.get(path, &[]).await.refusal(), (503, "no_answer".into()), "{path}");
    }
}
