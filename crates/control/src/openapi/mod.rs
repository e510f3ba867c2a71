//! What the internal API is, in the form of OpenAPI: every operation that there is, whether a shard or a
//! handler here answers it. Schemas come from the types that are read and written.

mod access;
mod centrifugo;
mod channels;
mod clients;
mod operation;
mod refusals;
mod status;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use switchboard_api::centrifugo::{AnySchema, WrittenError};
use switchboard_api::lines::Written;
use switchboard_api::{ApiError, ChannelInfo, ErrorBody, Outcome};
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Paths,
    RefOr,
};

use crate::clients::{Client, Presence, Slow};
use crate::status::{Counters, Health};
use crate::users::{Disconnected, User};

const DESCRIPTION: &str = "How backends publish, and how operators look in. HEAD is answered wherever GET is, \
    and OPTIONS everywhere; another method of a path gets 405 (`method_not_allowed`) or, where nobody knows \
    it, 501 (`unknown_method`), and another path 404 (`not_found`).";

/// The page, built at the first request for it.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());

/// `GET /openapi.json`.
pub(crate) async fn get() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// The description.
pub(crate) fn document() -> OpenApi {
    let mut schemas = Vec::new();
    let mut operations = channels::operations();
    operations.extend(clients::operations());
    operations.extend(centrifugo::operations(&mut schemas));
    operations.extend(status::operations());
    let mut paths = Paths::new();
    for described in operations {
        paths.add_path_operation(
            described.path,
            vec![described.method],
            described.operation.build(),
        );
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Switchboard: internal API")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build())),
        )
        .paths(paths)
        .components(Some(components(schemas)))
        .tags(Some(
            [
                ("channels", "Publications and channels"),
                ("clients", "Who listens"),
                ("centrifugo", "The API of Centrifugo, version 6"),
                ("server", "The server itself"),
            ]
            .map(|(name, why)| TagBuilder::new().name(name).description(Some(why)).build()),
        ))
        .build()
}

fn components(mut schemas: Vec<(String, AnySchema)>) -> Components {
    add::<ChannelInfo>(&mut schemas);
    add::<Written<'_>>(&mut schemas);
    add::<Outcome<'_>>(&mut schemas);
    add::<ErrorBody<'_>>(&mut schemas);
    add::<WrittenError<'_>>(&mut schemas);
    add::<Presence>(&mut schemas);
    add::<Slow>(&mut schemas);
    add::<Client>(&mut schemas);
    add::<User>(&mut schemas);
    add::<Disconnected>(&mut schemas);
    add::<Counters>(&mut schemas);
    add::<Health>(&mut schemas);
    schemas.push((ApiError::name().into_owned(), refusal()));
    let mut components = access::schemes(ComponentsBuilder::new());
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    for (name, response) in refusals::common() {
        components = components.response(name, response);
    }
    components.build()
}

/// Adds a type, and those that it names.
fn add<T: ToSchema>(schemas: &mut Vec<(String, AnySchema)>) {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
}

/// A refusal, with the codes that there are.
fn refusal() -> RefOr<Schema> {
    let mut schema = <ApiError as utoipa::PartialSchema>::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema
        && let Some(RefOr::T(Schema::Object(code))) = object.properties.get_mut("code")
    {
        code.enum_values = Some(refusals::names());
    }
    schema
}
