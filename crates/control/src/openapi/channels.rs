//! `/pub`, `/pub/{channel}` and `/publish`: what the shards answer themselves, and channels.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType};

use super::operation::{Body, Described, channel, header, named, text};
use super::refusals::Access;

const TAG: &str = "channels";

/// What refuses the name of a channel.
const BAD_NAME: [&str; 2] = ["bad_channel", "unknown_namespace"];
/// How the engine that several machines share refuses a change of a channel.
const ENGINE: [&str; 2] = ["engine_unavailable", "engine_refused"];

pub(super) fn operations() -> Vec<Described> {
    let [post, put] = [(HttpMethod::Post, "publish"), (HttpMethod::Put, "publishByPut")]
        .map(|(method, id)| publish(method, id));
    vec![post, put, report(), delete(), batch(), stream()]
}

fn publish(method: HttpMethod, id: &str) -> Described {
    let own = ["bad_content_type", "bad_event", "unsupported_content_encoding"];
    let refused = [&BAD_NAME[..], &ENGINE, &own].concat();
    let event = text()
        .max_length(Some(255))
        .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*$"))
        .examples([Value::from("goal")]);
    let bytes = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    let in_place = |schema: ObjectBuilder| RefOr::T(Schema::from(schema.build()));
    Described::new(method, "/pub/{channel}", id, &refused)
        .does(
            TAG,
            "Publishes the body",
            "The body is the payload, up to `publish_bytes_max`, of any media type, which is kept with it. \
             `application/octet-stream` makes it binary; so does a body that is not UTF-8.",
        )
        .parameter(channel())
        .parameter(header(
            "X-EventSource-Event",
            "The name of the event in event streams; `gap`, `binary`, `open` and `error` are taken",
            event,
        ))
        .body(
            false,
            [
                ("text/plain", in_place(text()), Some("Hello".into())),
                ("application/json", in_place(ObjectBuilder::new().schema_type(SchemaType::AnyValue)), Some(json!({"team": "red"}))),
                ("application/octet-stream", in_place(bytes), None),
            ],
        )
        .answers(201, "Published, and a subscriber will get it", info(1))
        .answers(202, "Published, and nobody listens", info(0))
}

fn report() -> Described {
    let [bad_name, no_namespace] = BAD_NAME;
    Described::new(
        HttpMethod::Get,
        "/pub/{channel}",
        "getChannel",
        &[bad_name, no_namespace, "unknown_channel"],
    )
    .does(
        TAG,
        "Says what a channel keeps and who listens",
        "All shards are asked. `Accept` chooses the form.",
    )
    .parameter(channel())
    .answers(200, "The channel", info(1))
}

fn delete() -> Described {
    let refused = [&BAD_NAME[..], &ENGINE, &["unknown_channel"]].concat();
    Described::new(HttpMethod::Delete, "/pub/{channel}", "deleteChannel", &refused)
        .does(
            TAG,
            "Deletes a channel and ends its subscriptions",
            "Its log goes, and a new epoch begins.",
        )
        .parameter(channel())
        .answers(200, "It is gone", [])
}

fn batch() -> Described {
    let line = r#"{"channel":"news","data":"one"}"#;
    let result = r#"{"status":202,"position":"3kqx81aw-1","subscribers":0}"#;
    let lines = |example: &str| -> [Body; 1] {
        let lines = RefOr::T(Schema::from(text().build()));
        [("application/x-ndjson", lines, Some(format!("{example}\n").into()))]
    };
    Described::new(
        HttpMethod::Post,
        "/pub",
        "publishBatch",
        &["too_many_lines", "unsupported_media_type", "unsupported_content_encoding"],
    )
    .does(
        TAG,
        "Publishes a batch",
        "Each line is a `BatchLine`, up to `batch_bytes_max` and 65,536 lines. A bad line does not stop the \
         others.",
    )
    .body(true, lines(line))
    .answers(200, "A `BatchLineResult` for each line, in order", lines(result))
}

/// It answers what is no handshake of a WebSocket as the public listener does.
fn stream() -> Described {
    let sentence = || -> [Body; 1] {
        [("text/plain; charset=utf-8", RefOr::T(Schema::from(text().build())), None)]
    };
    Described::with(Access::Key, (HttpMethod::Get, "/publish"), "openPublishingStream", &[])
        .does(
            TAG,
            "Opens a publishing stream",
            "An upgrade to WebSocket (RFC 6455). A text message is lines as in a batch, a binary one is \
             publications in the binary form; each is answered by one text message with a `BatchLineResult` for \
             each publication.",
        )
        .answers(101, "The stream is open", [])
        .answers(400, "The handshake breaks a rule", sentence())
        .answers(426, "The request is no upgrade to WebSocket", sentence())
}

fn info(subscribers: u64) -> [Body; 2] {
    let position = "3kqx81aw-1";
    let requested = if subscribers > 0 { 0 } else { -1 };
    let lines = format!(
        "queued messages: 1\r\nlast requested: {requested} sec. ago\r\nactive subscribers: {subscribers}\r\n\
         last message id: {position}\r\nposition: {position}\r\n"
    );
    let json = json!({
        "messages": 1, "requested": requested, "subscribers": subscribers,
        "last_message_id": position, "position": position,
    });
    let lines =
        ("text/plain; charset=utf-8", RefOr::T(Schema::from(text().build())), Some(lines.into()));
    [("application/json", named("ChannelInfo"), Some(json)), lines]
}
