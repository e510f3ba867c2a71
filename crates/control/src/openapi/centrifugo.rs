//! `/api/{method}`: the API of Centrifugo.

use serde_json::json;
use switchboard_api::centrifugo::{self, AnySchema, ERROR_MODE};
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Response};

use super::operation::{Body, Described, header, named, response, text};
use super::refusals::Access;
use super::status::one_of;

const TAG: &str = "centrifugo";

/// Every method. Schemas that have a name are added to `schemas`.
pub(super) fn operations(schemas: &mut Vec<(String, AnySchema)>) -> Vec<Described> {
    centrifugo::describe(schemas).into_iter().map(|method| operation(method, schemas)).collect()
}

fn operation(it: centrifugo::Described, schemas: &mut Vec<(String, AnySchema)>) -> Described {
    let path = format!("{}{}", centrifugo::PREFIX, it.method);
    let name = camel_case(it.method);
    let request = format!("{name}Request");
    let result = format!("{name}Result");
    schemas.push((request.clone(), it.request));
    schemas.push((result.clone(), it.result));
    let (asked, given) = it.example;
    let (answer, example) = if it.method == "batch" {
        // The replies of a batch are not in a `result`.
        (named(&result), given)
    } else {
        (result_or_error(&result), json!({"result": given}))
    };
    let id = format!("centrifugo{name}");
    let refused = ["unsupported_content_encoding"];
    let described =
        Described::with(Access::KeyOfCentrifugo, (HttpMethod::Post, &path), &id, &refused)
            .does(TAG, it.summary, "")
            .parameter(error_mode())
            .body(true, [("application/json", named(&request), Some(asked))])
            .answers(
                200,
                "The result, or the error in its place",
                [("application/json", answer, Some(example))],
            );
    errors(described)
}

/// What answers with a status of its own, where that is asked for.
fn errors(described: Described) -> Described {
    let error = |why: &str, code: u16, message: &str| -> Response {
        let example = json!({"code": code, "message": message});
        response(why, [("application/json", named("CallError"), Some(example))]).build()
    };
    let sentence: Body =
        ("text/plain; charset=utf-8", RefOr::T(Schema::from(text().build())), None);
    let bad = [
        (
            "application/json",
            one_of(&["CallError", "ErrorBody"]),
            Some(json!({"code": 107, "message": "bad request: channel is missing"})),
        ),
        sentence,
    ];
    described
        .answers(
            400,
            "Errors 107 and 108 in the mode `transport`; a body that is no JSON object of the method; a \
             request that breaks a rule of HTTP",
            bad,
        )
        .responds(404, error("Errors 102 and 104 in the mode `transport`", 102, "unknown channel"))
        .responds(416, error("Error 112 in the mode `transport`", 112, "unrecoverable position"))
        .responds(500, error("Error 100 in the mode `transport`", 100, "internal server error"))
}

fn result_or_error(result: &str) -> RefOr<Schema> {
    let only = |name: &str, schema| {
        ObjectBuilder::new().schema_type(Type::Object).property(name, schema).required(name).build()
    };
    let one = OneOfBuilder::new()
        .item(only("result", named(result)))
        .item(only("error", named("CallError")));
    RefOr::T(Schema::from(one.build()))
}

fn error_mode() -> utoipa::openapi::path::Parameter {
    header(ERROR_MODE, "`transport` gives errors a status of their own", text())
}

fn camel_case(method: &str) -> String {
    let mut name = String::new();
    for word in method.split('_') {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}
