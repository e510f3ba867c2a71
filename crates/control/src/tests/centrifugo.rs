//! The API of Centrifugo, as far as shards do not answer it.

use std::sync::atomic::Ordering;

use serde_json::json;
use switchboard_hub::Namespaces;

use super::{Bench, impatient};
use crate::config::{ApiRules, CallRules, ControlConfig};

fn with_history() -> ControlConfig {
    let rules = ApiRules { has_history: true, ..ApiRules::default() };
    ControlConfig { namespaces: Namespaces::new(rules, [], false), ..ControlConfig::default() }
}

#[tokio::test]
async fn a_broadcast_is_answered_channel_by_channel() {
    let bench = Bench::with(with_history());
    let channels: Vec<String> = (0..200).map(|number| format!("c{number}")).collect();
    let body = json!({"channels": channels, "data": {"a": 1}}).to_string();
    let reply = bench.call("broadcast", &body).await;
    let json = reply.json();
    let responses = json["result"]["responses"].as_array().unwrap();
    assert_eq!(responses.len(), 200);
    assert_eq!(responses[199], json!({"result": {"offset": 1, "epoch": "00000000"}}));
}

#[tokio::test]
async fn commands_of_a_batch_are_made_one_after_the_other() {
    let bench = Bench::with(with_history());
    let body = json!({"commands": [
        {"publish": {"channel": "a", "data": 1}},
        {"nothing": {}},
        {"publish": {"channel": "a", "data": 2}},
        {},
        {"publish": {"channel": "b"}},
    ]});
    let replies = bench.call("batch", &body.to_string()).await.json();
    let replies = replies["replies"].as_array().unwrap().clone();
    assert_eq!(replies[0]["publish"]["offset"], 1);
    assert_eq!(replies[1]["error"]["code"], 104);
    assert_eq!(replies[2]["publish"]["offset"], 2);
    assert_eq!(replies[3]["error"]["code"], 104);
    assert_eq!(replies[4]["error"]["code"], 107);
    // What cannot be read is not begun.
    let body = r#"{"commands":[{"publish":{"channel":"a","data":3}},{"publish":[]}]}"#;
    assert_eq!(bench.call("batch", body).await.status, 400);
    assert_eq!(bench.shards.channels.lock().unwrap()["a"], 2);
}

#[tokio::test]
async fn too_many_channels_and_silent_shards_are_told() {
    let calls = CallRules { publications_max: 2, ..CallRules::default() };
    let bench = Bench::with(ControlConfig { calls, ..impatient() });
    let reply = bench.call("broadcast", r#"{"channels":["a","b","c"],"data":1}"#).await;
    assert_eq!(reply.json()["error"]["code"], 107);
    bench.shards.silent.store(true, Ordering::Relaxed);
    let reply = bench.call("broadcast", r#"{"channels":["a","b"],"data":1}"#).await;
    let json = reply.json();
    assert_eq!(json["result"]["responses"][1]["error"]["code"], 100);
    assert_eq!(bench.call("nothing", "{}").await.refusal(), (404, "not_found".into()));
}
