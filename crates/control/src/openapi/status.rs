//! `/counters`, `/metrics`, `/health`, `/ready` and `/openapi.json`.

use serde_json::json;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};

use super::operation::{Body, Described, json as body, response, text};
use super::refusals::Access;

const TAG: &str = "server";

pub(super) fn operations() -> Vec<Described> {
    let open = |path, id| Described::with(Access::Open, (HttpMethod::Get, path), id, &[]);
    let keyed = |path, id| Described::new(HttpMethod::Get, path, id, &[]);
    let counters = json!({
        "version": "0.1.0", "plane": "io_uring", "phase": "serving", "uptime_ms": 86_400,
        "total": {"connections_open": 3}, "shards": [{"connections_open": 3}],
    });
    let document = ObjectBuilder::new().schema_type(Type::Object);
    let document: Body = ("application/json", RefOr::T(Schema::from(document.build())), None);
    vec![
        keyed("/counters", "getCounters")
            .does(TAG, "Says what each shard has counted", "`total` is the sum of `shards`.")
            .answers(200, "The counters", [body("Counters", counters)]),
        keyed("/metrics", "getMetrics")
            .does(
                TAG,
                "Says the same and more, for Prometheus",
                "`metrics_key` opens it, too. `Accept` chooses the form.",
            )
            .answers(200, "The metrics", metrics()),
        open("/health", "getHealth").does(TAG, "Says that the server is up", "").answers(
            200,
            "It is",
            [body("Health", json!({"status": "ok"}))],
        ),
        ready(open("/ready", "getReady")),
        keyed("/openapi.json", "getDescription")
            .does(TAG, "Describes this API", "In the form of OpenAPI 3.1.")
            .answers(200, "The description", [document]),
    ]
}

fn metrics() -> [Body; 2] {
    let lines = || RefOr::T(Schema::from(text().build()));
    [
        ("text/plain; version=0.0.4; charset=utf-8", lines(), None),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", lines(), None),
    ]
}

/// 503 is an answer here, and a refusal.
fn ready(described: Described) -> Described {
    let unready = response(
        "It does not, or the request was refused as any other",
        [(
            "application/json",
            one_of(&["Health", "ErrorBody"]),
            Some(json!({"status": "draining"})),
        )],
    );
    described
        .does(TAG, "Says whether it serves clients", "")
        .answers(200, "It does", [body("Health", json!({"status": "ready"}))])
        .responds(503, unready.build())
}

/// One of several schemas.
pub(super) fn one_of(names: &[&str]) -> RefOr<Schema> {
    let one_of = names.iter().fold(utoipa::openapi::OneOfBuilder::new(), |it, name| {
        it.item(RefOr::<Schema>::Ref(Ref::from_schema_name(*name)))
    });
    RefOr::T(Schema::from(one_of.build()))
}
