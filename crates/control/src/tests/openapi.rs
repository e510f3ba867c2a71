//! The description says what the router does.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::Value;
use switchboard_api::centrifugo::METHODS;

use super::Bench;
use crate::openapi::document;
use crate::router::routes;

fn described() -> Value {
    serde_json::to_value(document()).unwrap()
}

/// The methods of each path that is described.
fn operations(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let methods = |item: &Value| {
        let keys = item.as_object().unwrap().keys();
        keys.map(|key| key.to_uppercase()).collect()
    };
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

/// The paths of the router as they are described.
fn routed() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (path, _) in routes() {
        if path == "/api/{method}" {
            all.extend(METHODS.iter().map(|method| format!("/api/{method}")));
        } else if !path.ends_with('/') {
            // With a slash at its end it is the next one, with an empty name.
            all.insert(path.replace("{*", "{"));
        }
    }
    all
}

#[tokio::test]
async fn every_route_is_described_with_its_methods_and_nothing_else_is() {
    let operations = operations(&described());
    let described: BTreeSet<String> = operations.keys().cloned().collect();
    assert_eq!(described, routed());
    let bench = Bench::new();
    for (path, mut methods) in operations {
        let example = path.replace("{channel}", "news").replace("{user}", "7");
        let reply = bench.send(Method::OPTIONS, &example, &[]).await;
        let allow = reply.headers["allow"].to_str().unwrap();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        methods.insert("OPTIONS".to_owned());
        assert_eq!(allow.split(',').map(str::to_owned).collect::<BTreeSet<_>>(), methods, "{path}");
    }
}

#[tokio::test]
async fn the_description_is_served_as_json() {
    let reply = Bench::new().get("/openapi.json", &[]).await;
    assert_eq!(
        (reply.status.as_u16(), reply.headers["content-type"].to_str().unwrap()),
        (200, "application/json")
    );
    assert_eq!(reply.json(), described());
}

#[test]
fn whatever_is_referred_to_is_there() {
    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = described();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_what_it_does_and_who_may() {
    let document = described();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{path}");
            assert!(operation["summary"].as_str().is_some_and(|it| it.len() > 5), "{path}");
            let is_open = operation["security"] == serde_json::json!([{}]);
            assert_eq!(is_open, matches!(path.as_str(), "/health" | "/ready"), "{path}");
            assert_eq!(operation["responses"].get("401").is_some(), !is_open, "{path}");
        }
    }
}
