//! `/health`, `/counters`, `/metrics` and what is not there.

use axum::http::Method;
use switchboard_api::Phase;

use super::Bench;
use crate::config::ControlConfig;

#[tokio::test]
async fn counters_are_told_per_shard_and_summed() {
    let bench = Bench::with(ControlConfig { plane: "epoll", ..ControlConfig::default() });
    let reply = bench.get("/counters", &[]).await;
    let json = reply.json();
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(json["total"]["polls_held"], 7);
    assert_eq!(json["total"]["bytes_received"], 1);
    assert_eq!(json["shards"][1]["polls_held"], 4);
    assert_eq!(json["plane"], "epoll");
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert!(json["uptime_ms"].is_u64());
    assert_eq!(json["phase"], "starting");
}

/// The lines without those of the process and of requests, which are different each time.
fn of_the_server(text: &str) -> Vec<&str> {
    let varies = |line: &str| line.contains("process_") || line.contains("_api_request_");
    text.lines().filter(|line| !varies(line)).collect()
}

#[tokio::test]
async fn metrics_are_told_per_shard_in_the_form_that_prometheus_reads() {
    let bench = Bench::with(ControlConfig { version: "9", plane: "epoll", ..Default::default() });
    let reply = bench.get("/metrics", &[("accept", "*/*")]).await;
    assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(
        of_the_server(reply.text()),
        [
            "# HELP switchboard_build_info 1. The labels say which version runs, and on which plane.",
            "# TYPE switchboard_build_info gauge",
            r#"switchboard_build_info{version="9",plane="epoll"} 1"#,
            "# HELP switchboard_phase 1 for the phase in which the server is, 0 for the others.",
            "# TYPE switchboard_phase gauge",
            r#"switchboard_phase{phase="starting"} 1"#,
            r#"switchboard_phase{phase="serving"} 0"#,
            r#"switchboard_phase{phase="draining"} 0"#,
            r#"switchboard_phase{phase="stopping"} 0"#,
            "# HELP switchboard_polls_held Long polls held now.",
            "# TYPE switchboard_polls_held gauge",
            r#"switchboard_polls_held{shard="0"} 3"#,
            r#"switchboard_polls_held{shard="1"} 4"#,
            "# HELP switchboard_received_bytes_total Bytes received from clients.",
            "# TYPE switchboard_received_bytes_total counter",
            r#"switchboard_received_bytes_total{shard="0"} 1"#,
            r#"switchboard_received_bytes_total{shard="1"} 0"#,
            "# HELP switchboard_delay_seconds How long it took.",
            "# TYPE switchboard_delay_seconds histogram",
            r#"switchboard_delay_seconds_bucket{shard="0",le="0.5"} 2"#,
            r#"switchboard_delay_seconds_bucket{shard="0",le="+Inf"} 3"#,
            r#"switchboard_delay_seconds_sum{shard="0"} 3.25"#,
            r#"switchboard_delay_seconds_count{shard="0"} 3"#,
            r#"switchboard_delay_seconds_bucket{shard="1",le="0.5"} 2"#,
            r#"switchboard_delay_seconds_bucket{shard="1",le="+Inf"} 3"#,
            r#"switchboard_delay_seconds_sum{shard="1"} 3.25"#,
            r#"switchboard_delay_seconds_count{shard="1"} 3"#,
        ]
    );
}

#[tokio::test]
async fn open_metrics_have_units_and_an_end() {
    let open = "application/openmetrics-text; version=1.0.0";
    let reply = Bench::new().get("/metrics", &[("accept", open)]).await;
    assert_eq!(reply.headers["content-type"], format!("{open}; charset=utf-8"));
    let lines = of_the_server(reply.text());
    assert_eq!(lines.last(), Some(&"# EOF"));
    let at =
        lines.iter().position(|line| line.contains("HELP switchboard_received_bytes")).unwrap();
    assert_eq!(
        lines[at..at + 5],
        [
            "# HELP switchboard_received_bytes Bytes received from clients.",
            "# TYPE switchboard_received_bytes counter",
            "# UNIT switchboard_received_bytes bytes",
            r#"switchboard_received_bytes_total{shard="0"} 1"#,
            r#"switchboard_received_bytes_total{shard="1"} 0"#,
        ]
    );
}

#[tokio::test]
async fn health_is_brief() {
    let reply = Bench::new().get("/health", &[]).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, r#"{"status":"ok"}"#));
}

#[tokio::test]
async fn ready_is_what_serves_clients() {
    let bench = Bench::new();
    for phase in Phase::ALL {
        bench.shards.phases.advance(phase);
        let reply = bench.get("/ready", &[]).await;
        let (status, said) = match phase {
            Phase::Serving => (200, "ready"),
            phase => (503, phase.name()),
        };
        let expected = (status, format!(r#"{{"status":"{said}"}}"#));
        assert_eq!((reply.status.as_u16(), reply.text().to_owned()), expected);
        assert_eq!(bench.get("/counters", &[]).await.json()["phase"], phase.name());
        assert_eq!(bench.get("/health", &[]).await.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let bench = Bench::new();
    let cases = [
        (Method::DELETE, "/pub", "OPTIONS,POST"),
        (Method::PATCH, "/pub/a", "DELETE,GET,HEAD,OPTIONS,POST,PUT"),
        (Method::POST, "/health", "GET,HEAD,OPTIONS"),
        (Method::POST, "/counters", "GET,HEAD,OPTIONS"),
        (Method::POST, "/metrics", "GET,HEAD,OPTIONS"),
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
