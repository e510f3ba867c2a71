//! What HTTP asks of every request.

use axum::body::Body;
use axum::http::{Method, Request, Version};
use tower::ServiceExt;

use super::Bench;
use crate::config::{ApiKey, ControlConfig};
use crate::router::router;

/// The status of a request with exactly these headers.
async fn status(version: Version, target: &str, headers: &[(&str, &str)]) -> u16 {
    let bench = Bench::new();
    let mut request = Request::builder().version(version).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router(bench.state).oneshot(request).await.unwrap();
    if response.status() == 400 {
        assert_eq!(response.headers()["connection"], "close", "{headers:?}");
    }
    response.status().as_u16()
}

#[tokio::test]
async fn there_is_one_host_and_it_is_one() {
    assert_eq!(status(Version::HTTP_10, "/health", &[]).await, 200);
    assert_eq!(status(Version::HTTP_11, "/health", &[]).await, 400);
    for host in ["localhost", "localhost:", "[::1]:8001"] {
        assert_eq!(status(Version::HTTP_11, "/health", &[("host", host)]).await, 200, "{host}");
    }
    for host in ["", "localhost:x", "me@localhost", "a%zz", "local host", "localhost/x", "[::1"] {
        assert_eq!(status(Version::HTTP_11, "/health", &[("host", host)]).await, 400, "{host}");
    }
    let twice = [("host", "localhost"), ("host", "localhost")];
    assert_eq!(status(Version::HTTP_10, "/health", &twice).await, 400);
}

#[tokio::test]
async fn a_target_is_a_path_or_names_the_same_host() {
    let host = [("host", "localhost")];
    for target in ["/health", "http://localhost/health", "http://LOCALHOST:80/health"] {
        assert_eq!(status(Version::HTTP_11, target, &host).await, 200, "{target}");
    }
    for target in ["*", "localhost:80", "ftp://localhost/health", "http://127.0.0.1/health"] {
        assert_eq!(status(Version::HTTP_11, target, &host).await, 400, "{target}");
    }
}

#[tokio::test]
async fn chunked_is_the_only_transfer_coding() {
    for (coding, expected) in
        [("chunked", 200), ("Chunked,", 200), ("gzip, chunked", 501), ("chunked, chunked", 400)]
    {
        let headers = [("host", "localhost"), ("transfer-encoding", coding)];
        assert_eq!(status(Version::HTTP_11, "/health", &headers).await, expected, "{coding}");
    }
}

#[tokio::test]
async fn unknown_methods_are_no_ones_and_options_asks_for_the_known() {
    let bench = Bench::new();
    let send = async |method: &str, path: &str| {
        bench.send(method.parse::<Method>().unwrap(), path, &[], Body::empty()).await
    };
    for path in ["/health", "/pub/a", "/nowhere"] {
        for method in ["BREW", "get", "PROPFIND"] {
            let refusal = send(method, path).await.refusal();
            assert_eq!(refusal, (501, "unknown_method".into()), "{method} {path}");
        }
    }
    for (path, allow) in [
        ("*", "GET,HEAD,POST,PUT,DELETE,OPTIONS"),
        ("/", "GET,HEAD,POST,PUT,DELETE,OPTIONS"),
        ("/health", "GET,HEAD,OPTIONS"),
        ("/pub", "POST,OPTIONS"),
    ] {
        let reply = send("OPTIONS", path).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (204, ""), "{path}");
        assert_eq!(reply.headers["allow"], allow, "{path}");
        assert!(!reply.headers.contains_key("content-type"), "{path}");
    }
    assert_eq!(send("OPTIONS", "/nowhere").await.refusal(), (404, "not_found".into()));
    let api_key = Some(ApiKey::new("correct horse"));
    let guarded = Bench::with(ControlConfig { api_key, ..ControlConfig::default() });
    let reply = guarded.send(Method::OPTIONS, "/", &[], Body::empty()).await;
    assert_eq!(reply.refusal(), (401, "unauthorized".into()));
}
