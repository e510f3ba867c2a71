//! What the operations have in common, so that each is described by what is its own.

use serde_json::Value;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder};

use super::access;
use super::refusals::{Access, refusals};

/// One method of a path.
pub(super) struct Described {
    pub(super) path: String,
    pub(super) method: HttpMethod,
    pub(super) operation: OperationBuilder,
}

/// A media type, the schema of what has it, and an example.
pub(super) type Body = (&'static str, RefOr<Schema>, Option<Value>);

impl Described {
    /// An operation that needs the key, with the refusals of any and these.
    pub(super) fn new(method: HttpMethod, path: &str, id: &str, refused: &[&str]) -> Self {
        Self::with(Access::Key, (method, path), id, refused)
    }

    /// The same with another access.
    pub(super) fn with(
        access: Access,
        (method, path): (HttpMethod, &str),
        id: &str,
        refused: &[&str],
    ) -> Self {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(id))
            .securities(Some(access::required(access)));
        for (status, response) in refusals(access, refused) {
            operation = operation.response(status.to_string(), response);
        }
        Self { path: path.to_owned(), method, operation }
    }

    fn map(self, change: impl FnOnce(OperationBuilder) -> OperationBuilder) -> Self {
        Self { operation: change(self.operation), ..self }
    }

    /// What it does: in short, and in full.
    pub(super) fn does(self, tag: &str, summary: &str, description: &str) -> Self {
        self.map(|it| {
            it.tag(tag)
                .summary(Some(summary))
                .description(Some(description).filter(|it| !it.is_empty()))
        })
    }

    pub(super) fn parameter(self, parameter: Parameter) -> Self {
        self.map(|it| it.parameter(parameter))
    }

    /// What it is sent.
    pub(super) fn body(self, required: bool, contents: impl IntoIterator<Item = Body>) -> Self {
        let required = if required { Required::True } else { Required::False };
        let mut body = RequestBodyBuilder::new().required(Some(required));
        for (kind, schema, example) in contents {
            let content = ContentBuilder::new().schema(Some(schema)).example(example);
            body = body.content(kind, content.build());
        }
        self.map(|it| it.request_body(Some(body.build())))
    }

    /// What it answers.
    pub(super) fn answers(
        self,
        status: u16,
        why: &str,
        contents: impl IntoIterator<Item = Body>,
    ) -> Self {
        self.responds(status, response(why, contents).build())
    }

    /// The same, made otherwise.
    pub(super) fn responds(self, status: u16, response: Response) -> Self {
        self.map(|it| it.response(status.to_string(), response))
    }
}

pub(super) fn response(why: &str, contents: impl IntoIterator<Item = Body>) -> ResponseBuilder {
    let mut response = ResponseBuilder::new().description(why);
    for (kind, schema, example) in contents {
        let content = ContentBuilder::new().schema(Some(schema)).example(example);
        response = response.content(kind, content.build());
    }
    response
}

/// JSON.
pub(super) fn json(schema: &str, example: Value) -> Body {
    ("application/json", named(schema), Some(example))
}

/// The schema with this name.
pub(super) fn named(schema: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(schema))
}

/// Some text.
pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// A channel in the path.
pub(super) fn channel() -> Parameter {
    let name = text()
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some(r"^[^/\x00-\x1f\x7f-\x9f]+$"));
    ParameterBuilder::new()
        .name("channel")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("1 to 255 bytes of UTF-8 without `/` and control characters"))
        .schema(Some(Schema::from(name.build())))
        .example(Some(Value::from("news")))
        .build()
}

/// `limit` in the query.
pub(super) fn limit(default: usize, max: usize) -> Parameter {
    let number = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .minimum(Some(1_usize))
        .maximum(Some(max))
        .default(Some(Value::from(default)));
    ParameterBuilder::new()
        .name("limit")
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some("How many to list"))
        .schema(Some(Schema::from(number.build())))
        .build()
}

/// A header that a request may have.
pub(super) fn header(name: &str, why: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(why))
        .schema(Some(Schema::from(schema.build())))
        .build()
}
