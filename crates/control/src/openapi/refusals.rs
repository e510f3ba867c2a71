//! Refusals: each code with its statuses, and the answers of an operation that follow from them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// A code of refusals.
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) statuses: &'static [u16],
    /// When it is given.
    when: &'static str,
    place: Place,
}

/// Where a code is given.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    /// In answers to any request.
    Any,
    /// In answers to any request but those that need no key.
    WithAccess,
    /// In answers to some, which name it.
    Some,
    /// Where no operation is: at other paths, and for other methods.
    Elsewhere,
}

const fn code(
    name: &'static str,
    statuses: &'static [u16],
    place: Place,
    when: &'static str,
) -> Code {
    Code { name, statuses, when, place }
}

/// All of them: the table in `docs/internal-api.md`.
#[rustfmt::skip]
pub(super) const CODES: [Code; 37] = [
    code("bad_channel", &[400], Place::Some, "the channel has no good name"),
    code("bad_content_type", &[400], Place::Some, "the content type breaks its rule"),
    code("bad_event", &[400], Place::Some, "the event breaks its rule"),
    code("bad_line", &[400], Place::Some, "a line of a batch is no such object"),
    code("bad_base64", &[400], Place::Some, "`b64` is no base64"),
    code("bad_limit", &[400], Place::Some, "`limit` is not one number within its bounds"),
    code("bad_user", &[400], Place::Some, "the path does not end in one user"),
    code("bad_frame", &[400], Place::Some, "what follows in a binary message is no publication"),
    code("bad_text", &[400], Place::Some, "the text of a publication is not UTF-8"),
    code("bad_head", &[400], Place::Any, "the head breaks a rule of HTTP"),
    code("bad_body", &[400], Place::Any, "the body breaks a rule of HTTP"),
    code("bad_target", &[400], Place::Any, "the target is not a valid path"),
    code("unauthorized", &[401], Place::WithAccess, "the key is missing or wrong"),
    code("forbidden_origin", &[403], Place::Any, "without a key: a web page sent the request"),
    code("forbidden_host", &[403], Place::Any, "without a key: `Host` is not this machine"),
    code("presence_off", &[403], Place::Some, "the namespace does not list its subscribers"),
    code("not_found", &[404], Place::Elsewhere, "there is nothing at this path"),
    code("unknown_channel", &[404], Place::Some, "nobody knows the channel"),
    code("unknown_namespace", &[404], Place::Some, "the configuration has no such namespace"),
    code("method_not_allowed", &[405], Place::Elsewhere, "the path has other methods"),
    code("head_timeout", &[408], Place::Any, "the head did not come in time"),
    code("body_timeout", &[408], Place::Any, "the body did not come in time"),
    code("too_large", &[413], Place::Any, "the body is over its limit"),
    code("too_many_lines", &[413], Place::Some, "the batch has too many lines"),
    code("head_too_large", &[413, 414, 431], Place::Any, "the head is over its limits"),
    code("unsupported_media_type", &[415], Place::Some, "a batch is not NDJSON"),
    code("unsupported_content_encoding", &[415], Place::Some, "the body is encoded"),
    code("bad_expectation", &[417], Place::Any, "`Expect` is not `100-continue`"),
    code("engine_refused", &[502], Place::Some, "the engine does not take the publication"),
    code("unknown_method", &[501], Place::Elsewhere, "nobody knows the method"),
    code("unknown_transfer_coding", &[501], Place::Any, "nobody knows the transfer coding"),
    code("full", &[503], Place::Any, "there are too many connections"),
    code("engine_unavailable", &[503], Place::Some, "the engine is away or has enough to do"),
    code("busy", &[503], Place::Any, "too many bytes are on their way to the shards"),
    code("no_answer", &[503], Place::Any, "a shard did not answer in time"),
    code("not_tried", &[503], Place::Some, "a shard did not answer an earlier line"),
    code("unknown_version", &[505], Place::Any, "the request is not HTTP/1"),
];

/// The name of their body's schema.
const BODY: &str = "ErrorBody";

/// Which refusals an operation may answer with.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Access {
    /// It needs the key.
    Key,
    /// It needs the key, and says so without a body.
    KeyOfCentrifugo,
    /// It needs none.
    Open,
}

/// The refusals of an operation by their statuses: those of any, and the codes that it names.
pub(super) fn refusals(access: Access, own: &[&str]) -> BTreeMap<u16, RefOr<Response>> {
    debug_assert!(own.iter().all(|name| CODES.iter().any(|code| code.name == *name)));
    let mut by_status: BTreeMap<u16, Vec<&Code>> = BTreeMap::new();
    let is_given = |code: &&Code| match code.place {
        Place::Any => true,
        Place::WithAccess => access != Access::Open,
        Place::Some => own.contains(&code.name),
        Place::Elsewhere => false,
    };
    for code in CODES.iter().filter(is_given) {
        for status in code.statuses {
            by_status.entry(*status).or_default().push(code);
        }
    }
    let answer = |(status, codes): (u16, Vec<&Code>)| {
        let response = match (status, access) {
            (401, Access::KeyOfCentrifugo) => RefOr::T(
                with_headers(401, ResponseBuilder::new().description(when(&codes))).build(),
            ),
            _ if codes.iter().all(|code| code.place != Place::Some) => {
                RefOr::Ref(Ref::from_response_name(format!("Refused{status}")))
            }
            _ => RefOr::T(response(status, &codes)),
        };
        (status, response)
    };
    by_status.into_iter().map(answer).collect()
}

/// What any request may be answered with, and what there is elsewhere, by name.
pub(super) fn common() -> Vec<(String, Response)> {
    let mut by_status: BTreeMap<u16, Vec<&Code>> = BTreeMap::new();
    for code in CODES.iter().filter(|code| code.place != Place::Some) {
        for status in code.statuses {
            // A described operation exists.
            if code.place != Place::Elsewhere || matches!(status, 404 | 405) {
                by_status.entry(*status).or_default().push(code);
            }
        }
    }
    let named =
        |(status, codes): (u16, Vec<&Code>)| (format!("Refused{status}"), response(status, &codes));
    by_status.into_iter().map(named).collect()
}

/// All codes, as the values of `code`.
pub(super) fn names() -> Vec<Value> {
    CODES.iter().map(|code| Value::from(code.name)).collect()
}

fn response(status: u16, codes: &[&Code]) -> Response {
    let mut content =
        ContentBuilder::new().schema(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(BODY))));
    content = content.examples_from_iter(codes.iter().map(|code| {
        let body = json!({"error": {"code": code.name, "message": code.when}});
        (code.name, ExampleBuilder::new().summary(code.when).value(Some(body)).build())
    }));
    let response = ResponseBuilder::new().description(when(codes));
    with_headers(status, response).content("application/json", content.build()).build()
}

/// Every refusal says its code in words, too.
fn when(codes: &[&Code]) -> String {
    let of_one = |code: &&Code| format!("`{}`: {}", code.name, code.when);
    codes.iter().map(of_one).collect::<Vec<_>>().join("; ")
}

fn with_headers(status: u16, response: ResponseBuilder) -> ResponseBuilder {
    let (name, why) = match status {
        401 => ("WWW-Authenticate", "`Bearer`"),
        405 => ("Allow", "The methods that the path has"),
        503 => ("Retry-After", "Seconds to wait"),
        _ => return response,
    };
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    let header = HeaderBuilder::new().schema(Some(Schema::from(text.build())));
    response.header(name, header.description(Some(why)).build())
}
