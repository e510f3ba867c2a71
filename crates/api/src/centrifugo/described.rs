//! What each method is given and answers, as schemas of OpenAPI: from the types that are read and written.

use std::fmt;

use serde_json::{Value, json};
use utoipa::openapi::schema::{AnyOfBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{AllOfBuilder, ArrayBuilder, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::command::Written;
use super::params::{OfChannel, OfChannels, OfHistory, OfUser};
use super::results::{
    ChannelsResult, HistoryResult, InfoResult, PresenceResult, PresenceStatsResult,
};
use super::subscription::OfSubscription;

/// A schema, or where it is.
pub type AnySchema = RefOr<Schema>;

/// The names of all methods.
pub const METHODS: [&str; 14] = [
    "publish",
    "broadcast",
    "history",
    "history_remove",
    "presence",
    "presence_stats",
    "channels",
    "info",
    "disconnect",
    "refresh",
    "subscribe",
    "unsubscribe",
    "batch",
    "rpc",
];

/// A method.
#[derive(Clone)]
pub struct Described {
    /// Its name in the path.
    pub method: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// The body of the request.
    pub request: AnySchema,
    /// What stands in `result`; of `batch`, all of the answer.
    pub result: AnySchema,
    /// A request and its result.
    pub example: (Value, Value),
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Every method. Schemas that have a name are added to `named`.
pub fn describe(named: &mut Vec<(String, AnySchema)>) -> Vec<Described> {
    let mut all = Vec::from(publishing());
    all.extend(of_channels(named));
    all.extend(of_users(named));
    all.extend(of_subscriptions(named));
    all.extend(others(named));
    all
}

fn publishing() -> [Described; 2] {
    let position = object([
        ("offset", integer(1).into(), false),
        ("epoch", text().min_length(Some(1)).into(), false),
    ]);
    let outcome = OneOfBuilder::new()
        .item(object([("result", position.clone().into(), true)]))
        .item(object([("error", named_schema("CallError"), true)]));
    let outcomes = ArrayBuilder::new().items(RefOr::T(Schema::from(outcome.build())));
    let example = json!({"offset": 1, "epoch": "3kqx81aw"});
    let responses = json!({"responses": [{"result": example}, {"result": {}}]});
    [
        Described {
            method: "publish",
            summary: "Publishes to a channel",
            request: with_payload("channels"),
            result: position.into(),
            example: (json!({"channel": "news", "data": {"text": "Hello"}}), example),
        },
        Described {
            method: "broadcast",
            summary: "Publishes the same to several channels",
            request: with_payload("channel"),
            result: object([("responses", outcomes.into(), true)]).into(),
            example: (json!({"channels": ["news", "sport"], "data": {"text": "Hello"}}), responses),
        },
    ]
}

fn of_channels(named: &mut Vec<(String, AnySchema)>) -> [Described; 5] {
    let channel = json!({"channel": "news"});
    [
        Described {
            method: "history",
            summary: "Reads a part of a channel's history",
            request: schema::<OfHistory>(named),
            result: schema::<HistoryResult<'_>>(named),
            example: (
                json!({"channel": "news", "limit": 10, "since": {"offset": 0}}),
                json!({
                    "publications": [{"data": {"text": "Hello"}, "offset": 1}],
                    "epoch": "3kqx81aw", "offset": 1,
                }),
            ),
        },
        Described {
            method: "history_remove",
            summary: "Removes a channel's history",
            request: schema::<OfChannel>(named),
            result: object([]).into(),
            example: (channel.clone(), json!({})),
        },
        Described {
            method: "presence",
            summary: "Lists who listens to a channel",
            request: schema::<OfChannel>(named),
            result: schema::<PresenceResult>(named),
            example: (
                channel.clone(),
                json!({"presence": {"0-7-1": {"user": "7", "client": "0-7-1"}}}),
            ),
        },
        Described {
            method: "presence_stats",
            summary: "Counts who listens to a channel",
            request: schema::<OfChannel>(named),
            result: schema::<PresenceStatsResult>(named),
            example: (channel, json!({"num_clients": 1, "num_users": 1})),
        },
        Described {
            method: "channels",
            summary: "Lists channels with subscribers",
            request: schema::<OfChannels>(named),
            result: schema::<ChannelsResult>(named),
            example: (
                json!({"pattern": "chat:*"}),
                json!({"channels": {"chat:lobby": {"num_clients": 1}}}),
            ),
        },
    ]
}

fn of_users(named: &mut Vec<(String, AnySchema)>) -> [Described; 2] {
    let request = schema::<OfUser>(named);
    let only = |names: &[&str]| {
        let mut request = request.clone();
        if let RefOr::T(Schema::Object(object)) = &mut request {
            object.properties.retain(|name, _| names.contains(&name.as_str()));
        }
        request
    };
    [
        Described {
            method: "disconnect",
            summary: "Ends connections of a user",
            request: only(&["user", "client", "session", "whitelist", "disconnect"]),
            result: object([]).into(),
            example: (json!({"user": "7"}), json!({})),
        },
        Described {
            method: "refresh",
            summary: "Says when connections of a user end",
            request: only(&[
                "user",
                "client",
                "session",
                "expired",
                "expire_at",
                "info",
                "b64info",
            ]),
            result: object([]).into(),
            example: (json!({"user": "7", "expire_at": 2_000_000_000}), json!({})),
        },
    ]
}

fn of_subscriptions(named: &mut Vec<(String, AnySchema)>) -> [Described; 2] {
    let subscribe = schema::<OfSubscription>(named);
    let mut unsubscribe = subscribe.clone();
    if let RefOr::T(Schema::Object(object)) = &mut unsubscribe {
        let members = ["user", "channel", "client", "session"];
        object.properties.retain(|name, _| members.contains(&name.as_str()));
    }
    let example = || (json!({"user": "7", "channel": "news"}), json!({}));
    [
        Described {
            method: "subscribe",
            summary: "Subscribes connections of a user to a channel",
            request: subscribe,
            result: object([]).into(),
            example: example(),
        },
        Described {
            method: "unsubscribe",
            summary: "Ends subscriptions of a user to a channel",
            request: unsubscribe,
            result: object([]).into(),
            example: example(),
        },
    ]
}

fn others(named: &mut Vec<(String, AnySchema)>) -> [Described; 3] {
    let command = ObjectBuilder::new().schema_type(Type::Object).description(Some(
        "The request of one method, under its name; another one gets an error in its place.",
    ));
    let reply = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(Schema::from(object([]))))
        .min_properties(Some(1))
        .max_properties(Some(1))
        .description(Some("The result under the method's name, or `error` with a `CallError`."));
    let commands = ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(RefOr::T(Schema::from(command.build())));
    let replies = ArrayBuilder::new().items(RefOr::T(Schema::from(reply.build())));
    [
        Described {
            method: "info",
            summary: "Describes this server",
            request: object([]).into(),
            result: schema::<InfoResult>(named),
            example: (
                json!({}),
                json!({"nodes": [{
                    "uid": "9f3c1a5b7d2e4f60", "name": "switchboard", "version": "0.1.0",
                    "num_clients": 3, "num_users": 1, "num_subs": 4, "num_channels": 2,
                    "uptime": 86_400, "process": {"cpu": 1.5, "rss": 52_428_800},
                }]}),
            ),
        },
        Described {
            method: "batch",
            summary: "Makes several calls, in their order",
            request: object([("commands", commands.into(), false)]).into(),
            result: object([("replies", replies.into(), true)]).into(),
            example: (
                json!({"commands": [{"publish": {"channel": "news", "data": 1}}]}),
                json!({"replies": [{"publish": {"offset": 1, "epoch": "3kqx81aw"}}]}),
            ),
        },
        Described {
            method: "rpc",
            summary: "Calls a procedure; there is none, so the answer is always error 104",
            request: object([]).into(),
            result: object([]).into(),
            example: (json!({"method": "ping"}), json!({})),
        },
    ]
}

/// `publish` or `broadcast`: all that is read but for the member of the other one.
fn with_payload(without: &str) -> AnySchema {
    let mut request = <Written<'_> as PartialSchema>::schema();
    if let RefOr::T(Schema::Object(object)) = &mut request {
        object.properties.remove(without);
        object.required.retain(|name| name != without);
    }
    let has = |name: &str| ObjectBuilder::new().required(name);
    let bytes = text().min_length(Some(1));
    let payload = AnyOfBuilder::new()
        .item(has("data"))
        .item(has("b64data").property("b64data", bytes))
        .description(Some("One of the two is there."));
    let both = AllOfBuilder::new().item(request).item(Schema::from(payload.build()));
    RefOr::T(Schema::from(both.build()))
}

/// That of a type, in place. Those that it names go to `named`.
fn schema<T: ToSchema>(named: &mut Vec<(String, AnySchema)>) -> AnySchema {
    T::schemas(named);
    T::schema()
}

fn named_schema(name: &str) -> AnySchema {
    RefOr::Ref(Ref::from_schema_name(name))
}

fn object<const N: usize>(members: [(&str, AnySchema, bool); N]) -> Object {
    let mut builder = ObjectBuilder::new().schema_type(Type::Object);
    for (name, schema, is_required) in members {
        builder = builder.property(name, schema);
        if is_required {
            builder = builder.required(name);
        }
    }
    builder.build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

fn integer(minimum: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer)).minimum(Some(minimum))
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;
    use crate::ItemLimits;

    #[test]
    fn every_method_is_read_and_described() {
        let mut named = Vec::new();
        let described: Vec<_> = describe(&mut named).iter().map(|it| it.method).collect();
        let limits = ItemLimits { payload_bytes_max: 100 };
        for method in METHODS {
            assert!(described.contains(&method), "{method}");
            // A batch is read by itself.
            let is_read = Request::read(method, b"{}", limits).unwrap().is_some();
            assert_eq!(is_read, method != "batch", "{method}");
        }
        assert_eq!(described.len(), METHODS.len());
    }
}
