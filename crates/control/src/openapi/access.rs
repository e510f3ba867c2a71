//! The ways to show the key.

use utoipa::openapi::ComponentsBuilder;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use super::refusals::Access;

const HEADER: &str = "ApiKey";
const BEARER: &str = "Bearer";
const CENTRIFUGO_HEADER: &str = "CentrifugoApiKey";
const CENTRIFUGO_QUERY: &str = "CentrifugoQuery";

/// Any of the ways that an operation knows; none is needed where it is open, or where the server has no key.
pub(super) fn required(access: Access) -> Vec<SecurityRequirement> {
    let ways: &[&str] = match access {
        Access::Key => &[HEADER, BEARER],
        Access::KeyOfCentrifugo => &[HEADER, BEARER, CENTRIFUGO_HEADER, CENTRIFUGO_QUERY],
        Access::Open => return vec![SecurityRequirement::default()],
    };
    ways.iter().map(|way| SecurityRequirement::new(*way, [""; 0])).collect()
}

/// Their descriptions.
pub(super) fn schemes(components: ComponentsBuilder) -> ComponentsBuilder {
    let key = |value| SecurityScheme::ApiKey(value);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The key as `Authorization: Bearer KEY`"))
        .build();
    let described = ApiKeyValue::with_description;
    components
        .security_scheme(
            HEADER,
            key(ApiKey::Header(described(
                "X-API-Key",
                "One of `api_key`; `metrics_key` opens `/metrics` alone. Without `api_key` no key is needed.",
            ))),
        )
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .security_scheme(
            CENTRIFUGO_HEADER,
            key(ApiKey::Header(described("Authorization", "The key behind a word: `apikey KEY`"))),
        )
        .security_scheme(
            CENTRIFUGO_QUERY,
            key(ApiKey::Query(described("api_key", "The key in the query"))),
        )
}
