//! `/health`, `/counters` and what is not there.

use axum::http::Method;

use super::Bench;
use crate::config::ControlConfig;

#[tokio::test]
async fn counters_are_told_per_shard_and_summed() {
    let bench = Bench::with(ControlConfig { plane: "epoll", ..ControlConfig::default() });
    let reply = bench.get("/counters", &[]).await;
    let json = reply.json();
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(json["total"]["connections"], 7);
    assert_eq!(json["total"]["short"], 1);
    assert_eq!(json["shards"][1]["connections"], 4);
    assert_eq!(json["plane"], "epoll");
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert!(json["uptime_ms"].is_u64());
}

#[tokio::test]
async fn health_is_brief() {
    let reply = Bench::new().get("/health", &[]).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, r#"{"status":"ok"}"#));
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let bench = Bench::new();
    let cases = [
        (Method::DELETE, "/pub", "OPTIONS,POST"),
        (Method::PATCH, "/pub/a", "DELETE,GET,HEAD,OPTIONS,POST,PUT"),
        (Method::POST, "/health", "GET,HEAD,OPTIONS"),
        (Method::POST, "/counters", "GET,HEAD,OPTIONS"),
        (Method::DELETE, "/subscribers/a", "GET,HEAD,OPTIONS"),
        (Method::POST, "/slow", "GET,HEAD,OPTIONS"),
    ];
    for (method, path, allow) in cases {
        let reply = bench.send(method, path, &[]).await;
        let mut allowed: Vec<&str> = reply.headers["allow"].to_str().unwrap().split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{path}");
        assert_eq!(reply.refusal(), (405, "method_not_allowed".into()));
    }
    assert_eq!(bench.get("/", &[]).await.refusal(), (404, "not_found".into()));
    assert_eq!(bench.get("/pubs", &[]).await.refusal(), (404, "not_found".into()));
}
