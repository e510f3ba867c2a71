//! What HTTP asks of every request before anybody looks at what it wants (RFC 9110, RFC 9112), as far as
//! the HTTP library underneath lets it pass.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use switchboard_ws::authority::{Authority, default_port};

use crate::error::ApiError;

/// Refuses what two readers could understand differently, and ends the connection behind it.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    let checked = check_target(&request)
        .and_then(|()| check_host(&request))
        .and_then(|()| check_transfer_encoding(&request));
    let (mut response, ends) = match checked {
        Ok(()) => (next.run(request).await, false),
        Err(error) => (error.into_response(), true),
    };
    let headers = response.headers_mut();
    if ends {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    // Messages name what the client sent: a browser must not take them for a document.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A path, an http URI, or `*` with OPTIONS (RFC 9112 section 3.2).
fn check_target(request: &Request) -> Result<(), ApiError> {
    let uri = request.uri();
    let is_sound = match uri.scheme_str() {
        None => uri.authority().is_none(),
        Some(scheme) => default_port(scheme.as_bytes()).is_some(),
    };
    let is_star = uri.path() == "*" && request.method() == "OPTIONS";
    if is_sound && (uri.path().starts_with('/') || is_star) {
        return Ok(());
    }
    Err(ApiError::bad_request("bad_target", "the request target is not a valid path or http URI"))
}

/// One Host, a host with or without a port, and the same as in an absolute target (RFC 9112 section 3.2).
fn check_host(request: &Request) -> Result<(), ApiError> {
    let wrong = |message: &'static str| Err(ApiError::bad_request("bad_host", message));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return wrong("there is more than one Host header");
    }
    let Some(host) = first else {
        return if request.version() < Version::HTTP_11 {
            Ok(())
        } else {
            wrong("the Host header is missing")
        };
    };
    let Some(host) = Authority::parse(host.as_bytes()) else {
        return wrong("the Host header is not a host and port");
    };
    let uri = request.uri();
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Ok(());
    };
    let target = Authority::parse(authority.as_str().as_bytes());
    if target.is_some_and(|target| target.is_same(&host, default_port(scheme.as_bytes()))) {
        return Ok(());
    }
    wrong("the Host header differs from the request target")
}

/// Chunked is the only transfer coding here. A body whose codings do not end with chunked was refused
/// before; of the others nobody would undo the first ones (RFC 9112 section 6.1).
fn check_transfer_encoding(request: &Request) -> Result<(), ApiError> {
    let mut codings = request
        .headers()
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty())
        .peekable();
    if codings.peek().is_none() {
        return Ok(());
    }
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let (first, others) = (codings.next(), codings.filter(|coding| is_chunked(coding)).count());
    match (first.is_some_and(is_chunked), others) {
        (true, 0) => Ok(()),
        (false, 0..=1) => Err(ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            "unknown_transfer_coding",
            "the transfer coding is not implemented",
        )),
        _ => Err(ApiError::bad_request(
            "bad_transfer_encoding",
            "Transfer-Encoding names chunked twice",
        )),
    }
}
