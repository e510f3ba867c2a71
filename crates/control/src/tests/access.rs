//! Who has access.

use axum::body::Body;
use axum::http::Method;

use super::Bench;
use crate::config::{ApiKey, ControlConfig};

#[tokio::test]
async fn the_key_is_needed_everywhere_but_for_health() {
    let api_key = Some(ApiKey::new("correct horse"));
    let bench = Bench::with(ControlConfig { api_key, ..ControlConfig::default() });
    let refused = [
        None,
        Some(("x-api-key", "correct hors")),
        Some(("x-api-key", "")),
        Some(("authorization", "correct horse")),
        Some(("authorization", "Basic correct horse")),
        Some(("authorization", "Bearer correct horses")),
    ];
    for header in refused {
        for path in ["/pub/a", "/pub", "/counters", "/slow", "/nowhere"] {
            let reply = bench.post(path, header.as_slice(), "1").await;
            assert_eq!(reply.headers["www-authenticate"], "Bearer");
            assert_eq!(reply.refusal(), (401, "unauthorized".into()), "{header:?} {path}");
        }
    }
    assert_eq!(bench.shards.count(), 0);
    assert_eq!(bench.get("/health", &[]).await.status, 200);
    for header in [("x-api-key", "correct horse"), ("authorization", "bearer correct horse")] {
        assert_eq!(bench.post("/pub/a", &[header], "1").await.status, 202);
        // With a key, web pages and other names of the machine are welcome.
        let headers = [header, ("origin", "https://example.org"), ("host", "example.org")];
        assert_eq!(bench.get("/counters", &headers).await.status, 200);
    }
    assert!(!format!("{:?}", bench.state).contains("horse"));
}

#[tokio::test]
async fn without_a_key_web_pages_are_refused() {
    let bench = Bench::new();
    for origin in ["null", "http://127.0.0.1:8001", "https://evil.example"] {
        let reply = bench.post("/pub/a", &[("origin", origin)], "1").await;
        assert_eq!(reply.refusal(), (403, "forbidden_origin".into()));
    }
    for host in ["evil.example", "127.0.0.1.evil.example:8001", "192.168.0.1"] {
        let reply = bench.post("/pub/a", &[("host", host)], "1").await;
        assert_eq!(reply.refusal(), (403, "forbidden_host".into()));
    }
    assert_eq!(bench.post("http://evil.example/pub/a", &[], "1").await.status, 403);
    assert_eq!(bench.get("/nowhere", &[("host", "evil.example")]).await.status, 403);
    assert_eq!(bench.shards.count(), 0);
    assert_eq!(bench.post("/pub/a", &[("host", "localhost:8001")], "1").await.status, 202);
    assert_eq!(bench.post("http://[::1]:8001/pub/a", &[], "1").await.status, 202);
}

#[tokio::test]
async fn preflights_let_no_page_in() {
    let bench = Bench::new();
    let reply = bench.send(Method::OPTIONS, "/pub/a", &[], Body::empty()).await;
    assert_eq!(reply.status, 204);
    let allows = |name: &str| name.starts_with("access-control-");
    assert!(!reply.headers.keys().any(|name| allows(name.as_str())), "{:?}", reply.headers);
    let origin = [("origin", "https://evil.example")];
    let reply = bench.send(Method::OPTIONS, "/pub/a", &origin, Body::empty()).await;
    assert_eq!(reply.refusal(), (403, "forbidden_origin".into()));
}
