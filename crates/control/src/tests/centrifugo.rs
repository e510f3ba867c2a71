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

fn with_everything() -> ControlConfig {
    let rules = ApiRules { has_history: true, presence_list: true };
    let named = [("plain".to_owned(), ApiRules::default())];
    ControlConfig { namespaces: Namespaces::new(rules, named, true), ..ControlConfig::default() }
}

#[tokio::test]
async fn a_history_has_what_was_published_as_json() {
    let bench = Bench::with(with_everything());
    for _ in 0..3 {
        bench.shards.published("a");
    }
    let reply = bench.call("history", r#"{"channel":"a","limit":-1}"#).await;
    let expected = r#"{"result":{"publications":[{"data":{"a": 1},"offset":1,"tags":{"t":"v"}},{"data":"text","offset":2},{"data":"/w==","offset":3}],"epoch":"00000000","offset":3}}"#;
    assert_eq!(reply.text(), expected);
    let nothing = bench.call("history", r#"{"channel":"b"}"#).await;
    assert_eq!(nothing.json(), json!({"result": {"publications": []}}));
    for (since, code) in [
        (r#"{"offset":3,"epoch":"00000000"}"#, 0),
        (r#"{"offset":4,"epoch":"00000000"}"#, 112),
        (r#"{"offset":1,"epoch":"other"}"#, 112),
        (r#"{"offset":1}"#, 0),
    ] {
        let body = format!(r#"{{"channel":"a","since":{since}}}"#);
        let json = bench.call("history", &body).await.json();
        assert_eq!(json["error"]["code"].as_u64().unwrap_or(0), code, "{since}");
    }
    let removed = bench.call("history_remove", r#"{"channel":"a"}"#).await;
    assert_eq!(removed.text(), r#"{"result":{}}"#);
}

#[tokio::test]
async fn those_who_listen_are_told_by_connection_and_by_user() {
    let bench = Bench::with(with_everything());
    bench.shards.subscribed.store(true, Ordering::Relaxed);
    let json = bench.call("presence", r#"{"channel":"a"}"#).await.json();
    let one = json!({"user": "", "client": "0-7-1"});
    assert_eq!(json["result"]["presence"]["0-7-1"], one);
    let json = bench.call("presence_stats", r#"{"channel":"a"}"#).await.json();
    assert_eq!(json["result"], json!({"num_clients": 2, "num_users": 1}));
    let json = bench.call("channels", r#"{"pattern":"chat:*"}"#).await.json();
    let expected = json!({"chat:a": {"num_clients": 3}, "chat:b": {"num_clients": 3}});
    assert_eq!(json["result"]["channels"], expected);
    let json = bench.call("channels", "{}").await.json();
    assert_eq!(json["result"]["channels"].as_object().unwrap().len(), 3);
    let node = bench.call("info", "{}").await.json()["result"]["nodes"][0].clone();
    assert_eq!((&node["num_clients"], &node["name"]), (&json!(7), &json!("switchboard")));
}

#[tokio::test]
async fn connections_of_a_user_are_ended_on_every_shard() {
    let bench = Bench::new();
    let asked = async |method: &str, body: &str| {
        let json = bench.call(method, body).await.json();
        let asked = std::mem::take(&mut *bench.shards.asked.lock().unwrap());
        (json["error"]["code"].as_u64().unwrap_or(0), asked)
    };
    let (code, words) = asked("disconnect", r#"{"user":"7","client":"0-1-2"}"#).await;
    let of = |shard| {
        let only = r#"Only { client: Some("0-1-2"), session: None, but: [] }"#;
        format!("{shard} disconnect 7 {only} None")
    };
    assert_eq!((code, words), (0, vec![of(0), of(1)]));
    let (_, words) = asked("disconnect", r#"{"user":"7","whitelist":["0-1-2"]}"#).await;
    assert!(words[0].contains(r#"client: None, session: None, but: ["0-1-2"]"#), "{}", words[0]);
    let with_code = r#"{"user":"7","session":"s","disconnect":{"code":4500,"reason":"gone"}}"#;
    let (_, words) = asked("disconnect", with_code).await;
    assert!(words[1].contains(r#"session: Some("s")"#), "{}", words[1]);
    assert!(words[1].ends_with(r#"Some(Ending { code: 4500, reason: "gone" })"#), "{}", words[1]);
    let (_, words) = asked("refresh", r#"{"user":"7","expire_at":99}"#).await;
    assert!(words[1].starts_with("1 refresh 7 Only { client: None,"), "{}", words[1]);
    assert!(words[1].ends_with("Refresh { until_s: Some(99), info: None }"), "{}", words[1]);
    let (_, words) = asked("refresh", r#"{"user":"7","expired":true,"info":1}"#).await;
    assert!(words[0].ends_with("until_s: Some(1), info: Some([49]) }"), "{}", words[0]);
    let given = asked("subscribe", r#"{"user":"7","client":"c","channel":"plain:a"}"#).await;
    assert_eq!((given.0, given.1.len()), (0, 2));
    assert!(given.1[1].starts_with(r#"1 give ("7", Only { client: Some("c")"#), "{}", given.1[1]);
    let full = asked("subscribe", r#"{"user":"full","channel":"plain:a"}"#).await;
    assert_eq!((full.0, full.1.len()), (106, 2));
    let taken = asked("unsubscribe", r#"{"user":"7","channel":"plain:a"}"#).await;
    assert_eq!((taken.0, taken.1.len()), (0, 2));
    assert!(
        taken.1[0].starts_with("0 take ") && taken.1[0].ends_with(" plain:a"),
        "{}",
        taken.1[0]
    );
    for (method, body, code) in [
        ("disconnect", r#"{"user":"7","disconnect":{"code":1000}}"#, 107),
        ("disconnect", r#"{"user":"7","disconnect":[]}"#, 107),
        ("refresh", r#"{"user":"7","b64info":"*"}"#, 107),
        ("refresh", r#"{"user":"7","expire_at":-1}"#, 107),
        ("subscribe", r#"{"user":"7"}"#, 107),
        ("subscribe", r#"{"user":"7","channel":"a","override":1}"#, 107),
        ("unsubscribe", r#"{"user":"7","channel":""}"#, 107),
        ("rpc", r#"{"method":"x"}"#, 104),
    ] {
        assert_eq!(asked(method, body).await, (code, vec![]), "{method} {body}");
    }
}

#[tokio::test]
async fn what_a_namespace_does_not_have_is_not_available() {
    let bench = Bench::with(with_everything());
    for (method, channel, code) in [
        ("history", "plain:a", 108),
        ("history_remove", "plain:a", 108),
        ("presence", "plain:a", 108),
        ("presence_stats", "plain:a", 108),
        ("history", "other:a", 102),
        ("presence", "other:a", 102),
        ("history", "a/b", 107),
        ("presence", "", 107),
    ] {
        let body = json!({"channel": channel}).to_string();
        let json = bench.call(method, &body).await.json();
        assert_eq!(json["error"]["code"], code, "{method} {channel}");
    }
    bench.shards.silent.store(true, Ordering::Relaxed);
    for method in ["history", "info", "channels", "disconnect"] {
        assert_eq!(bench.call(method, "[]").await.status, 400, "{method}");
    }
}
