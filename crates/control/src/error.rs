//! Refusals as responses.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use switchboard_api::ApiError;

/// A refusal, as handlers return it.
#[derive(Debug)]
pub(crate) struct Refused(ApiError);

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_REQUEST);
        let json = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (status, json, self.0.to_json()).into_response();
        if let Some((name, value)) = self.0.header()
            && let Ok(name) = HeaderName::try_from(name)
        {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
