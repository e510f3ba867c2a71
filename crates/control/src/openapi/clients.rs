//! `/subscribers/{channel}`, `/users/{user}` and `/slow`.

use serde_json::{Value, json};
use utoipa::openapi::Required;
use utoipa::openapi::path::{HttpMethod, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Schema;

use super::operation::{Described, channel, json as body, limit, text};
use crate::clients::{SLOW, SUBSCRIBERS};

const TAG: &str = "clients";

pub(super) fn operations() -> Vec<Described> {
    let client = json!({
        "connection": "0-12-1", "address": "192.0.2.7:40312", "transport": "websocket", "user": "7",
    });
    let mut slow = client.clone();
    for (name, value) in [
        ("channel", Value::from("news")),
        ("lag_publications", 118.into()),
        ("lag_bytes", 1_208_320.into()),
        ("blocked_ms", 4_210.into()),
    ] {
        slow[name] = value;
    }
    let refused =
        ["bad_channel", "bad_limit", "unknown_namespace", "unknown_channel", "presence_off"];
    vec![
        Described::new(HttpMethod::Get, "/subscribers/{channel}", "getSubscribers", &refused)
            .does(TAG, "Lists the subscribers of a channel", "The namespace has `presence_list`.")
            .parameter(channel())
            .parameter(limit(SUBSCRIBERS.default, SUBSCRIBERS.max))
            .answers(
                200,
                "Their exact number, and a list",
                [body("Subscribers", json!({"subscribers": 1, "listed": 1, "list": [client]}))],
            ),
        Described::new(HttpMethod::Get, "/users/{user}", "getUser", &["bad_user", "bad_limit"])
            .does(TAG, "Lists the connections of a user", "")
            .parameter(user())
            .parameter(limit(SUBSCRIBERS.default, SUBSCRIBERS.max))
            .answers(
                200,
                "Their exact number, and a list",
                [body("Connections", json!({"connections": 1, "listed": 1, "list": [client]}))],
            ),
        Described::new(HttpMethod::Delete, "/users/{user}", "disconnectUser", &["bad_user"])
            .does(TAG, "Ends the connections of a user", "Its tokens stay valid.")
            .parameter(user())
            .answers(
                200,
                "How many there were",
                [body("Disconnected", json!({"disconnected": 1}))],
            ),
        Described::new(HttpMethod::Get, "/slow", "getSlowClients", &["bad_limit"])
            .does(TAG, "Lists the clients that cannot keep up", "The longest stalled ones first.")
            .parameter(limit(SLOW.default, SLOW.max))
            .answers(200, "The list", [body("SlowClients", json!({"clients": [slow]}))]),
    ]
}

fn user() -> Parameter {
    ParameterBuilder::new()
        .name("user")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The `sub` of tokens, percent-encoded; empty for tokens without one"))
        .schema(Some(Schema::from(text().pattern(Some("^[^/]*$")).build())))
        .example(Some(Value::from("7")))
        .build()
}
