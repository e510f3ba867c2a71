//! The question which methods a path has.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What some path of this API has.
const ALL: &str = "GET,HEAD,POST,PUT,DELETE,OPTIONS";

/// Answers OPTIONS by the methods that the path has (RFC 9110 section 9.3.7). An answer without `Access-Control-Allow-Origin` lets no web page in.
pub(crate) async fn answer(request: Request, next: Next) -> Response {
    let is_question = request.method() == Method::OPTIONS;
    if is_question && matches!(request.uri().path(), "*" | "/") {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, ALL)]).into_response();
    }
    let mut response = next.run(request).await;
    let Some(allow) = response.headers().get(header::ALLOW) else {
        return response;
    };
    let allow = [allow.as_bytes(), b",OPTIONS"].concat();
    if is_question && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = StatusCode::NO_CONTENT.into_response();
    }
    if let Ok(allow) = HeaderValue::from_bytes(&allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}
